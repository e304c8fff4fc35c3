//! End to end: whole worlds, and what is run in them. One module a story.
//!
//! `worlds` and `mechanisms` test the lab itself: that worlds begin and end as promised, and that each scenario's
//! mechanism works, and its twin's does not, whatever Squall may say about it. The other stories run `squall`.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test's helper that cannot go on fails the test")]

mod aims;
mod bad_days;
mod commands;
mod crash;
mod demo;
mod experiments;
mod house;
mod mechanisms;
mod orphans;
mod stops;
mod turn;
mod twins;
mod untouched;
mod user;
mod worlds;

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Polls until the condition holds; panics when it does not in time.
#[track_caller]
fn eventually(what: &str, within: Duration, condition: impl FnMut() -> bool) {
    eventually_or(within, || what.to_owned(), condition);
}

/// Polls until the condition holds; panics when it does not in time, with what is to be said then.
#[track_caller]
fn eventually_or(within: Duration, what: impl Fn() -> String, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + within;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {within:?}: {}", what());
        sleep(Duration::from_millis(20));
    }
}

//! The judge against worlds: recorded off a real Prometheus, made up, and drawn at random.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails; helpers are not #[test] functions")]

mod dwell;
mod losses;
mod properties;
mod recorded;
mod rules;
mod run;
mod traps;
mod unshown;
mod world;

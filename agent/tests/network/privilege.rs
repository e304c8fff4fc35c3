//! Tests that need more rights than this process may have: skipped aloud on a desk, failed in CI.

use std::io::Write as _;

/// Says that the calling test is skipped, past libtest's capture, which would hide it among those that passed. Where
/// `CI` is set the test fails instead: nobody reads there what a green test has skipped.
pub fn skip(why: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let is_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    assert!(!is_ci, "{test} would be skipped in CI: {why}");
    // A closed stderr is nobody who reads.
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {why}");
}

/// Whether this process is root. If not, the calling test is skipped, or fails.
pub fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        skip("needs root");
    }
    is_root
}

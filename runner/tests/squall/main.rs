//! The program itself, as a person or a pipeline uses it: input that is at fault, and days that go wrong.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bad_days;
mod bad_input;
mod foresight;
mod probes;
mod readme;
mod remains;
mod world;

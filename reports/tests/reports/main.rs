//! Reports of runs that were written by hand.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a story that cannot be written fails its test at once")]

mod contents;
mod engine;
mod html;
mod pages;
mod samples;
mod story;

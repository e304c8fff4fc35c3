//! Plays every part of the lab.
#![forbid(unsafe_code)]
fn main() {}

//! The coordinator.
#![forbid(unsafe_code)]

pub mod progress;

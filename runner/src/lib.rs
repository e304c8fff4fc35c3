//! The coordinator.
#![forbid(unsafe_code)]

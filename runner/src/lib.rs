//! The coordinator: the shell around the engine, and the command line.
#![forbid(unsafe_code)]

pub mod metrics;

//! The coordinator: the shell around the engine, and the command line.
#![forbid(unsafe_code)]

pub mod cli;
pub mod clock;
pub mod history;
pub mod metrics;
pub mod platform;
pub mod progress;
pub mod secrets;
pub mod settings;
pub mod shell;

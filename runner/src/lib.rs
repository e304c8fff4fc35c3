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

/// An error with all its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

//! The shell around the engine: it performs what the engine decides and tells it what happened.
mod actions;
mod agents;
#[cfg(test)]
mod agents_tests;
mod launch;
mod observer;
mod probe;
mod signals;

pub use actions::{ActionNews, ActionRequest, Actions};
pub use agents::Agents;
pub use launch::{LAUNCH_WORD, end_leftover, launch};
pub use observer::{Observer, SkewedSource};
pub use probe::Probe;
pub use signals::Signals;

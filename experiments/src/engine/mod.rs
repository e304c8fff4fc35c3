//! The run as a state machine: events in, commands out.
pub(crate) mod bounds;
mod command;
mod phase;
mod progress;

pub use command::{Command, WatchOrder};
pub use phase::Phase;
pub use progress::{ClaimProgress, FaultProgress, Progress};

//! The run as a state machine: events in, commands out.
mod actions;
mod baseline;
pub(crate) mod bounds;
mod claims;
mod command;
mod crash;
mod ending;
#[expect(clippy::module_inception, reason = "the state machine itself")]
mod engine;
mod faults;
mod fill;
mod finish;
mod inject;
mod judging;
mod phase;
mod progress;
mod recovery;
mod steps;
mod watches;

#[cfg(test)]
mod tests;

pub use command::{Command, WatchOrder};
pub use crash::{LeftFault, LeftUndo, Leftovers, Reverted, close, leftovers, undo_failure};
pub use engine::Engine;
pub use phase::Phase;
pub use progress::{ClaimProgress, FaultProgress, Progress};

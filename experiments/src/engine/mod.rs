//! The run as a state machine: events in, commands out.
//!
//! # What a shell owes the engine
//!
//! | command | answered by | given up after |
//! |---|---|---|
//! | `Preflight` | `PreflightPassed`, `PreflightFailed` | 120 s: error |
//! | `Resolve` | `TargetsResolved`, `TargetsRefused` | 30 s: error |
//! | `Inject` | `Agent` with `On`, `Done` or `Refused` | 20 s and the grace: error, reverted |
//! | `Revert` | `Agent` with `Reverted`, for faults the agent never knew as well | 25 s: may remain |
//! | `Begin` with a timeout | `ActionEnded` | the timeout and 20 s: error, stopped |
//! | `Stop` | `ActionEnded`; `NotStarted` for what does not run | 20 s: may remain |
//! | `Watch` | `Observed`, `Unobserved`, again and again; once for `once` | 60 s for `once` |
//!
//! Between them it sends `TimePassed` at [`Engine::next_deadline`]. Nothing that is answered late, twice or
//! not at all keeps a run from its end, or a fault from its revert.
//!
//! A record is closed after a crash by [`leftovers`] and [`close`], which need no engine.
mod actions;
mod aim;
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
mod pace;
mod phase;
mod progress;
mod recovery;
mod sources;
mod steps;
mod watches;

#[cfg(test)]
pub(crate) mod tests;

pub use command::{Command, WatchOrder};
pub use crash::{LeftFault, LeftUndo, Leftovers, Reverted, close, last_words, leftovers, undo_failure};
pub use engine::Engine;
pub use pace::is_bad_input;
pub(crate) use pace::too_short;
pub use phase::Phase;
pub use progress::{ClaimProgress, FaultProgress, Progress};
pub use sources::source_of;

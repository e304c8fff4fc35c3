//! The shell around the engine: it performs what the engine decides and tells it what happened.
//!
//! ```text
//! signals, halt, agents, actions, observers --events--> turn: step, store --commands--> all of them
//! ```
mod actions;
mod agents;
#[cfg(test)]
mod agents_tests;
mod follow;
pub(crate) mod foresight;
mod ground;
#[cfg(test)]
mod ground_tests;
mod launch;
mod matchers;
mod observer;
#[cfg(test)]
mod observer_tests;
pub(crate) mod paces;
mod preflight;
mod probe;
mod recover;
#[cfg(test)]
mod recover_tests;
mod rules;
mod sampling;
mod signals;
mod storing;
mod turn;
#[cfg(test)]
mod turn_tests;

pub use actions::{ActionNews, ActionRequest, Actions};
pub use agents::{Agents, Left, WasOn};
pub use ground::{Ground, ReadInstances};
pub use launch::{LAUNCH_WORD, end_leftover, launch};
pub use observer::{Observer, SkewedSource};
pub use probe::Probe;
pub use recover::{Recovered, recover};
pub use signals::Signals;
pub use turn::{Decide, Shell, turn};

pub(crate) use ground::asked_of_series;

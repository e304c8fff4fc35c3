//! Everything Squall decides without touching the world.
//!
//! ```text
//! text -> Experiment -> Plan -> (the run) -> History -> Judgement
//! ```
//!
//! Every arrow but the run is a pure function of this crate; the run itself is a state machine
//! ([`engine`]) that takes events and answers with commands. There is no clock, no file, no socket
//! and no randomness in here: the runner brings them, and whatever is decided can be replayed from
//! what it recorded.
//!
//! The agent takes this crate without the feature `language` (no YAML, no PromQL): it needs the
//! vocabulary of [`fault`], [`target`] and [`name`] only.
#![forbid(unsafe_code)]

pub mod claim;
pub mod engine;
pub mod experiment;
pub mod fault;
pub mod history;
pub mod judge;
pub mod moment;
pub mod name;
pub mod plan;
#[cfg(feature = "language")]
pub mod promql;
pub mod target;
#[cfg(feature = "language")]
pub mod text;
pub mod unit;
#[cfg(feature = "language")]
pub mod written;

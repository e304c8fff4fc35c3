//! Written -> checked: what the engine gets has nothing left to check.
//!
//! Each file knows one concept. Every function notes what is wrong and goes on; what could not be read
//! is `None`, and an experiment with a `None` in it is not handed on.
mod actions;
mod advice;
mod checker;
mod claims;
mod experiment;
mod faults;
pub(super) mod gates;
mod holes;
pub(super) mod inventory;
mod lints;
mod names;
mod selectors;
mod settings;
mod sources;
mod steps;
mod timeline;
mod times;
mod vacuous;

pub(super) use checker::not_yet;
pub(super) use experiment::experiment;
pub use settings::{
    AgentFiles, BasicAuth, LimitCaps, PlatformSettings, PlatformSource, PrometheusSettings, SecretSource, Settings,
    read_settings,
};

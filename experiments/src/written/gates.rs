//! Suites, schedules, game days and runs, as written. Read, not yet carried out.

use super::claim::Claim;
use super::experiment::List;
use super::literals::{Choice, Cron, Date, Free, Plain};
use crate::name::ExperimentName;
use crate::text::{Entries, Spot, Value};
use crate::unit::Length;
use schemars::JsonSchema;
use serde::Deserialize;

/// `kind: Suite`: a gate; its verdict is the worst.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SuiteSpec {
    /// Run in order.
    #[schemars(required)]
    pub experiments: List<SuiteEntry>,
    /// `stop` or `continue`; stop.
    pub on_failure: Option<Value<Choice<OnFailure>>>,
}

/// An experiment of a suite.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SuiteEntry {
    /// Which.
    #[schemars(required)]
    pub experiment: Option<Value<ExperimentName>>,
    /// Values of its parameters.
    pub with: Option<Spot<Entries<Value<Plain>>>>,
    /// How many runs must all pass; 1.
    pub times: Option<Value<u32>>,
}

/// What a suite does after a run that did not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnFailure {
    /// End.
    Stop,
    /// Go on.
    Continue,
}

/// `kind: Schedule`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScheduleSpec {
    /// When: five fields, quoted.
    #[schemars(required)]
    pub cron: Option<Value<Cron>>,
    /// IANA time zone.
    #[schemars(required)]
    pub time_zone: Option<Value<String>>,
    /// What is run: an experiment,
    pub experiment: Option<Value<ExperimentName>>,
    /// or a suite.
    pub suite: Option<Value<ExperimentName>>,
    /// Values of its parameters.
    pub with: Option<Spot<Entries<Value<Plain>>>>,
    /// Added at random; 0s.
    pub jitter: Option<Value<Length>>,
    /// A tick missed by more is skipped; 5m.
    pub start_within: Option<Value<Length>>,
    /// Days without runs.
    pub blackouts: List<Blackout>,
    /// Otherwise skipped.
    pub only_if: List<Claim>,
    /// Nothing is started; false.
    pub suspend: Option<Value<bool>>,
}

/// Days without runs, both included.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Blackout {
    /// The first.
    #[schemars(required)]
    pub from: Option<Value<Date>>,
    /// The last.
    #[schemars(required)]
    pub to: Option<Value<Date>>,
    /// Why.
    pub reason: Option<Value<Free>>,
}

/// `kind: GameDay`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GameDaySpec {
    /// Markdown.
    #[schemars(required)]
    pub briefing: Option<Value<String>>,
    /// What happens, in order.
    #[schemars(required)]
    pub steps: List<GameDayStep>,
}

/// A step of a game day: `{experiment, with}`, `{ask, within}` or `{wait}`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GameDayStep {
    /// Run this experiment.
    pub experiment: Option<Value<ExperimentName>>,
    /// Values of its parameters.
    pub with: Option<Spot<Entries<Value<Plain>>>>,
    /// Ask a person.
    pub ask: Option<Value<String>>,
    /// No answer in this time aborts.
    pub within: Option<Value<Length>>,
    /// Let time pass.
    pub wait: Option<Value<Length>>,
}

/// `kind: Run`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunSpec {
    /// What is run: an experiment,
    pub experiment: Option<Value<ExperimentName>>,
    /// or a suite.
    pub suite: Option<Value<ExperimentName>>,
    /// Values of its parameters.
    pub with: Option<Spot<Entries<Value<Plain>>>>,
    /// What picks among equal instances; drawn and printed.
    pub seed: Option<Value<u64>>,
    /// Without its faults; false.
    pub placebo: Option<Value<bool>>,
}

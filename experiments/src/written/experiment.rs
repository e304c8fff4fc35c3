//! `kind: Experiment`, as written.

use super::claim::{Claim, Indicator};
use super::literals::{Free, Plain};
use super::step::Step;
use crate::name::ParameterName;
use crate::text::{Entries, Spot, Value};
use crate::unit::{Length, Percent};
use schemars::JsonSchema;
use serde::Deserialize;

/// A list of things that are read one by one: a broken one does not hide the others.
pub type List<T> = Option<Spot<Vec<Spot<T>>>>;

/// What an experiment does and what must hold.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExperimentSpec {
    /// One sentence: what is expected to be true.
    #[schemars(required)]
    pub title: Option<Value<String>>,
    /// Values that may differ from run to run; used as `${NAME}`.
    pub parameters: List<Parameter>,
    /// Sources that are used more than once, by name.
    pub indicators: Option<Spot<Entries<Spot<Indicator>>>>,
    /// True before anything is touched, and again at the end.
    pub steady_state: List<Claim>,
    /// How long the system may take to be steady again after the method; 60s.
    pub recover_within: Option<Value<Length>>,
    /// Actions that last the whole run: load, writers.
    pub prepare: List<Step>,
    /// Steps, top to bottom.
    #[schemars(required)]
    pub method: List<Step>,
    /// What must hold.
    #[schemars(required)]
    pub expect: List<Claim>,
    /// What ends the run at once when it becomes true.
    pub abort_if: List<Claim>,
    /// How much may be hit at any one moment.
    pub limits: Option<Spot<Limits>>,
}

/// A value that may differ from run to run.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parameter {
    /// Its name.
    #[schemars(required)]
    pub name: Option<Value<ParameterName>>,
    /// Its value unless given; without one it must be given.
    pub default: Option<Value<Plain>>,
    /// What it is for.
    pub description: Option<Value<Free>>,
}

/// How much may be hit at any one moment, over all faults.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limits {
    /// Distinct instances.
    pub max_targets: Option<Value<u32>>,
    /// Share of the instances that match platform, namespace and labels; 50%.
    pub max_percent: Option<Value<Percent>>,
    /// How many of those stay untouched; 1.
    pub keep_at_least: Option<Value<u32>>,
}

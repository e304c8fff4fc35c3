//! The experiment as a whole.

use super::{Perform, Step, StepId};
use crate::claim::Claim;
use crate::name::{ExperimentName, ParameterName, StepName};
use crate::unit::{Length, Percent};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An experiment, checked: names are unique, instants exist, units are read, parameters are filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// `metadata.name`.
    pub name: ExperimentName,
    /// One sentence: what is expected to be true.
    pub title: String,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// Every parameter with the value it has in this run.
    pub parameters: BTreeMap<ParameterName, String>,
    /// True before anything is touched, and again after.
    pub steady_state: Vec<Claim>,
    /// How long the system may take to be steady again.
    pub recover_within: Length,
    /// Actions that last the whole run, with their names.
    pub prepare: Vec<Preparation>,
    /// Top to bottom.
    pub method: Vec<Step>,
    /// What must hold.
    pub expect: Vec<Claim>,
    /// What ends the run at once.
    pub abort_if: Vec<Claim>,
    /// How much may be hit at any one moment.
    pub limits: Limits,
}

/// A step of `prepare`.
pub type Preparation = (StepId, StepName, Perform);

impl Experiment {
    /// Every claim: steady state, expectations, abort conditions.
    pub fn claims(&self) -> impl Iterator<Item = &Claim> {
        self.steady_state.iter().chain(&self.expect).chain(&self.abort_if)
    }

    /// Every step of the method, outer before inner, in order of [`StepId`].
    pub fn steps(&self) -> Vec<&Step> {
        fn walk<'a>(steps: &'a [Step], found: &mut Vec<&'a Step>) {
            for step in steps {
                found.push(step);
                walk(step.children(), found);
            }
        }
        let mut found = Vec::new();
        walk(&self.method, &mut found);
        found
    }
}

/// How much may be hit at any one moment; what is not written has the default.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Distinct instances over all faults.
    pub max_targets: Option<u32>,
    /// Share of the instances that match the selector's platform, namespace and labels.
    pub max_percent: Percent,
    /// How many of those stay untouched.
    pub keep_at_least: u32,
}

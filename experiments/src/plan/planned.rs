//! What a plan says.

use crate::experiment::{Limits, StepId};
use crate::name::{ClaimName, InstanceName, NodeName};
use crate::target::Selector;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// A plan: shown by `squall plan`, kept in the record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// The seed that picked.
    pub seed: u64,
    /// How long the baseline lasts; the latest includes waiting for data.
    pub baseline: Bounds,
    /// Each step, outer before inner.
    pub steps: Vec<PlannedStep>,
    /// How long the method lasts, from its first step's start to its last revert.
    pub method: Bounds,
    /// How long is observed after the method: recovery, and the last windows.
    pub recovery: Bounds,
    /// From the run's start to its end.
    pub whole: Bounds,
    /// Most distinct instances under faults at one moment.
    pub most_targets: usize,
    /// What holds for this run: of file and settings the stricter. Checked again before each injection.
    pub limits: Limits,
    /// Whom no fault may hit. Checked again before each injection.
    pub protected: Vec<Selector>,
    /// Worth knowing before one says yes.
    pub notes: Vec<String>,
}

/// The earliest and the latest time, from the method's start unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// Not before.
    pub earliest: Duration,
    /// Not after.
    pub latest: Duration,
}

/// A step in a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlannedStep {
    /// The step.
    pub step: StepId,
    /// Its name or what it does.
    pub label: String,
    /// How deep it is nested.
    pub depth: usize,
    /// What it does, in a few words: `network delay 400ms`.
    pub what: String,
    /// When it starts.
    pub starts: Bounds,
    /// When it ends.
    pub ends: Bounds,
    /// Whom it hits as things are now, by node. Empty for steps without targets.
    pub targets: BTreeMap<NodeName, Vec<InstanceName>>,
    /// Of how many that match namespace and labels.
    pub population: usize,
    /// What carries it out: `nftables owner table, netdev egress and ingress`.
    pub backend: Option<String>,
    /// The claims whose window or clock refers to it.
    pub watched_by: Vec<ClaimName>,
}

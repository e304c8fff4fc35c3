//! A run as it is kept: header, entries, judgement. Reports need nothing else.

use super::Event;
use crate::engine::Command;
use crate::experiment::Experiment;
use crate::judge::Judgement;
use crate::moment::Moment;
use crate::name::{NodeName, RunId};
use crate::plan::Plan;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The version of the record's JSON.
pub const RECORD_VERSION: u32 = 1;

/// What is known when a run begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Header {
    /// [`RECORD_VERSION`].
    pub version: u32,
    /// The run.
    pub run: RunId,
    /// When it began, by the runner's wall clock.
    pub began: Timestamp,
    /// What was run.
    pub experiment: Experiment,
    /// The text it was read from.
    pub text: String,
    /// The file's name, for people.
    pub file: String,
    /// What was planned.
    pub plan: Plan,
    /// The seed of every choice.
    pub seed: u64,
    /// Whether faults and the method's actions are replaced by waiting.
    pub placebo: bool,
    /// The command that runs it again.
    pub again: String,
    /// Who runs what.
    pub versions: Versions,
    /// Where each node's agent was: the next start reverts there, whatever its own settings say. Older records
    /// lack it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub agents: BTreeMap<NodeName, AgentPlace>,
}

/// Where an agent was, as the run knew it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum AgentPlace {
    /// The runner's own machine; it is started on this state directory when there is none.
    Local {
        /// The state directory.
        state: PathBuf,
    },
    /// Whoever listens there.
    Socket {
        /// The Unix socket.
        path: PathBuf,
    },
}

/// Versions and places, for the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Versions {
    /// Squall's.
    pub squall: String,
    /// The runner's host.
    pub host: String,
    /// Its kernel.
    pub kernel: String,
}

/// One line of the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    /// Counts from 1.
    pub number: u64,
    /// When.
    pub at: Moment,
    /// What.
    pub what: What,
}

/// What happened, or what was decided about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum What {
    /// The engine was told.
    Event(Event),
    /// The engine decided.
    Command(Command),
}

/// A run, whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Record {
    /// What was known at the start.
    pub header: Header,
    /// What happened, in order.
    pub entries: Vec<Entry>,
    /// What was made of it; `None` while it goes on, or when the runner died.
    pub judgement: Option<Judgement>,
}

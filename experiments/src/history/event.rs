//! Events: everything the engine is told.

use crate::experiment::StepId;
use crate::fault::{AgentDescription, AgentEvent};
use crate::judge::{Chunk, Sampling, WatchName};
use crate::name::{FaultId, InstanceName, NodeName, PlatformName};
use crate::target::Instance;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Something that happened. The moment stands beside it in its [`Entry`](super::Entry).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Event {
    /// Nothing but time passed.
    TimePassed,
    /// Everything needed is there.
    PreflightPassed(Box<Preflight>),
    /// Something needed is not.
    PreflightFailed(PreflightFailure),
    /// An action ended by itself, by SIGTERM at its end, or by its timeout.
    ActionEnded {
        /// Which.
        activity: Activity,
        /// How.
        end: ActionEnd,
    },
    /// A step's selectors were resolved just before its injection.
    TargetsResolved {
        /// The step.
        step: StepId,
        /// Which shot of an `every`, from 0.
        shot: u32,
        /// What was found.
        found: Box<ResolvedTargets>,
    },
    /// They could not be.
    TargetsRefused {
        /// The step.
        step: StepId,
        /// Which shot.
        shot: u32,
        /// Why.
        refused: RefusedTargets,
    },
    /// An agent reported on a fault.
    Agent {
        /// The agent.
        node: NodeName,
        /// The fault.
        fault: FaultId,
        /// What happened.
        event: AgentEvent,
    },
    /// An agent has not answered for so long that its faults are not known to be on or gone.
    AgentLost {
        /// The agent.
        node: NodeName,
        /// The faults it may hold.
        faults: BTreeSet<FaultId>,
        /// What was tried last.
        reason: String,
    },
    /// A watched source answered.
    Observed {
        /// Which.
        watch: WatchName,
        /// The answer.
        chunk: Box<Chunk>,
    },
    /// A watched source did not answer, or with an error.
    Unobserved {
        /// Which.
        watch: WatchName,
        /// What it said.
        failure: WatchFailure,
    },
    /// End at once, revert everything.
    AbortRequested(AbortCause),
    /// What was decided could not be stored; the commands that came with it were not carried out.
    StorageFailed {
        /// Why.
        reason: String,
    },
}

/// What preflight found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preflight {
    /// Each metric source; by platform, or "" where only one is known.
    pub platforms: BTreeMap<String, PlatformFacts>,
    /// How each watched source is sampled.
    pub sampling: BTreeMap<WatchName, Sampling>,
    /// Each agent that will be needed.
    pub agents: BTreeMap<NodeName, AgentDescription>,
    /// Worth knowing: alerts that fire already, queries that were constant in the last hour.
    pub notes: Vec<String>,
}

/// What is known of a metric source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlatformFacts {
    /// Its version.
    pub version: String,
    /// Its clock less the runner's.
    pub skew: SignedDuration,
}

/// Why a run cannot begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum PreflightFailure {
    /// Something needed was not there: an error.
    Missing {
        /// Each as a sentence.
        reasons: Vec<String>,
    },
    /// File, inventory or settings are at fault: nothing was touched, exit 2.
    BadInput {
        /// Each as a sentence.
        reasons: Vec<String>,
    },
    /// Somebody has called halt.
    Halted {
        /// What they said.
        reason: String,
    },
}

/// One thing the runner does and tells the end of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Activity {
    /// A step's action.
    Action(StepId),
    /// One action of a step's undo, by its place.
    Undo(StepId, u32),
}

/// How an action ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum ActionEnd {
    /// A command ended with this code.
    Exited {
        /// Its exit code; a signal as 128 + its number.
        code: i32,
        /// Its last lines.
        output: String,
    },
    /// A request was answered.
    Answered {
        /// The status; 0: no answer.
        status: u16,
        /// The beginning of the answer.
        output: String,
    },
    /// It was told to end at its end (`for`/`meanwhile`, or the run's end), and did.
    Stopped {
        /// Its last lines.
        output: String,
    },
    /// It took longer than its timeout and was ended.
    TimedOut {
        /// Its last lines.
        output: String,
    },
    /// It could not be begun.
    NotStarted {
        /// Why.
        reason: String,
    },
}

impl ActionEnd {
    /// Whether it did what it should: exit code 0, or 2xx, or ended when told to.
    pub fn succeeded(&self) -> bool {
        match self {
            Self::Exited { code, .. } => *code == 0,
            Self::Answered { status, .. } => (200..300).contains(status),
            Self::Stopped { .. } => true,
            Self::TimedOut { .. } | Self::NotStarted { .. } => false,
        }
    }
}

/// What a step's selectors match now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResolvedTargets {
    /// Every instance of the step's platform: limits count against them, zones are taken from them.
    pub instances: Vec<Instance>,
    /// Of those that match the selector but for `where` and `pick`: the ones `where` lets through.
    /// `None`: the selector has no `where`.
    pub matching_where: Option<BTreeSet<InstanceName>>,
    /// Addresses in the namespaces of instances (targets and peers) that list none, read just before.
    pub addresses: BTreeMap<InstanceName, Vec<IpAddr>>,
    /// Of each platform that `peers` name: the instances they match, with their addresses.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub peers: BTreeMap<PlatformName, Vec<Instance>>,
}

/// Why a step's selectors could not be resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusedTargets {
    /// As a sentence.
    pub reason: String,
}

/// Why a watched source gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchFailure {
    /// As a sentence.
    pub reason: String,
    /// Whether asking again is useless (the query is refused, credentials are wrong).
    pub lasting: bool,
}

/// Who or what ends a run early.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum AbortCause {
    /// A signal to the runner.
    Signal {
        /// Its name without `SIG`.
        name: String,
    },
    /// `squall halt`.
    Halt {
        /// What they said.
        reason: String,
    },
    /// The runner died; its next start closes the run.
    RunnerDied,
}

/// Where an instance is delivered to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceView {
    /// The instance.
    pub name: InstanceName,
    /// Its agent's node.
    pub node: NodeName,
    /// Its platform, where there are several.
    pub platform: Option<PlatformName>,
}

/// Why a step was refused by the engine itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepRefusal {
    /// As a sentence.
    pub reason: String,
}

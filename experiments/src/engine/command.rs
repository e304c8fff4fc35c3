//! Commands: everything the engine asks its shell to do.

use super::Phase;
use crate::claim::Source;
use crate::experiment::{Action, StepId};
use crate::fault::Order;
use crate::history::Activity;
use crate::judge::{Judgement, WatchName};
use crate::name::{FaultId, NodeName, PlatformName};
use crate::target::Selector;
use crate::unit::Length;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// Something to do. The shell stores what touches a target before it does it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Command {
    /// A phase began. Nothing to do but to show it.
    Enter(Phase),
    /// Find out whether everything needed is there. Answered by one of the preflight events.
    Preflight,
    /// A step's start or end is certain. Nothing to do but to show it.
    StepStarted(StepId),
    /// See [`Command::StepStarted`].
    StepEnded(StepId),
    /// Find the instances of a step. Answered by `TargetsResolved` or `TargetsRefused`.
    Resolve {
        /// The step.
        step: StepId,
        /// Which shot of an `every`.
        shot: u32,
        /// Whom.
        into: Box<Selector>,
        /// Peers by selector, whose addresses are needed too.
        peers: Vec<Selector>,
    },
    /// Deliver an order, and renew its lease until it is reverted. Touches a target.
    Inject {
        /// The agent.
        node: NodeName,
        /// The order.
        order: Box<Order>,
    },
    /// Revert a fault. Retried until the agent confirms; never waits for storage.
    Revert {
        /// The agent.
        node: NodeName,
        /// The fault.
        fault: FaultId,
    },
    /// Begin an action. Answered by `ActionEnded`. Touches a target.
    Begin {
        /// Which.
        activity: Activity,
        /// What: holes are filled but for secrets.
        action: Action,
        /// Ended after this; `None`: when told to.
        timeout: Option<Length>,
    },
    /// End an action that lasts (SIGTERM, then SIGKILL). Answered by `ActionEnded`.
    Stop(Activity),
    /// Watch a source from now on, or from a time in the past where it has a memory.
    Watch(Box<WatchOrder>),
    /// Watch it no longer.
    Unwatch(WatchName),
    /// The run is over.
    Finish(Box<Judgement>),
}

impl Command {
    /// Whether it may change something that is not Squall's: stored before it is carried out, dropped
    /// when storing fails. Undoing never waits.
    pub fn touches_a_target(&self) -> bool {
        match self {
            Self::Inject { .. } => true,
            Self::Begin { activity, .. } => matches!(activity, Activity::Action(_)),
            Self::Enter(_)
            | Self::Preflight
            | Self::StepStarted(_)
            | Self::StepEnded(_)
            | Self::Resolve { .. }
            | Self::Revert { .. }
            | Self::Stop(_)
            | Self::Watch(_)
            | Self::Unwatch(_)
            | Self::Finish(_) => false,
        }
    }
}

/// A source to watch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchOrder {
    /// By this name its answers come back.
    pub watch: WatchName,
    /// What is asked: holes are filled but for secrets.
    pub source: Source,
    /// Whose metric source.
    pub platform: Option<PlatformName>,
    /// Begin this long before now (negative: later). A query can look back, others begin now.
    pub since: SignedDuration,
    /// Only the leaves are needed (`totals`).
    pub leaves_only: bool,
    /// Ask once, and only now (`is ... at` of `http` and `exec`).
    pub once: bool,
}

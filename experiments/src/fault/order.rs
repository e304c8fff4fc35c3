//! What an agent gets: one fault for one instance, peers as addresses, a lease and a deadline.
//!
//! An order travels, and stands in ledger and history, as the same versioned JSON. Unknown keys are
//! refused: an old agent that ignored `peers` would slow everyone.

use super::{Direction, Protocol, Signal};
use crate::name::{FaultId, InstanceName, RunId, StepName};
use crate::target::{Cidr, Locator};
use crate::unit::{Length, Percent};
use serde::{Deserialize, Serialize};

/// The version written into every order. An agent refuses any other.
pub const ORDER_VERSION: u32 = 1;

/// Which coordinator speaks: the agent refuses an epoch below the highest it has seen for the run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fence {
    /// The run.
    pub run: RunId,
    /// Counts takeovers of this run, from 1.
    pub epoch: u64,
}

/// One fault for one instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Order {
    /// [`ORDER_VERSION`].
    pub version: u32,
    /// Retries carry the same id and change nothing.
    pub id: FaultId,
    /// The step it belongs to, for people.
    pub step: StepName,
    /// Whom it hits, for people.
    pub instance: InstanceName,
    /// How to take hold of it.
    pub locator: Locator,
    /// What to do.
    pub fault: OrderFault,
    /// Reverted when not renewed for this long.
    pub lease: Length,
    /// Reverted this long after it first arrived, whatever happens. Nobody can extend it.
    pub deadline: Length,
}

/// What an agent does to one instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum OrderFault {
    /// Signal its processes.
    #[serde(rename_all = "camelCase")]
    Kill {
        /// What is sent.
        signal: Signal,
        /// Only processes of this command name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        process: Option<String>,
        /// TERM first, KILL after this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        grace: Option<Length>,
        /// Whether whatever reappears under the locator is killed too, until the revert.
        hold_down: bool,
    },
    /// Stop every thread of its processes.
    #[serde(rename_all = "camelCase")]
    Pause {
        /// Only processes of this command name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        process: Option<String>,
    },
    /// Disturb its packets.
    Network(NetworkOrder),
}

impl OrderFault {
    /// Whether it is over once it has happened: a signal, unless the instance is held down.
    pub fn is_one_shot(&self) -> bool {
        matches!(self, Self::Kill { hold_down: false, .. })
    }
}

/// What happens to which packets. `partition` stands alone; `delay`, `jitter` and `loss` combine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkOrder {
    /// Held this long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Length>,
    /// More or less by up to this, evenly spread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<Length>,
    /// Dropped at random.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Percent>,
    /// All dropped.
    #[serde(default)]
    pub partition: bool,
    /// Which way. The planner has resolved "the side the backend can do".
    pub direction: Direction,
    /// The other ends.
    pub peers: Peers,
    /// Only these ports, on either end; empty: all.
    #[serde(default)]
    pub ports: Vec<u16>,
    /// Only this protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
    /// Whether the agents' own channel is cut as well.
    #[serde(default)]
    pub cut_control: bool,
}

impl NetworkOrder {
    /// About every packet that goes this way, and nothing happens to any yet.
    pub fn about_all(direction: Direction) -> Self {
        Self {
            delay: None,
            jitter: None,
            loss: None,
            partition: false,
            direction,
            peers: Peers::All,
            ports: Vec::new(),
            protocol: None,
            cut_control: false,
        }
    }
}

/// The other ends of a network fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Peers {
    /// Every address.
    All,
    /// These blocks.
    Only(Vec<Cidr>),
    /// Every address outside these blocks (a zone: its own addresses).
    AllExcept(Vec<Cidr>),
}

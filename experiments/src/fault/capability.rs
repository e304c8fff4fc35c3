//! What an agent can do on its kernel, found by probing.

use super::Direction;
use serde::{Deserialize, Serialize};

/// An agent's answer to `Describe`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentDescription {
    /// The agent's version.
    pub version: String,
    /// The kernel's release.
    pub kernel: String,
    /// The node's boot id: after a reboot nothing of a fault is left.
    pub boot_id: String,
    /// How many faults it holds now.
    pub faults: u32,
    /// What it can do, and by what.
    pub capabilities: Vec<Capability>,
}

impl AgentDescription {
    /// What the agent says of an effect in a direction.
    pub fn support(&self, effect: Effect, direction: Option<Direction>) -> Option<&Support> {
        self.capabilities
            .iter()
            .find(|capability| capability.effect == effect && capability.direction == direction)
            .map(|capability| &capability.support)
    }
}

/// One thing a fault can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Capability {
    /// What is done.
    pub effect: Effect,
    /// For packets: which way (`egress` or `ingress`; `both` needs both).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// Whether, and by what.
    pub support: Support,
}

/// The effects that are probed one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// Signal a process by pidfd.
    Kill,
    /// Stop every thread.
    Pause,
    /// Drop packets, all or at random.
    Drop,
    /// Hold packets, with or without jitter.
    Delay,
}

/// Whether a kernel can do an effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Support {
    /// By this backend, named in plan and evidence.
    #[serde(rename_all = "camelCase")]
    By {
        /// Such as `nftables owner table, netdev egress`.
        backend: String,
    },
    /// Not here, and why.
    #[serde(rename_all = "camelCase")]
    No {
        /// Such as `sch_netem is missing`.
        reason: String,
    },
}

//! What agents saw: a fault's life and what it did to its target.

use super::{Order, OrderFault};
use crate::name::{FaultId, RunId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A busy machine holds packets a little longer than asked; an agent that takes this long has hung.
const HANGS_AFTER: Duration = Duration::from_secs(1);

/// What an agent says of one fault, in order, without gaps: `Watch` resumes after a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentReport {
    /// Counts the reports of this agent's life, from 1.
    pub number: u64,
    /// The node's wall clock.
    pub at: Timestamp,
    /// The fault.
    pub fault: FaultId,
    /// Its run.
    pub run: RunId,
    /// What happened.
    pub event: AgentEvent,
}

/// What happened to a fault at its agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum AgentEvent {
    /// It is on.
    #[serde(rename_all = "camelCase")]
    On {
        /// The backend that carries it.
        backend: String,
    },
    /// It was refused, or could not be injected; whatever was begun has been undone.
    #[serde(rename_all = "camelCase")]
    Refused {
        /// Why.
        refusal: Refusal,
    },
    /// What it has done so far. Totals, not increments.
    #[serde(rename_all = "camelCase")]
    Seen {
        /// The totals.
        evidence: Evidence,
    },
    /// A one-shot fault is over: its target was seen to exit, or the signal was delivered.
    #[serde(rename_all = "camelCase")]
    Done {
        /// The totals.
        evidence: Evidence,
    },
    /// It has been undone.
    #[serde(rename_all = "camelCase")]
    Reverted {
        /// Why now.
        cause: EndCause,
        /// The last totals.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        evidence: Option<Evidence>,
        /// What differs from the snapshot taken before; empty: clean.
        differences: Vec<Difference>,
    },
    /// Undoing failed; the agent goes on trying.
    #[serde(rename_all = "camelCase")]
    RevertFailed {
        /// Every error, one a line.
        errors: Vec<String>,
    },
}

/// Why a fault ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EndCause {
    /// Its coordinator asked.
    Asked,
    /// A person asked (`revert --all`).
    Person,
    /// Its lease was not renewed.
    Lease,
    /// Its deadline came.
    Deadline,
    /// Its target vanished.
    TargetGone,
    /// The agent ended or started anew.
    AgentRestart,
    /// What carried it broke: for a time it may have been on in name only.
    Broke,
}

/// Something that is not as it was before the fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Difference {
    /// What, such as `nftables table squall_1f`.
    pub what: String,
    /// As the snapshot has it.
    pub before: String,
    /// As it is now.
    pub after: String,
}

/// Why an agent did not inject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Refusal {
    /// What kind of reason.
    pub kind: RefusalKind,
    /// The reason as a sentence fragment.
    pub reason: String,
}

/// Kinds of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RefusalKind {
    /// The order cannot be read, or is of another version.
    Unreadable,
    /// Its epoch is older than one seen for the run.
    Fenced,
    /// The instance is not there.
    NoTarget,
    /// It would hit what it must not (the agent itself, its own namespace).
    Protected,
    /// Another fault holds the instance.
    Overlap,
    /// This kernel cannot.
    Unsupported,
    /// Something broke on the way.
    Failed,
}

/// What a fault did to its target: totals since it began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Evidence {
    /// Packets that matched, ARP, ND, MLD, IGMP and the control channel left out.
    #[serde(rename_all = "camelCase")]
    Packets {
        /// Dropped by the fault.
        dropped: u64,
        /// Held and let go.
        delayed: u64,
        /// Bytes of both.
        bytes: u64,
        /// How long they were held.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        delay: Option<DelaySeen>,
    },
    /// Processes that were signalled.
    #[serde(rename_all = "camelCase")]
    Signalled {
        /// Each process.
        processes: Vec<ProcessSeen>,
        /// How often a supervisor brought something back while it was held down.
        restarts: u32,
        /// Processes that could not be signalled, or must not be, and why.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        failed: Vec<String>,
    },
    /// Threads that stand still.
    #[serde(rename_all = "camelCase")]
    Paused {
        /// Threads held, those included that ended while they were.
        held: u32,
        /// Threads there are, and those that ended while they were held.
        threads: u32,
        /// Processes that died while the fault was on.
        #[serde(default, skip_serializing_if = "is_zero")]
        died: u32,
    },
}

/// How long packets were held, as seen inside the backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DelaySeen {
    /// The shortest.
    pub min: Duration,
    /// The median.
    pub p50: Duration,
    /// The 99th percentile.
    pub p99: Duration,
    /// The longest.
    pub max: Duration,
}

/// A process that was signalled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProcessSeen {
    /// Its number.
    pub pid: u32,
    /// Its command name.
    pub command: String,
    /// The last signal sent to it.
    pub signal: super::Signal,
    /// Whether its exit was seen through its pidfd.
    pub exited: bool,
}

impl Evidence {
    /// Whether the agent is certain that nothing was done to the target: no packet met the fault, no
    /// process was signalled, no thread held. A witness from outside that still saw something saw something else.
    pub fn is_nothing(&self) -> bool {
        match self {
            Self::Packets { dropped, delayed, .. } => *dropped == 0 && *delayed == 0,
            Self::Signalled { processes, .. } => processes.is_empty(),
            Self::Paused { held, .. } => *held == 0,
        }
    }

    /// How long a packet was held at the longest, where that is so much longer than asked that the target met another
    /// fault: an agent that hangs holds what it has.
    pub fn held_too_long(&self, order: &OrderFault) -> Option<Duration> {
        let (Self::Packets { delay: Some(seen), .. }, OrderFault::Network(network)) = (self, order) else {
            return None;
        };
        let asked = network.delay.unwrap_or_default().get() + network.jitter.unwrap_or_default().get();
        (seen.max > 2 * asked + HANGS_AFTER).then_some(seen.max)
    }

    /// Whether the fault bit: language.md section 7, "Did it bite?".
    pub fn bites(&self, order: &OrderFault) -> bool {
        match (self, order) {
            (Self::Packets { dropped, delayed, delay, .. }, OrderFault::Network(network)) => {
                let drops = network.partition || network.loss.is_some_and(|loss| loss.fraction() > 0.0);
                let asked =
                    network.delay.unwrap_or_default().get().saturating_sub(network.jitter.unwrap_or_default().get());
                let holds = network.delay.is_some() || network.jitter.is_some();
                (!drops || *dropped > 0)
                    && (!holds || (*delayed > 0 && delay.is_some_and(|seen| seen.max >= asked)))
                    && (drops || holds)
            }
            (Self::Signalled { processes, .. }, OrderFault::Kill { .. }) => {
                // Delivery is no effect: a signal that need not end its process is for a `witness` to prove.
                processes.iter().any(|process| process.exited)
            }
            (Self::Paused { held, threads, .. }, OrderFault::Pause { .. }) => *held > 0 && held == threads,
            _ => false,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// A fault as its agent lists it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FaultStatus {
    /// Who ordered it.
    pub fence: super::Fence,
    /// What was ordered.
    pub order: Order,
    /// Where it stands.
    pub state: FaultState,
    /// When it was injected, by the node's wall clock.
    pub since: Timestamp,
    /// How long until its lease or deadline ends it, whichever is first; zero when over.
    pub ends_within: Duration,
}

/// Where a fault stands at its agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FaultState {
    /// Being injected.
    Injecting,
    /// On.
    On,
    /// Being undone.
    Reverting,
    /// Undone.
    Reverted,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_that_were_held_far_longer_than_asked_met_another_fault() {
        let asked = Duration::from_millis(20);
        let network = crate::fault::NetworkOrder {
            delay: Some(asked.into()),
            ..crate::fault::NetworkOrder::about_all(crate::fault::Direction::Ingress)
        };
        let order = OrderFault::Network(network);
        let seen = |max| Evidence::Packets {
            dropped: 0,
            delayed: 9,
            bytes: 900,
            delay: Some(DelaySeen { min: asked, p50: asked, p99: asked, max }),
        };
        assert_eq!(seen(Duration::from_secs(1)).held_too_long(&order), None);
        assert_eq!(seen(Duration::from_secs(5)).held_too_long(&order), Some(Duration::from_secs(5)));
    }

    #[test]
    fn a_signal_that_was_delivered_and_ended_nothing_did_not_bite() {
        let process = |exited| ProcessSeen { pid: 7, command: "api".into(), signal: "URG".parse().unwrap(), exited };
        let order = OrderFault::Kill { signal: "URG".parse().unwrap(), process: None, grace: None, hold_down: false };
        let seen = |exited| Evidence::Signalled { processes: vec![process(exited)], restarts: 0, failed: Vec::new() };
        assert!(!seen(false).bites(&order));
        assert!(seen(true).bites(&order));
    }
}

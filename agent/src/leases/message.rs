//! What the leases are told, and what they answer.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use squall_experiments::fault::{AgentEvent, Difference, EndCause, Evidence, Fence, Order, Refusal};
use squall_experiments::name::FaultId;
use std::collections::BTreeSet;
use std::time::Duration;

/// Something a fault takes hold of. Faults of two runs may not hold the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Hold {
    /// A process; the start time tells it from a later one of the same number.
    #[serde(rename_all = "camelCase")]
    Process {
        /// Its number.
        pid: u32,
        /// Clock ticks after boot.
        start: u64,
    },
    /// A network namespace, by its inode.
    Namespace(u64),
    /// Whatever stands at this place: a pidfile, a unit, a cgroup.
    Place(String),
}

/// Something the leases are told.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A coordinator orders a fault, at this wall clock.
    Ordered {
        /// Who.
        fence: Fence,
        /// What.
        order: Box<Order>,
        /// For people.
        at: Timestamp,
    },
    /// Its target was found.
    Resolved {
        /// The fault.
        fault: FaultId,
        /// What it will take hold of.
        holds: BTreeSet<Hold>,
    },
    /// It stands in the ledger, on the disk.
    Recorded {
        /// The fault.
        fault: FaultId,
    },
    /// It is on.
    Injected {
        /// The fault.
        fault: FaultId,
        /// By what.
        backend: String,
    },
    /// It could not be resolved, recorded or injected; whatever was begun has been undone.
    Refused {
        /// The fault.
        fault: FaultId,
        /// Why.
        refusal: Refusal,
    },
    /// A one-shot fault is over.
    Done {
        /// The fault.
        fault: FaultId,
        /// What it did.
        evidence: Evidence,
    },
    /// The target vanished.
    TargetGone {
        /// The fault.
        fault: FaultId,
    },
    /// What carries it broke: it is on in name only.
    Broke {
        /// The fault.
        fault: FaultId,
    },
    /// The kernel's own gate could not be moved: it closes by itself, as if no renewal had come.
    GateLost {
        /// The fault.
        fault: FaultId,
    },
    /// A coordinator is still there.
    RenewAsked {
        /// Who.
        fence: Fence,
        /// Which faults.
        faults: Vec<FaultId>,
    },
    /// Somebody wants a fault gone. Without a fence: a person.
    RevertAsked {
        /// Who.
        fence: Option<Fence>,
        /// Which.
        fault: FaultId,
    },
    /// Everything must go.
    EndAll {
        /// Why.
        cause: EndCause,
    },
    /// It has been undone.
    Reverted {
        /// The fault.
        fault: FaultId,
        /// The last totals.
        evidence: Option<Evidence>,
        /// What is not as it was before.
        differences: Vec<Difference>,
    },
    /// Undoing failed; it is tried again.
    RevertFailed {
        /// The fault.
        fault: FaultId,
        /// Every error.
        errors: Vec<String>,
    },
    /// Nothing but time passed.
    TimePassed,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Refuse the call that was the event; it changed nothing.
    Refuse(Refusal),
    /// Put a run's new epoch in the ledger. Nothing waits for it.
    RecordEpoch(Fence),
    /// Find the target.
    Resolve(FaultId),
    /// Put the order in the ledger and sync it.
    Record(FaultId),
    /// Change the target.
    Inject {
        /// Which.
        fault: FaultId,
        /// How long from now the kernel's own gate may stand open.
        lease: Duration,
    },
    /// Move the kernel's own gate.
    Renew {
        /// Which.
        fault: FaultId,
        /// How long from now.
        lease: Duration,
    },
    /// Undo it. Goes on until it is undone. Never waits for the ledger.
    Revert(FaultId),
    /// Put in the ledger that it is over. Nothing waits for it.
    RecordEnd(FaultId),
    /// Tell whoever watches.
    Report {
        /// Which.
        fault: FaultId,
        /// What happened.
        event: AgentEvent,
    },
}

/// How a fault ended.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// It never began.
    Refused(Refusal),
    /// A one-shot did what it should.
    Done,
    /// It was undone.
    Reverted(EndCause),
}

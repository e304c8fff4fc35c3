//! What an agent does before anything else: undo what an earlier life left.
//!
//! A fault that stands in the ledger without its end may be on. Most of what a fault changed went with
//! the agent that made it: the kernel released held threads and owner tables at its death, and nobody is left
//! to kill what reappears. The sweep makes sure of it, fault by fault, and says what it found.

use crate::clock::boot_id;
use crate::desk::Swept;
use crate::faults::pause::tracer_of;
use crate::leases::Hold;
use crate::ledger::{Ledger, LedgerError, Ordered, Pending};
use crate::process::ProcessFacts;
use squall_experiments::fault::{Difference, OrderFault};
use std::path::Path;

/// Reads the ledger and undoes whatever may be on.
pub fn sweep(ledger: &Path) -> Result<Swept, LedgerError> {
    let replay = Ledger::read(ledger)?;
    if replay.is_torn {
        tracing::warn!("the ledger's last line is cut off: nothing had been touched for it");
    }
    for bad in &replay.bad {
        tracing::error!(line = bad.number, reason = bad.reason, "the ledger has a line that cannot be read");
    }
    let boot = boot_id();
    let mut faults = Vec::new();
    for Pending { ordered, boot: injected_in } in replay.pending {
        // After a reboot nothing of what a kernel held is left, and numbers and inodes mean other things.
        let differences = if !injected_in.is_empty() && injected_in != boot { Vec::new() } else { undo(&ordered) };
        tracing::warn!(
            fault = %ordered.order.id, run = %ordered.fence.run, instance = %ordered.order.instance,
            differences = differences.len(), "swept a fault of an earlier life"
        );
        faults.push((ordered, differences));
    }
    Ok(Swept { epochs: replay.epochs, faults })
}

fn undo(ordered: &Ordered) -> Vec<Difference> {
    match &ordered.order.fault {
        OrderFault::Kill { .. } => Vec::new(),
        OrderFault::Pause { .. } => ordered.holds.iter().filter_map(still_held).collect(),
        OrderFault::Network(_) => Vec::new(),
    }
}

/// The tracer died with the agent, so whoever traces it now is somebody else, and a thread that is
/// still in a tracing stop is not ours; both are said all the same.
fn still_held(hold: &Hold) -> Option<Difference> {
    let Hold::Process { pid, start } = hold else { return None };
    ProcessFacts::of(*pid).filter(|facts| facts.start == *start)?;
    let tracer = tracer_of(*pid)?;
    Some(Difference {
        what: format!("tracer of process {pid}"),
        before: "none".to_owned(),
        after: format!("process {tracer}"),
    })
}

//! What an agent does before anything else: undo what an earlier life left.
//!
//! A fault that stands in the ledger without its end may be on. Most of what a fault changed went with
//! the agent that made it: the kernel released held threads and owner tables at its death, and nobody is left
//! to kill what reappears. The sweep makes sure of it, fault by fault, and says what it found.

use crate::clock::boot_id;
use crate::desk::Swept;
use crate::explain;
use crate::faults::pause::tracer_of;
use crate::leases::Hold;
use crate::ledger::{Ledger, LedgerError, Ordered, Pending};
use crate::process::ProcessFacts;
use crate::snapshot::Snapshot;
use squall_experiments::fault::{Difference, OrderFault};
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// The lock of a killed agent may fall before its sockets are closed.
const LETS_GO_WITHIN: Duration = Duration::from_secs(3);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

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

/// Looks until everything is as it was, for as long as a dying agent may take to let go of its sockets.
fn undo(ordered: &Ordered) -> Vec<Difference> {
    let until = Instant::now() + LETS_GO_WITHIN;
    loop {
        let differences = match &ordered.order.fault {
            OrderFault::Kill { .. } => Vec::new(),
            OrderFault::Pause { .. } => ordered.holds.iter().filter_map(still_held).collect(),
            OrderFault::Network(_) => still_disturbed(ordered),
        };
        if differences.is_empty() || Instant::now() > until {
            return differences;
        }
        thread::sleep(LOOK_AGAIN);
    }
}

/// Its tracer died with the agent. Whoever traces it now is somebody else, and is told all the same.
fn still_held(hold: &Hold) -> Option<Difference> {
    let Hold::Process { pid, start } = hold else { return None };
    ProcessFacts::of(*pid).filter(|facts| facts.start == *start)?;
    let tracer = tracer_of(*pid)?;
    Some(Difference {
        what: format!("tracer of process {pid}"),
        before: "none".to_owned(),
        after: format!("thread {tracer}"),
    })
}

/// Its tables died with the agent's sockets. A namespace that is gone has taken everything with it.
fn still_disturbed(ordered: &Ordered) -> Vec<Difference> {
    let (Some(before), Some(namespace)) = (&ordered.before, namespace_of(ordered)) else { return Vec::new() };
    match Snapshot::take(namespace.as_fd()) {
        Ok(now) => before.compare_for(&now, &ordered.order.id),
        Err(error) => vec![Difference {
            what: "the namespace".to_owned(),
            before: "looked at".to_owned(),
            after: explain(&error),
        }],
    }
}

/// The namespace the fault was in, if it still is where it was found.
fn namespace_of(ordered: &Ordered) -> Option<File> {
    let places = ordered.holds.iter().filter_map(|hold| match hold {
        Hold::Process { pid, start } => ProcessFacts::of(*pid)
            .filter(|facts| facts.start == *start)
            .map(|_| PathBuf::from(format!("/proc/{pid}/ns/net"))),
        Hold::Namespace(_) | Hold::Place(_) => None,
    });
    let places: Vec<PathBuf> = ordered.order.locator.netns.iter().cloned().chain(places).collect();
    places.iter().find_map(|place| {
        let file = File::open(place).ok()?;
        let inode = file.metadata().ok()?.ino();
        ordered.holds.contains(&Hold::Namespace(inode)).then_some(file)
    })
}

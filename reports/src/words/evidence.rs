//! What agents saw, as sentences.

use super::number::{Unit, span};
use squall_experiments::fault::{EndCause, Evidence, Refusal, RefusalKind};

/// What a fault did to its target.
pub(crate) fn evidence(evidence: &Evidence) -> String {
    match evidence {
        Evidence::Packets { dropped: 0, delayed: 0, .. } => "not one packet was touched".to_owned(),
        Evidence::Packets { dropped, delayed, bytes, delay } => {
            let mut parts = Vec::new();
            if *dropped > 0 {
                parts.push(format!("{} dropped", packets(*dropped)));
            }
            if *delayed > 0 {
                let held = delay.map(|seen| {
                    let [p50, p99, max] = [seen.p50, seen.p99, seen.max].map(span);
                    format!(" (p50 {p50}, p99 {p99}, max {max})")
                });
                parts.push(format!("{} delayed{}", packets(*delayed), held.unwrap_or_default()));
            }
            #[expect(clippy::cast_precision_loss, reason = "shown with four digits")]
            let size = Unit::Bytes.show(*bytes as f64);
            format!("{}; {size}", parts.join(", "))
        }
        Evidence::Signalled { processes, restarts, failed } => {
            if processes.is_empty() && failed.is_empty() {
                return "no process was there to signal".to_owned();
            }
            let mut each: Vec<String> = processes
                .iter()
                .map(|process| {
                    let exit = if process.exited { "exit seen" } else { "no exit seen" };
                    format!("SIG{} to {} (pid {}), {exit}", process.signal, process.command, process.pid)
                })
                .collect();
            each.extend(failed.iter().map(|why| format!("not signalled: {why}")));
            let restarts = match restarts {
                0 => String::new(),
                1 => "; 1 restart while held down".to_owned(),
                many => format!("; {many} restarts while held down"),
            };
            format!("{}{restarts}", each.join("; "))
        }
        Evidence::Paused { held, threads, died } => {
            let died = match died {
                0 => String::new(),
                1 => "; 1 process died while it was held".to_owned(),
                many => format!("; {many} processes died while they were held"),
            };
            format!("{held} of {threads} threads stood still{died}")
        }
    }
}

fn packets(count: u64) -> String {
    if count == 1 { "1 packet".to_owned() } else { format!("{count} packets") }
}

/// Why a fault ended, as the end of a sentence that begins with "reverted".
pub(crate) fn end_cause(cause: EndCause) -> &'static str {
    match cause {
        EndCause::Asked => "when the runner asked",
        EndCause::Person => "when a person asked",
        EndCause::Lease => "because its lease was not renewed",
        EndCause::Deadline => "because its deadline came",
        EndCause::TargetGone => "because its target vanished",
        EndCause::AgentRestart => "because its agent ended or started anew",
        EndCause::Broke => "because what carried it broke",
    }
}

/// Why an agent did not inject.
pub(crate) fn refusal(refusal: &Refusal) -> String {
    let kind = match refusal.kind {
        RefusalKind::Unreadable => "the order cannot be read",
        RefusalKind::Fenced => "a newer coordinator has taken over",
        RefusalKind::NoTarget => "the instance is not there",
        RefusalKind::Protected => "it must not be hit",
        RefusalKind::Overlap => "another fault holds the instance",
        RefusalKind::Unsupported => "this kernel cannot",
        RefusalKind::Failed => "something broke on the way",
    };
    format!("{kind}: {}", refusal.reason)
}

//! Progress in words.

use squall_experiments::claim::Role;
use squall_experiments::engine::{ClaimProgress, FaultProgress, Phase, Progress};
use squall_experiments::judge::{Judged, Outcome};
use std::time::Duration;

/// Seconds since the run began, in a column that stays aligned for a quarter of an hour.
pub(super) fn stamp(elapsed: Duration) -> String {
    format!("{:>5.1}s", elapsed.as_secs_f64())
}

/// What a phase does, in words that a newcomer understands.
pub(super) fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Preflight => "preflight: looking whether everything needed is there",
        Phase::Prepare => "prepare: starting what lasts the whole run",
        Phase::Baseline => "baseline: watching the steady state before anything is touched",
        Phase::Method => "method: carrying out the steps",
        Phase::Revert => "revert: undoing everything",
        Phase::Recovery => "recovery: waiting for the steady state and the last windows",
        Phase::CleanUp => "clean-up: undoing what was prepared",
        Phase::Done => "done",
    }
}

/// How long at most, in whole seconds; nothing where the plan's time is used up, as while reverting early.
pub(super) fn left(progress: &Progress) -> Option<String> {
    let seconds = progress.left.filter(|left| !left.is_zero() && progress.phase != Phase::Done)?.as_secs_f64().ceil();
    Some(if seconds >= 60.0 {
        format!("at most {:.0} min {:.0} s left", (seconds / 60.0).floor(), seconds % 60.0)
    } else {
        format!("at most {seconds:.0} s left")
    })
}

/// What is on.
pub(super) fn fault(fault: &FaultProgress) -> String {
    match fault.instances {
        None => fault.step.to_string(),
        Some(1) => format!("{} on 1 instance", fault.step),
        Some(many) => format!("{} on {many} instances", fault.step),
    }
}

/// A sign and a state for a claim.
pub(super) fn claim(claim: &ClaimProgress) -> (&'static str, String) {
    match &claim.judged {
        None => ("·", "not yet".to_owned()),
        Some(Judged::Pending { now }) if now.is_empty() => ("…", "watching".to_owned()),
        Some(Judged::Pending { now }) => ("…", now.clone()),
        Some(Judged::Settled { outcome, reason, .. }) => (mark(*outcome), format!("{outcome}: {reason}")),
    }
}

/// Signs that differ in shape, as in the reports.
fn mark(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "✓",
        Outcome::Failed => "✗",
        Outcome::Inconclusive => "?",
        Outcome::Error => "!",
    }
}

/// Whether it deserves a line now: a safety stop that stays quiet does not.
pub(super) fn is_news(claim: &ClaimProgress) -> bool {
    claim.role != Role::AbortIf
        || matches!(&claim.judged, Some(Judged::Settled { outcome, .. }) if *outcome != Outcome::Passed)
}

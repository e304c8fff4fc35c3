//! Progress for pipelines: a line whenever something changed, and nothing otherwise.

use super::words;
use squall_experiments::engine::{Phase, Progress};
use squall_experiments::judge::{Judged, Outcome};
use squall_experiments::name::{ClaimName, StepName};
use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

/// Writes what changed since the last time.
///
/// A stream that takes no more lines is left alone: a run does not end because nobody listens.
#[derive(Debug)]
pub struct Lines<W> {
    out: W,
    phase: Option<Phase>,
    /// Whether anything has been watched: without it claims settle only because the run is over.
    watched: bool,
    faults: BTreeMap<StepName, Option<usize>>,
    settled: BTreeMap<ClaimName, Outcome>,
}

impl<W: Write> Lines<W> {
    /// Nothing has been said yet.
    pub fn new(out: W) -> Self {
        Self { out, phase: None, watched: false, faults: BTreeMap::new(), settled: BTreeMap::new() }
    }

    /// Writes what changed.
    pub fn show(&mut self, elapsed: Duration, progress: &Progress) {
        self.gone(elapsed, progress);
        if self.phase != Some(progress.phase) {
            self.phase = Some(progress.phase);
            let left = words::left(progress).map(|left| format!(" ({left})")).unwrap_or_default();
            self.note(elapsed, &format!("{}{left}", words::phase(progress.phase)));
        }
        self.on(elapsed, progress);
        self.watched |= matches!(progress.phase, Phase::Baseline | Phase::Method);
        if !self.watched {
            return;
        }
        for claim in &progress.claims {
            let Some(Judged::Settled { outcome, .. }) = &claim.judged else { continue };
            if words::is_news(claim) && self.settled.insert(claim.name.clone(), *outcome) != Some(*outcome) {
                let (mark, state) = words::claim(claim);
                self.note(elapsed, &format!("{mark} {} {state}", claim.name));
            }
        }
    }

    /// Writes a line.
    pub fn note(&mut self, elapsed: Duration, text: &str) {
        let line: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        let _ = writeln!(self.out, "{}  {line}", words::stamp(elapsed));
    }

    fn on(&mut self, elapsed: Duration, progress: &Progress) {
        for fault in &progress.faults {
            let before = self.faults.insert(fault.step.clone(), fault.instances);
            // Fewer: it is being undone, which is said once it is gone.
            if before.is_none_or(|before| before < fault.instances) {
                self.note(elapsed, &format!("fault on: {}", words::fault(fault)));
            }
        }
    }

    fn gone(&mut self, elapsed: Duration, progress: &Progress) {
        let is_on = |step: &StepName| progress.faults.iter().any(|fault| fault.step == *step);
        let gone: Vec<StepName> = self.faults.keys().filter(|step| !is_on(step)).cloned().collect();
        for step in gone {
            self.faults.remove(&step);
            self.note(elapsed, &format!("fault gone: {step}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use squall_experiments::claim::Role;
    use squall_experiments::engine::{ClaimProgress, FaultProgress};

    #[test]
    fn a_run_that_never_began_says_nothing_of_its_claims() {
        let mut out = Vec::new();
        let mut lines = Lines::new(&mut out);
        let never =
            Judged::Settled { outcome: Outcome::Inconclusive, reason: "it never ran".to_owned(), measure: None };
        lines.show(Duration::ZERO, &progress(Phase::Preflight, 75, 0, None));
        lines.show(Duration::from_secs(1), &progress(Phase::Revert, 0, 0, None));
        lines.show(Duration::from_secs(2), &progress(Phase::Done, 0, 0, Some(never)));
        let said = String::from_utf8(out).unwrap();
        assert!(!said.contains("0 s left"), "no bound is better than one that is nothing: {said}");
        assert!(said.ends_with("done\n") && !said.contains("breaker-opens"), "{said}");
    }

    fn progress(phase: Phase, left: u64, on: usize, judged: Option<Judged>) -> Progress {
        let claim = |name: &str, role, judged| ClaimProgress { name: name.parse().unwrap(), role, judged };
        let quiet = Judged::Settled { outcome: Outcome::Passed, reason: "never".to_owned(), measure: None };
        Progress {
            phase,
            left: Some(Duration::from_secs(left)),
            claims: vec![
                claim("breaker-opens", Role::Expect, judged),
                claim("customers-suffer", Role::AbortIf, Some(quiet)),
            ],
            faults: (on > 0)
                .then(|| FaultProgress { step: "payments-slow".parse().unwrap(), instances: Some(on) })
                .into_iter()
                .collect(),
        }
    }

    #[test]
    fn a_line_is_written_when_something_changes_and_only_then() {
        let mut out = Vec::new();
        let mut lines = Lines::new(&mut out);
        let pending = |now: &str| Some(Judged::Pending { now: now.to_owned() });
        let opened =
            Judged::Settled { outcome: Outcome::Passed, reason: "it became 1\nin time".to_owned(), measure: None };
        for (millis, now) in [
            (0, progress(Phase::Baseline, 75, 0, None)),
            (500, progress(Phase::Baseline, 74, 0, None)),
            (10_000, progress(Phase::Method, 55, 0, None)),
            (10_200, progress(Phase::Method, 55, 2, pending("false for 0.2s"))),
            (10_400, progress(Phase::Method, 55, 2, pending("false for 0.4s"))),
            (12_000, progress(Phase::Method, 53, 2, Some(opened.clone()))),
            (12_200, progress(Phase::Method, 53, 2, Some(opened.clone()))),
            (41_000, progress(Phase::Recovery, 24, 0, Some(opened))),
        ] {
            lines.show(Duration::from_millis(millis), &now);
        }
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }
}

//! What is said of each claim, while the run goes on and at its end. The judge decides over windows; a
//! claim of the steady state has two of them, and a safety stop has none: those are put together here.

use super::engine::Engine;
use crate::claim::{Claim, Verb, Window};
use crate::judge::{Case, Finding, Judged, Measure, Observed, Outcome, Recovery, Sampling, find, recovery, steady};
use crate::name::ClaimName;
use std::collections::BTreeMap;
use std::time::Duration;

/// What a safety stop has said that ended the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Alarm {
    /// It was true.
    True(String),
    /// It gave no answer.
    Blind(String),
}

/// The alarms so far; the first of each claim counts.
pub(super) type Alarms = BTreeMap<ClaimName, Alarm>;

impl Engine {
    /// What the judge says of a claim now.
    pub(super) fn finding(&self, claim: &Claim) -> Finding {
        let nothing = Observed::new(Sampling { interval: Duration::from_secs(1), timeout: Duration::ZERO });
        let unseen = Case {
            claim,
            timeline: &self.timeline,
            clock: self.clock(None, false),
            observed: &nothing,
            baseline: None,
        };
        let case = self.case(claim).unwrap_or(unseen);
        let mut finding = find(&case);
        match &claim.verb {
            Verb::Is { window: Window::Baseline, .. } => {
                finding.judged = self.judge_steady(&case);
                finding.window =
                    self.timeline.baseline_window().map(|(from, to)| (case.clock.at(from), case.clock.at(to)));
            }
            Verb::Aborts { .. } => finding.judged = self.judge_safety(claim),
            Verb::Is { .. } | Verb::IsAt { .. } | Verb::Becomes { .. } | Verb::Totals { .. } => {}
        }
        finding
    }

    /// Before: over the baseline. After: from the method's end on, for itself alone.
    fn judge_steady(&self, case: &Case<'_>) -> Judged {
        let Some(from) = self.baseline.from else {
            return Judged::Pending { now: "no data yet".to_owned() };
        };
        let Some((_, to)) = self.timeline.baseline_window() else {
            return steady(case, from, self.plus(from, self.baseline.length));
        };
        let Some(end) = self.timeline.method().end.filter(|_| !self.ending.is_hasty()) else {
            return match steady(case, to, self.now) {
                Judged::Pending { now } => Judged::Pending { now: format!("held in the baseline; {now}") },
                Judged::Settled { .. } => Judged::Pending { now: "held in the baseline".to_owned() },
            };
        };
        let within = self.given.experiment.recover_within.get();
        match recovery(&[*case], end, within, self.baseline.length) {
            Recovery::Pending { now } => Judged::Pending { now },
            Recovery::Recovered { measure, reason } => settled(Outcome::Passed, reason, Some(measure)),
            Recovery::Missed { reason } => settled(Outcome::Failed, reason, None),
            Recovery::Unknown { reason } => settled(Outcome::Inconclusive, reason, None),
        }
    }

    fn judge_safety(&self, claim: &Claim) -> Judged {
        match self.alarms.get(&claim.name) {
            Some(Alarm::True(reason)) => return settled(Outcome::Failed, reason.clone(), None),
            Some(Alarm::Blind(reason)) => return settled(Outcome::Inconclusive, reason.clone(), None),
            None => {}
        }
        let watched = self.timeline.baseline_window().is_some()
            && self.watches.get(claim.name.as_str()).is_some_and(|run| run.was_opened);
        if !self.timeline.is_closed() {
            return Judged::Pending { now: if watched { "quiet" } else { "not watched yet" }.to_owned() };
        }
        if watched {
            settled(Outcome::Passed, "it was never true while faults could be on".to_owned(), None)
        } else {
            settled(Outcome::Inconclusive, "it was never watched: the run ended before".to_owned(), None)
        }
    }
}

fn settled(outcome: Outcome, reason: String, measure: Option<Measure>) -> Judged {
    Judged::Settled { outcome, reason, measure }
}

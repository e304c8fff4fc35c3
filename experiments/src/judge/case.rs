//! Judging one claim: the same function while the run goes on and at its end.

use super::{Baseline, ClaimJudgement, Clock, Judged, Measure, Observed, Outcome};
use crate::claim::Claim;
use crate::history::Timeline;
use jiff::Timestamp;

/// A claim and everything that is known about it.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The claim.
    pub claim: &'a Claim,
    /// When steps began and ended.
    pub timeline: &'a Timeline,
    /// Turns the run's time into the source's.
    pub clock: Clock,
    /// What was seen.
    pub observed: &'a Observed,
    /// What was seen in the baseline; `None`: there is none (yet).
    pub baseline: Option<&'a Baseline>,
}

/// What the judge found, with what reports show beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Pending or settled.
    pub judged: Judged,
    /// The window it was judged over, by the source's clock.
    pub window: Option<(Timestamp, Timestamp)>,
    /// For `becomes`: the interval the change lies in, by the source's clock.
    pub transition: Option<(Timestamp, Timestamp)>,
    /// The baseline's median, where the predicate needs it (of the first series).
    pub baseline: Option<f64>,
    /// For `becomes`: it was true already and no change was seen. The placebo reading needs to know.
    pub already_so: bool,
}

/// Judges a claim on what is settled. Pending until its window has closed, or the timeline is closed:
/// from then on never pending.
pub fn judge(case: &Case<'_>) -> Judged {
    find(case).judged
}

/// As [`judge`], with window, transition and baseline.
pub fn find(case: &Case<'_>) -> Finding {
    Finding {
        judged: Judged::Pending { now: String::new() },
        window: None,
        transition: None,
        baseline: case.baseline.and_then(Baseline::first_median),
        already_so: false,
    }
}

impl Finding {
    /// As it stands in the judgement. What is still pending is inconclusive.
    pub fn judgement(self, claim: &Claim) -> ClaimJudgement {
        let (outcome, reason, measure) = match self.judged {
            Judged::Settled { outcome, reason, measure } => (outcome, reason, measure),
            Judged::Pending { now } => {
                (Outcome::Inconclusive, format!("the run ended before this was decided: {now}"), None::<Measure>)
            }
        };
        ClaimJudgement {
            name: claim.name.clone(),
            role: claim.role,
            outcome,
            reason,
            measure,
            window: self.window,
            transition: self.transition,
            baseline: self.baseline,
        }
    }
}

//! Judging: claims, a timeline and what was seen in; verdicts and measures out.
mod aborts;
mod absence;
mod at;
mod baseline;
mod becomes;
mod case;
mod counter;
mod coverage;
mod fold;
mod formula;
mod invariant;
mod judgement;
mod live;
mod needs;
mod observed;
mod placebo;
mod reading;
mod sentence;
mod steady;
mod subject;
#[cfg(test)]
mod testing;
mod totals;
mod track;
mod transition;
mod verdict;
mod violation;
mod witness;

pub use aborts::{AbortState, aborts};
pub use baseline::{Baseline, baseline};
pub use case::{Case, Finding, find, judge};
pub use judgement::{
    ClaimJudgement, Judged, Judgement, Measure, Outcome, PlaceboReading, RemainingFault, Verdict, WatchKind,
    WitnessJudgement,
};
pub use needs::{Need, looks_back, needs};
pub use observed::{Chunk, Clock, Labels, Observed, Sample, Sampling, Series, WatchName};
pub use placebo::Vacuity;
pub use reading::Reading;
pub use steady::{Recovery, has_data, recovery, steady};
pub use verdict::{Findings, JudgedClaim, RecoveryFinding, verdict};
pub use witness::{WaitCase, WitnessCase, wait_for, witness};

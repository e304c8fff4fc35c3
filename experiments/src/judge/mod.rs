//! Judging: claims, a timeline and what was seen in; verdicts and measures out.
mod judgement;
mod observed;
mod reading;

pub use judgement::{
    ClaimJudgement, Judged, Judgement, Measure, Outcome, PlaceboReading, RemainingFault, Verdict, WatchKind,
    WitnessJudgement,
};
pub use observed::{Chunk, Clock, Labels, Observed, Sample, Sampling, Series, WatchName};
pub use reading::Reading;

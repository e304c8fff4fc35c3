//! What must be asked of a source before a claim can be judged, and until when.

use super::{Clock, Sampling};
use crate::claim::{Claim, Source};
use crate::history::Timeline;
use jiff::Timestamp;
use std::time::Duration;

/// What judging a claim takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Need {
    /// Ask from here on, by the source's clock. `None`: the event that opens the window has not happened.
    pub from: Option<Timestamp>,
    /// Once [`Observed::settled`](super::Observed) has reached this, by the source's clock, `judge` has
    /// decided. `None`: the event that closes the window has not happened.
    pub settled: Option<Timestamp>,
    /// The same by the run's clock: when the window is over. Answers settle two intervals and a timeout later.
    pub until: Option<Duration>,
}

/// What judging this claim takes, as far as the timeline knows.
pub fn needs(_claim: &Claim, _timeline: &Timeline, _clock: Clock, _sampling: Sampling) -> Need {
    Need::default()
}

/// How long before a window a source must have been watched: its query's longest range and offset, and
/// three intervals. Begin the watch so much earlier; a metric source has a memory.
pub fn looks_back(source: &Source, sampling: Sampling) -> Duration {
    let leaves = match source {
        Source::Query(query) => query.shape.as_ref().map(|shape| shape.leaves.as_slice()).unwrap_or_default(),
        Source::Http { .. } | Source::Exec { .. } | Source::Step(_) => &[],
    };
    let range = leaves.iter().map(|leaf| leaf.looks_back.saturating_add(leaf.offset)).max().unwrap_or_default();
    range.saturating_add(sampling.interval.saturating_mul(3))
}

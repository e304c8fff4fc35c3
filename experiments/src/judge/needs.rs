//! What must be asked of a source before a claim can be judged, and until when.

use super::counter::Frame;
use super::subject::{Edges, Subject, earlier, later, signed};
use super::{Clock, Observed, Sampling};
use crate::claim::{Claim, Dwell, Source, Verb, Window};
use crate::history::Timeline;
use jiff::Timestamp;
use std::time::Duration;

/// What judging a claim takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Need {
    /// Ask from here on, by the source's clock. `None`: the event that opens the window has not happened.
    pub from: Option<Timestamp>,
    /// Once [`Observed::settled`] has reached this, by the source's clock, [`judge`](super::judge) has
    /// decided. `None`: the event that closes the window has not happened, or nothing needs to settle.
    pub settled: Option<Timestamp>,
    /// The same by the run's clock. Answers settle two intervals and a timeout later.
    pub until: Option<Duration>,
}

/// What judging this claim takes, as far as the timeline knows. A claim of `abortIf`, of the steady state
/// or about a step's result needs nothing of its own.
pub fn needs(claim: &Claim, timeline: &Timeline, clock: Clock, sampling: Sampling) -> Need {
    let observed = Observed::new(sampling);
    let subject = Subject::of_claim(claim, timeline, clock, &observed, None);
    let window = match &claim.verb {
        _ if matches!(claim.source, Source::Step(_)) => return Need::default(),
        Verb::Is { window: Window::Between { from, to }, .. } => {
            (subject.instant(from), subject.instant(to).map(|to| to.last))
        }
        Verb::Totals { window: Window::Between { from, to }, .. } => {
            let from = subject.instant(from);
            let frame = from.zip(subject.instant(to)).map(|(from, to)| Frame { from, to });
            (from, frame.and_then(|frame| total_settles(&subject, &frame)))
        }
        Verb::IsAt { at, .. } => {
            let at = subject.instant(at);
            let latest = super::at::latest(subject.source, subject.interval());
            (at, at.map(|at| later(at.last, latest)))
        }
        Verb::Becomes { after, within, dwell, .. } => {
            let after = subject.instant(after);
            let settles = |after: Edges| {
                let deadline = later(after.last, signed(within.get()));
                let decided = later(later(deadline, subject.before()), subject.half_intervals(4));
                match dwell {
                    Dwell::Once => Some(decided),
                    Dwell::For { length, .. } => Some(decided.max(later(deadline, signed(length.get())))),
                    Dwell::Until { until, .. } => Some(decided.max(subject.instant(until)?.first)),
                }
            };
            (after, after.and_then(settles))
        }
        Verb::Is { window: Window::Baseline, .. }
        | Verb::Totals { window: Window::Baseline, .. }
        | Verb::Aborts { .. } => return Need::default(),
    };
    let back = signed(looks_back(&claim.source, sampling));
    Need {
        from: window.0.map(|edges| earlier(edges.first, back)),
        settled: window.1,
        until: window.1.map(|settled| Duration::try_from(clock.elapsed(settled)).unwrap_or_default()),
    }
}

/// When a total can be counted: a sample must follow the window, and what a fault took away must have had
/// the time to come back.
/// `None`: not before the fault is over.
pub(super) fn total_settles(subject: &Subject<'_>, frame: &Frame) -> Option<Timestamp> {
    let mut last = frame.to.last;
    for loss in subject.timeline.losses().iter().filter(|loss| subject.clock.at(loss.from) < frame.to.last) {
        match loss.to {
            Some(to) => {
                last = last.max(later(later(subject.clock.at(to), subject.half_intervals(6)), subject.timeout()))
            }
            None if subject.timeline.method().end.is_none() => return None,
            // It never comes back under these labels.
            None => {}
        }
    }
    Some(later(later(last, subject.half_intervals(5)), subject.timeout()))
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

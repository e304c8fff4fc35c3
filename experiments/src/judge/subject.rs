//! What a claim, a witness and a `waitFor` have in common: a source, a predicate, and what was seen.

use super::{Baseline, Clock, Labels, Observed, Series};
use crate::claim::{Claim, Predicate, Query, QueryShape, Source};
use crate::experiment::Instant;
use crate::history::Timeline;
use crate::moment::Interval;
use jiff::{SignedDuration, Timestamp};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// A source, a predicate, and what was seen.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub source: &'a Source,
    pub predicate: &'a Predicate,
    /// Whether the predicate must not hold: a witness, after its fault.
    pub negated: bool,
    pub absent: Option<f64>,
    pub min_events: Option<u64>,
    pub timeline: &'a Timeline,
    pub clock: Clock,
    pub observed: &'a Observed,
    pub baseline: Option<&'a Baseline>,
}

/// An event's interval by the source's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edges {
    pub first: Timestamp,
    pub last: Timestamp,
}

impl<'a> Subject<'a> {
    pub fn of_claim(
        claim: &'a Claim,
        timeline: &'a Timeline,
        clock: Clock,
        observed: &'a Observed,
        baseline: Option<&'a Baseline>,
    ) -> Self {
        Self {
            source: &claim.source,
            predicate: claim.verb.predicate(),
            negated: false,
            absent: claim.absent,
            min_events: claim.min_events,
            timeline,
            clock,
            observed,
            baseline,
        }
    }

    pub fn shape(&self) -> Option<&'a QueryShape> {
        match self.source {
            Source::Query(Query { shape, .. }) => shape.as_ref(),
            Source::Http { .. } | Source::Exec { .. } | Source::Step(_) => None,
        }
    }

    pub fn interval(&self) -> SignedDuration {
        signed(self.observed.sampling.interval)
    }

    pub fn timeout(&self) -> SignedDuration {
        signed(self.observed.sampling.timeout)
    }

    /// So many sampling intervals, in halves.
    pub fn half_intervals(&self, halves: i32) -> SignedDuration {
        self.interval().checked_mul(halves).unwrap_or(SignedDuration::MAX) / 2
    }

    /// How old what a value says may be already: nothing for raw samples; for a value that was
    /// evaluated from others, one interval.
    pub fn before(&self) -> SignedDuration {
        if self.is_evaluated() { self.interval() } else { SignedDuration::ZERO }
    }

    /// How long taking a sample may last, counted from its timestamp.
    pub fn after(&self) -> SignedDuration {
        match self.source {
            Source::Step(_) => SignedDuration::ZERO,
            Source::Query(_) | Source::Http { .. } | Source::Exec { .. } => self.timeout(),
        }
    }

    /// Whether values come from a range query, one per interval, and not from raw samples.
    pub fn is_evaluated(&self) -> bool {
        match self.source {
            Source::Query(query) => !query.shape.as_ref().is_some_and(|shape| shape.plain),
            Source::Http { .. } | Source::Exec { .. } | Source::Step(_) => false,
        }
    }

    /// When the newest sample behind a value was taken at the earliest, and at the latest.
    pub fn taken(&self, at: Timestamp) -> Edges {
        let mut edges = Edges { first: at, last: at };
        if self.is_evaluated() {
            edges.first = earlier(at, self.interval());
            let mut newest: Option<Edges> = None;
            let stale = earlier(at, self.half_intervals(5));
            let offset = self.shape().is_some_and(|shape| shape.leaves.iter().any(|leaf| !leaf.offset.is_zero()));
            for series in self.observed.leaves.iter().flatten().filter(|_| !offset) {
                let place = series.samples.partition_point(|sample| sample.0 <= at);
                let Some(sample) = place.checked_sub(1).map(|place| &series.samples[place]) else { continue };
                if sample.0 >= stale {
                    let seen = newest.get_or_insert(Edges { first: sample.0, last: sample.0 });
                    *seen = Edges { first: seen.first.min(sample.0), last: seen.last.max(sample.0) };
                }
            }
            if let Some(newest) = newest {
                edges.first = newest.first;
                // A range moves on between samples too.
                if self.shape().is_some_and(|shape| shape.looks_back().is_zero()) {
                    edges.last = newest.last;
                }
            }
        }
        Edges { first: edges.first, last: later(edges.last, self.after()) }
    }

    /// An instant by the source's clock.
    pub fn instant(&self, instant: &Instant) -> Option<Edges> {
        let event = self.edges(self.timeline.event(&instant.event)?);
        Some(Edges { first: later(event.first, instant.offset), last: later(event.last, instant.offset) })
    }

    pub fn edges(&self, interval: Interval) -> Edges {
        Edges { first: self.clock.at(interval.first), last: self.clock.at(interval.last) }
    }

    /// When the faults have taken a series away: step.start to step.end + 3 intervals + timeout.
    pub fn lost(&self, labels: &Labels) -> Vec<(Timestamp, Timestamp)> {
        let after = self.half_intervals(6).saturating_add(self.timeout());
        let carried = |loss: &&crate::history::Loss| {
            !loss.series.is_empty() && loss.series.iter().all(|(key, value)| labels.get(key) == Some(value))
        };
        let losses = self.timeline.losses().iter().filter(carried);
        let mut lost: Vec<_> = losses
            .map(|loss| {
                let end = loss.to.map_or(Timestamp::MAX, |to| later(self.clock.at(to), after));
                (self.clock.at(loss.from), end)
            })
            .collect();
        lost.sort_unstable();
        lost
    }

    /// The median of a series' baseline.
    pub fn median(&self, labels: &Labels) -> Option<f64> {
        self.baseline.and_then(|baseline| baseline.median(labels))
    }

    /// The highest finite bound of the buckets behind a `histogram_quantile`: a reading that equals it
    /// says "at least so much" and no more.
    pub fn ceiling(&self) -> Option<f64> {
        if !self.is_evaluated() {
            return None;
        }
        let bounds = |leaf: &Vec<Series>| {
            let bounds: Vec<f64> = leaf.iter().filter_map(|series| series.labels.get("le")?.parse().ok()).collect();
            let finite = bounds.iter().copied().filter(|bound: &f64| bound.is_finite()).fold(None, most);
            finite.filter(|_| bounds.contains(&f64::INFINITY))
        };
        self.observed.leaves.iter().filter_map(bounds).fold(None, most)
    }

    /// The values, with `absent` filled in where nothing was there although the targets were scraped.
    pub fn values(&self, from: Timestamp, until: Timestamp) -> Cow<'a, [Series]> {
        match self.absent {
            Some(absent) => super::absence::filled(self, absent, from, until),
            None => Cow::Borrowed(self.observed.values.as_slice()),
        }
    }

    /// What must be true, in words.
    pub fn condition(&self) -> String {
        if self.negated { format!("not `{}`", self.predicate) } else { format!("`{}`", self.predicate) }
    }

    /// What must be false, in words.
    pub fn opposite(&self) -> String {
        if self.negated { format!("`{}`", self.predicate) } else { format!("not `{}`", self.predicate) }
    }

    /// The series seen in the baseline.
    pub fn baseline_labels(&self) -> BTreeSet<&'a Labels> {
        self.baseline.iter().flat_map(|baseline| &baseline.medians).map(|(labels, _)| labels).collect()
    }
}

fn most(highest: Option<f64>, next: f64) -> Option<f64> {
    Some(highest.map_or(next, |highest: f64| highest.max(next)))
}

pub(super) fn signed(duration: std::time::Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// A duration that is not negative.
pub(super) fn unsigned(duration: SignedDuration) -> std::time::Duration {
    std::time::Duration::try_from(duration).unwrap_or_default()
}

pub(super) fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

pub(super) fn earlier(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_sub(by).unwrap_or(Timestamp::MIN)
}

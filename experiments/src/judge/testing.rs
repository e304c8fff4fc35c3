//! Small worlds for tests.

use super::subject::Subject;
use super::{Chunk, Clock, Labels, Observed, Reading, Sample, Sampling, Series};
use crate::claim::{Predicate, Query, QueryShape, Source};
use crate::experiment::Template;
use crate::history::Timeline;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// A time in milliseconds since the run began.
pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + millis).unwrap()
}

pub(crate) fn labels(name: &str) -> Labels {
    Labels::from([("series".to_owned(), name.to_owned())])
}

pub(crate) fn numbers(name: &str, samples: &[(i64, f64)]) -> Series {
    let samples = samples.iter().map(|(millis, value)| Sample(at(*millis), Reading::Number(*value))).collect();
    Series { labels: labels(name), samples }
}

pub(crate) fn sampling(interval: u64) -> Sampling {
    Sampling { interval: Duration::from_millis(interval), timeout: Duration::from_millis(100) }
}

/// An answer whose every sample is settled.
pub(crate) fn chunk(from: i64, until: i64, values: Vec<Series>) -> Chunk {
    let (leaves, scraped, warnings) = (Vec::new(), Vec::new(), Vec::new());
    Chunk {
        from: at(from),
        until: at(until),
        settled: at(until),
        values,
        leaves,
        scraped,
        unheard: Vec::new(),
        warnings,
    }
}

pub(crate) fn clock() -> Clock {
    Clock { began: at(0), skew: SignedDuration::ZERO }
}

/// A source with a predicate; a sample every second that takes up to 100 ms.
pub(crate) struct Lab {
    source: Source,
    predicate: Predicate,
    timeline: Timeline,
    observed: Observed,
}

impl Lab {
    pub fn plain(predicate: &str) -> Self {
        let shape = QueryShape { leaves: Vec::new(), plain: true, denominator: Vec::new(), formula: None };
        Self {
            source: Source::Query(Query { text: Template::text("gauge"), shape: Some(shape) }),
            predicate: predicate.parse().unwrap(),
            timeline: Timeline::new(),
            observed: Observed::new(sampling(1000)),
        }
    }

    pub fn asked(mut self, from: i64, until: i64) -> Self {
        self.observed.take(chunk(from, until, Vec::new()));
        self
    }

    pub fn subject(&self) -> Subject<'_> {
        Subject {
            source: &self.source,
            predicate: &self.predicate,
            negated: false,
            absent: None,
            min_events: None,
            timeline: &self.timeline,
            clock: clock(),
            observed: &self.observed,
            baseline: None,
        }
    }
}

//! What was seen of one watched source, as the history keeps it and the judge takes it.

use super::Reading;
use crate::moment::Moment;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// What is being watched: a claim, a step's witness, a `waitFor`. The names of an experiment are one
/// flat set, so the name of the claim or step is enough.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WatchName(pub String);

impl fmt::Display for WatchName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The labels of a series.
pub type Labels = BTreeMap<String, String>;

/// A value at a time of the source's clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample(
    /// When, by the source's clock.
    pub Timestamp,
    /// What.
    pub Reading,
);

/// Values of one series, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// Its labels; empty for a source that has one value.
    pub labels: Labels,
    /// Its values, oldest first, no two at one time.
    pub samples: Vec<Sample>,
}

/// How a source is sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampling {
    /// Time between samples: the scrape interval (the coarsest, of several targets), or `every`.
    pub interval: Duration,
    /// How long one sample may take: the scrape timeout.
    pub timeout: Duration,
}

/// One answer of a source: it replaces whatever was known of `(from, until]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chunk {
    /// Exclusive.
    pub from: Timestamp,
    /// Inclusive. Everything up to here has been asked for.
    pub until: Timestamp,
    /// Up to here nothing can arrive late any more (`until` less two intervals and the timeout).
    pub settled: Timestamp,
    /// The source's values. For a plain selector: its raw samples. Otherwise: one per step of one
    /// interval. For `totals`: empty, the leaves say it all.
    pub values: Vec<Series>,
    /// Raw samples of each leaf of a query, in the order of [`QueryShape::leaves`](crate::claim::QueryShape).
    /// A plain selector's are not repeated: `leaves` is empty and `values` is the leaf.
    pub leaves: Vec<Vec<Series>>,
    /// Proof that a series that is not there would have been seen: raw samples of `up` of every target
    /// that may produce it (all targets, where that is not known), and for a recorded or alerting rule
    /// one sample of 1 per healthy evaluation of its group. Needed whenever a leaf of this answer (or
    /// `values` of a plain selector) has no series; may be empty otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scraped: Vec<Series>,
    /// Leaves (by place; a plain selector is the first) whose metric the source has never heard of, under any
    /// labels: that nothing is seen of them may as well be a slip of the pen. A metric source keeps a memory of
    /// what it has scraped, which is asked of a leaf without series.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unheard: Vec<usize>,
    /// What the source warned of.
    pub warnings: Vec<String>,
}

/// All that is known of one watched source: [`Chunk`]s folded in the order they came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observed {
    /// How it is sampled.
    pub sampling: Sampling,
    /// The first time that was asked for, exclusive. `None`: nothing yet.
    pub from: Option<Timestamp>,
    /// The last time that was asked for.
    pub until: Option<Timestamp>,
    /// Up to here nothing can arrive late any more.
    pub settled: Option<Timestamp>,
    /// The source's values.
    pub values: Vec<Series>,
    /// Raw samples of each leaf.
    pub leaves: Vec<Vec<Series>>,
    /// Proof that a series that is not there would have been seen: see [`Chunk::scraped`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scraped: Vec<Series>,
    /// Leaves whose metric the source had not heard of up to this time: see [`Chunk::unheard`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unheard: Vec<(usize, Timestamp)>,
    /// Times between `from` and `until` that were never asked for: (exclusive, inclusive].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holes: Vec<(Timestamp, Timestamp)>,
    /// What the source warned of, each once.
    pub warnings: Vec<String>,
    /// The source's last error, if it has not answered since.
    pub error: Option<String>,
    /// Whether asking again is useless (the query is refused, credentials are wrong).
    #[serde(default)]
    pub refused: bool,
}

/// Turns the run's time into a metric source's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// The runner's wall clock when the run began.
    pub began: Timestamp,
    /// The source's clock less the runner's, measured in preflight; zero for `http` and `exec`.
    pub skew: SignedDuration,
}

impl Clock {
    /// The source's time of a moment. Uses elapsed time: a wall clock that is set meanwhile bends nothing.
    pub fn at(&self, moment: Moment) -> Timestamp {
        let elapsed = SignedDuration::try_from(moment.elapsed).unwrap_or(SignedDuration::MAX);
        self.began.saturating_add(elapsed).and_then(|at| at.saturating_add(self.skew)).unwrap_or(Timestamp::MAX)
    }

    /// The run's time of a source's time: the other way round. Negative: before the run began.
    pub fn elapsed(&self, at: Timestamp) -> SignedDuration {
        at.duration_since(self.began).saturating_sub(self.skew)
    }
}

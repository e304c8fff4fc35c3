//! What the runner needs of a metric source.

use futures::future::BoxFuture;
use jiff::Timestamp;
use squall_experiments::judge::{Labels, Series};
use std::time::Duration;

/// A source of metrics, such as a Prometheus server. All times are by its own clock.
pub trait MetricSource: Send + Sync {
    /// Raw samples of a plain selector in `(from, until]`, with their true times.
    fn samples<'a>(
        &'a self,
        selector: &'a str,
        from: Timestamp,
        until: Timestamp,
    ) -> BoxFuture<'a, Result<Answer, MetricError>>;

    /// Values of a query at every multiple of `step` in `(from, until]`.
    fn values<'a>(
        &'a self,
        query: &'a str,
        from: Timestamp,
        until: Timestamp,
        step: Duration,
    ) -> BoxFuture<'a, Result<Answer, MetricError>>;

    /// The value of a query at one time.
    fn value_at<'a>(&'a self, query: &'a str, at: Timestamp) -> BoxFuture<'a, Result<Answer, MetricError>>;

    /// Whether it has any series of a selector between two times, without reading a sample.
    fn knows<'a>(
        &'a self,
        selector: &'a str,
        from: Timestamp,
        until: Timestamp,
    ) -> BoxFuture<'a, Result<bool, MetricError>>;

    /// What its clock says.
    fn clock(&self) -> BoxFuture<'_, Result<Timestamp, MetricError>>;

    /// Its version.
    fn version(&self) -> BoxFuture<'_, Result<String, MetricError>>;

    /// How long a sample stands for its series where no newer one follows; `None`: it does not say.
    fn lookback(&self) -> BoxFuture<'_, Result<Option<Duration>, MetricError>>;

    /// What it scrapes, and how often.
    fn targets(&self) -> BoxFuture<'_, Result<Vec<ScrapeTarget>, MetricError>>;

    /// Rules that do not evaluate.
    fn sick_rules(&self) -> BoxFuture<'_, Result<Vec<RuleTrouble>, MetricError>>;

    /// Every rule, and how its last evaluation went.
    fn rules(&self) -> BoxFuture<'_, Result<Vec<RuleState>, MetricError>>;

    /// Alerts that fire now.
    fn firing(&self) -> BoxFuture<'_, Result<Vec<FiringAlert>, MetricError>>;
}

/// Series, and what the source warned of.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// The series, each with its samples in order of time.
    pub series: Vec<Series>,
    /// Warnings of the source: an answer with warnings may be incomplete.
    pub warnings: Vec<String>,
}

/// One thing that is scraped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScrapeTarget {
    /// The labels its series carry.
    pub labels: Labels,
    /// How often.
    pub interval: Duration,
    /// How long one scrape may take.
    pub timeout: Duration,
    /// Whether the last scrape succeeded.
    pub up: bool,
}

/// A rule that does not evaluate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleTrouble {
    /// Its group.
    pub group: String,
    /// Its name.
    pub rule: String,
    /// What is wrong.
    pub error: String,
}

/// What a rule makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RuleKind {
    /// Alerts.
    Alerting,
    /// Series of its own name.
    Recording,
}

/// A rule and its last evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleState {
    /// What it makes.
    pub kind: RuleKind,
    /// Its group.
    pub group: String,
    /// Its name: of the alert, or of the series.
    pub rule: String,
    /// Whether its last evaluation succeeded.
    pub healthy: bool,
    /// When it was evaluated last; `None`: nobody says.
    pub evaluated: Option<Timestamp>,
}

/// An alert that fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FiringAlert {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: Labels,
}

/// Why a metric source gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetricError {
    /// No connection, or it broke.
    #[error("{url} did not answer: {reason}")]
    Unreachable {
        /// Whom we asked.
        url: String,
        /// The whole chain of causes.
        reason: String,
    },
    /// It was too slow.
    #[error("{url} did not answer within {}", squall_experiments::unit::Length::from(*.after))]
    TimedOut {
        /// Whom we asked.
        url: String,
        /// How long we waited.
        after: Duration,
    },
    /// 401 or 403.
    #[error("{url} refused our credentials (HTTP {status}): see `prometheus` in squall.yaml")]
    Unauthorized {
        /// Whom we asked.
        url: String,
        /// 401 or 403.
        status: u16,
    },
    /// It understood and said no: the query is wrong.
    #[error("{url} refused the query ({kind}): {message}")]
    Refused {
        /// Whom we asked.
        url: String,
        /// Its `errorType`.
        kind: String,
        /// Its words.
        message: String,
    },
    /// It understood, and failed.
    #[error("{url} failed ({kind}): {message}")]
    Failed {
        /// Whom we asked.
        url: String,
        /// Its `errorType`, or the HTTP status.
        kind: String,
        /// Its words.
        message: String,
    },
    /// What answered does not speak the Prometheus API.
    #[error("{url} does not answer like Prometheus (HTTP {status}): {reason}")]
    NotPrometheus {
        /// Whom we asked.
        url: String,
        /// The status.
        status: u16,
        /// What is odd.
        reason: String,
    },
    /// The answer ended early or cannot be read.
    #[error("{url} sent an answer that cannot be read: {reason}")]
    Broken {
        /// Whom we asked.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The answer is too large to be meant.
    #[error("{url} sent more than {limit} bytes: narrow the query")]
    TooLarge {
        /// Whom we asked.
        url: String,
        /// How much is allowed.
        limit: usize,
    },
}

impl MetricError {
    /// Whether asking the same again is useless.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Unauthorized { .. } | Self::Refused { .. } | Self::TooLarge { .. } => true,
            Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::Failed { .. }
            | Self::NotPrometheus { .. }
            | Self::Broken { .. } => false,
        }
    }
}

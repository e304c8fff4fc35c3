//! Metric sources: where numbers come from, in our words.
//!
//! [`MetricSource`] is the boundary. [`Prometheus`] is the real one, [`Recorded`] answers from memory
//! for tests. Neither judges anything: they fetch numbers with their true times, and say what the
//! server warned of.
mod answer;
#[cfg(test)]
mod bad_answers;
mod client;
mod prometheus;
#[cfg(test)]
mod real_answers;
mod recorded;
mod source;

pub use client::{Access, ClientError, http_client};
pub use prometheus::Prometheus;
pub use recorded::Recorded;
pub use source::{Answer, FiringAlert, MetricError, MetricSource, RuleKind, RuleState, RuleTrouble, ScrapeTarget};

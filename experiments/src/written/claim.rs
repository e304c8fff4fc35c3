//! Claims, indicators and sources, as written.

use super::action::{ExecSource, HttpSource, KubernetesSource};
use super::literals::{Allowance, AnyNumber};
use crate::claim::Predicate;
use crate::experiment::{Instant, Template};
use crate::name::{ClaimName, IndicatorName, PlatformName, StepName};
use crate::text::{Spot, Value};
use crate::unit::Length;
use schemars::JsonSchema;
use serde::Deserialize;

/// Something that must be true: a name, a source, one verb, its times.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Claim {
    /// Its name.
    #[schemars(required)]
    pub name: Option<Value<ClaimName>>,
    /// PromQL. Numbers, not a filter.
    pub query: Option<Value<Template>>,
    /// A source under `indicators`.
    pub indicator: Option<Value<IndicatorName>>,
    /// The status of an answer, or a value in it.
    pub http: Option<Spot<HttpSource>>,
    /// A command's exit code, or its output.
    pub exec: Option<Spot<ExecSource>>,
    /// A field or condition of an object.
    pub kubernetes: Option<Spot<KubernetesSource>>,
    /// The exit code or status of an action.
    pub step: Option<Value<StepName>>,
    /// How often `http`, `exec` or `kubernetes` is asked; 1s.
    pub every: Option<Value<Length>>,
    /// Whose Prometheus or API, where settings name several platforms.
    pub platform: Option<Value<PlatformName>>,
    /// True at every sample of the window.
    pub is: Option<Value<Predicate>>,
    /// Changes from false to true in time.
    pub becomes: Option<Value<Predicate>>,
    /// What counters add up to over the window.
    pub totals: Option<Value<Predicate>>,
    /// The window: a step, or `method` (the default).
    pub during: Option<Value<StepName>>,
    /// The window's beginning, with `to`.
    pub from: Option<Value<Instant>>,
    /// The window's end, with `from`.
    pub to: Option<Value<Instant>>,
    /// `is` at one instant instead of over a window.
    pub at: Option<Value<Instant>>,
    /// When the clock of a `becomes` starts.
    pub after: Option<Value<Instant>>,
    /// How long a `becomes` may take.
    pub within: Option<Value<Length>>,
    /// After a `becomes`: it stays so until this instant.
    pub until: Option<Value<Instant>>,
    /// After a `becomes`: it stays so for this long. In `abortIf`: true for this long aborts.
    pub r#for: Option<Value<Length>>,
    /// Time in violation that is allowed, all together: a length, or a share of the window.
    pub budget: Option<Value<Allowance>>,
    /// The longest single violation that is allowed.
    pub longest: Option<Value<Allowance>>,
    /// How many events a ratio's denominator must count over the window.
    pub min_events: Option<Value<u64>>,
    /// The value of a query without series, believed only while its targets were scraped.
    pub absent: Option<Value<AnyNumber>>,
}

/// A source with a name.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Indicator {
    /// PromQL. Numbers, not a filter.
    pub query: Option<Value<Template>>,
    /// The status of an answer, or a value in it.
    pub http: Option<Spot<HttpSource>>,
    /// A command's exit code, or its output.
    pub exec: Option<Spot<ExecSource>>,
    /// A field or condition of an object.
    pub kubernetes: Option<Spot<KubernetesSource>>,
    /// How often `http`, `exec` or `kubernetes` is asked; 1s.
    pub every: Option<Value<Length>>,
    /// Whose Prometheus or API, where settings name several platforms.
    pub platform: Option<Value<PlatformName>>,
    /// How many events a ratio's denominator must count over the window.
    pub min_events: Option<Value<u64>>,
    /// The value of a query without series.
    pub absent: Option<Value<AnyNumber>>,
}

/// Proof from outside that a step bites.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Witness {
    /// PromQL. Numbers, not a filter.
    pub query: Option<Value<Template>>,
    /// A source under `indicators`.
    pub indicator: Option<Value<IndicatorName>>,
    /// The status of an answer, or a value in it.
    pub http: Option<Spot<HttpSource>>,
    /// A command's exit code, or its output.
    pub exec: Option<Spot<ExecSource>>,
    /// A field or condition of an object.
    pub kubernetes: Option<Spot<KubernetesSource>>,
    /// How often `http`, `exec` or `kubernetes` is asked; 1s.
    pub every: Option<Value<Length>>,
    /// Whose Prometheus or API, where settings name several platforms.
    pub platform: Option<Value<PlatformName>>,
    /// What becomes true, and false again after the end.
    #[schemars(required)]
    pub becomes: Option<Value<Predicate>>,
    /// In this time, each way; 5s.
    pub within: Option<Value<Length>>,
    /// The value of a query without series.
    pub absent: Option<Value<AnyNumber>>,
}

/// What is waited for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WaitFor {
    /// PromQL. Numbers, not a filter.
    pub query: Option<Value<Template>>,
    /// A source under `indicators`.
    pub indicator: Option<Value<IndicatorName>>,
    /// The status of an answer, or a value in it.
    pub http: Option<Spot<HttpSource>>,
    /// A command's exit code, or its output.
    pub exec: Option<Spot<ExecSource>>,
    /// A field or condition of an object.
    pub kubernetes: Option<Spot<KubernetesSource>>,
    /// The exit code or status of an action.
    pub step: Option<Value<StepName>>,
    /// How often `http`, `exec` or `kubernetes` is asked; 1s.
    pub every: Option<Value<Length>>,
    /// Whose Prometheus or API, where settings name several platforms.
    pub platform: Option<Value<PlatformName>>,
    /// What must be true.
    #[schemars(required)]
    pub is: Option<Value<Predicate>>,
    /// The value of a query without series.
    pub absent: Option<Value<AnyNumber>>,
}

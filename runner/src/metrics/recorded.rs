//! A metric source that answers from memory, for tests of what asks.

use super::{Answer, FiringAlert, MetricError, MetricSource, RuleState, RuleTrouble, ScrapeTarget};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use jiff::Timestamp;
use squall_experiments::judge::Series;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

/// One question that was asked: query, from, until.
pub type Question = (String, Timestamp, Timestamp);

/// Answers what it was given, cut to what is asked for, and keeps the questions.
#[derive(Default)]
pub struct Recorded {
    /// Series by the text of the query or selector; an unknown text has none.
    pub series: BTreeMap<String, Vec<Series>>,
    /// What every question fails with, while there is something.
    pub failure: Mutex<Option<MetricError>>,
    /// How long a sample stands for its series.
    pub lookback: Option<Duration>,
    /// What is scraped.
    pub targets: Vec<ScrapeTarget>,
    /// Rules that do not evaluate.
    pub sick: Vec<RuleTrouble>,
    /// Every rule.
    pub rules: Vec<RuleState>,
    /// Alerts that fire.
    pub firing: Vec<FiringAlert>,
    /// What its clock says; `None`: the same as ours.
    pub clock: Option<Timestamp>,
    /// Every question, in order.
    pub asked: Mutex<Vec<Question>>,
}

impl Recorded {
    fn answer(&self, query: &str, from: Timestamp, until: Timestamp) -> Result<Answer, MetricError> {
        let kept = "no holder of this lock panics";
        self.asked.lock().expect(kept).push((query.to_owned(), from, until));
        if let Some(failure) = self.failure.lock().expect(kept).clone() {
            return Err(failure);
        }
        let mut series = self.series.get(query).cloned().unwrap_or_default();
        for one in &mut series {
            one.samples.retain(|sample| sample.0 > from && sample.0 <= until);
        }
        series.retain(|one| !one.samples.is_empty());
        Ok(Answer { series, warnings: Vec::new() })
    }
}

impl MetricSource for Recorded {
    fn samples<'a>(
        &'a self,
        selector: &'a str,
        from: Timestamp,
        until: Timestamp,
    ) -> BoxFuture<'a, Result<Answer, MetricError>> {
        async move { self.answer(selector, from, until) }.boxed()
    }

    fn values<'a>(
        &'a self,
        query: &'a str,
        from: Timestamp,
        until: Timestamp,
        _step: Duration,
    ) -> BoxFuture<'a, Result<Answer, MetricError>> {
        async move { self.answer(query, from, until) }.boxed()
    }

    fn value_at<'a>(&'a self, query: &'a str, at: Timestamp) -> BoxFuture<'a, Result<Answer, MetricError>> {
        async move {
            let mut answer = self.answer(query, Timestamp::MIN, at)?;
            for series in &mut answer.series {
                let last = series.samples.pop();
                series.samples = last.into_iter().collect();
            }
            Ok(answer)
        }
        .boxed()
    }

    fn knows<'a>(
        &'a self,
        selector: &'a str,
        from: Timestamp,
        until: Timestamp,
    ) -> BoxFuture<'a, Result<bool, MetricError>> {
        async move { Ok(!self.answer(selector, from, until)?.series.is_empty()) }.boxed()
    }

    fn clock(&self) -> BoxFuture<'_, Result<Timestamp, MetricError>> {
        async { Ok(self.clock.unwrap_or_else(Timestamp::now)) }.boxed()
    }

    fn version(&self) -> BoxFuture<'_, Result<String, MetricError>> {
        async { Ok("recorded".to_owned()) }.boxed()
    }

    fn lookback(&self) -> BoxFuture<'_, Result<Option<Duration>, MetricError>> {
        async { Ok(self.lookback) }.boxed()
    }

    fn targets(&self) -> BoxFuture<'_, Result<Vec<ScrapeTarget>, MetricError>> {
        async { Ok(self.targets.clone()) }.boxed()
    }

    fn sick_rules(&self) -> BoxFuture<'_, Result<Vec<RuleTrouble>, MetricError>> {
        async { Ok(self.sick.clone()) }.boxed()
    }

    fn rules(&self) -> BoxFuture<'_, Result<Vec<RuleState>, MetricError>> {
        async { Ok(self.rules.clone()) }.boxed()
    }

    fn firing(&self) -> BoxFuture<'_, Result<Vec<FiringAlert>, MetricError>> {
        async { Ok(self.firing.clone()) }.boxed()
    }
}

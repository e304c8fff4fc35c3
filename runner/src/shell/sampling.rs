//! How a query's series are sampled: by the targets they come from, else by the gaps between their samples.

use crate::metrics::{MetricError, MetricSource, ScrapeTarget};
use jiff::{SignedDuration, Timestamp};
use squall_experiments::claim::Query;
use squall_experiments::experiment::{Piece, Template};
use squall_experiments::judge::{Sampling, Series};
use squall_experiments::name::RunId;
use squall_experiments::unit::Length;
use std::time::Duration;

/// What was found about one query.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct QueryFacts {
    /// The coarsest of everything it looks at.
    pub sampling: Sampling,
    /// Worth knowing: selectors without series.
    pub notes: Vec<String>,
    /// Selectors whose newest sample is too old.
    pub stale: Vec<String>,
}

/// Looks at every selector of a query.
pub(super) async fn query_facts(
    source: &dyn MetricSource,
    targets: &[ScrapeTarget],
    query: &Query,
    run: &RunId,
    seed: u64,
) -> Result<QueryFacts, MetricError> {
    let coarsest =
        coarsest(targets).unwrap_or(Sampling { interval: Duration::from_secs(15), timeout: Duration::from_secs(10) });
    let mut facts = QueryFacts { sampling: coarsest, notes: Vec::new(), stale: Vec::new() };
    let mut found: Vec<Sampling> = Vec::new();
    for leaf in query.shape.iter().flat_map(|shape| &shape.leaves) {
        let selector = fill(&leaf.selector, run, seed);
        let now = source.clock().await?;
        let window = (coarsest.interval * 5).max(Duration::from_secs(10));
        let from = SignedDuration::try_from(window).ok().and_then(|window| now.checked_sub(window).ok()).unwrap_or(now);
        let series = source.samples(&selector, from, now).await?.series;
        let Some(newest) = series.iter().filter_map(|series| series.samples.last()).map(|sample| sample.0).max() else {
            facts.notes.push(format!("`{selector}` has no series now"));
            continue;
        };
        let sampling = of_series(&series, targets).unwrap_or(coarsest);
        let age = age(now, newest);
        if age > sampling.interval * 3 + sampling.timeout {
            let (age, interval) = (Length::from(round(age)), Length::from(sampling.interval));
            facts.stale.push(format!(
                "the newest sample of `{selector}` is {age} old, and there should be one every {interval}"
            ));
        }
        found.push(sampling);
    }
    if let Some(sampling) = found.into_iter().reduce(coarser) {
        facts.sampling = sampling;
    }
    Ok(facts)
}

/// The coarsest of several targets.
pub(super) fn coarsest(targets: &[ScrapeTarget]) -> Option<Sampling> {
    targets.iter().map(|target| Sampling { interval: target.interval, timeout: target.timeout }).reduce(coarser)
}

fn coarser(left: Sampling, right: Sampling) -> Sampling {
    Sampling { interval: left.interval.max(right.interval), timeout: left.timeout.max(right.timeout) }
}

fn of_series(series: &[Series], targets: &[ScrapeTarget]) -> Option<Sampling> {
    let produces = |target: &&ScrapeTarget| {
        series.iter().any(|series| {
            ["job", "instance"].iter().all(|label| {
                let own = target.labels.get(*label);
                own.is_some() && own == series.labels.get(*label)
            })
        })
    };
    let own: Vec<ScrapeTarget> = targets.iter().filter(produces).cloned().collect();
    coarsest(&own).or_else(|| {
        // Not scraped but made by a rule, or by somebody else's Prometheus: the samples themselves tell.
        let mut gaps: Vec<Duration> =
            series.iter().flat_map(|series| series.samples.windows(2).map(|pair| age(pair[1].0, pair[0].0))).collect();
        gaps.sort_unstable();
        let interval = *gaps.get(gaps.len() / 2)?;
        Some(Sampling { interval, timeout: interval })
    })
}

fn age(now: Timestamp, then: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(then)).unwrap_or_default()
}

fn round(length: Duration) -> Duration {
    Duration::from_millis(u64::try_from(length.as_millis()).unwrap_or(u64::MAX) / 100 * 100)
}

/// Before the run has hit anybody, `${STEP.targets}` stands for everybody.
pub(super) fn fill(template: &Template, run: &RunId, seed: u64) -> String {
    template
        .0
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Targets(..) => ".*".to_owned(),
            Piece::RunId => run.to_string(),
            Piece::RunSeed => seed.to_string(),
            Piece::Start(_) | Piece::End(_) | Piece::Secret(_) => String::new(),
        })
        .collect()
}

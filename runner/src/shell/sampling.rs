//! How a query's series are sampled: by the targets they come from, else by the gaps between their samples.

use super::matchers::matchers;
use crate::metrics::{MetricError, MetricSource, ScrapeTarget};
use jiff::{SignedDuration, Timestamp};
use squall_experiments::claim::Query;
use squall_experiments::experiment::{Piece, Template};
use squall_experiments::judge::{Sampling, Series};
use squall_experiments::name::RunId;
use squall_experiments::unit::Length;
use std::time::Duration;

/// A series is looked for at least this far back: rules and other servers have intervals of their own.
const LOOK_BACK: Duration = Duration::from_secs(60);

/// Samples are looked for this far ahead of the source's clock: what an exporter that is ahead says of a fault's time was
/// so before it. A scrape takes no more than 10 minutes (`maxAheadTime` in Prometheus' scrape/scrape.go).
const LOOK_AHEAD: SignedDuration = SignedDuration::from_mins(15);

/// Clocks that are kept by NTP are no further apart.
const CLOCKS_APART: Duration = Duration::from_secs(1);

/// What was found about one query.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct QueryFacts {
    /// The coarsest of everything it looks at.
    pub sampling: Sampling,
    /// Worth knowing: selectors without series.
    pub notes: Vec<String>,
    /// Selectors whose newest sample is too old, or of a time to come.
    pub stale: Vec<String>,
}

/// Looks at every selector of a query. `None`: nothing is scraped and there is no sample, so nobody knows yet.
pub(super) async fn query_facts(
    source: &dyn MetricSource,
    targets: &[ScrapeTarget],
    query: &Query,
    run: &RunId,
    seed: u64,
) -> Result<Option<QueryFacts>, MetricError> {
    let window = coarsest(targets).map_or(LOOK_BACK, |sampling| (sampling.interval * 5).max(LOOK_BACK));
    let mut facts = QueryFacts {
        sampling: Sampling { interval: Duration::ZERO, timeout: Duration::ZERO },
        notes: Vec::new(),
        stale: Vec::new(),
    };
    for leaf in query.shape.iter().flat_map(|shape| &shape.leaves) {
        let selector = fill(&leaf.selector, run, seed);
        let now = source.clock().await?;
        let from = SignedDuration::try_from(window).ok().and_then(|window| now.checked_sub(window).ok()).unwrap_or(now);
        let series = source.samples(&selector, from, now).await?.series;
        let likely: Vec<ScrapeTarget> =
            targets.iter().filter(|target| may_produce(target, &selector)).cloned().collect();
        let Some(sampling) = of_series(&series, targets).or_else(|| coarsest(&likely)).or_else(|| coarsest(targets))
        else {
            return Ok(None);
        };
        facts.sampling = coarser(facts.sampling, sampling);
        if let Some(ahead) = ahead(source, &selector, now).await? {
            facts.stale.push(format!(
                "`{selector}` has samples of a time to come, {ahead} ahead of Prometheus' clock: its exporter stamps them, \
                 and its clock is wrong; set `honor_timestamps: false` for it"
            ));
        }
        let Some(newest) = series.iter().filter_map(|series| series.samples.last()).map(|sample| sample.0).max() else {
            facts.notes.push(format!("`{selector}` has no series now"));
            continue;
        };
        let age = age(now, newest);
        if age > sampling.interval * 3 + sampling.timeout {
            let (age, interval) = (Length::from(round(age)), Length::from(sampling.interval));
            let due = format!("there should be one every {interval}");
            facts.stale.push(format!("the newest sample of `{selector}` is {age} old, and {due}"));
        }
    }
    if facts.sampling.interval.is_zero() {
        // A query that could not be taken apart, or one without selectors.
        let Some(sampling) = coarsest(targets) else { return Ok(None) };
        facts.sampling = sampling;
    }
    Ok(Some(facts))
}

/// How far the newest sample is ahead of the source's clock, if it is.
async fn ahead(source: &dyn MetricSource, selector: &str, now: Timestamp) -> Result<Option<Length>, MetricError> {
    let Ok(until) = now.checked_add(LOOK_AHEAD) else { return Ok(None) };
    let series = source.samples(selector, now, until).await?.series;
    let newest = series.iter().filter_map(|series| series.samples.last()).map(|sample| sample.0).max();
    let Some(newest) = newest else { return Ok(None) };
    // Asked afterwards: a sample that came meanwhile is of no time to come.
    let ahead = age(newest, source.clock().await?);
    Ok((ahead > CLOCKS_APART).then(|| Length::from(round(ahead))))
}

/// Why a query has no value most of the time: a sample stands for its series only as long as Prometheus looks back.
///
/// A lookback that is too long needs no word here: what a series looked like after its last sample counts only
/// with coverage, which is shown by raw samples.
pub(super) fn seen_too_briefly(query: &Query, sampling: Sampling, lookback: Duration) -> Option<String> {
    let shape = query.shape.as_ref()?;
    // Raw samples, and ranges, are what they are.
    let leaf = shape.leaves.iter().find(|leaf| !shape.plain && leaf.looks_back.is_zero())?;
    (lookback <= sampling.interval).then(|| {
        format!(
            "Prometheus looks back only {} (`--query.lookback-delta`), and `{}` has a sample every {}: in between \
             there is no value",
            Length::from(lookback),
            leaf.selector,
            Length::from(sampling.interval)
        )
    })
}

/// Whether a target may produce the series of a selector: what it says of `job` and `instance` by equality.
fn may_produce(target: &ScrapeTarget, selector: &str) -> bool {
    matchers(selector).iter().all(|matcher| {
        let Some((name, value)) = matcher.split_once('=') else { return true };
        let value = value.trim();
        // `!=`, `=~` and values with escapes are left open.
        let Some(value) = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) else { return true };
        let name = name.trim();
        name.ends_with('!') || value.contains('\\') || target.labels.get(name).is_none_or(|own| own == value)
    })
}

/// The coarsest of several targets.
fn coarsest(targets: &[ScrapeTarget]) -> Option<Sampling> {
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
fn fill(template: &Template, run: &RunId, seed: u64) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Recorded;
    use squall_experiments::claim::{Leaf, QueryShape};
    use squall_experiments::judge::{Labels, Reading, Sample};
    use std::collections::BTreeMap;

    fn labels(job: &str) -> Labels {
        Labels::from([("job".to_owned(), job.to_owned()), ("instance".to_owned(), "i:1".to_owned())])
    }

    fn target(job: &str, millis: u64) -> ScrapeTarget {
        let interval = Duration::from_millis(millis);
        ScrapeTarget { labels: labels(job), interval, timeout: interval, up: true }
    }

    fn query(selector: &str) -> Query {
        let selector = Template::text(selector);
        let leaf =
            Leaf { selector: selector.clone(), looks_back: Duration::ZERO, offset: Duration::ZERO, pinned: false };
        let shape = QueryShape { leaves: vec![leaf], plain: true, denominator: vec![], formula: None };
        Query { text: selector, shape: Some(shape) }
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_000_000 + millis).unwrap()
    }

    fn source(job: &str, times: &[i64]) -> Recorded {
        let samples = times.iter().map(|millis| Sample(at(*millis), Reading::Number(1.0))).collect();
        let series = BTreeMap::from([("m".to_owned(), vec![Series { labels: labels(job), samples }])]);
        Recorded { series, clock: Some(at(2000)), ..Recorded::default() }
    }

    async fn facts(source: &Recorded, targets: &[ScrapeTarget], selector: &str) -> Option<QueryFacts> {
        query_facts(source, targets, &query(selector), &RunId::new("r"), 1).await.unwrap()
    }

    #[tokio::test]
    async fn a_series_is_sampled_as_its_own_target_is_scraped() {
        let targets = [target("shop", 200), target("slow", 15_000)];
        let found = facts(&source("shop", &[1600, 1800, 2000]), &targets, "m").await.unwrap();
        assert_eq!(found.sampling.interval, Duration::from_millis(200));
        assert!(found.stale.is_empty() && found.notes.is_empty());
    }

    #[tokio::test]
    async fn samples_of_a_time_to_come_are_refused() {
        let targets = [target("shop", 200)];
        let found = facts(&source("shop", &[1800, 2000, 2100]), &targets, "m").await.unwrap();
        assert!(found.stale.is_empty(), "{:?}", found.stale);
        let targets = [target("shop", 15_000)];
        let found = facts(&source("shop", &[1800, 2000, 22_000]), &targets, "m").await.unwrap();
        assert!(found.stale[0].contains("20s ahead of Prometheus' clock"), "{:?}", found.stale);
    }

    #[tokio::test]
    async fn the_gaps_of_a_recorded_series_tell() {
        let targets = [target("shop", 200)];
        let found = facts(&source("a rule", &[0, 1000, 2000]), &targets, "m").await.unwrap();
        assert_eq!(found.sampling.interval, Duration::from_secs(1));
    }

    #[tokio::test]
    async fn a_series_that_is_not_there_yet_is_sampled_as_its_job_would_be() {
        let targets = [target("shop", 200), target("slow", 15_000)];
        let found = facts(&Recorded::default(), &targets, r#"errors_total{job="shop",code="500"}"#).await.unwrap();
        assert_eq!(found.sampling.interval, Duration::from_millis(200));
        assert_eq!(found.notes, [r#"`errors_total{job="shop",code="500"}` has no series now"#]);
        assert_eq!(facts(&Recorded::default(), &[], "m").await, None, "nobody can know");
    }

    #[test]
    fn a_lookback_that_ends_before_the_next_sample_is_named_where_it_matters() {
        let every = |seconds| Sampling { interval: Duration::from_secs(seconds), timeout: Duration::from_secs(1) };
        let mut query = query("m");
        let short = Duration::from_secs(5);
        assert_eq!(seen_too_briefly(&query, every(15), short), None, "raw samples are asked for as they are");
        let shape = query.shape.as_mut().unwrap();
        shape.plain = false;
        let said = seen_too_briefly(&query, every(15), short).unwrap();
        assert!(said.contains("looks back only 5s") && said.contains("`m` has a sample every 15s"), "{said}");
        assert_eq!(seen_too_briefly(&query, every(1), short), None);
        query.shape.as_mut().unwrap().leaves[0].looks_back = Duration::from_secs(60);
        assert_eq!(seen_too_briefly(&query, every(15), short), None, "a range has its own length");
    }

    #[tokio::test]
    async fn old_samples_are_named() {
        let found = facts(&source("shop", &[0, 200]), &[target("shop", 200)], "m").await.unwrap();
        assert_eq!(found.stale, ["the newest sample of `m` is 1s 800ms old, and there should be one every 200ms"]);
    }
}

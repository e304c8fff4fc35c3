//! Is everything there? Everything is asked before anything is said, so that all that is missing is named at once.

use super::Ground;
use super::foresight;
use super::sampling::{query_facts, seen_too_briefly};
use crate::history::Halt;
use crate::metrics::{MetricError, MetricSource, ScrapeTarget};
use jiff::{SignedDuration, Timestamp};
use squall_experiments::claim::{Source, Verb};
use squall_experiments::experiment::{Experiment, StepKind};
use squall_experiments::fault::AgentDescription;
use squall_experiments::history::{Event, PlatformFacts, Preflight, PreflightFailure};
use squall_experiments::judge::{Reading, Sampling, WatchName};
use squall_experiments::name::{NodeName, PlatformName};
use squall_experiments::plan::{PlanRefusalKind, World};
use squall_experiments::unit::Length;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Clocks that are further apart are worth a word, although it is corrected.
const WORTH_A_WORD: Duration = Duration::from_secs(1);

/// How long a server may look for its targets.
const TARGETS_WITHIN: Duration = Duration::from_secs(10);

/// Something that is watched.
pub(super) struct Watched<'a> {
    /// By which it is known.
    pub(super) name: WatchName,
    /// What is asked.
    pub(super) source: &'a Source,
    /// Of whose source.
    pub(super) platform: Option<&'a PlatformName>,
    /// Judged by what counters added up to: on raw samples.
    totals: bool,
}

/// What a metric source says of itself.
struct About {
    targets: Vec<ScrapeTarget>,
    lookback: Option<Duration>,
}

/// What is found on the way.
#[derive(Default)]
struct Found {
    platforms: BTreeMap<String, PlatformFacts>,
    sampling: BTreeMap<WatchName, Sampling>,
    agents: BTreeMap<NodeName, AgentDescription>,
    notes: Vec<String>,
    missing: Vec<String>,
    /// What file or inventory are at fault for.
    bad_input: Vec<String>,
}

impl Ground {
    /// Asks everything that is needed. Answers with one of the preflight events.
    pub(super) async fn preflight(&self) -> Event {
        if let Some(halt) = Halt::called(&self.folder) {
            return Event::PreflightFailed(PreflightFailure::Halted { reason: halt.in_words() });
        }
        let mut found = Found::default();
        if !self.placebo {
            if let Err(reason) = self.claim() {
                return Event::PreflightFailed(PreflightFailure::Missing { reasons: vec![reason] });
            }
            self.ask_agents(&mut found).await;
            if found.missing.is_empty() {
                self.ask_about_orders(&mut found).await;
            }
        }
        self.ask_sources(&mut found).await;
        if !found.bad_input.is_empty() {
            let reasons = found.bad_input.into_iter().chain(found.missing).collect();
            return Event::PreflightFailed(PreflightFailure::BadInput { reasons });
        }
        if !found.missing.is_empty() {
            return Event::PreflightFailed(PreflightFailure::Missing { reasons: found.missing });
        }
        let Found { platforms, sampling, agents, notes, missing: _, bad_input: _ } = found;
        Event::PreflightPassed(Box::new(Preflight { platforms, sampling, agents, notes }))
    }

    async fn ask_agents(&self, found: &mut Found) {
        let nodes: BTreeSet<&NodeName> = self.plan.steps.iter().flat_map(|step| step.targets.keys()).collect();
        let asked = nodes.into_iter().map(|node| async move {
            match self.agent(node) {
                Some(link) => (node, link.describe().await.map_err(|error| error.to_string())),
                None => (node, Err("no agent is known".to_owned())),
            }
        });
        for (node, described) in futures::future::join_all(asked).await {
            match described {
                Ok(description) => drop(found.agents.insert(node.clone(), description)),
                Err(reason) => found.missing.push(format!("the agent of node `{node}` is not there: {reason}")),
            }
        }
    }

    /// Whether the agents would refuse what the steps order: before anybody waits for a baseline.
    async fn ask_about_orders(&self, found: &mut Found) {
        let mut world = World { agents: found.agents.clone(), ..World::default() };
        for (name, read) in &self.platforms {
            match read() {
                Ok(instances) => drop(world.platforms.insert(name.clone(), instances)),
                Err(reason) => return found.missing.push(reason),
            }
        }
        for step in self.experiment.steps() {
            let StepKind::Inject(inject) = &step.kind else { continue };
            let Some(condition) = &inject.into.r#where else { continue };
            let platform = inject.into.platform.as_ref().or_else(|| world.platforms.keys().next());
            let candidates = platform.and_then(|name| world.platforms.get(name)).into_iter().flatten();
            let candidates = candidates.filter(|one| inject.into.matches(one));
            match self.satisfying(condition, inject.into.platform.as_ref(), candidates).await {
                Ok(matching) => drop(world.matching_where.insert(step.id, matching)),
                Err(reason) => return found.missing.push(format!("{}: {reason}", step.label())),
            }
        }
        foresight::learn_addresses(&self.experiment, &mut world).await;
        let agent = |node: &NodeName| self.agent(node);
        for refusal in foresight::refusals(&self.experiment, &world, self.seed, Some(&self.run), agent).await {
            let reason = format!("{}: {refusal}", self.place);
            match refusal.kind {
                PlanRefusalKind::BadInput => found.bad_input.push(reason),
                PlanRefusalKind::Unsupported => found.missing.push(reason),
            }
        }
    }

    async fn ask_sources(&self, found: &mut Found) {
        let mut asked: BTreeMap<String, Option<About>> = BTreeMap::new();
        for watched in watched(&self.experiment) {
            let query = match watched.source {
                Source::Query(query) => query,
                Source::Http { every, .. } | Source::Exec { every, .. } => {
                    found.sampling.insert(watched.name, on_this_host(every.get()));
                    continue;
                }
                Source::Step(_) => continue,
            };
            let Some((key, source)) = self.source(watched.platform) else {
                let name = watched.name;
                let reason =
                    format!("`{name}` asks a query, and no Prometheus is known: set `prometheus` in squall.yaml");
                found.missing.push(reason);
                continue;
            };
            if !asked.contains_key(key) {
                let about = found.ask_source(key, source).await;
                asked.insert(key.clone(), about);
            }
            // A source that does not answer has been named already.
            let Some(Some(about)) = asked.get(key) else { continue };
            match query_facts(source.as_ref(), &about.targets, query, &self.run, self.seed).await {
                Ok(None) => found.missing.push(format!(
                    "`{}` cannot be watched: Prometheus scrapes nothing, and there are no samples",
                    watched.name
                )),
                Ok(Some(facts)) => {
                    let lookback = about.lookback.filter(|_| !watched.totals);
                    let brief = lookback.and_then(|lookback| seen_too_briefly(query, facts.sampling, lookback));
                    found.missing.extend(brief.map(|why| format!("`{}` cannot be watched: {why}", watched.name)));
                    found.sampling.insert(watched.name, facts.sampling);
                    found.notes.extend(facts.notes);
                    found.missing.extend(facts.stale);
                }
                Err(error) => found.missing.push(format!("`{}` cannot be watched: {error}", watched.name)),
            }
        }
        for claim in self.experiment.claims() {
            let (Verb::Becomes { .. }, Source::Query(query)) = (&claim.verb, &claim.source) else { continue };
            let was_answered = found.sampling.contains_key(&WatchName(claim.name.to_string()));
            let source = self.source(claim.platform.as_ref()).filter(|_| was_answered);
            if let (Some((_, source)), Some(text)) = (source, query.text.as_text()) {
                found.notes.extend(constant(source.as_ref(), text).await);
            }
        }
        found.notes.sort();
        found.notes.dedup();
        found.missing.dedup();
    }
}

impl Found {
    /// Asks a metric source about itself, if it answers.
    async fn ask_source(&mut self, name: &str, source: &Arc<dyn MetricSource>) -> Option<About> {
        let skew = match skew(source.as_ref()).await {
            Ok(skew) => skew,
            Err(error) => {
                self.missing.push(format!("Prometheus is needed, and {error}"));
                return None;
            }
        };
        if skew.unsigned_abs() > WORTH_A_WORD {
            let apart =
                Length::from(Duration::from_millis(u64::try_from(skew.unsigned_abs().as_millis()).unwrap_or(u64::MAX)));
            let side = if skew.is_positive() { "ahead of" } else { "behind" };
            self.notes.push(format!("Prometheus' clock is {apart} {side} ours; times are corrected"));
        }
        // What follows helps, and does not decide: not every server that speaks PromQL answers it.
        let version = source.version().await.unwrap_or_else(|_| "unknown".to_owned());
        self.platforms.insert(name.to_owned(), PlatformFacts { version, skew });
        let targets = match scraped(source.as_ref()).await {
            Ok(targets) => targets,
            Err(error) => {
                self.notes.push(format!("scrape intervals are taken from the samples: {error}"));
                Vec::new()
            }
        };
        let down = targets.iter().filter(|target| !target.up).filter_map(|target| target.labels.get("instance"));
        self.notes.extend(down.map(|instance| format!("the target `{instance}` is down")));
        let sick = source.sick_rules().await.unwrap_or_default();
        self.notes.extend(
            sick.into_iter().map(|rule| format!("the rule `{}` of `{}` fails: {}", rule.rule, rule.group, rule.error)),
        );
        let firing = source.firing().await.unwrap_or_default();
        self.notes.extend(firing.into_iter().map(|alert| format!("the alert `{}` fires already", alert.name)));
        let lookback = source.lookback().await.ok().flatten();
        Some(About { targets, lookback })
    }
}

/// What is scraped. A server that has just been started finds its targets after some seconds.
async fn scraped(source: &dyn MetricSource) -> Result<Vec<ScrapeTarget>, MetricError> {
    let until = tokio::time::Instant::now() + TARGETS_WITHIN;
    loop {
        let targets = source.targets().await?;
        if !targets.is_empty() || tokio::time::Instant::now() >= until {
            return Ok(targets);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// The source's clock less ours: the best of three, since an answer is only as good as its round trip.
async fn skew(source: &dyn MetricSource) -> Result<SignedDuration, MetricError> {
    let mut best: Option<(SignedDuration, SignedDuration)> = None;
    for _ in 0..3 {
        let before = Timestamp::now();
        let theirs = source.clock().await?;
        let trip = Timestamp::now().duration_since(before);
        let middle = before.checked_add(trip / 2).unwrap_or(before);
        if best.is_none_or(|(shortest, _)| trip < shortest) {
            best = Some((trip, theirs.duration_since(middle)));
        }
    }
    let (trip, skew) = best.expect("asked three times");
    // Within the round trip nobody can tell the clocks apart.
    Ok(if skew.unsigned_abs() <= trip.unsigned_abs() { SignedDuration::ZERO } else { skew })
}

/// Says that a query had one value at every minute of the last hour: what it tells of a change was never seen
/// to change. It may well be so, of a healthy circuit breaker say, and a source that does not answer says nothing.
async fn constant(source: &dyn MetricSource, query: &str) -> Option<String> {
    let now = source.clock().await.ok()?;
    let hour_ago = now.checked_sub(SignedDuration::from_hours(1)).ok()?;
    let series = source.values(query, hour_ago, now, Duration::from_secs(60)).await.ok()?.series;
    let mut samples = series.iter().flat_map(|series| &series.samples);
    let first = samples.next()?;
    let mut others = samples.peekable();
    others.peek()?;
    let Reading::Number(value) = first.1 else { return None };
    others.all(|sample| sample.1 == first.1).then(|| {
        format!("`{query}` was {value} at every minute of the last hour that has one: nobody has seen it change")
    })
}

/// How sources on this host are sampled. A sample that takes longer than its interval delays the next.
fn on_this_host(every: Duration) -> Sampling {
    Sampling { interval: every, timeout: every.clamp(Duration::from_secs(1), Duration::from_secs(60)) }
}

/// Everything that is watched, by its name.
pub(super) fn watched(experiment: &Experiment) -> Vec<Watched<'_>> {
    let claims = experiment.claims().map(|claim| Watched {
        name: WatchName(claim.name.to_string()),
        source: &claim.source,
        platform: claim.platform.as_ref(),
        totals: matches!(claim.verb, Verb::Totals { .. }),
    });
    let steps = experiment.steps().into_iter().filter_map(|step| {
        let witness = match &step.kind {
            StepKind::Inject(inject) => inject.witness.as_ref(),
            StepKind::Perform(perform) => perform.witness.as_ref(),
            StepKind::WaitFor(wait) => {
                let name = WatchName(step.name.as_ref()?.to_string());
                return Some(Watched { name, source: &wait.source, platform: wait.platform.as_ref(), totals: false });
            }
            StepKind::Wait(_) | StepKind::Parallel(_) => None,
        }?;
        let name = WatchName(step.name.as_ref()?.to_string());
        Some(Watched { name, source: &witness.source, platform: witness.platform.as_ref(), totals: false })
    });
    claims.chain(steps).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Recorded;
    use squall_experiments::judge::{Labels, Sample, Series};

    async fn said(values: &[f64]) -> Option<String> {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let samples = (0..)
            .zip(values)
            .map(|(minute, value)| Sample(now - SignedDuration::from_mins(50 - minute), Reading::Number(*value)));
        let series = vec![Series { labels: Labels::new(), samples: samples.collect() }];
        let series = BTreeMap::from([("max(open)".to_owned(), series)]);
        constant(&Recorded { series, clock: Some(now), ..Recorded::default() }, "max(open)").await
    }

    #[tokio::test]
    async fn what_never_changed_in_an_hour_is_remarked_upon() {
        let note = said(&[0.0, 0.0, 0.0]).await.unwrap();
        assert_eq!(note, "`max(open)` was 0 at every minute of the last hour that has one: nobody has seen it change");
        assert_eq!(said(&[0.0, 1.0, 0.0]).await, None);
        assert_eq!(said(&[0.0]).await, None, "one value is not constant");
        assert_eq!(said(&[]).await, None);
    }
}

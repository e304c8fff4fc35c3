//! One task for each watched source: it asks, and tells what came back.
//!
//! A query is [followed](Follow); an `http` or `exec` source is sampled.

use super::follow::{Follow, Question};
use super::probe::Probe;
use crate::clock::RunClock;
use crate::metrics::MetricSource;
use jiff::{SignedDuration, Timestamp};
use squall_experiments::claim::Source;
use squall_experiments::engine::{WatchOrder, source_of};
use squall_experiments::history::{Event, WatchFailure};
use squall_experiments::judge::{Chunk, Labels, Sample, Sampling, Series, WatchName};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::AbortHandle;
use tokio::time::MissedTickBehavior;

/// A metric source, and its clock less ours.
#[derive(Clone)]
pub struct SkewedSource {
    /// The source.
    pub source: Arc<dyn MetricSource>,
    /// Its clock less ours.
    pub skew: SignedDuration,
}

/// Watches sources, each by a task of its own.
pub struct Observer {
    clock: RunClock,
    probe: Arc<Probe>,
    sources: BTreeMap<String, SkewedSource>,
    sampling: BTreeMap<WatchName, Sampling>,
    events: UnboundedSender<Event>,
    tasks: HashMap<WatchName, AbortHandle>,
}

impl Observer {
    /// Nothing is watched yet. `sources`: by platform, or "" where only one is known.
    pub fn new(clock: RunClock, probe: Arc<Probe>, events: UnboundedSender<Event>) -> Self {
        Self { clock, probe, sources: BTreeMap::new(), sampling: BTreeMap::new(), events, tasks: HashMap::new() }
    }

    /// What preflight found: the sources and how each watch is sampled.
    pub fn know(&mut self, sources: BTreeMap<String, SkewedSource>, sampling: BTreeMap<WatchName, Sampling>) {
        self.sources = sources;
        self.sampling = sampling;
    }

    /// Watches a source from now on.
    pub fn watch(&mut self, order: WatchOrder) {
        let watch = order.watch.clone();
        let task = match order.source {
            Source::Query(ref query) => {
                let found = source_of(&self.sources, order.platform.as_ref());
                let Some(SkewedSource { source, skew }) = found.map(|(_, found)| found.clone()) else {
                    let reason = "no Prometheus is known for it".to_owned();
                    return self.tell_failure(&watch, reason, true);
                };
                let text = match self.probe.secrets().fill(&query.text) {
                    Ok(text) => text,
                    Err(reason) => return self.tell_failure(&watch, reason, true),
                };
                let sampling = self.sampling_of(&watch, Duration::from_secs(1));
                let follow = Follow {
                    question: Question::new(text, query, order.leaves_only),
                    source,
                    skew,
                    sampling,
                    clock: self.clock,
                    tell: Tell { watch: watch.clone(), events: self.events.clone() },
                };
                tokio::spawn(follow.run(order.since))
            }
            Source::Http { every, .. } | Source::Exec { every, .. } => {
                let sampling = self.sampling_of(&watch, every.get());
                let tell = Tell { watch: watch.clone(), events: self.events.clone() };
                tokio::spawn(sample(Arc::clone(&self.probe), self.clock, order, sampling, tell))
            }
            // The engine knows how its own actions ended.
            Source::Step(_) => return,
        };
        if let Some(before) = self.tasks.insert(watch, task.abort_handle()) {
            before.abort();
        }
    }

    /// Watches it no longer.
    pub fn unwatch(&mut self, watch: &WatchName) {
        if let Some(task) = self.tasks.remove(watch) {
            task.abort();
        }
    }

    fn sampling_of(&self, watch: &WatchName, every: Duration) -> Sampling {
        self.sampling.get(watch).copied().unwrap_or(Sampling { interval: every, timeout: every })
    }

    fn tell_failure(&self, watch: &WatchName, reason: String, lasting: bool) {
        Tell { watch: watch.clone(), events: self.events.clone() }.failure(reason, lasting);
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        for task in self.tasks.values() {
            task.abort();
        }
    }
}

/// Tells the shell's loop; when the run is over nobody listens.
pub(super) struct Tell {
    watch: WatchName,
    events: UnboundedSender<Event>,
}

impl Tell {
    pub(super) fn chunk(&self, chunk: Chunk) {
        let _unheard = self.events.send(Event::Observed { watch: self.watch.clone(), chunk: Box::new(chunk) });
    }

    pub(super) fn failure(&self, reason: String, lasting: bool) {
        let failure = WatchFailure { reason, lasting };
        let _unheard = self.events.send(Event::Unobserved { watch: self.watch.clone(), failure });
    }
}

/// Samples an `http` or `exec` source.
async fn sample(probe: Arc<Probe>, clock: RunClock, order: WatchOrder, sampling: Sampling, tell: Tell) {
    let begun = clock.source_now(SignedDuration::ZERO);
    if order.since.is_negative() {
        tokio::time::sleep(order.since.unsigned_abs()).await;
    }
    let mut known = earlier_by(begun, Duration::from_millis(1));
    let mut ticks = tokio::time::interval(sampling.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // The value is as old as the question: what happened since may not be in it.
        let at = clock.source_now(SignedDuration::ZERO).max(later(known, Duration::from_millis(1)));
        match probe.read(&order.source, sampling.timeout).await {
            Ok(reading) => {
                tell.chunk(Chunk {
                    from: known,
                    until: at,
                    settled: at,
                    values: vec![Series { labels: Labels::new(), samples: vec![Sample(at, reading)] }],
                    leaves: Vec::new(),
                    scraped: Vec::new(),
                    unheard: Vec::new(),
                    warnings: Vec::new(),
                });
                known = at;
            }
            Err(reason) => tell.failure(reason, false),
        }
        if order.once {
            return;
        }
    }
}

pub(super) fn earlier(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_sub(by).unwrap_or(at)
}

pub(super) fn earlier_by(at: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).map_or(at, |by| earlier(at, by))
}

pub(super) fn later(at: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| at.checked_add(by).ok()).unwrap_or(at)
}

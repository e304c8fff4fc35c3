//! One task for each watched source: it asks, and tells what came back.
//!
//! ```text
//!            start                      known           until
//!   ----------|---------------------------|---------------|----> the source's time
//!                         (from  overlap  |               ]
//! ```
//!
//! Late samples are why the last two intervals and a timeout are asked for again: an answer replaces
//! whatever was known of `(from, until]`. After a failure `known` stays, so nothing is skipped.

use super::probe::Probe;
use super::rules::{Evaluations, whole_metric};
use crate::clock::RunClock;
use crate::metrics::{MetricError, MetricSource};
use jiff::{SignedDuration, Timestamp};
use squall_experiments::claim::{Query, Source};
use squall_experiments::engine::{WatchOrder, source_of};
use squall_experiments::history::{Event, WatchFailure};
use squall_experiments::judge::{Chunk, Labels, Sample, Sampling, Series, WatchName};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::AbortHandle;
use tokio::time::MissedTickBehavior;

/// Not faster, however short the scrape interval is.
const FASTEST: Duration = Duration::from_millis(200);
/// Not slower: progress and `abortIf` look at what is known.
const SLOWEST: Duration = Duration::from_secs(5);
/// A metric that was not seen for so long is not known any more.
const MEMORY: Duration = Duration::from_secs(24 * 60 * 60);
/// Prometheus refuses more than 11,000 points a series.
const MOST_POINTS: u32 = 10_000;

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
struct Tell {
    watch: WatchName,
    events: UnboundedSender<Event>,
}

impl Tell {
    fn chunk(&self, chunk: Chunk) {
        let _unheard = self.events.send(Event::Observed { watch: self.watch.clone(), chunk: Box::new(chunk) });
    }

    fn failure(&self, reason: String, lasting: bool) {
        let failure = WatchFailure { reason, lasting };
        let _unheard = self.events.send(Event::Unobserved { watch: self.watch.clone(), failure });
    }
}

/// What is asked of a metric source.
struct Question {
    text: String,
    plain: bool,
    leaves_only: bool,
    leaves: Vec<String>,
}

impl Question {
    fn new(text: String, query: &Query, leaves_only: bool) -> Self {
        let shape = query.shape.as_ref();
        let plain = shape.is_some_and(|shape| shape.plain);
        let selectors = shape.map(|shape| shape.leaves.iter().map(|leaf| leaf.selector.to_string()).collect());
        Self { text, plain, leaves_only, leaves: selectors.unwrap_or_default() }
    }
}

/// What earlier answers have said.
#[derive(Default)]
struct Memory {
    evaluations: Evaluations,
    /// Leaves whose metric is known.
    heard: BTreeSet<usize>,
}

/// A query that is followed.
struct Follow {
    question: Question,
    source: Arc<dyn MetricSource>,
    skew: SignedDuration,
    sampling: Sampling,
    clock: RunClock,
    tell: Tell,
}

impl Follow {
    async fn run(self, since: SignedDuration) {
        let interval = self.sampling.interval.max(Duration::from_millis(1));
        let overlap = interval * 2 + self.sampling.timeout;
        let start = earlier(self.clock.source_now(self.skew), since);
        if since.is_negative() {
            tokio::time::sleep(since.unsigned_abs()).await;
        }
        let mut known = start;
        let mut memory = Memory::default();
        let mut ticks = tokio::time::interval(interval.clamp(FASTEST, SLOWEST));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let now = self.clock.source_now(self.skew);
            let until = self.border(now.min(later(known, interval * MOST_POINTS)));
            if until <= known {
                ticks.tick().await;
                continue;
            }
            let from = self.border(earlier_by(known, overlap)).max(start);
            match self.ask(from, until, overlap, &mut memory).await {
                Ok(chunk) => {
                    known = until;
                    self.tell.chunk(chunk);
                    // There is more to catch up on only where a point's worth of time is left.
                    if later(until, interval * 2) > now {
                        ticks.tick().await;
                    }
                }
                Err(error) => {
                    self.tell.failure(error.to_string(), error.is_lasting());
                    if error.is_lasting() {
                        return;
                    }
                    ticks.tick().await;
                }
            }
        }
    }

    /// Values stand at multiples of the interval, so an answer ends at one; raw samples stand anywhere.
    fn border(&self, at: Timestamp) -> Timestamp {
        if self.question.plain || self.question.leaves_only {
            return at;
        }
        let interval = i64::try_from(self.sampling.interval.as_millis()).unwrap_or(i64::MAX).max(1);
        let millis = at.as_millisecond().div_euclid(interval) * interval;
        Timestamp::from_millisecond(millis).unwrap_or(at)
    }

    async fn ask(
        &self,
        from: Timestamp,
        until: Timestamp,
        overlap: Duration,
        memory: &mut Memory,
    ) -> Result<Chunk, MetricError> {
        let Question { text, plain, leaves_only, leaves } = &self.question;
        let mut chunk = Chunk {
            from,
            until,
            settled: earlier_by(until, overlap),
            values: Vec::new(),
            leaves: Vec::new(),
            scraped: Vec::new(),
            unheard: Vec::new(),
            warnings: Vec::new(),
        };
        if *plain && !*leaves_only {
            let answer = self.source.samples(text, from, until).await?;
            chunk.values = answer.series;
            chunk.warnings.extend(answer.warnings);
        } else {
            if !*leaves_only {
                let answer = self.source.values(text, from, until, self.sampling.interval).await?;
                chunk.values = answer.series;
                chunk.warnings.extend(answer.warnings);
            }
            let asked = leaves.iter().map(|selector| self.source.samples(selector, from, until));
            for answer in futures::future::try_join_all(asked).await? {
                chunk.leaves.push(answer.series);
                chunk.warnings.extend(answer.warnings);
            }
        }
        let raw = if *plain && !*leaves_only { std::slice::from_ref(&chunk.values) } else { &chunk.leaves };
        let (heard, silent): (Vec<_>, Vec<_>) =
            leaves.iter().zip(raw).enumerate().partition(|(_, (_, series))| !series.is_empty());
        memory.heard.extend(heard.into_iter().map(|(place, _)| place));
        let silent: Vec<(usize, &String)> =
            silent.into_iter().map(|(place, (selector, _))| (place, selector)).collect();
        if !silent.is_empty() {
            let rules = self.source.rules().await;
            for (place, selector) in silent {
                let mut proof = self.source.samples(&proof_selector(selector), from, until).await?.series;
                let by_rules = memory.evaluations.proof(selector, &rules, from, until);
                // What a rule makes is known by the rule.
                if by_rules.is_empty() && !memory.heard.contains(&place) {
                    if self.source.knows(&whole_metric(selector), earlier_by(until, MEMORY), until).await? {
                        memory.heard.insert(place);
                    } else {
                        chunk.unheard.push(place);
                    }
                }
                proof.extend(by_rules);
                proof.retain(|series| !chunk.scraped.contains(series));
                chunk.scraped.extend(proof);
            }
        }
        Ok(chunk)
    }
}

/// `up` of every target that may produce a selector's series: its matchers on `job` and `instance`, as written.
/// Other labels may stand on the target or on the series alone, which cannot be told from here.
fn proof_selector(selector: &str) -> String {
    let of_target =
        |matcher: &&str| matches!(matcher.split(['=', '!']).next().map(str::trim), Some("job" | "instance"));
    let kept: Vec<&str> = matchers(selector).into_iter().filter(of_target).collect();
    if kept.is_empty() { "up".to_owned() } else { format!("up{{{}}}", kept.join(",")) }
}

/// The matchers of a selector, as written.
pub(super) fn matchers(selector: &str) -> Vec<&str> {
    let inner = selector.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}')).map_or("", |(inner, _)| inner);
    let mut found = Vec::new();
    let (mut begun, mut quote, mut escaped) = (0, None, false);
    for (at, letter) in inner.char_indices().chain([(inner.len(), ',')]) {
        match (quote, letter) {
            _ if escaped => escaped = false,
            (Some('"' | '\''), '\\') => escaped = true,
            (Some(open), letter) if open == letter => quote = None,
            (None, '"' | '\'' | '`') => quote = Some(letter),
            (None, ',') => {
                found.push(inner[begun..at].trim());
                begun = at + 1;
            }
            _ => {}
        }
    }
    found.retain(|matcher| !matcher.is_empty());
    found
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

fn earlier(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_sub(by).unwrap_or(at)
}

fn earlier_by(at: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).map_or(at, |by| earlier(at, by))
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| at.checked_add(by).ok()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Recorded;
    use squall_experiments::claim::{Leaf, QueryShape};
    use squall_experiments::experiment::Template;
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    #[test]
    fn proof_of_silence_is_asked_of_the_targets_in_question() {
        for (selector, proof) in [
            ("errors_total", "up"),
            (r#"errors_total{code="500"}"#, "up"),
            (r#"errors_total{job="shop",code=~"5..",instance!~"a,b"}"#, r#"up{job="shop",instance!~"a,b"}"#),
            (r#"{__name__="x",path="a\",job=\"b", job='c'}"#, "up{job='c'}"),
        ] {
            assert_eq!(proof_selector(selector), proof, "{selector}");
        }
    }

    fn observer(source: &Arc<Recorded>) -> (Observer, UnboundedReceiver<Event>) {
        observer_of(&[("", source)])
    }

    fn observer_of(sources: &[(&str, &Arc<Recorded>)]) -> (Observer, UnboundedReceiver<Event>) {
        let (events, inbox) = unbounded_channel();
        let client = crate::metrics::HttpClient::waiting(Duration::from_secs(5));
        let probe = Probe::new("squall".into(), client, Arc::default());
        let mut observer = Observer::new(RunClock::start(), Arc::new(probe), events);
        let sources = sources.iter().map(|(name, source)| {
            let source: Arc<dyn MetricSource> = Arc::clone(source) as _;
            ((*name).to_owned(), SkewedSource { source, skew: SignedDuration::ZERO })
        });
        let sampling = Sampling { interval: Duration::from_millis(100), timeout: Duration::from_millis(100) };
        observer.know(sources.collect(), BTreeMap::from([(name(), sampling)]));
        (observer, inbox)
    }

    fn name() -> WatchName {
        WatchName("claim".to_owned())
    }

    /// One sample, a second old: what is asked for reaches back two, and ends at a moment of the run's own clock.
    fn series(instance: &str) -> Series {
        let at = earlier_by(Timestamp::now(), Duration::from_secs(1));
        Series {
            labels: Labels::from([("instance".to_owned(), instance.to_owned())]),
            samples: vec![Sample(at, squall_experiments::judge::Reading::Number(1.0))],
        }
    }

    fn order(selector: &str, plain: bool) -> WatchOrder {
        let text = Template::text(selector);
        let leaf = Leaf { selector: text.clone(), looks_back: Duration::ZERO, offset: Duration::ZERO, pinned: false };
        let shape = QueryShape { leaves: vec![leaf], plain, denominator: vec![], formula: None };
        WatchOrder {
            watch: name(),
            source: Source::Query(Query { text, shape: Some(shape) }),
            platform: None,
            since: SignedDuration::from_secs(2),
            leaves_only: false,
            once: false,
        }
    }

    #[tokio::test]
    async fn an_alert_that_does_not_fire_is_believed_only_with_its_rules_evaluations() {
        let source = Arc::new(Recorded {
            series: BTreeMap::from([("up".to_owned(), vec![series("a")])]),
            ..Recorded::default()
        });
        let (mut observer, mut inbox) = observer(&source);
        observer.watch(order("ALERTS{alertname=\"Down\"}", true));
        let Event::Observed { chunk, .. } = next(&mut inbox).await else { panic!("no answer") };
        let unproven = chunk.scraped.iter().find(|series| series.labels.contains_key("rule")).unwrap();
        assert_eq!(unproven.samples, [Sample(chunk.until, squall_experiments::judge::Reading::Number(0.0))]);
    }

    #[tokio::test]
    async fn a_metric_that_nobody_ever_exposed_is_said_to_be_unheard_of() {
        let up = ("up".to_owned(), vec![series("a")]);
        let known = ("{__name__=\"errors_total\"}".to_owned(), vec![series("a")]);
        for (metrics, unheard) in [(vec![up.clone()], vec![0]), (vec![up, known], vec![])] {
            let source = Arc::new(Recorded { series: metrics.into_iter().collect(), ..Recorded::default() });
            let (mut observer, mut inbox) = observer(&source);
            observer.watch(order("errors_total{code=\"500\"}", true));
            let Event::Observed { chunk, .. } = next(&mut inbox).await else { panic!("no answer") };
            assert_eq!(chunk.unheard, unheard);
            assert!(!chunk.scraped.is_empty());
        }
    }

    async fn next(inbox: &mut UnboundedReceiver<Event>) -> Event {
        tokio::time::timeout(Duration::from_secs(10), inbox.recv()).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn of_several_sources_a_platforms_own_is_asked_else_the_settings_own() {
        for (platform, own) in [(None, false), (Some("two"), false), (Some("one"), true)] {
            let [one, global] = [Arc::new(Recorded::default()), Arc::new(Recorded::default())];
            let (mut observer, mut inbox) = observer_of(&[("", &global), ("one", &one)]);
            let platform = platform.map(|name: &str| name.parse().unwrap());
            observer.watch(WatchOrder { platform, ..order("m", true) });
            let Event::Observed { .. } = next(&mut inbox).await else { panic!("nobody was asked") };
            let asked = |source: &Recorded| !source.asked.lock().unwrap().is_empty();
            assert_eq!((asked(&one), asked(&global)), (own, !own));
        }
    }

    #[tokio::test]
    async fn a_failure_leaves_no_hole_and_what_may_be_late_is_asked_again() {
        let source = Arc::new(Recorded::default());
        let (mut observer, mut inbox) = observer(&source);
        observer.watch(order("m", true));
        let Event::Observed { chunk: first, .. } = next(&mut inbox).await else { panic!("no answer") };
        let reason = "connection refused".to_owned();
        let failure = MetricError::Unreachable { url: "http://p".into(), reason };
        *source.failure.lock().unwrap() = Some(failure);
        while !matches!(next(&mut inbox).await, Event::Unobserved { .. }) {}
        let known = source.asked.lock().unwrap().iter().rfind(|asked| asked.0 == "m").unwrap().1;
        *source.failure.lock().unwrap() = None;
        let again = loop {
            if let Event::Observed { chunk, .. } = next(&mut inbox).await {
                break chunk;
            }
        };
        assert!(first.until > first.from && first.settled < first.until);
        assert_eq!(again.from, known, "it begins where the answers before the failure end, less what may be late");
        assert_eq!(source.asked.lock().unwrap()[1].0, "up", "silence is proved by the targets' own series");
    }

    #[tokio::test]
    async fn values_stand_at_multiples_of_the_interval() {
        let source = Arc::new(Recorded::default());
        let (mut observer, mut inbox) = observer(&source);
        observer.watch(order("rate(m[1m])", false));
        let Event::Observed { chunk, .. } = next(&mut inbox).await else { panic!("no answer") };
        assert_eq!(chunk.until.as_millisecond() % 100, 0);
        assert_eq!(chunk.leaves.len(), 1);
        observer.unwatch(&name());
    }

    #[tokio::test]
    async fn a_refused_query_is_not_asked_for_ever() {
        let source = Arc::new(Recorded::default());
        let refused = MetricError::Refused { url: "u".into(), kind: "bad_data".into(), message: "no".into() };
        *source.failure.lock().unwrap() = Some(refused);
        let (mut observer, mut inbox) = observer(&source);
        observer.watch(order("m", true));
        let Event::Unobserved { failure, .. } = next(&mut inbox).await else { panic!("it answered") };
        assert!(failure.lasting);
    }
}

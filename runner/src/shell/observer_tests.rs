//! Watches of a source that is made of a script: silent, late, refusing, out of reach.

use super::observer::earlier_by;
use super::{Observer, Probe, SkewedSource};
use crate::clock::RunClock;
use crate::metrics::{MetricError, MetricSource, Recorded};
use jiff::{SignedDuration, Timestamp};
use squall_experiments::claim::{Leaf, Query, QueryShape, Source};
use squall_experiments::engine::WatchOrder;
use squall_experiments::experiment::Template;
use squall_experiments::history::Event;
use squall_experiments::judge::{Labels, Sample, Sampling, Series, WatchName};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

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
    let source =
        Arc::new(Recorded { series: BTreeMap::from([("up".to_owned(), vec![series("a")])]), ..Recorded::default() });
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

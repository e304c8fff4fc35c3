//! What a run stands on: peers on their own platform, metric sources whose clocks are others, what they say of
//! themselves.

use super::{Ground, ReadInstances};
use crate::history::samples::header;
use crate::history::{LiveRun, StateFolder};
use crate::metrics::{FiringAlert, MetricSource, Recorded, RuleTrouble, ScrapeTarget};
use jiff::{SignedDuration, Timestamp};
use squall_experiments::claim::{Claim, Leaf, Query, QueryShape, Role, Source, Tolerance, Verb, Window};
use squall_experiments::experiment::Template;
use squall_experiments::history::{Event, Preflight};
use squall_experiments::judge::{Labels, Reading, Sample, Series};
use squall_experiments::name::{InstanceName, NodeName};
use squall_experiments::target::{Instance, Locator, Selector};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The ground of a placebo of the sample, in a folder that goes with it.
fn ground() -> (Ground, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let state = StateFolder::of(Some(folder.path()));
    let header = header("r1");
    let ground = Ground {
        place: "chaos.yaml:3:9".to_owned(),
        platforms: BTreeMap::new(),
        agents: BTreeMap::new(),
        sources: BTreeMap::new(),
        experiment: header.experiment,
        plan: header.plan,
        placebo: true,
        run: header.run.clone(),
        seed: 7,
        live: Mutex::new(LiveRun::take(&state, &header.run).unwrap().unwrap()),
        folder: state,
    };
    (ground, folder)
}

fn instance(name: &str, app: &str, address: &str) -> Instance {
    Instance {
        name: InstanceName::new(name),
        namespace: None,
        labels: BTreeMap::from([("app".to_owned(), app.to_owned())]),
        node: NodeName::new("n1"),
        zone: None,
        addresses: vec![address.parse().unwrap()],
        locator: Locator::default(),
        series: BTreeMap::new(),
    }
}

fn of(platform: Option<&str>, app: &str) -> Selector {
    let labels = BTreeMap::from([("app".to_owned(), app.to_owned())]);
    Selector { platform: platform.map(|name| name.parse().unwrap()), labels, ..Selector::default() }
}

#[tokio::test]
async fn peers_are_found_on_their_own_platform() {
    let (mut ground, _folder) = ground();
    let hosts = vec![instance("api", "api", "10.0.0.1"), instance("db", "db", "10.0.0.2")];
    let cloud = vec![instance("db", "db", "192.0.2.7"), instance("other", "other", "192.0.2.8")];
    for (name, instances) in [("hosts", hosts), ("cloud", cloud)] {
        let read: ReadInstances = Arc::new(move || Ok(instances.clone()));
        ground.platforms.insert(name.parse().unwrap(), read);
    }
    let found = ground.resolve(&of(Some("hosts"), "api"), &[of(Some("cloud"), "db")]).await.unwrap();
    let addresses: Vec<IpAddr> =
        found.peers[&"cloud".parse().unwrap()].iter().flat_map(|one| one.addresses.clone()).collect();
    assert_eq!(addresses, ["192.0.2.7".parse::<IpAddr>().unwrap()]);
    assert!(found.instances.iter().all(|one| one.addresses[0].to_string().starts_with("10.")), "{found:?}");
    let refused = ground.resolve(&of(Some("hosts"), "api"), &[of(Some("nosuch"), "db")]).await.unwrap_err();
    assert_eq!(refused.reason, "peers: there is no platform `nosuch`");
}

/// `open` is 1, on the platform `one`.
fn claim() -> Claim {
    let text = Template::text("open");
    let leaf = Leaf { selector: text.clone(), looks_back: Duration::ZERO, offset: Duration::ZERO, pinned: false };
    let shape = QueryShape { leaves: vec![leaf], plain: true, denominator: vec![], formula: None };
    Claim {
        name: "open".parse().unwrap(),
        role: Role::SteadyState,
        source: Source::Query(Query { text, shape: Some(shape) }),
        indicator: None,
        platform: "one".parse().ok(),
        verb: Verb::Is { predicate: "1".parse().unwrap(), window: Window::Baseline, tolerance: Tolerance::default() },
        absent: None,
        min_events: None,
    }
}

/// A source that is scraped every second, and has samples until now by a clock that is `ahead` of ours.
fn source(ahead: SignedDuration) -> Recorded {
    let now = Timestamp::now() + ahead;
    let labels = |instance: &str| Labels::from([("instance".to_owned(), instance.to_owned())]);
    let target = |instance: &str, up| {
        let second = Duration::from_secs(1);
        ScrapeTarget { labels: labels(instance), interval: second, timeout: second, up }
    };
    let samples = (0..10).rev().map(|ago| Sample(now - SignedDuration::from_secs(ago), Reading::Number(1.0)));
    Recorded {
        series: BTreeMap::from([(
            "open".to_owned(),
            vec![Series { labels: labels("a:1"), samples: samples.collect() }],
        )]),
        targets: vec![target("a:1", true), target("b:2", false)],
        sick: vec![RuleTrouble { group: "shop".into(), rule: "errors".into(), error: "parse error".into() }],
        firing: vec![FiringAlert { name: "Down".into(), labels: labels("b:2") }],
        clock: Some(now),
        ..Recorded::default()
    }
}

async fn preflight_of(source: Recorded) -> Preflight {
    let (mut ground, _folder) = ground();
    ground.experiment.steady_state.push(claim());
    ground.sources = BTreeMap::from([(String::new(), Arc::new(source) as Arc<dyn MetricSource>)]);
    match ground.preflight().await {
        Event::PreflightPassed(found) => *found,
        other => panic!("not passed: {other:?}"),
    }
}

#[tokio::test]
async fn what_a_source_says_of_itself_is_noted() {
    let found = preflight_of(source(SignedDuration::ZERO)).await;
    let notes = [
        "the alert `Down` fires already",
        "the rule `errors` of `shop` fails: parse error",
        "the target `b:2` is down",
    ];
    assert_eq!(found.notes, notes);
}

#[tokio::test]
async fn a_source_whose_clock_is_another_is_told_of_and_measured() {
    for (seconds, side) in [(7, "ahead of"), (-7, "behind")] {
        let found = preflight_of(source(SignedDuration::from_secs(seconds))).await;
        let skew = found.platforms[""].skew;
        let off = (skew - SignedDuration::from_secs(seconds)).abs();
        assert!(off < SignedDuration::from_secs(3), "{seconds}: {skew:?}");
        let note = found.notes.iter().find(|note| note.starts_with("Prometheus' clock is ")).unwrap();
        assert!(note.ends_with(&format!("{side} ours; times are corrected")), "{note}");
    }
}

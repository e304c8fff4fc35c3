//! A record written entry by entry, as a run would have left it.

use jiff::{SignedDuration, Timestamp};
use squall_experiments::claim::{
    Aggregation, Claim, Dwell, Formula, Leaf, Query, QueryShape, Role, Source, Tolerance, Verb, Window,
};
use squall_experiments::engine::{Command, Phase, WatchOrder};
use squall_experiments::experiment::{Edge, Event as At, Experiment, Instant, Limits, StepId, Template};
use squall_experiments::fault::{AgentDescription, AgentEvent, Capability, Direction, Effect, Support};
use squall_experiments::history::{
    Entry, Event, Header, PlatformFacts, Preflight, RECORD_VERSION, Record, Versions, What,
};
use squall_experiments::judge::{Chunk, Judgement, Labels, Reading, Sample, Sampling, Series, Verdict, WatchName};
use squall_experiments::moment::Moment;
use squall_experiments::name::{FaultId, NodeName, RunId};
use squall_experiments::plan::{Bounds, Plan};
use squall_experiments::target::{Instance, Locator};
use std::collections::BTreeMap;
use std::time::Duration;

/// When every story begins.
pub fn began() -> Timestamp {
    "2026-11-22T05:00:00Z".parse().unwrap()
}

/// A time by the source's clock, which agrees with the runner's.
pub fn time(seconds: f64) -> Timestamp {
    began() + SignedDuration::from_secs_f64(seconds)
}

fn moment(seconds: f64) -> Moment {
    Moment { elapsed: Duration::from_secs_f64(seconds), wall: time(seconds) }
}

/// A record in the making.
pub struct Story {
    pub record: Record,
}

impl Story {
    pub fn of(experiment: Experiment, text: &str) -> Self {
        let within = |earliest: u64, latest: u64| Bounds {
            earliest: Duration::from_secs(earliest),
            latest: Duration::from_secs(latest),
        };
        let plan = Plan {
            seed: 4711,
            baseline: within(10, 70),
            steps: Vec::new(),
            method: within(12, 20),
            recovery: within(10, 70),
            whole: within(32, 160),
            most_targets: 2,
            limits: limits(),
            protected: Vec::new(),
            notes: Vec::new(),
        };
        let header = Header {
            version: RECORD_VERSION,
            run: RunId::new("r-7f3k2"),
            began: began(),
            again: format!("squall run {}.yaml --seed 4711 --settings lab.yaml", experiment.name),
            file: format!("{}.yaml", experiment.name),
            experiment,
            text: text.to_owned(),
            plan,
            seed: 4711,
            placebo: false,
            versions: Versions {
                squall: "0.1.0".to_owned(),
                host: "lab".to_owned(),
                kernel: "6.1.0-31-amd64".to_owned(),
            },
            agents: std::collections::BTreeMap::new(),
        };
        Self { record: Record { header, entries: Vec::new(), judgement: None } }
    }

    pub fn event(&mut self, at: f64, event: Event) {
        self.push(at, What::Event(event));
    }

    pub fn command(&mut self, at: f64, command: Command) {
        self.push(at, What::Command(command));
    }

    fn push(&mut self, at: f64, what: What) {
        let number = u64::try_from(self.record.entries.len()).unwrap() + 1;
        self.record.entries.push(Entry { number, at: moment(at), what });
    }

    pub fn enter(&mut self, at: f64, phase: Phase) {
        self.command(at, Command::Enter(phase));
    }

    pub fn agent(&mut self, at: f64, node: &str, fault: &str, event: AgentEvent) {
        self.event(at, Event::Agent { node: NodeName::new(node), fault: FaultId::new(fault), event });
    }

    /// Samples of a source that is asked about every second and gives what it has gathered since.
    pub fn watched(&mut self, name: &str, source: &Source, series: &[Series], leaves: &[Vec<Series>]) {
        let order = WatchOrder {
            watch: WatchName(name.to_owned()),
            source: source.clone(),
            platform: None,
            since: SignedDuration::ZERO,
            leaves_only: !leaves.is_empty(),
            once: false,
        };
        self.command(0.7, Command::Watch(Box::new(order)));
        let last = series.iter().chain(leaves.iter().flatten()).flat_map(|one| &one.samples).map(|it| it.0).max();
        let end = last.map_or(0.0, |last| last.duration_since(began()).as_secs_f64());
        let mut from = 0.0;
        while from < end {
            let (begin, until) = (time(from), time(from + 1.0));
            let cut = |one: &Series| Series {
                labels: one.labels.clone(),
                samples: one.samples.iter().filter(|it| begin < it.0 && it.0 <= until).cloned().collect(),
            };
            let chunk = Chunk {
                from: begin,
                until,
                settled: begin,
                values: series.iter().map(cut).collect(),
                leaves: leaves.iter().map(|leaf| leaf.iter().map(cut).collect()).collect(),
                scraped: Vec::new(),
                unheard: Vec::new(),
                warnings: Vec::new(),
            };
            self.event(from + 1.1, Event::Observed { watch: WatchName(name.to_owned()), chunk: Box::new(chunk) });
            from += 1.0;
        }
    }

    /// Puts the entries in order, numbers them and closes the record.
    pub fn ends(mut self, judgement: Option<Judgement>) -> Record {
        self.record.entries.sort_by_key(|entry| entry.at.elapsed);
        for (number, entry) in (1..).zip(&mut self.record.entries) {
            entry.number = number;
        }
        self.record.judgement = judgement;
        self.record
    }
}

pub fn limits() -> Limits {
    Limits { max_targets: None, max_percent: "100%".parse().unwrap(), keep_at_least: 0 }
}

/// A judgement without claims.
pub fn judgement(verdict: Verdict, reasons: &[&str]) -> Judgement {
    Judgement {
        verdict,
        reasons: reasons.iter().map(|reason| (*reason).to_owned()).collect(),
        claims: Vec::new(),
        witnesses: Vec::new(),
        waits: Vec::new(),
        remaining: Vec::new(),
        recovery: None,
        placebo: None,
        notes: Vec::new(),
    }
}

/// What preflight finds in the lab: sources with their intervals in milliseconds, one agent.
pub fn preflight(watches: &[(&str, u64)]) -> Event {
    let sampling =
        |millis| Sampling { interval: Duration::from_millis(millis), timeout: Duration::from_millis(millis) };
    let by = |backend: &str| Support::By { backend: backend.to_owned() };
    let can = |effect, direction, support| Capability { effect, direction, support };
    let agent = AgentDescription {
        version: "0.1.0".to_owned(),
        kernel: "6.1.0-31-amd64".to_owned(),
        boot_id: "5d1c0f5e".to_owned(),
        faults: 0,
        capabilities: vec![
            can(Effect::Kill, None, by("signals by pidfd")),
            can(Effect::Drop, Some(Direction::Egress), by("nftables owner table, netdev egress")),
            can(Effect::Drop, Some(Direction::Ingress), by("nftables owner table, netdev ingress")),
            can(Effect::Delay, Some(Direction::Ingress), by("NFQUEUE, netdev ingress")),
            can(Effect::Delay, Some(Direction::Egress), Support::No { reason: "sch_netem is missing".to_owned() }),
        ],
    };
    let facts = PlatformFacts { version: "Prometheus 2.42.0".to_owned(), skew: SignedDuration::ZERO };
    Event::PreflightPassed(Box::new(Preflight {
        platforms: BTreeMap::from([(String::new(), facts)]),
        sampling: watches.iter().map(|(watch, millis)| (WatchName((*watch).to_owned()), sampling(*millis))).collect(),
        agents: BTreeMap::from([(NodeName::new("lab"), agent)]),
        notes: Vec::new(),
    }))
}

pub fn instance(name: &str, app: &str, zone: &str, address: &str) -> Instance {
    Instance {
        name: squall_experiments::name::InstanceName::new(name),
        namespace: Some("shop".to_owned()),
        labels: Labels::from([("app".to_owned(), app.to_owned())]),
        node: NodeName::new("lab"),
        zone: Some(zone.to_owned()),
        addresses: vec![address.parse().unwrap()],
        locator: Locator::default(),
        series: Labels::from([("instance".to_owned(), format!("{address}:8080"))]),
    }
}

/// A query that is judged on raw samples: these worlds answer with values alone.
pub fn query(text: &str) -> Source {
    let shape = QueryShape { leaves: vec![leaf(text)], plain: true, denominator: Vec::new(), formula: None };
    Source::Query(Query { text: Template::text(text), shape: Some(shape) })
}

fn leaf(selector: &str) -> Leaf {
    Leaf { selector: Template::text(selector), looks_back: Duration::ZERO, offset: Duration::ZERO, pinned: false }
}

/// `sum(good) / sum(all)` over plain counters.
pub fn ratio(good: &str, all: &str) -> Source {
    let sum = |place| {
        Box::new(Formula::Aggregate {
            by: Aggregation::Sum,
            keep: Vec::new(),
            drop: Vec::new(),
            of: Box::new(Formula::Leaf(place)),
        })
    };
    let formula =
        Formula::Binary { operator: squall_experiments::claim::Operator::Divide, left: sum(0), right: sum(1) };
    Source::Query(Query {
        text: Template::text(format!("sum({good}) / sum({all})")),
        shape: Some(QueryShape {
            leaves: vec![leaf(good), leaf(all)],
            plain: false,
            denominator: vec![1],
            formula: Some(formula),
        }),
    })
}

pub fn claim(name: &str, role: Role, source: Source, verb: Verb) -> Claim {
    Claim {
        name: name.parse().unwrap(),
        role,
        source,
        indicator: None,
        platform: None,
        verb,
        absent: None,
        min_events: None,
    }
}

pub fn start(step: &str, offset: i64) -> Instant {
    let step = step.parse().unwrap();
    Instant { event: At::Step(step, Edge::Start), offset: SignedDuration::from_secs(offset) }
}

pub fn end(step: &str) -> Instant {
    Instant { event: At::Step(step.parse().unwrap(), Edge::End), offset: SignedDuration::ZERO }
}

pub fn is(predicate: &str, window: Window) -> Verb {
    Verb::Is { predicate: predicate.parse().unwrap(), window, tolerance: Tolerance::default() }
}

pub fn becomes(predicate: &str, within: &str, after: Instant, dwell: Dwell) -> Verb {
    Verb::Becomes { predicate: predicate.parse().unwrap(), after, within: within.parse().unwrap(), dwell }
}

pub fn during(step: &str) -> Window {
    Window::Between { from: start(step, 0), to: end(step) }
}

/// Samples of a function of time, every `every` seconds.
pub fn series(labels: &[(&str, &str)], until: f64, every: f64, value: impl Fn(f64) -> Option<f64>) -> Series {
    let mut samples = Vec::new();
    let mut place = 1;
    loop {
        let at = f64::from(place) * every;
        if at > until {
            break;
        }
        samples.extend(value(at).map(|value| Sample(time(at), Reading::Number(value))));
        place += 1;
    }
    let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Series { labels, samples }
}

/// The same wherever it runs: a number from 0 to 1 that looks like chance.
pub fn noise(at: f64) -> f64 {
    (at * 12.9898).sin().mul_add(43_758.545_3, 0.0).rem_euclid(1.0)
}

pub fn step(id: u32) -> StepId {
    StepId(id)
}

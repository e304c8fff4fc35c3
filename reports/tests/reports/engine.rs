//! The fold against what the engine really records: a small world answers its commands, and the
//! report shows steps, faults, evidence and values of the run that came of it.

use crate::samples::breaker_header;
use crate::story::{began, instance, preflight, time};
use jiff::SignedDuration;
use squall_experiments::engine::{Command, Engine};
use squall_experiments::fault::{AgentEvent, DelaySeen, EndCause, Evidence};
use squall_experiments::history::{Entry, Event, Record, ResolvedTargets, What};
use squall_experiments::judge::{Chunk, Labels, Reading, Sample, Series, WatchName};
use squall_experiments::moment::Moment;
use squall_experiments::name::{FaultId, NodeName};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Agents answer after 50 ms, sources every second with five samples.
struct World {
    engine: Engine,
    record: Record,
    now: Duration,
    queue: BTreeMap<(Duration, usize), Event>,
    watched: BTreeSet<WatchName>,
    sampled: Duration,
    /// When the first order was sent, and the first revert.
    on: f64,
    off: f64,
}

impl World {
    fn run(mut self) -> Record {
        self.step(Event::TimePassed);
        while !self.engine.is_done() {
            assert!(self.record.entries.len() < 20_000, "the run does not end; it is in {}", self.engine.phase());
            let next_sample = self.sampled + Duration::from_secs(1);
            let next_event = self.queue.keys().next().map_or(next_sample, |(at, _)| *at);
            let deadline = self.engine.next_deadline().unwrap_or(next_sample);
            self.now = self.now.max(next_event.min(next_sample).min(deadline));
            if let Some(first) = self.queue.first_entry().filter(|first| first.key().0 <= self.now) {
                let event = first.remove();
                self.step(event);
            } else if next_sample <= self.now {
                self.sample();
            } else {
                self.step(Event::TimePassed);
            }
        }
        self.record
    }

    fn step(&mut self, event: Event) {
        let wall = began() + SignedDuration::try_from(self.now).unwrap();
        let at = Moment { elapsed: self.now, wall };
        let commands = self.engine.step(at, event.clone());
        let whats = std::iter::once(What::Event(event)).chain(commands.iter().cloned().map(What::Command));
        for what in whats {
            let number = u64::try_from(self.record.entries.len()).unwrap() + 1;
            self.record.entries.push(Entry { number, at, what });
        }
        for command in commands {
            self.answer(command);
        }
    }

    fn later(&mut self, millis: u64, event: Event) {
        self.queue
            .insert((self.now + Duration::from_millis(millis), self.record.entries.len() + self.queue.len()), event);
    }

    fn agent(&mut self, millis: u64, node: NodeName, fault: FaultId, event: AgentEvent) {
        self.later(millis, Event::Agent { node, fault, event });
    }

    fn answer(&mut self, command: Command) {
        let millis = Duration::from_millis;
        let seen = DelaySeen { min: millis(390), p50: millis(401), p99: millis(430), max: millis(444) };
        let evidence = Evidence::Packets { dropped: 0, delayed: 321, bytes: 12_345, delay: Some(seen) };
        match command {
            Command::Preflight => {
                let names = self.record.header.experiment.claims().map(|claim| claim.name.to_string());
                let names: Vec<String> = names.chain(["payments-slow".to_owned()]).collect();
                let watches: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 200)).collect();
                self.later(50, preflight(&watches));
            }
            Command::Resolve { step, shot, .. } => {
                let instances =
                    ["payments-1", "payments-2"].map(|name| instance(name, "payments", "zone-a", "10.0.1.12"));
                let found = ResolvedTargets {
                    instances: instances.into(),
                    matching_where: None,
                    addresses: BTreeMap::new(),
                    peers: BTreeMap::new(),
                };
                self.later(50, Event::TargetsResolved { step, shot, found: Box::new(found) });
            }
            Command::Inject { node, order } => {
                self.on = self.on.min(self.now.as_secs_f64());
                let backend = "NFQUEUE".to_owned();
                self.agent(50, node.clone(), order.id.clone(), AgentEvent::On { backend });
                self.agent(900, node, order.id, AgentEvent::Seen { evidence });
            }
            Command::Revert { node, fault } => {
                self.off = self.off.min(self.now.as_secs_f64());
                let cause = EndCause::Asked;
                let gone = AgentEvent::Reverted { cause, evidence: Some(evidence), differences: Vec::new() };
                self.agent(80, node, fault, gone);
            }
            Command::Watch(order) => {
                self.watched.insert(order.watch.clone());
            }
            Command::Unwatch(watch) => {
                self.watched.remove(&watch);
            }
            Command::Finish(judgement) => self.record.judgement = Some(*judgement),
            Command::Enter(_)
            | Command::StepStarted(_)
            | Command::StepEnded(_)
            | Command::Begin { .. }
            | Command::Stop(_) => {}
        }
    }

    /// Slow while the fault is on; the breaker opens 0.7 s later and closes 2.3 s after its end.
    fn value(&self, watch: &str, at: f64) -> f64 {
        let slow = (self.on..self.off).contains(&at);
        let open = (self.on + 0.7..self.off + 2.3).contains(&at);
        match watch {
            "payments-slow" => 0.004 + 0.4 * f64::from(u8::from(slow)),
            "breaker-opens" | "breaker-closes" => f64::from(u8::from(open)),
            "checkout-stays-fast" => 0.03 + 0.4 * f64::from(u8::from(slow && !open)),
            _ => 0.9995,
        }
    }

    fn sample(&mut self) {
        let (from, until) = (self.sampled.as_secs_f64(), self.now.as_secs_f64());
        self.sampled = self.now;
        for watch in self.watched.clone() {
            let series = |value: &dyn Fn(f64) -> f64| {
                let times = (1..=5).map(|place| from + (until - from) * f64::from(place) / 5.0);
                let samples = times.map(|at| Sample(time(at), Reading::Number(value(at)))).collect();
                vec![Series { labels: Labels::new(), samples }]
            };
            let counted = watch.0 == "customers-keep-succeeding";
            let values = if counted { Vec::new() } else { series(&|at| self.value(&watch.0, at)) };
            let count = |share: f64| series(&move |at| (at * 120.0 * share).floor());
            let leaves = if counted { vec![count(0.998), count(1.0)] } else { Vec::new() };
            let settled = time(from - 1.0);
            let (from, until) = (time(from), time(until));
            let chunk = Chunk {
                from,
                until,
                settled,
                values,
                leaves,
                scraped: Vec::new(),
                unheard: Vec::new(),
                warnings: Vec::new(),
            };
            self.step(Event::Observed { watch, chunk: Box::new(chunk) });
        }
    }
}

#[test]
fn what_the_engine_records_is_what_the_report_shows() {
    let header = breaker_header();
    let world = World {
        engine: Engine::new(&header),
        record: Record { header, entries: Vec::new(), judgement: None },
        now: Duration::ZERO,
        queue: BTreeMap::new(),
        watched: BTreeSet::new(),
        sampled: Duration::ZERO,
        on: f64::INFINITY,
        off: f64::INFINITY,
    };
    let record = world.run();
    let report = squall_reports::json(&record);
    let step = &report["steps"][0];
    let (start, end) = (&step["start"], &step["end"]);
    let seconds = |value: &serde_json::Value| value.as_f64().unwrap_or_else(|| panic!("{report:#}"));
    assert!(seconds(&start[0]) < seconds(&start[1]) && seconds(&end[0]) < seconds(&end[1]), "edges are intervals");
    let length = seconds(&end[0]) - seconds(&start[1]);
    assert!((11.9..12.2).contains(&length), "`for: 12s` lasted {length} s");
    let faults = report["faults"].as_array().unwrap();
    assert_eq!(faults.len(), 2);
    for fault in faults {
        assert_eq!(fault["evidence"]["packets"]["delayed"], 321);
        assert_eq!(fault["end"]["clean"], true);
    }
    let samples = report["claims"].as_array().unwrap().iter().filter(|claim| claim["samples"] != 0).count();
    assert!(samples >= 4, "claims were watched and are drawn: {report:#}");
    let phases: Vec<&str> =
        report["phases"].as_array().unwrap().iter().map(|phase| phase["phase"].as_str().unwrap()).collect();
    assert!(phases.ends_with(&["method", "revert", "recovery", "cleanUp", "done"]), "{phases:?}");
    assert_eq!(report["verdict"], serde_json::to_value(record.judgement.as_ref().unwrap().verdict).unwrap());
    let page = squall_reports::html(&record);
    assert!(page.contains("payments-slow"));
    std::fs::write(std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("report-engine.html"), page).unwrap();
}

//! A world that answers commands: agents confirm after 10 ms, actions after 100 ms, sources every second.
//! A test changes what it needs by an answer of its own.

use super::build::{agents, instances};
use crate::claim::Source;
use crate::engine::{Command, Engine, Phase};
use crate::fault::{AgentEvent, EndCause, Evidence, Order, OrderFault, ProcessSeen, Signal};
use crate::history::{
    ActionEnd, Activity, Entry, Event, Header, PlatformFacts, Preflight, Record, ResolvedTargets, WatchFailure, What,
};
use crate::judge::{Chunk, Judgement, Labels, Reading, Sample, Sampling, Series, WatchName};
use crate::moment::Moment;
use crate::name::{FaultId, NodeName};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What a test answers to a command, and after how long. `None`: as usual.
pub(super) type Answer = Box<dyn FnMut(&Command, Duration) -> Option<Vec<(Duration, Event)>>>;
/// The value of a source at a time; `None`: it has none.
pub(super) type Value = Box<dyn Fn(&str, Duration) -> Option<f64>>;

pub(super) struct SimulatedWorld {
    pub(super) engine: Engine,
    pub(super) header: Header,
    pub(super) now: Duration,
    pub(super) entries: Vec<Entry>,
    queue: BTreeMap<(Duration, u64), Event>,
    counter: u64,
    orders: BTreeMap<FaultId, (NodeName, Order)>,
    watched: BTreeMap<WatchName, (Duration, bool)>,
    /// What is asked of a metric source, by that one's clock.
    queried: BTreeSet<WatchName>,
    /// That clock less ours.
    skew: SignedDuration,
    pub(super) answer: Answer,
    pub(super) value: Value,
    pub(super) judgement: Option<Judgement>,
}

pub(super) const INTERVAL: Duration = Duration::from_secs(1);

impl SimulatedWorld {
    pub(super) fn new(header: Header) -> Self {
        Self {
            engine: Engine::new(&header),
            header,
            now: Duration::ZERO,
            entries: Vec::new(),
            queue: BTreeMap::new(),
            counter: 0,
            orders: BTreeMap::new(),
            watched: BTreeMap::new(),
            queried: BTreeSet::new(),
            skew: SignedDuration::ZERO,
            answer: Box::new(|_, _| None),
            value: Box::new(|_, _| Some(1.0)),
            judgement: None,
        }
    }

    pub(super) fn of(experiment: crate::experiment::Experiment) -> Self {
        Self::new(super::build::header(experiment))
    }

    pub(super) fn answering(
        mut self,
        answer: impl FnMut(&Command, Duration) -> Option<Vec<(Duration, Event)>> + 'static,
    ) -> Self {
        self.answer = Box::new(answer);
        self
    }

    pub(super) fn valued(mut self, value: impl Fn(&str, Duration) -> Option<f64> + 'static) -> Self {
        self.value = Box::new(value);
        self
    }

    /// With one metric source for all platforms, whose clock is so much ahead of ours.
    pub(super) fn skewed(mut self, skew: SignedDuration) -> Self {
        self.skew = skew;
        self
    }

    pub(super) fn moment(&self, elapsed: Duration) -> Moment {
        Moment { elapsed, wall: self.wall(elapsed) }
    }

    fn wall(&self, elapsed: Duration) -> Timestamp {
        self.header.began + SignedDuration::try_from(elapsed).unwrap()
    }

    pub(super) fn send(&mut self, after: Duration, event: Event) {
        self.counter += 1;
        self.queue.insert((self.now + after, self.counter), event);
    }

    /// Gives the engine an event now.
    pub(super) fn step(&mut self, event: Event) -> Vec<Command> {
        let at = self.moment(self.now);
        self.note(at, What::Event(event.clone()));
        let commands = self.engine.step(at, event);
        for command in &commands {
            self.note(at, What::Command(command.clone()));
        }
        for command in &commands {
            let answers = (self.answer)(command, self.now);
            for (after, event) in answers.unwrap_or_else(|| self.usual_answer(command)) {
                self.send(after, event);
            }
            if let Command::Finish(judgement) = command {
                self.judgement = Some((**judgement).clone());
            }
        }
        commands
    }

    fn note(&mut self, at: Moment, what: What) {
        let number = u64::try_from(self.entries.len()).unwrap() + 1;
        self.entries.push(Entry { number, at, what });
    }

    pub(super) fn record(&self) -> Record {
        Record { header: self.header.clone(), entries: self.entries.clone(), judgement: self.judgement.clone() }
    }

    /// Goes on until the run is over or a condition is met.
    pub(super) fn run_until(&mut self, stop: impl Fn(&Self) -> bool) {
        if self.entries.is_empty() {
            self.step(Event::TimePassed);
        }
        let mut steps = 0;
        while !self.engine.is_done() && !stop(self) {
            steps += 1;
            assert!(steps < 20_000, "the run does not end; it is in {}", self.engine.phase());
            let next_event = self.queue.keys().next().copied();
            let deadline = self.engine.next_deadline();
            let next_sample = self.watched.values().map(|(due, _)| *due).min();
            let due = [next_event.map(|(at, _)| at), deadline, next_sample].into_iter().flatten().min();
            let due = due.unwrap_or_else(|| panic!("nothing is waited for in {}", self.engine.phase()));
            self.now = self.now.max(due);
            if let Some(key) = next_event.filter(|(at, _)| *at <= self.now) {
                let event = self.queue.remove(&key).unwrap();
                self.step(event);
            } else if next_sample.is_some_and(|at| at <= self.now) {
                self.sample();
            } else {
                self.step(Event::TimePassed);
            }
        }
    }

    pub(super) fn run(&mut self) -> Judgement {
        self.run_until(|_| false);
        self.judgement.clone().expect("Finish comes with the end")
    }

    pub(super) fn run_to(&mut self, phase: Phase) {
        self.run_until(|world| world.engine.phase() >= phase);
    }

    pub(super) fn run_for(&mut self, length: Duration) {
        let end = self.now + length;
        self.run_until(|world| {
            let next = world.queue.keys().next().map(|(at, _)| *at).into_iter().chain(world.engine.next_deadline());
            world.now >= end || next.chain(world.watched.values().map(|(due, _)| *due)).min() > Some(end)
        });
        self.now = self.now.max(end);
    }

    fn sample(&mut self) {
        let due: Vec<WatchName> =
            self.watched.iter().filter(|(_, (at, _))| *at <= self.now).map(|(name, _)| name.clone()).collect();
        for name in due {
            // An earlier sample may have ended this watch.
            let Some((at, once)) = self.watched.get(&name).copied() else { continue };
            if once {
                self.watched.remove(&name);
            } else {
                self.watched.insert(name.clone(), (at + INTERVAL, false));
            }
            let value = (self.value)(&name.0, self.now);
            let skew = if self.queried.contains(&name) { self.skew } else { SignedDuration::ZERO };
            let until = self.wall(self.now) + skew;
            let samples: Vec<Sample> = value.into_iter().map(|value| Sample(until, Reading::Number(value))).collect();
            let values = if samples.is_empty() { vec![] } else { vec![Series { labels: Labels::new(), samples }] };
            let chunk = Chunk {
                from: until - SignedDuration::try_from(INTERVAL).unwrap(),
                until,
                settled: until,
                values,
                leaves: Vec::new(),
                scraped: Vec::new(),
                unheard: Vec::new(),
                warnings: Vec::new(),
            };
            self.step(Event::Observed { watch: name, chunk: Box::new(chunk) });
        }
    }

    /// A source that says it will never answer again, and is not asked again.
    pub(super) fn refuse(&mut self, name: &str) {
        let watch = WatchName(name.to_owned());
        self.watched.remove(&watch);
        let failure = WatchFailure { reason: "401 Unauthorized".into(), lasting: true };
        self.step(Event::Unobserved { watch, failure });
    }

    fn usual_answer(&mut self, command: &Command) -> Vec<(Duration, Event)> {
        let soon = Duration::from_millis(10);
        match command {
            Command::Preflight => {
                let mut found = preflight(&self.header);
                let facts = PlatformFacts { version: "3".into(), skew: self.skew };
                // The golden record knows of none.
                found.platforms.extend((!self.skew.is_zero()).then_some((String::new(), facts)));
                vec![(soon, Event::PreflightPassed(Box::new(found)))]
            }
            Command::Resolve { step, shot, .. } => {
                vec![(soon, Event::TargetsResolved { step: *step, shot: *shot, found: Box::new(resolved()) })]
            }
            Command::Inject { node, order } => {
                self.orders.insert(order.id.clone(), (node.clone(), (**order).clone()));
                let mut answers = vec![(soon, agent_event(node, &order.id, on()))];
                match &order.fault {
                    OrderFault::Kill { hold_down: false, .. } => {
                        let done = AgentEvent::Done { evidence: evidence(&order.fault) };
                        answers.push((soon * 2, agent_event(node, &order.id, done)));
                    }
                    fault => {
                        let seen = AgentEvent::Seen { evidence: evidence(fault) };
                        answers.push((soon * 50, agent_event(node, &order.id, seen)));
                    }
                }
                answers
            }
            Command::Revert { node, fault } => vec![(soon, agent_event(node, fault, reverted(EndCause::Asked)))],
            Command::Begin { activity, timeout, .. } => match (activity, timeout) {
                (Activity::Action(_), None) => vec![],
                _ => vec![(soon * 10, ended(*activity, exited(0)))],
            },
            Command::Stop(activity) => {
                vec![(soon, ended(*activity, ActionEnd::Stopped { output: String::new() }))]
            }
            Command::Watch(order) => {
                if matches!(order.source, Source::Query(_)) {
                    self.queried.insert(order.watch.clone());
                }
                self.watched.insert(order.watch.clone(), (self.now + soon, order.once));
                vec![]
            }
            Command::Unwatch(name) => {
                self.watched.remove(name);
                vec![]
            }
            Command::Enter(_) | Command::StepStarted(_) | Command::StepEnded(_) | Command::Finish(_) => vec![],
        }
    }

    /// Every command so far with its time.
    pub(super) fn commands(&self) -> impl Iterator<Item = (Duration, &Command)> {
        self.entries.iter().filter_map(|entry| match &entry.what {
            What::Command(command) => Some((entry.at.elapsed, command)),
            What::Event(_) => None,
        })
    }

    pub(super) fn injected(&self) -> Vec<(Duration, &Order)> {
        self.commands()
            .filter_map(|(at, command)| match command {
                Command::Inject { order, .. } => Some((at, &**order)),
                _ => None,
            })
            .collect()
    }

    pub(super) fn reverted(&self) -> BTreeSet<FaultId> {
        self.commands()
            .filter_map(|(_, command)| match command {
                Command::Revert { fault, .. } => Some(fault.clone()),
                _ => None,
            })
            .collect()
    }

    pub(super) fn time_of(&self, which: impl Fn(&Command) -> bool) -> Option<Duration> {
        self.commands().find(|(_, command)| which(command)).map(|(at, _)| at)
    }

    pub(super) fn phases(&self) -> Vec<Phase> {
        self.commands()
            .filter_map(|(_, command)| match command {
                Command::Enter(phase) => Some(*phase),
                _ => None,
            })
            .collect()
    }
}

pub(super) fn preflight(header: &Header) -> Preflight {
    let sampling = Sampling { interval: INTERVAL, timeout: Duration::from_millis(500) };
    let names = header.experiment.claims().map(|claim| WatchName(claim.name.to_string()));
    let steps = header.experiment.steps().into_iter().filter_map(|step| step.name.clone());
    let names = names.chain(steps.map(|name| WatchName(name.to_string())));
    Preflight {
        platforms: BTreeMap::new(),
        sampling: names.map(|name| (name, sampling)).collect(),
        agents: agents(),
        notes: Vec::new(),
    }
}

pub(super) fn resolved() -> ResolvedTargets {
    ResolvedTargets { instances: instances(), matching_where: None, addresses: BTreeMap::new(), peers: BTreeMap::new() }
}

pub(super) fn agent_event(node: &NodeName, fault: &FaultId, event: AgentEvent) -> Event {
    Event::Agent { node: node.clone(), fault: fault.clone(), event }
}

pub(super) fn on() -> AgentEvent {
    AgentEvent::On { backend: "fake".into() }
}

pub(super) fn reverted(cause: EndCause) -> AgentEvent {
    AgentEvent::Reverted { cause, evidence: None, differences: Vec::new() }
}

pub(super) fn ended(activity: Activity, end: ActionEnd) -> Event {
    Event::ActionEnded { activity, end }
}

pub(super) fn exited(code: i32) -> ActionEnd {
    ActionEnd::Exited { code, output: "out\nlast line\n".into() }
}

/// Evidence that a fault bites.
pub(super) fn evidence(fault: &OrderFault) -> Evidence {
    match fault {
        OrderFault::Network(network) => Evidence::Packets {
            dropped: 3,
            delayed: 3,
            bytes: 300,
            delay: network.delay.map(|delay| crate::fault::DelaySeen {
                min: delay.get(),
                p50: delay.get(),
                p99: delay.get(),
                max: delay.get(),
            }),
        },
        OrderFault::Kill { .. } => Evidence::Signalled {
            processes: vec![ProcessSeen { pid: 7, command: "api".into(), signal: Signal::KILL, exited: true }],
            restarts: 0,
            failed: Vec::new(),
        },
        OrderFault::Pause { .. } => Evidence::Paused { held: 2, threads: 2, died: 0 },
    }
}

//! Experiments and inventories for tests, a line each.

use crate::claim::{
    Claim, Dwell, Formula, HttpRequest, Leaf, Program, Query, QueryShape, Role, Source, Tolerance, Verb, Window,
};
use crate::experiment::{
    Action, Edge, Event, Experiment, Inject, Instant, Lasting, Limits, Perform, Step, StepId, StepKind, Template, Undo,
    WaitFor, Witness,
};
use crate::fault::{AgentDescription, Capability, Direction, Effect, Fault, Kill, Network, Pause, Support};
use crate::history::{Header, RECORD_VERSION, Versions};
use crate::name::{InstanceName, NodeName, PlatformName, RunId};
use crate::plan::{Caps, World, plan};
use crate::target::{Instance, Locator, Pick, Selector};
use crate::unit::Length;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) fn seconds(count: u64) -> Length {
    Length::from_secs(count)
}

pub(crate) fn experiment(method: Vec<Step>) -> Experiment {
    let mut experiment = Experiment {
        name: "test".parse().unwrap(),
        title: "It holds".into(),
        labels: BTreeMap::new(),
        parameters: BTreeMap::new(),
        steady_state: Vec::new(),
        recover_within: seconds(60),
        prepare: Vec::new(),
        method,
        expect: Vec::new(),
        abort_if: Vec::new(),
        limits: Limits { max_targets: None, max_percent: "100%".parse().unwrap(), keep_at_least: 0 },
    };
    renumber(&mut experiment);
    experiment
}

/// Gives every step its place: prepare, then the method, outer before inner.
pub(crate) fn renumber(experiment: &mut Experiment) {
    fn walk(steps: &mut [Step], next: &mut u32) {
        for step in steps {
            step.id = StepId(*next);
            *next += 1;
            match &mut step.kind {
                StepKind::Parallel(steps) => walk(steps, next),
                StepKind::Inject(inject) => {
                    if let Lasting::Meanwhile(steps) = &mut inject.lasting {
                        walk(steps, next);
                    }
                }
                StepKind::Perform(perform) => {
                    if let Lasting::Meanwhile(steps) = &mut perform.lasting {
                        walk(steps, next);
                    }
                }
                StepKind::Wait(_) | StepKind::WaitFor(_) => {}
            }
        }
    }
    let mut next = 0;
    for (id, _, _) in &mut experiment.prepare {
        *id = StepId(next);
        next += 1;
    }
    walk(&mut experiment.method, &mut next);
}

pub(crate) fn step(name: &str, kind: StepKind) -> Step {
    Step { id: StepId(0), name: name.parse().ok(), kind }
}

pub(crate) fn wait(length: u64) -> Step {
    step("", StepKind::Wait(seconds(length)))
}

pub(crate) fn parallel(branches: Vec<Step>) -> Step {
    step("", StepKind::Parallel(branches))
}

pub(crate) fn app(app: &str) -> Selector {
    Selector { labels: BTreeMap::from([("app".into(), app.into())]), pick: Some(Pick::All), ..Selector::default() }
}

pub(crate) fn inject(name: &str, fault: Fault, into: Selector, lasting: Lasting) -> Step {
    step(name, StepKind::Inject(Box::new(Inject { fault, into, lasting, every: None, witness: None })))
}

pub(crate) fn partition() -> Fault {
    Fault::Network(Box::new(Network { partition: true, ..Network::default() }))
}

pub(crate) fn delay() -> Fault {
    Fault::Network(Box::new(Network { delay: Some(Length::from_millis(400)), ..Network::default() }))
}

pub(crate) fn kill() -> Fault {
    Fault::Kill(Kill::default())
}

pub(crate) fn pause() -> Fault {
    Fault::Pause(Pause::default())
}

pub(crate) fn for_seconds(count: u64) -> Lasting {
    Lasting::For(seconds(count))
}

pub(crate) fn command(words: &str) -> Action {
    Action::Exec(Program { command: words.split(' ').map(Template::text).collect(), env: BTreeMap::new() })
}

pub(crate) fn performance(words: &str, undo: &[&str], lasting: Lasting) -> Perform {
    Perform {
        action: command(words),
        undo: Undo::By(undo.iter().map(|words| command(words)).collect()),
        lasting,
        timeout: seconds(60),
        witness: None,
    }
}

pub(crate) fn perform(name: &str, undo: &[&str], lasting: Lasting) -> Step {
    step(name, StepKind::Perform(Box::new(performance(name, undo, lasting))))
}

pub(crate) fn http(url: &str) -> Source {
    Source::Http {
        request: HttpRequest { url: Template::text(url), method: "GET".into(), headers: BTreeMap::new(), body: None },
        json: None,
        every: seconds(1),
    }
}

pub(crate) fn wait_for(name: &str, within: u64) -> Step {
    let source = http(&format!("http://{name}/"));
    let wait = WaitFor { source, platform: None, is: "1".parse().unwrap(), within: seconds(within), absent: None };
    step(name, StepKind::WaitFor(Box::new(wait)))
}

pub(crate) fn witness(name: &str) -> Witness {
    let source = http(&format!("http://{name}/"));
    Witness { source, platform: None, becomes: "1".parse().unwrap(), within: seconds(5), absent: None }
}

pub(crate) fn at(step: &str, edge: Edge) -> Instant {
    let event = match step {
        "method" => Event::Method(edge),
        name => Event::Step(name.parse().unwrap(), edge),
    };
    Instant { event, offset: SignedDuration::ZERO }
}

pub(crate) fn claim(name: &str, role: Role, source: Source, verb: Verb) -> Claim {
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

/// `is: PREDICATE` over the baseline and the recovery.
pub(crate) fn steady(name: &str, predicate: &str) -> Claim {
    let predicate = predicate.parse().unwrap();
    let verb = Verb::Is { predicate, window: Window::Baseline, tolerance: Tolerance::default() };
    claim(name, Role::SteadyState, http(&format!("http://{name}/")), verb)
}

/// `is: PREDICATE` during a step.
pub(crate) fn during(name: &str, predicate: &str, step: &str) -> Claim {
    let verb = Verb::Is {
        predicate: predicate.parse().unwrap(),
        window: Window::Between { from: at(step, Edge::Start), to: at(step, Edge::End) },
        tolerance: Tolerance::default(),
    };
    claim(name, Role::Expect, http(&format!("http://{name}/")), verb)
}

/// `becomes: PREDICATE` within some seconds after an event.
pub(crate) fn becomes(name: &str, predicate: &str, within: u64, after: Instant) -> Claim {
    let verb =
        Verb::Becomes { predicate: predicate.parse().unwrap(), after, within: seconds(within), dwell: Dwell::Once };
    claim(name, Role::Expect, http(&format!("http://{name}/")), verb)
}

/// A selector that is asked as it is.
pub(crate) fn query(selector: &str) -> Source {
    let text = Template::text(selector);
    let leaf = Leaf { selector: text.clone(), looks_back: Duration::ZERO, offset: Duration::ZERO, pinned: false };
    let formula = Some(Formula::Leaf(0));
    Source::Query(Query {
        text,
        shape: Some(QueryShape { leaves: vec![leaf], plain: true, denominator: vec![], formula }),
    })
}

/// `is: PREDICATE` at an event.
pub(crate) fn is_at(name: &str, predicate: &str, source: Source, event: Instant) -> Claim {
    claim(name, Role::Expect, source, Verb::IsAt { predicate: predicate.parse().unwrap(), at: event })
}

pub(crate) fn abort_if(name: &str, predicate: &str) -> Claim {
    let verb = Verb::Aborts { predicate: predicate.parse().unwrap(), lasting: None };
    claim(name, Role::AbortIf, http(&format!("http://{name}/")), verb)
}

/// Three zones of three applications, a node each.
pub(crate) fn instances() -> Vec<Instance> {
    let mut all = Vec::new();
    for (number, zone) in (1u8..).zip(["z1", "z2", "z3"]) {
        for (place, app) in (1u8..).zip(["api", "db", "web"]) {
            all.push(Instance {
                name: InstanceName::new(format!("{app}-{zone}")),
                namespace: Some("shop".into()),
                labels: BTreeMap::from([("app".into(), app.into())]),
                node: NodeName::new(format!("n{number}")),
                zone: Some(zone.into()),
                addresses: vec![std::net::Ipv4Addr::new(10, 0, number, place).into()],
                locator: Locator { process: None, netns: Some(PathBuf::from(format!("/run/netns/{app}-{zone}"))) },
                series: BTreeMap::from([("instance".into(), format!("10.0.{number}.{place}:80"))]),
            });
        }
    }
    all
}

/// An agent that can do all but hold packets on egress.
pub(crate) fn agent() -> AgentDescription {
    let by = |effect, direction, backend: &str| Capability {
        effect,
        direction,
        support: Support::By { backend: backend.into() },
    };
    AgentDescription {
        version: "0.1.0".into(),
        kernel: "6.18".into(),
        boot_id: "b".into(),
        faults: 0,
        capabilities: vec![
            by(Effect::Kill, None, "pidfd"),
            by(Effect::Pause, None, "ptrace"),
            by(Effect::Drop, Some(Direction::Egress), "netdev egress"),
            by(Effect::Drop, Some(Direction::Ingress), "netdev ingress"),
            by(Effect::Delay, Some(Direction::Ingress), "NFQUEUE"),
            Capability {
                effect: Effect::Delay,
                direction: Some(Direction::Egress),
                support: Support::No { reason: "sch_netem is missing".into() },
            },
        ],
    }
}

pub(crate) fn agents() -> BTreeMap<NodeName, AgentDescription> {
    ["n1", "n2", "n3"].into_iter().map(|node| (NodeName::new(node), agent())).collect()
}

pub(crate) fn ground() -> World {
    let platform: PlatformName = "hosts".parse().unwrap();
    World { platforms: BTreeMap::from([(platform, instances())]), agents: agents(), ..World::default() }
}

pub(crate) fn header(experiment: Experiment) -> Header {
    let plan = plan(&experiment, &ground(), 7, &Caps::default()).unwrap();
    Header {
        version: RECORD_VERSION,
        run: RunId::new("r1"),
        began: Timestamp::from_second(1_700_000_000).unwrap(),
        experiment,
        text: String::new(),
        file: "test.yaml".into(),
        plan,
        seed: 7,
        placebo: false,
        again: "squall run test.yaml --seed 7".into(),
        versions: Versions { squall: "0.1.0".into(), host: "lab".into(), kernel: "6.18".into() },
        agents: BTreeMap::new(),
    }
}

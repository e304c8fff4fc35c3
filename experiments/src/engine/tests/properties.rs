//! What must hold whatever happens: random methods in a world that answers late, wrongly, twice or never.

use super::build::*;
use super::oracle::objection;
use super::world::*;
use crate::engine::{Command, Engine, Phase, leftovers};
use crate::experiment::{Experiment, Lasting, Step, StepKind};
use crate::fault::{AgentEvent, Difference, EndCause, Refusal, RefusalKind};
use crate::history::{AbortCause, ActionEnd, Activity, Event, PreflightFailure, RefusedTargets, WatchFailure, What};
use crate::judge::{Judgement, Outcome, Verdict, WatchName};
use crate::name::{FaultId, NodeName};
use crate::plan::{Caps, plan};
use crate::target::{Pick, Selector};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

fn leaf() -> impl Strategy<Value = Step> {
    let length = 0u64..12;
    let into = prop_oneof![
        Just(app("api")),
        Just(app("db")),
        Just(Selector { pick: Some(Pick::One), ..app("api") }),
        Just(Selector { zone: Some("z1".into()), ..app("db") }),
    ];
    let fault = prop_oneof![Just(partition()), Just(delay()), Just(kill()), Just(pause())];
    prop_oneof![
        2 => length.clone().prop_map(wait),
        4 => (fault, into.clone(), length.clone()).prop_map(|(fault, into, length)| {
            inject("x", fault, into, for_seconds(length))
        }),
        1 => into.clone().prop_map(|into| inject("x", kill(), into, Lasting::Once)),
        1 => (into, 1u64..5, 0u64..15).prop_map(|(into, every, length)| {
            let mut step = inject("x", kill(), into, for_seconds(length));
            if let StepKind::Inject(inject) = &mut step.kind {
                inject.every = Some(seconds(every));
            }
            step
        }),
        2 => (0usize..3, prop_oneof![Just(None), length.prop_map(Some)]).prop_map(|(undos, length)| {
            let lasting = length.map_or(Lasting::Once, for_seconds);
            perform("x", &["one", "two"][..undos.min(2)], lasting)
        }),
        1 => (1u64..10).prop_map(|within| wait_for("x", within)),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let any = leaf().prop_recursive(2, 8, 3, |inner| {
        let list = prop::collection::vec(inner, 1..3);
        prop_oneof![
            list.clone().prop_map(parallel),
            list.clone().prop_map(|steps| inject("x", delay(), app("web"), Lasting::Meanwhile(steps))),
            list.prop_map(|steps| perform("x", &["undo"], Lasting::Meanwhile(steps))),
        ]
    });
    prop::collection::vec(any, 1..4)
}

/// Names and places, each once.
fn name_all(experiment: &mut Experiment) {
    fn walk(steps: &mut [Step]) {
        for step in steps {
            if step.name.is_some() {
                step.name = format!("s{}", step.id.0).parse().ok();
            }
            match &mut step.kind {
                StepKind::Parallel(steps) => walk(steps),
                StepKind::Inject(inject) => {
                    if let Lasting::Meanwhile(steps) = &mut inject.lasting {
                        walk(steps);
                    }
                }
                StepKind::Perform(perform) => {
                    if let Lasting::Meanwhile(steps) = &mut perform.lasting {
                        walk(steps);
                    }
                }
                StepKind::Wait(_) | StepKind::WaitFor(_) => {}
            }
        }
    }
    renumber(experiment);
    walk(&mut experiment.method);
}

prop_compose! {
    fn experiments()(
        method in steps(),
        prepared in any::<bool>(),
        with_claims in any::<bool>(),
        watched in any::<bool>(),
        witnessed in any::<bool>(),
    ) -> Experiment {
        let mut experiment = experiment(method);
        if prepared {
            let load = performance("load", &["rest"], Lasting::Once);
            experiment.prepare.push((crate::experiment::StepId(0), "load".parse().unwrap(), load));
        }
        name_all(&mut experiment);
        if witnessed {
            for step in &mut experiment.method {
                if let StepKind::Inject(inject) = &mut step.kind {
                    inject.witness = Some(witness("outside"));
                }
            }
        }
        if with_claims {
            experiment.steady_state.push(steady("healthy", "1"));
            let names: Vec<String> =
                experiment.steps().into_iter().filter_map(|step| step.name.clone()).map(|name| name.to_string()).collect();
            if let Some(name) = names.first() {
                experiment.expect.push(during("holds", "1", name));
                let end = at(name, crate::experiment::Edge::End);
                experiment.expect.push(is_at("rows", "1", http("http://rows/"), end.clone()));
                experiment.expect.push(becomes("again", "1", 5, end));
            }
        }
        if watched {
            experiment.abort_if.push(abort_if("burning", "0"));
        }
        experiment
    }
}

/// Decides from a list of bytes, over and over; all zero: the world behaves.
struct Whims {
    bytes: Vec<u8>,
    place: usize,
}

impl Whims {
    fn next(&mut self) -> u8 {
        self.place += 1;
        self.bytes[self.place % self.bytes.len()]
    }

    fn answer(&mut self, command: &Command) -> Option<Vec<(Duration, Event)>> {
        let whim = self.next();
        let late = Duration::from_millis(u64::from(self.next()) * 150);
        match command {
            Command::Preflight => match whim {
                0..240 => None,
                240..248 => Some(vec![]),
                _ => {
                    let failure = PreflightFailure::Missing { reasons: vec!["no Prometheus".into()] };
                    Some(vec![(late, Event::PreflightFailed(failure))])
                }
            },
            Command::Resolve { step, shot, .. } => match whim {
                0..230 => None,
                230..240 => Some(vec![]),
                _ => {
                    let refused = RefusedTargets { reason: "the platform does not answer".into() };
                    Some(vec![(late, Event::TargetsRefused { step: *step, shot: *shot, refused })])
                }
            },
            Command::Inject { node, order } => {
                let event = |event| agent_event(node, &order.id, event);
                let refusal = Refusal { kind: RefusalKind::Failed, reason: "broke".into() };
                match whim {
                    0..170 => None,
                    170..190 => Some(vec![(late, event(on()))]),
                    190..205 => Some(vec![]),
                    205..220 => Some(vec![(late, event(AgentEvent::Refused { refusal }))]),
                    220..235 => Some(vec![(Duration::ZERO, event(on())), (late, event(reverted(EndCause::Lease)))]),
                    _ => {
                        let lost = Event::AgentLost {
                            node: node.clone(),
                            faults: BTreeSet::from([order.id.clone()]),
                            reason: "gone".into(),
                        };
                        Some(vec![(Duration::ZERO, event(on())), (late, lost)])
                    }
                }
            }
            Command::Revert { node, fault } => {
                let event = |event| agent_event(node, fault, event);
                match whim {
                    0..180 => None,
                    180..200 => Some(vec![(late, event(reverted(EndCause::Asked)))]),
                    200..215 => Some(vec![]),
                    215..230 => Some(vec![
                        (Duration::ZERO, event(AgentEvent::RevertFailed { errors: vec!["busy".into()] })),
                        (late, event(reverted(EndCause::Asked))),
                    ]),
                    _ => {
                        let differences =
                            vec![Difference { what: "a rule".into(), before: "absent".into(), after: "there".into() }];
                        let cause = EndCause::Asked;
                        Some(vec![(late, event(AgentEvent::Reverted { cause, evidence: None, differences }))])
                    }
                }
            }
            Command::Begin { activity, .. } => match whim {
                0..190 => None,
                190..205 => Some(vec![]),
                205..230 => Some(vec![(late, ended(*activity, exited(1)))]),
                _ => Some(vec![(late, ended(*activity, ActionEnd::NotStarted { reason: "no such file".into() }))]),
            },
            Command::Stop(activity) => match whim {
                0..220 => None,
                220..235 => Some(vec![]),
                _ => Some(vec![(late, ended(*activity, exited(143)))]),
            },
            Command::Watch(order) => match whim {
                0..220 => None,
                _ => {
                    let failure = WatchFailure { reason: "connection refused".into(), lasting: false };
                    Some(vec![(late, Event::Unobserved { watch: order.watch.clone(), failure })])
                }
            },
            Command::Enter(_)
            | Command::StepStarted(_)
            | Command::StepEnded(_)
            | Command::Unwatch(_)
            | Command::Finish(_) => None,
        }
    }
}

/// Something that comes unasked.
fn surprise(kind: u8) -> Event {
    let fault = FaultId::new(format!("r1-{}", kind % 7));
    let node = NodeName::new(format!("n{}", kind % 3 + 1));
    match kind {
        0..60 => Event::AbortRequested(AbortCause::Signal { name: "INT".into() }),
        60..90 => Event::AbortRequested(AbortCause::Halt { reason: "stop".into() }),
        90..120 => Event::StorageFailed { reason: "disk full".into() },
        120..160 => Event::AgentLost { node, faults: BTreeSet::from([fault]), reason: "gone".into() },
        165..190 => agent_event(&node, &fault, reverted(EndCause::TargetGone)),
        190..210 => agent_event(
            &node,
            &fault,
            AgentEvent::Done { evidence: evidence(&crate::fault::OrderFault::Pause { process: None }) },
        ),
        210..220 => agent_event(&node, &fault, reverted(EndCause::Person)),
        220..240 => Event::ActionEnded {
            activity: Activity::Action(crate::experiment::StepId(u32::from(kind % 5))),
            end: exited(2),
        },
        _ => Event::Unobserved {
            watch: WatchName("healthy".into()),
            failure: WatchFailure { reason: "401".into(), lasting: true },
        },
    }
}

/// Checks the commands of a finished run, whatever happened in it.
fn check(world: &SimulatedWorld, judgement: &Judgement) -> Result<(), TestCaseError> {
    let mut reverting = false;
    for (_, command) in world.commands() {
        match command {
            Command::Enter(phase) => reverting |= *phase >= Phase::Revert,
            Command::Inject { .. } | Command::Resolve { .. } => {
                prop_assert!(!reverting, "injected after the revert began: {command:?}");
            }
            Command::Begin { activity: Activity::Action(_), .. } => prop_assert!(!reverting),
            _ => {}
        }
    }
    prop_assert_eq!(world.phases().iter().filter(|phase| **phase == Phase::Revert).count(), 1);
    prop_assert!(world.phases().is_sorted(), "phases only go forward: {:?}", world.phases());
    // Every fault is known to be gone by its agent's word, or is said to be there, with a remedy.
    let mut words: BTreeMap<FaultId, bool> = BTreeMap::new();
    let mut one_shots = BTreeSet::new();
    let mut on = BTreeSet::new();
    for entry in &world.entries {
        match &entry.what {
            What::Command(Command::Inject { order, .. }) => {
                words.insert(order.id.clone(), false);
                if order.fault.is_one_shot() {
                    one_shots.insert(order.id.clone());
                }
            }
            What::Event(Event::Agent { fault, event, .. }) => {
                let gone = match event {
                    AgentEvent::Done { .. } => one_shots.contains(fault),
                    AgentEvent::Refused { .. } => !on.contains(fault),
                    AgentEvent::Reverted { differences, .. } => differences.is_empty(),
                    AgentEvent::On { .. } => {
                        on.insert(fault.clone());
                        false
                    }
                    AgentEvent::Seen { .. } | AgentEvent::RevertFailed { .. } => false,
                };
                if let Some(known) = words.get_mut(fault) {
                    *known |= gone;
                }
            }
            _ => {}
        }
    }
    let remaining: BTreeSet<&FaultId> = judgement.remaining.iter().filter_map(|left| left.fault.as_ref()).collect();
    for (fault, gone) in &words {
        prop_assert!(*gone != remaining.contains(fault), "{fault}: gone {gone}, remaining {remaining:?}");
    }
    prop_assert!(judgement.remaining.iter().all(|left| !left.remedy.is_empty()));
    if !remaining.is_empty() {
        prop_assert_eq!(judgement.verdict, Verdict::FaultsMayRemain);
    }
    // No pass without proof.
    if judgement.verdict == Verdict::Passed && !world.header.placebo {
        prop_assert!(judgement.claims.iter().all(|claim| claim.outcome == Outcome::Passed));
        prop_assert!(judgement.witnesses.iter().all(|witness| witness.outcome == Outcome::Passed));
        prop_assert!(!judgement.witnesses.is_empty() && judgement.waits.is_empty());
        let objection = objection(&world.header.experiment, &world.entries);
        prop_assert!(objection.is_none(), "it passed, and yet {}", objection.unwrap_or_default());
    }
    prop_assert!(!judgement.reasons.is_empty());
    Ok(())
}

/// The recorded events through a new engine give the recorded commands.
fn check_replay(world: &SimulatedWorld) -> Result<(), TestCaseError> {
    let mut engine = Engine::new(&world.header);
    let mut entries = world.entries.iter().peekable();
    while let Some(entry) = entries.next() {
        let What::Event(event) = &entry.what else { continue };
        let commands = engine.step(entry.at, event.clone());
        for command in commands {
            let recorded = entries.next().map(|entry| &entry.what);
            prop_assert_eq!(recorded, Some(&What::Command(command)));
        }
    }
    prop_assert!(engine.is_done());
    Ok(())
}

/// Where a run that should pass is dented: a watch, from when, how many seconds, what its source says then.
type Dent = (usize, u64, u64, Option<f64>);

/// A world in which sources say what the faults should bring about, but for some dents.
fn mostly_passing(experiment: Experiment, mut whims: Whims, dents: Vec<Dent>) -> SimulatedWorld {
    let waits: BTreeSet<String> = experiment
        .steps()
        .into_iter()
        .filter(|step| matches!(step.kind, StepKind::WaitFor(_)))
        .filter_map(|step| step.name.as_ref().map(ToString::to_string))
        .collect();
    let first = experiment.steps().into_iter().find(|step| step.name.is_some()).map(|step| step.id);
    let (on, off) = (Rc::new(RefCell::new(BTreeSet::new())), Rc::new(RefCell::new(BTreeSet::new())));
    let (has_begun, has_ended) = (Rc::clone(&on), Rc::clone(&off));
    SimulatedWorld::new(header(experiment))
        .answering(move |command, _| {
            match command {
                Command::StepStarted(step) => drop(on.borrow_mut().insert(*step)),
                Command::StepEnded(step) => drop(off.borrow_mut().insert(*step)),
                _ => {}
            }
            whims.answer(command)
        })
        .valued(move |name, at| {
            let names = ["healthy", "holds", "rows", "again", "burning", "s"];
            let is_meant = |known: &str| known == name || (known == "s" && name.starts_with('s'));
            let dent = |(which, from, length, _): &&Dent| {
                is_meant(names[*which]) && (*from..from + length).contains(&at.as_secs())
            };
            if let Some((.., value)) = dents.iter().find(dent) {
                return *value;
            }
            let is_on = |step| has_begun.borrow().contains(&step) && !has_ended.borrow().contains(&step);
            let truth = match name {
                "again" => first.is_none_or(|step| has_ended.borrow().contains(&step)),
                step if waits.contains(step) => true,
                step => match step.strip_prefix('s').and_then(|number| number.parse().ok()) {
                    Some(number) => is_on(crate::experiment::StepId(number)),
                    None => true,
                },
            };
            Some(f64::from(u8::from(truth)))
        })
}

/// The oracle's own test: of runs that pass it objects to none, and to each once its evidence is taken away.
#[test]
fn the_oracle_misses_what_is_taken_away() {
    let mut runner = TestRunner::deterministic();
    let (mut passed, mut missed) = (0, BTreeMap::<&str, u32>::new());
    for _ in 0..300 {
        let experiment = experiments().new_tree(&mut runner).unwrap().current();
        if plan(&experiment, &ground(), 7, &Caps::default()).is_err() {
            continue;
        }
        let mut world = mostly_passing(experiment, Whims { bytes: vec![0], place: 0 }, Vec::new());
        if world.run().verdict != Verdict::Passed {
            continue;
        }
        passed += 1;
        let experiment = world.header.experiment.clone();
        assert_eq!(objection(&experiment, &world.entries), None);
        let is_of = |what: &What, names: &[&str]| match what {
            What::Event(Event::Observed { watch, .. }) => names.contains(&watch.0.as_str()),
            _ => false,
        };
        let evidence = |what: &What| match what {
            What::Event(Event::Agent { event, .. }) => {
                matches!(event, AgentEvent::Seen { .. } | AgentEvent::Done { .. } | AgentEvent::Reverted { .. })
            }
            What::Event(Event::Observed { watch, .. }) => watch.0.starts_with('s'),
            _ => false,
        };
        for (what, taken) in [
            ("bite", &evidence as &dyn Fn(&What) -> bool),
            ("steady", &|what| is_of(what, &["healthy"])),
            ("claim", &|what| is_of(what, &["holds"])),
            ("instant", &|what| is_of(what, &["rows"])),
            ("change", &|what| is_of(what, &["again"])),
            ("injection", &|what| matches!(what, What::Command(Command::Inject { .. }))),
        ] {
            let left: Vec<_> = world.entries.iter().filter(|entry| !taken(&entry.what)).cloned().collect();
            assert!(objection(&experiment, &left).is_some(), "{what} is not missed");
            *missed.entry(what).or_default() += 1;
        }
    }
    assert!(passed >= 10, "only {passed} runs passed");
    assert_eq!(missed.len(), 6);
}

proptest! {
    /// Most of these runs could pass; none does that lacks what it takes.
    #[test]
    fn nothing_passes_but_what_the_oracle_lets_pass(
        experiment in experiments(),
        whims in prop_oneof![3 => Just(vec![0u8]), 1 => prop::collection::vec(prop_oneof![9 => Just(0u8), 1 => any::<u8>()], 1..40)],
        dents in prop::collection::vec((0usize..6, 25u64..90, 1u64..7, prop_oneof![Just(None), Just(Some(0.0)), Just(Some(1.0)), Just(Some(f64::NAN))]), 0..4),
        surprise_after in prop_oneof![4 => Just(None), 1 => (0u64..90_000, any::<u8>()).prop_map(Some)],
    ) {
        prop_assume!(plan(&experiment, &ground(), 7, &Caps::default()).is_ok());
        let mut world = mostly_passing(experiment, Whims { bytes: whims, place: 0 }, dents);
        if let Some((after, kind)) = surprise_after {
            world.send(Duration::from_millis(after), surprise(kind));
        }
        let judgement = world.run();
        check(&world, &judgement)?;
    }

    #[test]
    fn whatever_happens_nothing_is_left_unsaid_and_the_run_ends(
        experiment in experiments(),
        placebo in prop::bool::weighted(0.1),
        whims in prop_oneof![Just(vec![0u8]), prop::collection::vec(any::<u8>(), 1..40)],
        surprises in prop::collection::vec((0u64..60_000, any::<u8>()), 0..3),
        // Most runs should get past their baseline.
        calm in prop_oneof![1 => Just(0usize), 4 => 32usize..60],
        ups in prop::collection::vec(prop_oneof![4 => Just(Some(1.0)), 1 => Just(Some(0.0)), 1 => Just(None)], 1..30),
    ) {
        prop_assume!(plan(&experiment, &ground(), 7, &Caps::default()).is_ok());
        let mut header = header(experiment);
        header.placebo = placebo;
        let mut whims = Whims { bytes: whims, place: 0 };
        let mut world = SimulatedWorld::new(header)
            .answering(move |command, _| whims.answer(command))
            .valued(move |_, at| match usize::try_from(at.as_secs()).unwrap().checked_sub(calm) {
                None => Some(1.0),
                Some(after) => ups[after / 3 % ups.len()],
            });
        for (after, kind) in surprises {
            world.send(Duration::from_millis(after), surprise(kind));
        }
        let mut aborted = false;
        while !world.engine.is_done() {
            let entries = world.entries.len();
            world.run_until(|world| world.entries.len() > entries);
            aborted |= matches!(world.entries[entries].what, What::Event(Event::AbortRequested(_)));
            prop_assert!(!aborted || world.engine.phase() >= Phase::Revert, "an abort reaches Revert at once");
            match world.engine.next_deadline() {
                Some(deadline) => prop_assert!(deadline > world.now, "{deadline:?} is not after {:?}", world.now),
                None => prop_assert!(world.engine.is_done(), "nothing is waited for in {}", world.engine.phase()),
            }
        }
        let judgement = world.judgement.clone().unwrap();
        check(&world, &judgement)?;
        check_replay(&world)?;
        let left: BTreeSet<FaultId> = leftovers(&world.record()).faults.iter().map(|left| left.order.id.clone()).collect();
        let remaining: BTreeSet<FaultId> = judgement.remaining.iter().filter_map(|left| left.fault.clone()).collect();
        prop_assert_eq!(left, remaining, "the record alone says the same of what is left");
        prop_assert!(world.step(Event::TimePassed).is_empty(), "once over, nothing more is done");
    }

    #[test]
    fn when_the_whole_world_falls_silent_the_run_still_ends(
        experiment in experiments(),
        silence in 0u64..60_000,
    ) {
        prop_assume!(plan(&experiment, &ground(), 7, &Caps::default()).is_ok());
        let mut world = SimulatedWorld::of(experiment);
        world.run_until(|world| world.now.as_millis() >= u128::from(silence));
        let mut now = world.now;
        let latest = now + world.header.plan.whole.latest + Duration::from_secs(300);
        let mut steps = 0;
        while !world.engine.is_done() {
            let deadline = world.engine.next_deadline();
            prop_assert!(deadline.is_some(), "nothing is waited for in {}", world.engine.phase());
            now = now.max(deadline.unwrap());
            let at = world.moment(now);
            world.engine.step(at, Event::TimePassed);
            steps += 1;
            prop_assert!(steps < 5_000, "it does not end; it is in {}", world.engine.phase());
        }
        prop_assert!(now <= latest, "{now:?} is past the plan's bound {latest:?}");
    }
}

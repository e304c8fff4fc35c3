//! What must hold whatever happens: random methods in a world that answers late, wrongly, twice or never.

use super::build::*;
use super::oracle::objection;
use super::random::experiments;
use super::whims::{Whims, mostly_passing, surprise};
use super::world::*;
use crate::engine::{Command, Engine, Phase, leftovers};
use crate::fault::AgentEvent;
use crate::history::{Activity, Event, What};
use crate::judge::{Judgement, Outcome, Verdict};
use crate::name::FaultId;
use crate::plan::{Caps, plan};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

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
        let mut world = mostly_passing(experiment, Whims::of(vec![0]), Vec::new());
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
        let mut world = mostly_passing(experiment, Whims::of(whims), dents);
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
        let mut whims = Whims::of(whims);
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

//! Records of runners that died: what is left of them, and how they are closed.

use super::build::*;
use super::world::*;
use crate::engine::{Command, Reverted, close, last_words, leftovers};
use crate::experiment::{Lasting, Piece, StepKind, Template, Undo};
use crate::history::{AbortCause, Activity, Entry, Event, Record, What};
use crate::judge::Verdict;
use crate::moment::Moment;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

fn world() -> SimulatedWorld {
    let mut cut = perform("cut-link", &["restore"], for_seconds(20));
    if let StepKind::Perform(perform) = &mut cut.kind {
        let restore = Template(vec![Piece::Text("restore-".into()), Piece::Targets("slow".parse().unwrap(), None)]);
        perform.undo = Undo::By(vec![crate::experiment::Action::Exec(crate::claim::Program {
            command: vec![restore],
            env: BTreeMap::new(),
        })]);
    }
    let inner = vec![cut];
    let slow = inject("slow", delay(), app("api"), Lasting::Meanwhile(inner));
    let mut experiment = experiment(vec![perform("flag", &["unflag"], Lasting::Once), slow]);
    experiment.prepare.push((
        crate::experiment::StepId(0),
        "load".parse().unwrap(),
        performance("load", &["rest"], Lasting::Once),
    ));
    renumber(&mut experiment);
    SimulatedWorld::of(experiment)
}

/// The record as it stood when the runner died after so many entries.
fn cut_off(record: &Record, entries: usize) -> Record {
    Record { entries: record.entries[..entries].to_vec(), judgement: None, ..record.clone() }
}

#[test]
fn what_is_left_is_what_was_sent_and_not_confirmed_gone() {
    let mut world = world();
    world.run_until(|world| {
        world.commands().any(
            |(_, command)| matches!(command, Command::Begin { activity: Activity::Action(step), .. } if step.0 == 3),
        )
    });
    let left = leftovers(&world.record());
    let names: Vec<&str> = left.faults.iter().map(|fault| fault.order.instance.as_str()).collect();
    assert_eq!(names, ["api-z1", "api-z2", "api-z3"]);
    assert_eq!(left.reverts().len(), 3);
    let running: Vec<u32> = left
        .running
        .iter()
        .map(|activity| match activity {
            Activity::Action(step) | Activity::Undo(step, _) => step.0,
        })
        .collect();
    assert_eq!(running, [0, 3], "the load and the cut link; the flag has ended");
    let undos: Vec<&str> = left.undos.iter().map(|undo| undo.step.as_str()).collect();
    assert_eq!(undos, ["cut-link", "flag", "load"], "newest first, prepare last");
    let crate::experiment::Action::Exec(program) = left.undos[0].action.as_ref().unwrap() else { panic!() };
    assert_eq!(program.command[0].as_text(), Some("restore-api-z1|api-z2|api-z3"));
}

#[test]
fn after_any_entry_what_was_injected_is_gone_or_left() {
    let mut world = world();
    world.run();
    let record = world.record();
    let mut ever = BTreeSet::new();
    for entries in 0..=record.entries.len() {
        let cut = cut_off(&record, entries);
        let left = leftovers(&cut);
        let ids: BTreeSet<_> = left.faults.iter().map(|fault| fault.order.id.clone()).collect();
        ever.extend(ids);
        let judgement = close(&cut, &Reverted::default());
        assert!(judgement.remaining.is_empty());
    }
    assert_eq!(ever.len(), world.injected().len());
    assert!(leftovers(&record).is_empty(), "a run that ended has left nothing: {:?}", leftovers(&record));
}

#[test]
fn what_could_not_be_reverted_is_named_with_its_remedy() {
    let mut world = world();
    world.run_until(|world| world.injected().len() == 3);
    world.run_for(Duration::from_secs(3));
    let record = world.record();
    let left = leftovers(&record);
    let outcome = Reverted {
        faults: BTreeMap::from([(left.faults[1].order.id.clone(), "its agent is gone".to_owned())]),
        activities: BTreeMap::from([(left.undos[0].activity, "exited with 1".to_owned())]),
    };
    let judgement = close(&record, &outcome);
    assert_eq!(judgement.remaining.len(), 2);
    assert_eq!(judgement.remaining[0].node, Some(crate::name::NodeName::new("n2")));
    assert_eq!(judgement.remaining[1].remedy, "'restore-api-z1|api-z2|api-z3'");
    assert_eq!(judgement.verdict, Verdict::FaultsMayRemain);
    assert_eq!(close(&record, &Reverted::default()).verdict, Verdict::Aborted);
}

#[test]
fn what_a_takeover_wrote_is_not_taken_for_the_dead_runners_words() {
    let mut world = world();
    world.run_until(|world| world.injected().len() == 3);
    let mut record = world.record();
    let died = last_words(&record).unwrap();
    assert_eq!(Some(died), record.entries.last().map(|entry| entry.at));
    let judgement = close(&record, &Reverted::default());
    let at = Moment { elapsed: died.elapsed + Duration::from_secs(3_600), ..died };
    let taken_over = What::Event(Event::AbortRequested(AbortCause::RunnerDied));
    record.entries.push(Entry { number: u64::MAX, at, what: taken_over });
    assert_eq!(last_words(&record), Some(died));
    assert_eq!(close(&record, &Reverted::default()), judgement);
}

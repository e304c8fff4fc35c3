//! Actions: success, failure, undo.

use super::build::*;
use super::world::*;
use crate::claim::Source;
use crate::engine::{Command, Phase};
use crate::experiment::{Edge, Lasting, StepKind, Undo};
use crate::history::{ActionEnd, Activity, Event};
use std::time::Duration;

fn begun(world: &SimulatedWorld) -> Vec<(Duration, Activity)> {
    world
        .commands()
        .filter_map(|(at, command)| match command {
            Command::Begin { activity, .. } => Some((at, *activity)),
            _ => None,
        })
        .collect()
}

#[test]
fn an_action_that_fails_ends_the_method_unless_a_claim_names_it() {
    let failing = |command: &Command, _| match command {
        Command::Begin { activity: activity @ Activity::Action(_), .. } => {
            Some(vec![(Duration::from_millis(5), ended(*activity, exited(3)))])
        }
        _ => None,
    };
    let method = || vec![perform("promote", &[], Lasting::Once), wait(5)];
    let mut world = SimulatedWorld::of(experiment(method())).answering(failing);
    world.run();
    assert_eq!(world.engine.ending.errors, ["promote exited with 3: last line"]);
    assert!(!world.steps_ended(2), "the wait never ended");

    let mut named = experiment(method());
    let source = Source::Step("promote".parse().unwrap());
    named.expect.push(is_at("promoted", "0", source, at("promote", Edge::End)));
    let mut world = SimulatedWorld::of(named).answering(failing);
    world.run();
    assert!(world.engine.ending.errors.is_empty());
    assert!(world.steps_ended(2), "the method went on");
}

#[test]
fn what_lasts_is_stopped_and_undone_at_its_end() {
    let mut world = SimulatedWorld::of(experiment(vec![perform("load", &["rest", "tidy"], for_seconds(5))]));
    world.run();
    let [(begin, _), (first, _), (second, _)] = begun(&world)[..] else { panic!("{:?}", begun(&world)) };
    let stop = world.time_of(|command| matches!(command, Command::Stop(_))).unwrap();
    assert_eq!(stop - begin, Duration::from_secs(5));
    assert_eq!(first - stop, Duration::from_millis(10));
    assert_eq!(second - first, Duration::from_millis(100), "one after another");
    let end = world.engine.timeline.step(&"load".parse().unwrap()).end.unwrap();
    assert_eq!((end.first.elapsed, end.last.elapsed), (stop, second + Duration::from_millis(100)));
}

#[test]
fn a_lasting_command_that_ends_early_with_0_lasts_on_and_with_3_is_an_error() {
    for (code, errors) in [(0, 0), (3, 1)] {
        let mut world = SimulatedWorld::of(experiment(vec![perform("load", &["rest"], for_seconds(5))])).answering(
            move |command, _| match command {
                Command::Begin { activity: activity @ Activity::Action(_), .. } => {
                    Some(vec![(Duration::from_secs(1), ended(*activity, exited(code)))])
                }
                _ => None,
            },
        );
        world.run();
        assert_eq!(world.engine.ending.errors.len(), errors);
        assert_eq!(begun(&world).len(), 2, "it is undone in any case");
        let length = begun(&world)[1].0 - begun(&world)[0].0;
        assert_eq!(length, Duration::from_secs(if code == 0 { 5 } else { 1 }));
    }
}

#[test]
fn what_happened_once_is_undone_at_revert_newest_first() {
    let method = vec![
        perform("one", &["undo-one"], Lasting::Once),
        perform("two", &["undo-two"], Lasting::Once),
        inject("cut", partition(), app("api"), for_seconds(2)),
    ];
    let mut world = SimulatedWorld::of(experiment(method));
    world.run();
    let undone: Vec<u32> = begun(&world)
        .into_iter()
        .filter_map(|(_, activity)| match activity {
            Activity::Undo(step, _) => Some(step.0),
            Activity::Action(_) => None,
        })
        .collect();
    assert_eq!(undone, [1, 0]);
    let reverted = world.time_of(|command| *command == Command::Enter(Phase::Revert)).unwrap();
    assert!(begun(&world)[2].0 >= reverted);
    let end = world.engine.timeline.method().end.unwrap();
    assert_eq!(end.last.elapsed, begun(&world)[3].0 + Duration::from_millis(100), "the method ends with its last undo");
}

#[test]
fn an_undo_that_fails_is_reported_and_does_not_stop_the_others() {
    let method = vec![perform("one", &["undo-one"], Lasting::Once), perform("two", &["bad", "good"], Lasting::Once)];
    let mut world = SimulatedWorld::of(experiment(method)).answering(|command, _| match command {
        Command::Begin { activity: activity @ Activity::Undo(step, 0), .. } if step.0 == 1 => {
            Some(vec![(Duration::from_millis(5), ended(*activity, exited(1)))])
        }
        _ => None,
    });
    let judgement = world.run();
    assert_eq!(begun(&world).len(), 2 + 3, "all of them are tried");
    assert_eq!(judgement.remaining.len(), 1);
    assert_eq!(judgement.remaining[0].reason, "undo 1 of two: exited with 1: last line");
    assert_eq!(judgement.remaining[0].remedy, "bad; good");
}

#[test]
fn irreversible_actions_are_left_as_they_are_and_what_never_began_is_not_undone() {
    let mut once = perform("promote", &[], Lasting::Once);
    if let StepKind::Perform(perform) = &mut once.kind {
        perform.undo = Undo::Irreversible;
    }
    let method = vec![once, perform("absent", &["undo-it"], Lasting::Once)];
    let mut world = SimulatedWorld::of(experiment(method)).answering(|command, _| match command {
        Command::Begin { activity: activity @ Activity::Action(step), .. } if step.0 == 1 => {
            let end = ActionEnd::NotStarted { reason: "no such program".into() };
            Some(vec![(Duration::from_millis(5), ended(*activity, end))])
        }
        _ => None,
    });
    let judgement = world.run();
    assert_eq!(begun(&world).len(), 2);
    assert_eq!(world.engine.ending.errors, ["absent could not be begun: no such program"]);
    assert!(judgement.remaining.is_empty());
}

#[test]
fn prepare_lasts_the_whole_run_and_is_undone_last() {
    let mut experiment = experiment(vec![inject("cut", partition(), app("api"), for_seconds(2))]);
    let load = performance("load", &["rest"], Lasting::Once);
    experiment.prepare.push((crate::experiment::StepId(0), "load".parse().unwrap(), load));
    renumber(&mut experiment);
    let mut world = SimulatedWorld::of(experiment);
    world.run();
    let stop = world.time_of(|command| matches!(command, Command::Stop(_))).unwrap();
    let clean_up = world.time_of(|command| *command == Command::Enter(Phase::CleanUp)).unwrap();
    assert_eq!(stop, clean_up);
    assert_eq!(begun(&world).len(), 2);
    let order = [
        Phase::Preflight,
        Phase::Prepare,
        Phase::Baseline,
        Phase::Method,
        Phase::Revert,
        Phase::Recovery,
        Phase::CleanUp,
        Phase::Done,
    ];
    assert_eq!(world.phases(), order);
}

#[test]
fn an_action_that_never_says_its_end_is_given_up() {
    let mut world =
        SimulatedWorld::of(experiment(vec![perform("stuck", &["undo-it"], Lasting::Once)])).answering(|command, _| {
            match command {
                Command::Begin { activity: Activity::Action(_), .. } | Command::Stop(_) => Some(vec![]),
                _ => None,
            }
        });
    let judgement = world.run();
    assert_eq!(world.engine.ending.errors, ["stuck did not end, nor did its timeout end it, in 80 s"]);
    assert_eq!(begun(&world).len(), 2, "unknown counts as done: it is undone");
    assert!(judgement.remaining[0].reason.contains("did not end in 20 s after it was told to"));
}

#[test]
fn a_claim_at_a_steps_end_is_asked_before_the_next_step_begins() {
    let mut experiment =
        experiment(vec![inject("cut", partition(), app("api"), for_seconds(2)), perform("next", &[], Lasting::Once)]);
    experiment.expect.push(is_at("rows", "0", http("http://rows/"), at("cut", Edge::End)));
    let mut world = SimulatedWorld::of(experiment.clone());
    world.run();
    let asked = world
        .commands()
        .find_map(|(at, command)| match command {
            Command::Watch(order) if order.once => Some(at),
            _ => None,
        })
        .unwrap();
    let end = world.engine.timeline.step(&"cut".parse().unwrap()).end.unwrap();
    assert_eq!(asked, end.last.elapsed);
    assert_eq!(begun(&world)[0].0 - asked, Duration::from_millis(10), "the next step waits for the answer");

    let mut world = SimulatedWorld::of(experiment).answering(|command, _| match command {
        Command::Watch(order) if order.once => Some(vec![]),
        _ => None,
    });
    world.run();
    let end = world.engine.timeline.step(&"cut".parse().unwrap()).end.unwrap();
    assert_eq!(begun(&world)[0].0 - end.last.elapsed, Duration::from_secs(60), "but not for longer than a minute");
}

#[test]
fn nothing_is_asked_at_an_end_that_an_abort_brought() {
    let mut experiment = experiment(vec![inject("cut", partition(), app("api"), for_seconds(60))]);
    experiment.expect.push(is_at("rows", "0", http("http://rows/"), at("cut", Edge::End)));
    let mut world = SimulatedWorld::of(experiment);
    world.run_to(Phase::Method);
    world.run_for(Duration::from_secs(3));
    world.step(Event::AbortRequested(crate::history::AbortCause::Signal { name: "INT".into() }));
    world.run();
    assert!(!world.commands().any(|(_, command)| matches!(command, Command::Watch(order) if order.once)));
}

impl SimulatedWorld {
    fn steps_ended(&self, count: usize) -> bool {
        self.commands().filter(|(_, command)| matches!(command, Command::StepEnded(_))).count() >= count
    }
}

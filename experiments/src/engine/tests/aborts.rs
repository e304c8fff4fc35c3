//! An abort from anywhere reaches Revert at once, and is itself never interrupted.

use super::build::*;
use super::world::*;
use crate::engine::{Command, Phase};
use crate::experiment::Lasting;
use crate::history::{AbortCause, Event};
use std::time::Duration;

fn interrupt() -> Event {
    Event::AbortRequested(AbortCause::Signal { name: "INT".into() })
}

fn method() -> SimulatedWorld {
    let inner = vec![wait(5), inject("cut", partition(), app("db"), for_seconds(30))];
    let mut experiment = experiment(vec![
        perform("flag", &["unflag"], Lasting::Once),
        inject("slow", delay(), app("api"), Lasting::Meanwhile(inner)),
    ]);
    experiment.prepare.push((
        crate::experiment::StepId(0),
        "load".parse().unwrap(),
        performance("load", &["rest"], Lasting::Once),
    ));
    renumber(&mut experiment);
    SimulatedWorld::of(experiment)
}

#[test]
fn an_abort_at_any_second_reverts_everything_and_observes_no_longer() {
    for second in 0..46 {
        let mut world = method();
        world.run_for(Duration::from_secs(second));
        let before = world.engine.phase();
        assert!(!world.engine.is_done(), "at {second} s");
        let commands = world.step(interrupt());
        if before < Phase::Revert {
            assert!(commands.contains(&Command::Enter(Phase::Revert)), "at {second} s, in {before}");
        }
        let aborted = world.now;
        let judgement = world.run();
        assert!(world.now - aborted < Duration::from_secs(2), "at {second} s it took {:?}", world.now - aborted);
        assert!(judgement.remaining.is_empty());
        assert_eq!(world.engine.ending.aborted.as_deref(), Some("the runner got SIGINT"));
        assert!(world.engine.faults.all.values().all(super::super::faults::FaultRun::is_gone), "at {second} s");
    }
}

#[test]
fn a_second_signal_does_not_skip_the_revert() {
    let mut world = method().answering(|command, _| match command {
        Command::Revert { node, fault } => {
            let event = agent_event(node, fault, reverted(crate::fault::EndCause::Asked));
            Some(vec![(Duration::from_secs(10), event)])
        }
        _ => None,
    });
    world.run_to(Phase::Method);
    world.run_for(Duration::from_secs(8));
    world.step(interrupt());
    let aborted = world.now;
    for _ in 0..3 {
        world.run_for(Duration::from_secs(1));
        world.step(Event::AbortRequested(AbortCause::Signal { name: "TERM".into() }));
        assert_eq!(world.engine.phase(), Phase::Revert);
    }
    let judgement = world.run();
    assert!(world.now - aborted >= Duration::from_secs(10));
    assert!(judgement.remaining.is_empty());
    assert_eq!(world.engine.ending.aborted.as_deref(), Some("the runner got SIGINT"), "the first cause counts");
}

#[test]
fn an_abort_while_orders_are_out_reverts_them_though_no_agent_has_said_a_word() {
    let mut world = SimulatedWorld::of(experiment(vec![inject("cut", partition(), app("api"), for_seconds(9))]))
        .answering(|command, _| match command {
            Command::Inject { .. } => Some(vec![]),
            _ => None,
        });
    world.run_until(|world| !world.injected().is_empty());
    let commands = world.step(interrupt());
    assert_eq!(commands.iter().filter(|command| matches!(command, Command::Revert { .. })).count(), 3);
}

#[test]
fn a_run_halted_before_its_start_is_aborted_and_touches_nothing() {
    let mut world = method().answering(|command, _| match command {
        Command::Preflight => {
            let failure = crate::history::PreflightFailure::Halted { reason: "incident 42".into() };
            Some(vec![(Duration::ZERO, Event::PreflightFailed(failure))])
        }
        _ => None,
    });
    world.run();
    assert_eq!(world.engine.ending.aborted.as_deref(), Some("runs are halted: incident 42"));
    assert!(!world.commands().any(|(_, command)| command.touches_a_target()));
}

#[test]
fn a_history_that_cannot_be_written_ends_injection_and_reverts_what_may_be_there() {
    let mut world = method();
    world.run_until(|world| !world.injected().is_empty());
    let commands = world.step(Event::StorageFailed { reason: "no space left on device".into() });
    assert_eq!(commands.iter().filter(|command| matches!(command, Command::Revert { .. })).count(), 3);
    let injected = world.injected().len();
    world.run();
    assert_eq!(world.injected().len(), injected);
    assert_eq!(
        world.engine.ending.errors,
        ["the history could not be written (no space left on device), so nothing more was injected"]
    );
}

#[test]
fn preflight_that_never_answers_is_an_error_after_two_minutes() {
    let mut world = method().answering(|command, _| matches!(command, Command::Preflight).then(Vec::new));
    world.run();
    assert_eq!(world.now, Duration::from_secs(120));
    assert_eq!(world.engine.ending.errors.len(), 1);
    assert!(!world.commands().any(|(_, command)| command.touches_a_target()));
}

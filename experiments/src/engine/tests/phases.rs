//! Phases that wait for what is seen: baseline, safety stops, `waitFor`, recovery.

use super::build::*;
use super::world::*;
use crate::engine::{Command, Phase};
use crate::experiment::Edge;
use crate::history::{Event, PreflightFailure};
use crate::judge::{Outcome, Verdict};
use std::time::Duration;

fn cut() -> crate::experiment::Step {
    inject("cut", partition(), app("api"), for_seconds(10))
}

#[test]
fn the_baseline_is_at_least_ten_seconds_and_thirty_samples() {
    let mut world = SimulatedWorld::of(experiment(vec![cut()]));
    world.run_to(Phase::Method);
    assert_eq!(world.now, Duration::from_millis(10_010));
    let mut experiment = experiment(vec![cut()]);
    experiment.steady_state.push(steady("healthy", "1"));
    let mut world = SimulatedWorld::of(experiment);
    world.run_to(Phase::Method);
    assert!(world.now >= Duration::from_secs(30), "{:?}", world.now);
}

#[test]
fn without_data_the_baseline_waits_a_minute_and_nothing_is_injected() {
    let mut experiment = experiment(vec![cut()]);
    experiment.steady_state.push(steady("healthy", "1"));
    let mut world = SimulatedWorld::of(experiment).valued(|_, _| None);
    let judgement = world.run();
    assert_eq!(world.engine.ending.no_baseline.as_deref(), Some("no data in 60 s of healthy"));
    assert!(world.injected().is_empty());
    assert_eq!(judgement.verdict, Verdict::Inconclusive);
}

#[test]
fn missing_needs_are_an_error_and_nothing_is_begun() {
    let mut world = SimulatedWorld::of(experiment(vec![cut()])).answering(|command, _| match command {
        Command::Preflight => {
            let reasons = vec!["Prometheus at http://p answers 401".to_owned()];
            Some(vec![(Duration::ZERO, Event::PreflightFailed(PreflightFailure::Missing { reasons }))])
        }
        _ => None,
    });
    world.run();
    assert_eq!(world.engine.ending.errors, ["Prometheus at http://p answers 401"]);
    assert_eq!(world.phases(), [Phase::Preflight, Phase::Revert, Phase::CleanUp, Phase::Done]);
}

#[test]
fn sources_are_watched_from_the_baseline_and_those_that_need_a_step_from_its_start() {
    let mut experiment = experiment(vec![cut()]);
    experiment.expect.push(becomes("early", "0", 5, at("cut", Edge::Start)));
    let mut late = becomes("late", "0", 5, at("cut", Edge::Start));
    if let crate::claim::Source::Http { request, .. } = &mut late.source {
        request.url.0.push(crate::experiment::Piece::Targets("cut".parse().unwrap(), Some("instance".into())));
    }
    experiment.expect.push(late);
    let mut world = SimulatedWorld::of(experiment);
    world.run_to(Phase::Recovery);
    let opened = |name: &str| {
        world
            .commands()
            .find_map(|(at, command)| match command {
                Command::Watch(order) if order.watch.0 == name => Some((at, order.clone())),
                _ => None,
            })
            .unwrap()
    };
    assert!(opened("early").0 < Duration::from_secs(1));
    let (at, order) = opened("late");
    assert!(at >= Duration::from_secs(10));
    let crate::claim::Source::Http { request, .. } = &order.source else { panic!() };
    assert!(request.url.as_text().unwrap().ends_with(r"10\\.0\\.1\\.1:80|10\\.0\\.2\\.1:80|10\\.0\\.3\\.1:80"));
}

#[test]
fn a_witness_that_is_never_seen_is_not_a_pass() {
    let mut method = cut();
    if let crate::experiment::StepKind::Inject(inject) = &mut method.kind {
        inject.witness = Some(witness("cut"));
    }
    let mut world = SimulatedWorld::of(experiment(vec![method])).valued(|_, _| Some(0.0));
    let judgement = world.run();
    assert_ne!(judgement.witnesses[0].outcome, Outcome::Passed);
    assert_ne!(judgement.verdict, Verdict::Passed);
}

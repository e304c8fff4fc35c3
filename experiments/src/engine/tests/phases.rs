//! Phases that wait for what is seen: baseline, safety stops, `waitFor`, recovery.

use super::build::*;
use super::world::*;
use crate::engine::{Command, Phase};
use crate::experiment::{Edge, StepKind};
use crate::fault::{AgentEvent, Evidence};
use crate::history::{Activity, Event, PreflightFailure};
use crate::judge::{Measure, Outcome, Verdict};
use jiff::SignedDuration;
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

/// A run that passes: a fault, a steady state, a claim of each verb, a safety stop, a witness.
fn whole() -> crate::experiment::Experiment {
    let mut method = cut();
    if let crate::experiment::StepKind::Inject(inject) = &mut method.kind {
        inject.witness = Some(witness("cut"));
    }
    let mut experiment = experiment(vec![method]);
    experiment.recover_within = seconds(20);
    experiment.steady_state.push(steady("healthy", "1"));
    experiment.expect.push(during("holds", "1", "cut"));
    experiment.expect.push(becomes("opens", "1", 8, at("cut", Edge::Start)));
    experiment.expect.push(is_at("rows", "1", http("http://rows/"), at("cut", Edge::End)));
    experiment.abort_if.push(abort_if("burning", "0"));
    experiment
}

/// The breaker and the witness follow the fault one second later; all else is 1.
fn follows(world: SimulatedWorld) -> SimulatedWorld {
    world.valued(|name, at| match name {
        "opens" | "cut" => Some(if (STARTED + 1..STARTED + 11).contains(&at.as_secs()) { 1.0 } else { 0.0 }),
        _ => Some(1.0),
    })
}

/// When the fault starts, in whole seconds: thirty samples of baseline, and the time until they have settled.
const STARTED: u64 = 30;

#[test]
fn a_run_in_which_everything_is_seen_and_holds_has_passed() {
    let mut world = follows(SimulatedWorld::of(whole()));
    let judgement = world.run();
    assert_eq!(world.injected()[0].0.as_secs(), STARTED);
    assert_eq!(judgement.verdict, Verdict::Passed, "{:#?}", judgement);
    assert!(judgement.claims.iter().all(|claim| claim.outcome == Outcome::Passed));
    assert!(judgement.recovery.is_some());
    let left: Vec<_> = world.engine.watches.all.values().filter(|run| run.open_since().is_some()).collect();
    assert!(left.is_empty(), "every watch is closed");
    let unwatched = world.commands().filter(|(_, command)| matches!(command, Command::Unwatch(_))).count();
    assert_eq!(unwatched, 5, "all but the one that was asked once");
}

#[test]
fn one_source_for_all_platforms_is_judged_by_its_own_clock_whichever_platform_a_claim_names() {
    for seconds in [-7, 7] {
        let mut experiment = whole();
        for claim in experiment.steady_state.iter_mut().chain(&mut experiment.expect) {
            claim.platform = "hosts".parse().ok();
            claim.source = query(claim.name.as_str());
        }
        let mut world = follows(SimulatedWorld::of(experiment)).skewed(SignedDuration::from_secs(seconds));
        let judgement = world.run();
        assert_eq!(judgement.verdict, Verdict::Passed, "{seconds}: {judgement:#?}");
        let Some(Measure::TimeToBecome { least, most }) = &judgement.claims[2].measure else {
            panic!("{judgement:#?}")
        };
        assert!(*most < Duration::from_secs(3) && *least < *most, "{seconds}: {least:?} {most:?}");
    }
}

#[test]
fn a_placebo_of_it_finds_nothing_vacuous() {
    let mut header = header(whole());
    header.placebo = true;
    let mut world = SimulatedWorld::new(header).valued(|name, _| Some(if name == "opens" { 0.0 } else { 1.0 }));
    let judgement = world.run();
    assert_eq!(judgement.verdict, Verdict::Passed, "{:#?}", judgement);
    assert_eq!(judgement.placebo.unwrap().does_not_hold.len(), 1);
    assert!(!world.commands().any(|(_, command)| matches!(command, Command::Watch(order) if order.watch.0 == "cut")));
}

#[test]
fn a_steady_state_that_is_false_before_ends_the_run_at_once_and_untouched() {
    let mut experiment = whole();
    experiment.prepare.push((
        crate::experiment::StepId(0),
        "load".parse().unwrap(),
        performance("load", &["rest"], crate::experiment::Lasting::Once),
    ));
    renumber(&mut experiment);
    let mut world = SimulatedWorld::of(experiment)
        .valued(|name, at| Some(if name == "healthy" && at.as_secs() == 5 { 0.0 } else { 1.0 }));
    let judgement = world.run();
    assert!(world.injected().is_empty());
    assert_eq!(judgement.verdict, Verdict::Inconclusive);
    assert!(judgement.reasons[0].contains("healthy does not hold before anything was done"), "{:?}", judgement.reasons);
    assert!(world.time_of(|command| matches!(command, Command::Stop(_))).is_some(), "prepare is undone");
    assert!(world.now < Duration::from_secs(40), "{:?}", world.now);
}

#[test]
fn a_safety_stop_that_becomes_true_aborts_and_is_named() {
    let mut world = SimulatedWorld::of(whole())
        .valued(|name, at| Some(if name == "burning" && at.as_secs() >= 35 { 0.0 } else { 1.0 }));
    let judgement = world.run();
    assert_eq!(judgement.verdict, Verdict::Aborted);
    assert!(judgement.reasons[0].contains("burning is `0`"), "{:?}", judgement.reasons);
    let reverted = world.time_of(|command| matches!(command, Command::Revert { .. })).unwrap();
    assert_eq!(reverted.as_secs(), 35);
    assert!(!world.phases().contains(&Phase::Recovery));
    let burning = judgement.claims.iter().find(|claim| claim.name.as_str() == "burning").unwrap();
    assert_eq!(burning.outcome, Outcome::Failed);
}

#[test]
fn a_safety_stop_that_goes_blind_reverts_everything_and_is_inconclusive() {
    let mut world =
        SimulatedWorld::of(whole()).valued(|name, at| (name != "burning" || at.as_secs() < 33).then_some(1.0));
    let judgement = world.run();
    assert_eq!(judgement.verdict, Verdict::Inconclusive);
    assert!(judgement.reasons[0].contains("went blind"), "{:?}", judgement.reasons);
    let reverted = world.time_of(|command| matches!(command, Command::Revert { .. })).unwrap();
    assert!(reverted < Duration::from_secs(39), "{reverted:?}: before its ten seconds are over");
}

#[test]
fn a_safety_stop_that_is_true_or_blind_before_keeps_every_fault_away() {
    for value in [Some(0.0), None] {
        let mut world =
            SimulatedWorld::of(whole()).valued(move |name, _| if name == "burning" { value } else { Some(1.0) });
        let judgement = world.run();
        assert!(world.injected().is_empty());
        assert_eq!(judgement.verdict, Verdict::Inconclusive);
    }
}

#[test]
fn a_wait_that_is_not_met_fails_and_ends_the_method_but_recovery_is_seen() {
    let method = vec![cut(), wait_for("ready", 5), perform("promote", &[], crate::experiment::Lasting::Once)];
    let mut experiment = experiment(method);
    experiment.steady_state.push(steady("healthy", "1"));
    experiment.expect.push(during("holds", "1", "cut"));
    let mut world = SimulatedWorld::of(experiment).valued(|name, _| Some(if name == "ready" { 0.0 } else { 1.0 }));
    let judgement = world.run();
    assert_eq!(judgement.verdict, Verdict::Failed, "{:?}", judgement.reasons);
    assert_eq!(judgement.waits[0].outcome, Outcome::Failed);
    assert!(world.phases().contains(&Phase::Recovery));
    assert!(!world.commands().any(|(_, command)| matches!(command, Command::Begin { .. })), "the method has ended");
}

#[test]
fn a_wait_is_over_as_soon_as_it_is_met() {
    let mut world = SimulatedWorld::of(experiment(vec![wait_for("ready", 30), cut()]))
        .valued(|_, at| Some(if at.as_secs() >= 15 { 1.0 } else { 0.0 }));
    world.run();
    assert_eq!(world.injected()[0].0.as_secs(), 15);
}

#[test]
fn a_system_that_does_not_recover_in_time_has_failed() {
    let mut world = SimulatedWorld::of(whole()).valued(|name, at| match name {
        "opens" | "cut" => Some(if (31..41).contains(&at.as_secs()) { 1.0 } else { 0.0 }),
        "healthy" => Some(if at.as_secs() < 33 { 1.0 } else { 0.0 }),
        _ => Some(1.0),
    });
    let judgement = world.run();
    assert_eq!(judgement.verdict, Verdict::Failed, "{:?}", judgement.reasons);
    assert!(
        judgement.reasons.iter().any(|reason| reason.contains("not steady again within 20 s")),
        "{:?}",
        judgement.reasons
    );
}

#[test]
fn without_a_witness_a_run_is_inconclusive_although_every_claim_holds() {
    let mut world = SimulatedWorld::of(whole()).valued(|name, at| match name {
        "cut" => Some(0.0),
        "opens" => Some(if at.as_secs() >= 31 { 1.0 } else { 0.0 }),
        _ => Some(1.0),
    });
    let judgement = world.run();
    assert_eq!(judgement.verdict, Verdict::Inconclusive, "{:?}", judgement.reasons);
    assert!(judgement.reasons[0].contains("was not seen to bite"), "{:?}", judgement.reasons);
}

#[test]
fn a_witness_that_saw_something_else_is_no_proof() {
    // The outside blips just when the fault is on, but the agents count not one packet.
    let untouched = Evidence::Packets { dropped: 0, delayed: 0, bytes: 0, delay: None };
    let mut world = follows(SimulatedWorld::of(whole())).answering(move |command, _| match command {
        Command::Inject { node, order } => {
            let seen = AgentEvent::Seen { evidence: untouched.clone() };
            let answers = [on(), seen].map(|event| (Duration::from_millis(5), agent_event(node, &order.id, event)));
            Some(answers.into())
        }
        _ => None,
    });
    let judgement = world.run();
    assert_eq!(judgement.verdict, Verdict::Inconclusive, "{:?}", judgement.reasons);
    assert!(judgement.witnesses[0].reason.contains("nothing was touched"), "{:?}", judgement.witnesses);
}

#[test]
fn a_source_that_dies_meanwhile_is_never_a_pass_and_does_not_hold_the_run_up() {
    let mut world = SimulatedWorld::of(whole()).valued(|name, at| match name {
        "opens" | "cut" => Some(if (31..41).contains(&at.as_secs()) { 1.0 } else { 0.0 }),
        "holds" if at.as_secs() > 34 => None,
        _ => Some(1.0),
    });
    let judgement = world.run();
    assert_eq!(judgement.verdict, Verdict::Inconclusive, "{:?}", judgement.reasons);
    assert!(world.now < Duration::from_secs(150));
}

#[test]
fn progress_says_where_the_run_is() {
    let mut world = follows(SimulatedWorld::of(whole()));
    world.run_until(|world| world.now.as_secs() >= 35);
    let progress = world.engine.progress(world.moment(world.now));
    assert_eq!(progress.phase, Phase::Method);
    let faults: Vec<_> = progress.faults.iter().map(|fault| (fault.step.as_str(), fault.instances)).collect();
    assert_eq!(faults, [("cut", Some(3))]);
    let names: Vec<&str> = progress.claims.iter().map(|claim| claim.name.as_str()).collect();
    assert_eq!(names, ["healthy", "holds", "opens", "rows", "burning"]);
    assert!(progress.claims.iter().all(|claim| claim.judged.is_some()), "{:?}", progress.claims);
    assert!(progress.left.is_some_and(|left| left >= Duration::from_secs(30)));
}

#[test]
fn a_lasting_action_with_a_witness_is_shown_as_on_until_it_is_taken_back() {
    let mut performance = performance("upstream off", &["upstream on"], for_seconds(10));
    performance.witness = Some(witness("off"));
    let off = step("off", StepKind::Perform(Box::new(performance)));
    let unseen = perform("load", &[], for_seconds(10));
    let mut world = SimulatedWorld::of(experiment(vec![off, cut(), unseen]));
    let shown = |world: &SimulatedWorld| -> Vec<(String, Option<usize>)> {
        let progress = world.engine.progress(world.moment(world.now));
        progress.faults.iter().map(|fault| (fault.step.to_string(), fault.instances)).collect()
    };
    world.run_until(|world| world.engine.phase() == Phase::Method && world.now.as_secs() >= 15);
    assert_eq!(shown(&world), [("off".to_owned(), None)]);
    world.run_until(|world| !world.injected().is_empty());
    assert_eq!(shown(&world), [("cut".to_owned(), Some(3))], "the action has been taken back");
    let begun = |command: &Command| matches!(command, Command::Begin { activity: Activity::Action(_), .. });
    world.run_until(|world| world.commands().filter(|(_, command)| begun(command)).count() == 2);
    assert_eq!(shown(&world), [], "an action without a witness is no fault");
}

#[test]
fn an_action_that_cannot_be_taken_back_is_still_shown_as_on() {
    let mut performance = performance("upstream off", &["upstream on"], for_seconds(10));
    performance.witness = Some(witness("off"));
    let off = step("off", StepKind::Perform(Box::new(performance)));
    let mut world = SimulatedWorld::of(experiment(vec![off])).answering(|command, _| match command {
        Command::Begin { activity: activity @ Activity::Undo(..), .. } => {
            Some(vec![(Duration::from_millis(10), ended(*activity, exited(1)))])
        }
        _ => None,
    });
    let judgement = world.run();
    assert_eq!(judgement.verdict, Verdict::FaultsMayRemain, "{:?}", judgement.reasons);
    let progress = world.engine.progress(world.moment(world.now));
    assert_eq!(progress.faults.len(), 1);
}

/// Every source answers up to a moment, and from then on refuses for good, as with a token that has expired.
fn refused_from(mut world: SimulatedWorld, names: &[&str], from: Duration) -> SimulatedWorld {
    world.run_until(|world| world.now >= from);
    for name in names {
        world.refuse(name);
    }
    world
}

#[test]
fn a_recovery_whose_every_source_refuses_for_good_is_not_waited_for() {
    let names = ["healthy", "holds", "opens", "cut"];
    let mut world = refused_from(SimulatedWorld::of(whole()), &names, Duration::from_secs(35));
    let judgement = world.run();
    assert_eq!(judgement.verdict, Verdict::Error, "{:?}", judgement.reasons);
    let reasons = judgement.reasons.join(" ");
    assert!(reasons.contains("401"), "{reasons}");
    let end = world.engine.timeline.method().end.unwrap().last.elapsed;
    assert!(world.now < end + Duration::from_secs(2), "ended {:?} after the method", world.now.saturating_sub(end));
}

#[test]
fn a_recovery_with_one_source_left_is_waited_for() {
    let mut experiment = whole();
    experiment.steady_state.push(steady("also", "1"));
    let names = ["healthy", "holds", "opens", "cut"];
    let mut world = refused_from(SimulatedWorld::of(experiment), &names, Duration::from_secs(35));
    let judgement = world.run();
    assert_eq!(judgement.verdict, Verdict::Error, "{:?}", judgement.reasons);
    let end = world.engine.timeline.method().end.unwrap().last.elapsed;
    assert!(world.now > end + Duration::from_secs(20), "ended {:?} after the method", world.now.saturating_sub(end));
}

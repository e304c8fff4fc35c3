//! Fault steps: when they start and end, what goes out, what is refused.

use super::build::*;
use super::world::*;
use crate::engine::{Command, Phase};
use crate::experiment::{Lasting, Step, StepKind};
use crate::fault::{AgentEvent, DelaySeen, Difference, EndCause, Evidence, Fault, OrderFault, Refusal, RefusalKind};
use crate::history::Event;
use crate::judge::{Outcome, Verdict};
use crate::name::{InstanceName, NodeName};
use crate::target::{Pick, Selector};
use crate::unit::Length;
use std::collections::BTreeSet;
use std::time::Duration;

fn every(name: &str, every: u64, length: u64) -> Step {
    let mut step = inject(name, kill(), Selector { pick: Some(Pick::One), ..app("api") }, for_seconds(length));
    if let StepKind::Inject(inject) = &mut step.kind {
        inject.every = Some(seconds(every));
    }
    step
}

#[test]
fn a_fault_starts_when_it_is_on_everywhere_and_ends_when_it_is_gone_everywhere() {
    let mut world = SimulatedWorld::of(experiment(vec![inject("slow", delay(), app("api"), for_seconds(10))]));
    world.run();
    let injected = world.injected();
    assert_eq!(injected.len(), 3);
    let sent = injected[0].0;
    let started = world.time_of(|command| matches!(command, Command::StepStarted(_))).unwrap();
    assert_eq!(started - sent, Duration::from_millis(10));
    let asked = world.time_of(|command| matches!(command, Command::Revert { .. })).unwrap();
    assert_eq!(asked - started, Duration::from_secs(10), "`for` counts from when it is on");
    let ended = world.time_of(|command| matches!(command, Command::StepEnded(_))).unwrap();
    assert_eq!(ended - asked, Duration::from_millis(10));
    assert_eq!(world.reverted().len(), 3);
    let times = world.engine.timeline.step(&"slow".parse().unwrap());
    assert_eq!(times.start.unwrap().first.elapsed, sent);
    assert_eq!(times.start.unwrap().last.elapsed, started);
    assert_eq!((times.end.unwrap().first.elapsed, times.end.unwrap().last.elapsed), (asked, ended));
    assert_eq!(world.engine.timeline.method().end.unwrap().last.elapsed, ended);
}

#[test]
fn orders_have_a_lease_and_a_deadline_that_nobody_outlives() {
    let meanwhile = Lasting::Meanwhile(vec![wait(5), wait_for("ready", 20)]);
    let mut world = SimulatedWorld::of(experiment(vec![
        inject("cut", partition(), app("api"), for_seconds(10)),
        inject("down", pause(), app("db"), meanwhile),
    ]));
    world.run_to(Phase::Revert);
    let orders = world.injected();
    assert!(orders.iter().all(|(_, order)| order.lease == seconds(15)));
    assert_eq!(orders[0].1.deadline, seconds(10 + 20 + 15));
    let bound = orders.iter().find(|(_, order)| order.step.as_str() == "down").unwrap().1.deadline;
    assert!(bound > seconds(25 + 20), "{bound}");
    let ids: BTreeSet<_> = orders.iter().map(|(_, order)| order.id.clone()).collect();
    assert_eq!(ids.len(), orders.len());
}

#[test]
fn every_shoots_at_its_interval_and_the_next_step_waits_until_its_time_is_over() {
    let mut world = SimulatedWorld::of(experiment(vec![every("shots", 10, 30), wait(1)]));
    world.run();
    let shots: Vec<Duration> = world.injected().iter().map(|(at, _)| *at).collect();
    assert_eq!(shots.len(), 3);
    // The next interval counts from the first shot; finding the targets takes 10 ms each time.
    assert_eq!(shots[1] - shots[0], Duration::from_millis(10_010));
    assert_eq!(shots[2] - shots[0], Duration::from_millis(20_010));
    let ends: Vec<Duration> =
        world.commands().filter(|(_, command)| matches!(command, Command::StepEnded(_))).map(|(at, _)| at).collect();
    assert_eq!(ends[0] - shots[0], Duration::from_secs(30));
    let times = world.engine.timeline.step(&"shots".parse().unwrap());
    assert_eq!(times.end.unwrap().last.elapsed - shots[2], Duration::from_millis(20), "the last shot seen gone");
    assert!(world.reverted().is_empty(), "a one-shot is over by itself");
}

#[test]
fn shots_pick_anew_and_their_targets_add_up() {
    let mut world = SimulatedWorld::of(experiment(vec![every("shots", 1, 20)]));
    world.run_to(Phase::Revert);
    let hit: BTreeSet<&str> = world.injected().iter().map(|(_, order)| order.instance.as_str()).collect();
    assert!(hit.len() > 1, "{hit:?}");
    let known: BTreeSet<&str> =
        world.engine.targets[&("shots".parse().unwrap(), None)].iter().map(String::as_str).collect();
    assert_eq!(hit, known);
}

#[test]
fn a_kill_with_for_is_held_down_and_reverted() {
    let mut world = SimulatedWorld::of(experiment(vec![inject("down", kill(), app("api"), for_seconds(5))]));
    world.run();
    assert!(world.injected().iter().all(|(_, order)| matches!(order.fault, OrderFault::Kill { hold_down: true, .. })));
    assert_eq!(world.reverted().len(), 3);
    assert!(world.header.plan.notes.iter().any(|note| note.contains("start limit")), "{:?}", world.header.plan.notes);
}

#[test]
fn meanwhile_runs_inside_and_a_ramp_hits_one_instance() {
    let one = || Selector { pick: Some(Pick::One), ..app("api") };
    let inner = vec![wait(2), inject("cut", partition(), one(), for_seconds(3)), wait(1)];
    let mut world = SimulatedWorld::of(experiment(vec![inject("slow", delay(), one(), Lasting::Meanwhile(inner))]));
    world.run();
    let orders = world.injected();
    assert_eq!(orders[0].1.instance, orders[1].1.instance, "equal candidates give the same pick");
    let reverts: Vec<Duration> =
        world.commands().filter(|(_, command)| matches!(command, Command::Revert { .. })).map(|(at, _)| at).collect();
    assert_eq!(reverts.len(), 2);
    assert_eq!(reverts[1] - reverts[0], Duration::from_millis(1010), "the outer one ends with its last inner step");
}

#[test]
fn a_refused_order_is_an_error_and_the_others_are_reverted() {
    let mut world = SimulatedWorld::of(experiment(vec![inject("cut", partition(), app("api"), for_seconds(60))]))
        .answering(|command, _| match command {
            Command::Inject { node, order } if order.instance.as_str() == "api-z2" => {
                let refusal = Refusal { kind: RefusalKind::NoTarget, reason: "no process 7".into() };
                let event = agent_event(node, &order.id, AgentEvent::Refused { refusal });
                Some(vec![(Duration::from_millis(5), event)])
            }
            _ => None,
        });
    let judgement = world.run();
    assert!(world.now < Duration::from_secs(40), "it does not go on for its minute");
    assert_eq!(world.engine.ending.errors, ["cut on api-z2: the agent of node n2 refused it: no process 7"]);
    assert_eq!(world.reverted().len(), 2);
    assert!(judgement.remaining.is_empty());
}

#[test]
fn an_agent_that_says_nothing_is_given_up_after_its_bound_and_its_fault_may_remain() {
    let mut world = SimulatedWorld::of(experiment(vec![inject("cut", partition(), app("api"), for_seconds(60))]))
        .answering(|command, _| match command {
            Command::Inject { order, .. } if order.instance.as_str() == "api-z1" => Some(vec![]),
            Command::Revert { node, .. } if node.as_str() == "n1" => Some(vec![]),
            _ => None,
        });
    let judgement = world.run();
    let sent = world.injected()[0].0;
    let revert = world.time_of(|command| matches!(command, Command::Revert { .. })).unwrap();
    assert_eq!(revert - sent, Duration::from_secs(20));
    assert_eq!(judgement.remaining.len(), 1);
    assert_eq!(judgement.remaining[0].instance, Some(InstanceName::new("api-z1")));
    assert_eq!(judgement.remaining[0].remedy, "squall agent revert --all");
    assert_eq!(judgement.remaining[0].node, Some(NodeName::new("n1")));
    assert!(!world.phases().contains(&Phase::Recovery), "nothing recovers from a fault that may be there");
    assert_eq!(world.now - revert, Duration::from_secs(25), "lease + 10 s");
}

#[test]
fn a_fault_that_ends_before_its_time_makes_the_run_an_error() {
    for (cause, words) in [
        (EndCause::Lease, "its lease was not renewed"),
        (EndCause::TargetGone, "the target vanished"),
        (EndCause::AgentRestart, "its agent ended"),
        (EndCause::Broke, "what carried it at its agent broke"),
    ] {
        let mut world = SimulatedWorld::of(experiment(vec![inject("cut", partition(), app("api"), for_seconds(60))]))
            .answering(move |command, _| match command {
                Command::Inject { node, order } if order.instance.as_str() == "api-z1" => Some(vec![
                    (Duration::from_millis(5), agent_event(node, &order.id, on())),
                    (Duration::from_secs(20), agent_event(node, &order.id, reverted(cause))),
                ]),
                _ => None,
            });
        let judgement = world.run();
        assert!(world.engine.ending.errors[0].contains(words), "{:?}", world.engine.ending.errors);
        assert_eq!(world.reverted().len(), 2, "the others are reverted, this one is gone");
        assert!(judgement.remaining.is_empty());
    }
}

#[test]
fn a_fault_that_broke_or_hung_before_it_was_undone_makes_the_run_an_error() {
    for (cause, words) in [(EndCause::Broke, "broke"), (EndCause::AgentRestart, "hung or was killed")] {
        let mut world = SimulatedWorld::of(experiment(vec![inject("cut", partition(), app("api"), for_seconds(1))]))
            .answering(move |command, _| match command {
                Command::Revert { node, fault } => {
                    Some(vec![(Duration::from_millis(5), agent_event(node, fault, reverted(cause)))])
                }
                _ => None,
            });
        world.run();
        assert!(world.engine.ending.errors[0].contains(words), "{:?}", world.engine.ending.errors);
    }
}

#[test]
fn an_agent_that_hung_while_it_held_packets_proves_nothing() {
    let asked = Duration::from_millis(400);
    let held_at_most = |max: Duration| {
        let seen = DelaySeen { min: asked, p50: asked, p99: asked, max };
        let evidence = Evidence::Packets { dropped: 0, delayed: 9, bytes: 900, delay: Some(seen) };
        SimulatedWorld::of(experiment(vec![inject("slow", delay(), app("api"), for_seconds(2))])).answering(
            move |command, _| match command {
                Command::Inject { node, order } => {
                    let seen = AgentEvent::Seen { evidence: evidence.clone() };
                    Some(vec![
                        (Duration::from_millis(5), agent_event(node, &order.id, on())),
                        (Duration::from_millis(500), agent_event(node, &order.id, seen)),
                    ])
                }
                _ => None,
            },
        )
    };
    let judgement = held_at_most(asked * 2).run();
    assert_eq!(judgement.witnesses[0].outcome, Outcome::Passed, "{:?}", judgement.witnesses);
    let judgement = held_at_most(Duration::from_secs(5)).run();
    assert_eq!(judgement.witnesses[0].outcome, Outcome::Inconclusive);
    assert!(judgement.witnesses[0].reason.contains("held for 5.0s"), "{}", judgement.witnesses[0].reason);
    assert_eq!(judgement.verdict, Verdict::Inconclusive);
}

#[test]
fn what_differs_after_a_revert_may_remain() {
    let mut world = SimulatedWorld::of(experiment(vec![inject("cut", partition(), app("api"), for_seconds(1))]))
        .answering(|command, _| match command {
            Command::Revert { node, fault } if node.as_str() == "n3" => {
                let differences = vec![Difference {
                    what: "nftables table squall_1f".into(),
                    before: "absent".into(),
                    after: "present".into(),
                }];
                let event = AgentEvent::Reverted { cause: EndCause::Asked, evidence: None, differences };
                Some(vec![(Duration::from_millis(5), agent_event(node, fault, event))])
            }
            _ => None,
        });
    let judgement = world.run();
    assert_eq!(
        judgement.remaining[0].reason,
        "after the revert not all is as before: nftables table squall_1f was absent, is present"
    );
}

#[test]
fn a_lost_agent_ends_the_method_and_a_late_sweep_still_counts() {
    let mut world = SimulatedWorld::of(experiment(vec![inject("cut", partition(), app("api"), for_seconds(60))]))
        .answering(|command, _| match command {
            Command::Revert { node, fault } if node.as_str() == "n1" => {
                let swept = agent_event(node, fault, reverted(EndCause::AgentRestart));
                Some(vec![(Duration::from_secs(18), swept)])
            }
            _ => None,
        });
    world.run_to(Phase::Method);
    world.run_for(Duration::from_secs(5));
    let lost = world.injected()[0].1.id.clone();
    world.step(Event::AgentLost {
        node: NodeName::new("n1"),
        faults: BTreeSet::from([lost]),
        reason: "connection refused".into(),
    });
    assert_eq!(world.engine.phase(), Phase::Revert);
    let judgement = world.run();
    assert!(judgement.remaining.is_empty(), "{:?}", judgement.remaining);
    assert_eq!(world.engine.ending.errors[0], "the agent of node n1 does not answer any more: connection refused");
}

#[test]
fn targets_without_evidence_are_named_and_none_at_all_is_inconclusive() {
    let silent = |nodes: &'static [&'static str]| {
        SimulatedWorld::of(experiment(vec![inject("cut", partition(), app("api"), for_seconds(2))])).answering(
            move |command, _| match command {
                Command::Inject { node, order } if nodes.contains(&node.as_str()) => {
                    Some(vec![(Duration::from_millis(5), agent_event(node, &order.id, on()))])
                }
                _ => None,
            },
        )
    };
    let judgement = silent(&["n2"]).run();
    assert_eq!(judgement.witnesses[0].outcome, Outcome::Passed);
    assert_eq!(judgement.witnesses[0].without, [InstanceName::new("api-z2")]);
    assert_eq!(judgement.witnesses[0].reason, "its agents saw it bite on 2 of 3 targets; no evidence from api-z2");
    let judgement = silent(&["n1", "n2", "n3"]).run();
    assert_eq!(judgement.witnesses[0].outcome, Outcome::Inconclusive);
    assert_ne!(judgement.verdict, Verdict::Passed);
}

#[test]
fn a_one_shot_whose_end_nobody_sees_is_reverted_and_did_not_bite() {
    let mut world = SimulatedWorld::of(experiment(vec![inject("term", kill(), app("api"), Lasting::Once), wait(1)]))
        .answering(|command, _| match command {
            Command::Inject { node, order } if node.as_str() == "n1" => {
                Some(vec![(Duration::from_millis(5), agent_event(node, &order.id, on()))])
            }
            _ => None,
        });
    let judgement = world.run();
    assert_eq!(world.reverted().len(), 1);
    assert_eq!(judgement.witnesses[0].without, [InstanceName::new("api-z1")]);
    assert!(judgement.notes.contains(&"term: api-z1 was not seen to go".to_owned()), "{:?}", judgement.notes);
}

#[test]
fn a_placebo_waits_instead_of_injecting_but_knows_its_targets() {
    let mut header = header(experiment(vec![
        inject("cut", partition(), app("api"), for_seconds(5)),
        every("shots", 2, 6),
        perform("cut-link", &["restore"], for_seconds(2)),
    ]));
    header.placebo = true;
    let mut world = SimulatedWorld::new(header);
    let judgement = world.run();
    assert!(world.injected().is_empty());
    assert!(!world.commands().any(|(_, command)| matches!(command, Command::Begin { .. })));
    assert_eq!(world.engine.targets[&("cut".parse().unwrap(), None)], ["api-z1", "api-z2", "api-z3"]);
    let method = world.engine.timeline.method();
    let length = method.end.unwrap().last.elapsed - method.start.unwrap().first.elapsed;
    assert!(length >= Duration::from_secs(13), "{length:?}");
    assert!(judgement.witnesses.is_empty());
}

#[test]
fn the_same_seed_length_and_ids_come_out_of_the_same_events() {
    let method = || experiment(vec![every("shots", 1, 5), inject("cut", partition(), app("db"), for_seconds(2))]);
    let mut world = SimulatedWorld::of(method());
    world.run();
    let mut again = SimulatedWorld::of(method());
    again.run();
    assert_eq!(world.entries, again.entries);
    assert!(world.injected()[0].1.deadline > Length::from_secs(60));
}

#[test]
fn an_error_in_one_branch_lets_no_other_branch_begin_anything() {
    let branches =
        parallel(vec![perform("absent", &[], Lasting::Once), inject("cut", partition(), app("api"), for_seconds(9))]);
    let mut experiment = experiment(vec![branches]);
    let StepKind::Parallel(branches) = &mut experiment.method[0].kind else { panic!() };
    let StepKind::Perform(perform) = &mut branches[0].kind else { panic!() };
    // Its hole can never be filled, so that it fails in the moment it begins.
    let hole = crate::experiment::Piece::End("cut".parse().unwrap());
    perform.action = crate::experiment::Action::Exec(crate::claim::Program {
        command: vec![crate::experiment::Template(vec![hole])],
        env: std::collections::BTreeMap::new(),
    });
    let mut world = SimulatedWorld::of(experiment);
    world.run();
    assert_eq!(world.engine.ending.errors, ["absent could not be begun: `${cut.end}` has no value yet"]);
    assert!(!world.commands().any(|(_, command)| matches!(command, Command::Resolve { .. })));
}

#[test]
fn a_fault_that_is_on_is_not_gone_because_its_agent_refuses_a_word() {
    let mut world = SimulatedWorld::of(experiment(vec![inject("cut", partition(), app("api"), for_seconds(60))]))
        .answering(|command, _| match command {
            Command::Inject { node, order } if node.as_str() == "n1" => {
                let refusal = Refusal { kind: RefusalKind::Fenced, reason: "epoch 2 came".into() };
                Some(vec![
                    (Duration::from_millis(5), agent_event(node, &order.id, on())),
                    (Duration::from_secs(5), agent_event(node, &order.id, AgentEvent::Refused { refusal })),
                ])
            }
            Command::Revert { node, .. } if node.as_str() == "n1" => Some(vec![]),
            _ => None,
        });
    let judgement = world.run();
    assert_eq!(judgement.verdict, Verdict::FaultsMayRemain);
    assert_eq!(judgement.remaining.len(), 1);
}

#[test]
fn only_faults_that_silence_their_targets_declare_a_loss_of_series() {
    let losses = |fault: Fault| {
        let mut world = SimulatedWorld::of(experiment(vec![inject("it", fault, app("api"), for_seconds(2))]));
        world.run();
        world.engine.timeline.losses().to_vec()
    };
    assert!(losses(delay()).is_empty());
    for fault in [partition(), kill(), pause()] {
        let losses = losses(fault);
        assert_eq!(losses.len(), 3);
        assert!(losses.iter().all(|loss| loss.to.is_some() && loss.series["instance"].starts_with("10.0.")));
    }
}

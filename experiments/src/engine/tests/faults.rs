//! Fault steps: when they start and end, what goes out, what is refused.

use super::build::*;
use super::world::*;
use crate::engine::{Command, Phase};
use crate::experiment::{Lasting, Step, StepKind};
use crate::fault::{
    AgentEvent, Difference, Direction, EndCause, Fault, Network, OrderFault, Peers, Refusal, RefusalKind, ZoneLoss,
    ZoneLossMode,
};
use crate::history::Event;
use crate::judge::{Outcome, Verdict};
use crate::name::{InstanceName, NodeName};
use crate::target::{Peer, Pick, Selector};
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
fn without_direction_a_delay_takes_the_side_that_the_backend_can_do_and_a_partition_both() {
    let both = parallel(vec![
        inject("slow", delay(), app("api"), for_seconds(1)),
        inject("cut", partition(), app("db"), for_seconds(1)),
    ]);
    let mut world = SimulatedWorld::of(experiment(vec![both]));
    world.run_to(Phase::Revert);
    for (_, order) in world.injected() {
        let OrderFault::Network(network) = &order.fault else { panic!("{order:?}") };
        let expected = if order.step.as_str() == "slow" { Direction::Ingress } else { Direction::Both };
        assert_eq!(network.direction, expected);
    }
}

#[test]
fn a_lost_zone_is_cut_from_every_address_outside_in_each_of_its_namespaces() {
    let fault = Fault::ZoneLoss(ZoneLoss { mode: ZoneLossMode::Isolate, control: false });
    let into = Selector { zone: Some("z2".into()), ..Selector::default() };
    let mut experiment = experiment(vec![inject("zone", fault, into, for_seconds(5))]);
    experiment.limits.max_percent = "50%".parse().unwrap();
    let header = header(experiment);
    assert_eq!(header.plan.most_targets, 3);
    let mut world = SimulatedWorld::new(header).answering(|command, _| match command {
        Command::Resolve { step, shot, .. } => {
            // Two share a namespace: one order holds both.
            let mut found = resolved();
            let netns = found.instances.iter().find(|one| one.name.as_str() == "api-z2").unwrap().locator.clone();
            found.instances.iter_mut().find(|one| one.name.as_str() == "db-z2").unwrap().locator = netns;
            Some(vec![(Duration::ZERO, Event::TargetsResolved { step: *step, shot: *shot, found: Box::new(found) })])
        }
        _ => None,
    });
    world.run_to(Phase::Revert);
    let orders = world.injected();
    let names: Vec<&str> = orders.iter().map(|(_, order)| order.instance.as_str()).collect();
    assert_eq!(names, ["api-z2", "web-z2"]);
    for (_, order) in orders {
        let OrderFault::Network(network) = &order.fault else { panic!("{order:?}") };
        assert!(network.partition && !network.cut_control && network.direction == Direction::Both);
        let inside = ["10.0.2.1/32", "10.0.2.2/32", "10.0.2.3/32"].map(|block| block.parse().unwrap());
        assert_eq!(network.peers, Peers::AllExcept(inside.to_vec()));
    }
    let zone = "zone".parse().unwrap();
    assert_eq!(world.engine.targets[&(zone, None)], ["api-z2", "db-z2", "web-z2"], "all who share it are targets");
}

#[test]
fn peers_by_selector_become_addresses_and_unknown_addresses_are_an_error() {
    let fault = |name: &str| {
        let peers = Some(vec![Peer::Instances(Box::new(app(name)))]);
        Fault::Network(Box::new(Network { partition: true, peers, ..Network::default() }))
    };
    let method = || experiment(vec![inject("cut", fault("db"), app("api"), for_seconds(1))]);
    let mut world = SimulatedWorld::of(method());
    world.run_to(Phase::Revert);
    let OrderFault::Network(network) = &world.injected()[0].1.fault.clone() else { panic!() };
    let blocks = ["10.0.1.2", "10.0.2.2", "10.0.3.2"].map(|block| block.parse().unwrap());
    assert_eq!(network.peers, Peers::Only(blocks.to_vec()));

    let mut world = SimulatedWorld::of(method()).answering(|command, _| match command {
        Command::Resolve { step, shot, .. } => {
            let mut found = resolved();
            found.instances.iter_mut().for_each(|one| one.addresses.clear());
            let read = found.instances.iter().filter(|one| one.name.as_str() != "db-z3");
            found.addresses = read.map(|one| (one.name.clone(), vec![std::net::Ipv4Addr::LOCALHOST.into()])).collect();
            Some(vec![(Duration::ZERO, Event::TargetsResolved { step: *step, shot: *shot, found: Box::new(found) })])
        }
        _ => None,
    });
    let judgement = world.run();
    assert!(world.injected().is_empty());
    assert_eq!(
        world.engine.ending.errors,
        ["cut: db-z3 lists no addresses, and none could be read from its namespace: nobody knows what to cut"]
    );
    drop(judgement);
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
    assert_eq!(world.engine.ending.errors, ["the agent of node n1 does not answer any more: connection refused"]);
}

#[test]
fn limits_are_checked_again_against_what_is_there_at_the_injection() {
    let mut experiment = experiment(vec![inject("cut", partition(), app("api"), for_seconds(5))]);
    experiment.limits.max_targets = Some(3);
    let mut world = SimulatedWorld::of(experiment).answering(|command, _| match command {
        Command::Resolve { step, shot, .. } => {
            let mut found = resolved();
            let mut fourth = found.instances[0].clone();
            fourth.name = InstanceName::new("api-z4");
            fourth.locator.netns = Some("/run/netns/api-z4".into());
            found.instances.push(fourth);
            Some(vec![(Duration::ZERO, Event::TargetsResolved { step: *step, shot: *shot, found: Box::new(found) })])
        }
        _ => None,
    });
    world.run();
    assert!(world.injected().is_empty());
    assert_eq!(
        world.engine.ending.errors,
        ["cut: over the limits now: 4 instances would be hit at once; `maxTargets` allows 3"]
    );
}

#[test]
fn changed_targets_are_said() {
    let mut world = SimulatedWorld::of(experiment(vec![inject("cut", partition(), app("api"), for_seconds(1))]))
        .answering(|command, _| match command {
            Command::Resolve { step, shot, .. } => {
                let mut found = resolved();
                found.instances.retain(|one| one.name.as_str() != "api-z3");
                let found = Box::new(found);
                Some(vec![(Duration::ZERO, Event::TargetsResolved { step: *step, shot: *shot, found })])
            }
            _ => None,
        });
    let judgement = world.run();
    let note = "cut: targets have changed since the plan: api-z1, api-z2 instead of api-z1, api-z2, api-z3";
    assert!(judgement.notes.contains(&note.to_owned()), "{:?}", judgement.notes);
}

#[test]
fn an_empty_selection_at_the_injection_is_an_error_not_a_success() {
    let mut world = SimulatedWorld::of(experiment(vec![inject("cut", partition(), app("api"), for_seconds(1))]))
        .answering(|command, _| match command {
            Command::Resolve { step, shot, .. } => {
                let mut found = resolved();
                found.instances.retain(|one| one.labels["app"] != "api");
                let found = Box::new(found);
                Some(vec![(Duration::ZERO, Event::TargetsResolved { step: *step, shot: *shot, found })])
            }
            _ => None,
        });
    world.run();
    assert_eq!(world.engine.ending.errors, ["cut: no instance matches app=api"]);
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
fn two_faults_that_do_not_compose_are_refused_at_the_injection_too() {
    // The inner one picks by `where`, which the plan sees on one instance and the run on another.
    let outer = Selector { names: Some(vec![InstanceName::new("api-z1")]), ..Selector::default() };
    let inner = vec![inject("again", delay(), app("api"), for_seconds(1))];
    let mut experiment = experiment(vec![inject("slow", delay(), outer, Lasting::Meanwhile(inner))]);
    let plan = crate::plan::plan(&experiment, &ground(), 7, &crate::plan::Caps::default()).unwrap_err();
    assert!(plan[0].to_string().contains("slow and again would both be on api-z1 at one moment"), "{plan:?}");
    if let StepKind::Inject(slow) = &mut experiment.method[0].kind {
        slow.into.names = Some(vec![InstanceName::new("db-z1")]);
    }
    let mut world = SimulatedWorld::of(experiment).answering(|command, _| match command {
        Command::Resolve { step, shot, .. } => {
            let mut found = resolved();
            // In the meantime both have come to share a namespace.
            let netns = found.instances.iter().find(|one| one.name.as_str() == "api-z1").unwrap().locator.clone();
            found.instances.iter_mut().find(|one| one.name.as_str() == "db-z1").unwrap().locator = netns;
            Some(vec![(Duration::ZERO, Event::TargetsResolved { step: *step, shot: *shot, found: Box::new(found) })])
        }
        _ => None,
    });
    world.run();
    assert!(world.engine.ending.errors[0].contains("the delays would add up"), "{:?}", world.engine.ending.errors);
    assert_eq!(world.reverted().len(), 1);
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

//! Whom an injection hits, as things are then: resolved again, checked again.

use super::build::*;
use super::world::*;
use crate::engine::{Command, Phase};
use crate::experiment::{Lasting, StepKind};
use crate::fault::{Direction, Fault, Network, OrderFault, Peers, ZoneLoss, ZoneLossMode};
use crate::history::Event;
use crate::name::InstanceName;
use crate::target::{Peer, Selector};
use std::time::Duration;

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
fn who_is_protected_is_not_hit_even_if_only_the_injection_finds_them() {
    let mut header = header(experiment(vec![inject("cut", partition(), app("api"), for_seconds(5))]));
    header.plan.protected = vec![app("db")];
    let answering = |shared: bool| {
        SimulatedWorld::new(header.clone()).answering(move |command, _| match command {
            Command::Resolve { step, shot, .. } => {
                let mut found = resolved();
                if shared {
                    // Since the plan a protected instance has come to share a target's namespace.
                    let netns =
                        found.instances.iter().find(|one| one.name.as_str() == "api-z1").unwrap().locator.clone();
                    found.instances.iter_mut().find(|one| one.name.as_str() == "db-z1").unwrap().locator = netns;
                }
                let found = Box::new(found);
                Some(vec![(Duration::ZERO, Event::TargetsResolved { step: *step, shot: *shot, found })])
            }
            _ => None,
        })
    };
    let mut world = answering(true);
    world.run();
    assert_eq!(world.engine.ending.errors, ["cut: db-z1 is protected by the settings"]);
    assert!(world.injected().is_empty());
    let mut world = answering(false);
    world.run_to(Phase::Revert);
    assert_eq!((world.injected().len(), world.engine.ending.errors.len()), (3, 0));
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

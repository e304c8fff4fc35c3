//! Plans of small experiments, and every reason to refuse one.

use super::{Caps, PlanRefusalKind, foresee, plan};
use crate::engine::tests::build::*;
use crate::experiment::{Edge, Experiment, Lasting, StepKind};
use crate::fault::{Direction, Fault, Network, OrderFault, Peers, ZoneLoss, ZoneLossMode};
use crate::name::{InstanceName, NodeName};
use crate::plan::World;
use crate::target::{LimitCaps, Pick, Selector};
use crate::unit::Length;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

fn refusals(experiment: &Experiment, world: &World, caps: &Caps) -> Vec<(PlanRefusalKind, String)> {
    let refused = plan(experiment, world, 7, caps).unwrap_err();
    refused.into_iter().map(|refusal| (refusal.kind, refusal.to_string())).collect()
}

fn refused(experiment: &Experiment) -> Vec<(PlanRefusalKind, String)> {
    refusals(experiment, &ground(), &Caps::default())
}

fn bad(sentence: &str) -> Vec<(PlanRefusalKind, String)> {
    vec![(PlanRefusalKind::BadInput, sentence.to_owned())]
}

#[test]
fn a_plan_names_targets_times_backends_and_who_watches() {
    let inner = vec![wait(5), inject("cut", partition(), app("db"), for_seconds(10))];
    let mut experiment = experiment(vec![wait(2), inject("slow", delay(), app("api"), Lasting::Meanwhile(inner))]);
    experiment.expect.push(becomes("opens", "1", 5, at("slow", Edge::Start)));
    experiment.expect.push(during("holds", "1", "cut"));
    let plan = plan(&experiment, &ground(), 7, &Caps::default()).unwrap();
    let [pause, slow, inner_wait, cut] = &plan.steps[..] else { panic!("{:?}", plan.steps) };
    assert_eq!((pause.label.as_str(), slow.label.as_str(), inner_wait.depth), ("wait 2s", "slow", 1));
    assert_eq!(slow.what, "network delay 400ms");
    assert_eq!(slow.backend.as_deref(), Some("NFQUEUE"));
    assert_eq!(cut.backend.as_deref(), Some("netdev egress and netdev ingress"));
    assert_eq!(slow.targets[&NodeName::new("n2")], [InstanceName::new("api-z2")]);
    assert_eq!(slow.population, 3);
    assert_eq!((slow.watched_by[0].as_str(), cut.watched_by[0].as_str()), ("opens", "holds"));
    assert_eq!(slow.starts.earliest, Duration::from_secs(2));
    assert_eq!((cut.starts.earliest, cut.ends.earliest), (Duration::from_secs(7), Duration::from_secs(17)));
    assert_eq!(slow.ends.earliest, cut.ends.earliest);
    assert!(slow.ends.latest > cut.ends.latest, "its own revert has a bound too");
    assert_eq!(plan.method.earliest, Duration::from_secs(17));
    assert_eq!(plan.most_targets, 6, "both are on at once");
    assert!(plan.whole.earliest >= Duration::from_secs(27) && plan.whole.latest > plan.whole.earliest);
}

#[test]
fn nobody_and_too_many_are_refused() {
    assert_eq!(
        refused(&experiment(vec![inject("cut", partition(), app("cache"), for_seconds(1))])),
        bad("cut: no instance matches app=cache")
    );
    let unpicked = Selector { pick: None, ..app("api") };
    assert_eq!(
        refused(&experiment(vec![inject("cut", partition(), unpicked, for_seconds(1))])),
        bad("cut: 3 instances match app=api; say which with `pick: all`, `pick: one` or a number")
    );
    let mut half = experiment(vec![inject("cut", partition(), app("api"), for_seconds(1))]);
    half.limits.max_percent = "50%".parse().unwrap();
    assert_eq!(refused(&half), bad("cut: 3 of 3 would be hit at once; `maxPercent: 50%` allows 1"));
}

#[test]
fn limits_count_over_all_faults_that_may_be_on_together() {
    let one = |name: &str| Selector { names: Some(vec![InstanceName::new(name)]), ..app("api") };
    let both = |nested: bool| {
        let inner = inject("second", pause(), one("api-z2"), for_seconds(1));
        let mut experiment = if nested {
            experiment(vec![inject("first", pause(), one("api-z1"), Lasting::Meanwhile(vec![inner]))])
        } else {
            experiment(vec![inject("first", pause(), one("api-z1"), for_seconds(1)), inner])
        };
        experiment.limits.max_targets = Some(1);
        experiment
    };
    assert!(plan(&both(false), &ground(), 7, &Caps::default()).is_ok(), "one after the other");
    assert_eq!(
        refused(&both(true)),
        bad("first and second together: 2 instances would be hit at once; `maxTargets` allows 1")
    );
}

#[test]
fn settings_cap_what_a_file_says_and_protect() {
    let experiment = experiment(vec![inject("cut", partition(), app("api"), for_seconds(1))]);
    let limits = LimitCaps { max_targets: Some(2), ..LimitCaps::default() };
    let caps = Caps { limits, ..Caps::default() };
    assert_eq!(
        refusals(&experiment, &ground(), &caps),
        bad("cut: 3 instances would be hit at once; `maxTargets` allows 2")
    );
    let protected = vec![Selector { zone: Some("z3".into()), ..Selector::default() }];
    let caps = Caps { protected, ..Caps::default() };
    assert_eq!(refusals(&experiment, &ground(), &caps), bad("cut: api-z3 is protected by the settings"));
}

#[test]
fn who_shares_a_namespace_is_hit_too_and_counts() {
    let mut world = ground();
    for instance in world.platforms.values_mut().flatten() {
        if instance.name.as_str() == "db-z1" {
            instance.locator.netns = Some("/run/netns/api-z1".into());
        }
    }
    let only = Selector { names: Some(vec![InstanceName::new("api-z1")]), ..app("api") };
    let mut experiment = experiment(vec![inject("cut", partition(), only, for_seconds(1))]);
    let found = plan(&experiment, &world, 7, &Caps::default()).unwrap();
    let names: Vec<&str> = found.steps[0].targets[&NodeName::new("n1")].iter().map(InstanceName::as_str).collect();
    assert_eq!(names, ["api-z1", "db-z1"]);
    experiment.limits.max_targets = Some(1);
    let refused = refusals(&experiment, &world, &Caps::default());
    assert_eq!(refused, bad("cut: 2 instances would be hit at once; `maxTargets` allows 1"));
    let caps = Caps { protected: vec![app("db")], ..Caps::default() };
    assert!(refusals(&experiment, &world, &caps)[0].1.contains("db-z1 is protected"), "sharers are protected too");
}

#[test]
fn a_zone_counts_against_the_whole_platform_and_needs_no_pick() {
    let fault = || Fault::ZoneLoss(ZoneLoss { mode: ZoneLossMode::Isolate, control: false });
    let zone = Selector { zone: Some("z1".into()), ..Selector::default() };
    let mut experiment = experiment(vec![inject("lost", fault(), zone, for_seconds(1))]);
    experiment.limits.max_percent = "34%".parse().unwrap();
    let found = plan(&experiment, &ground(), 7, &Caps::default()).unwrap();
    assert_eq!((found.most_targets, found.steps[0].population), (3, 9));
    experiment.limits.max_percent = "30%".parse().unwrap();
    assert_eq!(refused(&experiment), bad("lost: 3 of 9 would be hit at once; `maxPercent: 30%` allows 2"));
}

#[test]
fn what_no_kernel_here_can_do_is_refused_with_the_reason() {
    let egress =
        Network { delay: Some(Length::from_millis(100)), direction: Some(Direction::Egress), ..Network::default() };
    let method = vec![inject("slow", Fault::Network(Box::new(egress)), app("api"), for_seconds(1))];
    let sentence = "slow: api-z1: its node cannot hold packets on egress: sch_netem is missing";
    assert_eq!(refused(&experiment(method)), [(PlanRefusalKind::Unsupported, sentence.to_owned())]);
}

#[test]
fn every_reason_is_said_at_once() {
    let method = vec![
        inject("one", partition(), app("cache"), for_seconds(1)),
        inject("two", partition(), app("queue"), for_seconds(1)),
    ];
    assert_eq!(refused(&experiment(method)).len(), 2);
}

#[test]
fn faults_that_do_not_compose_are_refused_and_others_are_not() {
    let nested = |outer: Fault, inner: Fault| {
        experiment(vec![inject(
            "outer",
            outer,
            app("api"),
            Lasting::Meanwhile(vec![inject("inner", inner, app("api"), for_seconds(1))]),
        )])
    };
    assert!(plan(&nested(partition(), kill()), &ground(), 7, &Caps::default()).is_ok());
    assert!(plan(&nested(partition(), delay()), &ground(), 7, &Caps::default()).is_ok());
    let refused = refused(&nested(pause(), kill()));
    assert_eq!(refused.len(), 1, "one sentence for the pair: {refused:?}");
    assert!(
        refused[0].1.starts_with("outer and inner would both be on api-z1 at one moment: a process that is killed")
    );
}

#[test]
fn a_platform_is_named_only_where_there_are_several() {
    let mut world = ground();
    world.platforms.insert("cloud".parse().unwrap(), Vec::new());
    let experiment = experiment(vec![inject("cut", partition(), app("api"), for_seconds(1))]);
    let said = refusals(&experiment, &world, &Caps::default());
    let sentence = "cut: the settings name several platforms; say which with `platform:` (cloud, hosts)";
    assert_eq!(said, bad(sentence));
    let mut named = experiment;
    if let StepKind::Inject(inject) = &mut named.method[0].kind {
        inject.into.platform = "hosts".parse().ok();
    }
    assert!(plan(&named, &world, 7, &Caps::default()).is_ok());
}

#[test]
fn where_is_asked_and_narrows() {
    let query = crate::claim::Query { text: crate::experiment::Template::text("pg_is_primary"), shape: None };
    let into =
        Selector { r#where: Some(crate::target::Where { query, is: "1".parse().unwrap() }), pick: None, ..app("db") };
    let experiment = experiment(vec![inject("cut", partition(), into, for_seconds(1))]);
    assert_eq!(refused(&experiment), bad("cut: `where` could not be asked, so nobody knows whom it means"));
    let mut world = ground();
    world.matching_where = BTreeMap::from([(experiment.method[0].id, BTreeSet::from([InstanceName::new("db-z2")]))]);
    let found = plan(&experiment, &world, 7, &Caps::default()).unwrap();
    assert_eq!(found.most_targets, 1);
    assert_eq!(found.steps[0].population, 3);
}

#[test]
fn without_a_word_from_agents_the_plan_stands_and_says_so() {
    let mut world = ground();
    world.agents.clear();
    let experiment = experiment(vec![inject("cut", partition(), app("api"), for_seconds(1))]);
    let found = plan(&experiment, &world, 7, &Caps::default()).unwrap();
    assert_eq!(found.steps[0].backend, None);
    assert_eq!(found.notes, ["no agent was asked what it can do on n1, n2, n3: preflight will ask"]);
}

#[test]
fn a_zone_cut_from_its_agents_says_that_a_unix_socket_stays() {
    for control in [false, true] {
        let fault = Fault::ZoneLoss(ZoneLoss { mode: ZoneLossMode::Isolate, control });
        let zone = Selector { zone: Some("z1".into()), ..Selector::default() };
        let found =
            plan(&experiment(vec![inject("lost", fault, zone, for_seconds(1))]), &ground(), 7, &Caps::default());
        let notes = found.unwrap().notes;
        let says = notes.iter().any(|note| note.starts_with("lost: `control: true` changes nothing yet"));
        assert_eq!(says, control, "{notes:?}");
    }
}

#[test]
fn shots_are_planned_each_with_its_own_pick() {
    let one = Selector { pick: Some(Pick::One), ..app("api") };
    let mut step = inject("shots", kill(), one, for_seconds(60));
    if let StepKind::Inject(inject) = &mut step.kind {
        inject.every = Some(seconds(10));
    }
    let mut experiment = experiment(vec![step]);
    experiment.limits.max_targets = Some(1);
    let found = plan(&experiment, &ground(), 7, &Caps::default()).unwrap();
    assert_eq!(found.steps[0].what, "kill KILL every 10s, 6 times");
    assert_eq!(found.most_targets, 1, "one at a time");
    assert!(found.steps[0].targets.len() > 1, "but not always the same: {:?}", found.steps[0].targets);
}

#[test]
fn the_orders_of_every_step_are_foreseen_once() {
    let inner = vec![inject("cut", partition(), app("db"), for_seconds(10))];
    let experiment = experiment(vec![wait(2), inject("slow", delay(), app("api"), Lasting::Meanwhile(inner))]);
    let orders = foresee(&experiment, &ground(), 7).unwrap();
    let named: Vec<_> = orders.iter().map(|one| (one.step.as_str(), one.order.instance.as_str())).collect();
    let expected = ["api-z1", "api-z2", "api-z3"].map(|name| ("slow", name)).into_iter();
    assert_eq!(named, expected.chain(["db-z1", "db-z2", "db-z3"].map(|name| ("cut", name))).collect::<Vec<_>>());
    assert_eq!(orders[1].node, NodeName::new("n2"));
    let ids: BTreeSet<_> = orders.iter().map(|one| &one.order.id).collect();
    assert_eq!(ids.len(), orders.len());
}

#[test]
fn peers_are_taken_from_their_own_platform() {
    let cut_from = |platform: Option<&str>| {
        let platform = platform.map(|name| name.parse().unwrap());
        let peers = vec![crate::target::Peer::Instances(Box::new(Selector { platform, ..app("db") }))];
        let fault = Fault::Network(Box::new(Network { partition: true, peers: Some(peers), ..Network::default() }));
        let into = Selector { platform: "hosts".parse().ok(), ..app("api") };
        experiment(vec![inject("cut", fault, into, for_seconds(1))])
    };
    let mut world = ground();
    // An instance of the same name, elsewhere, that lists nothing: what was read of ours is not its own.
    let mut db = instances().into_iter().find(|one| one.name.as_str() == "db-z1").unwrap();
    world.addresses.insert(db.name.clone(), vec!["10.9.9.9".parse().unwrap()]);
    db.addresses.clear();
    world.platforms.insert("cloud".parse().unwrap(), vec![db.clone()]);
    assert_eq!(
        refusals(&cut_from(Some("nosuch")), &world, &Caps::default()),
        bad("cut: peers: there is no platform `nosuch` in the settings")
    );
    let refused = foresee(&cut_from(Some("cloud")), &world, 7).unwrap_err();
    assert!(refused[0].to_string().starts_with("cut: db-z1 lists no addresses"), "{refused:?}");
    db.addresses = vec!["192.0.2.7".parse().unwrap()];
    world.platforms.insert("cloud".parse().unwrap(), vec![db]);
    for (platform, expected) in [
        (Some("cloud"), vec!["192.0.2.7/32"]),
        (Some("hosts"), vec!["10.0.1.2/32", "10.0.2.2/32", "10.0.3.2/32"]),
        (None, vec!["10.0.1.2/32", "10.0.2.2/32", "10.0.3.2/32"]),
    ] {
        let orders = foresee(&cut_from(platform), &world, 7).unwrap();
        let OrderFault::Network(network) = &orders[0].order.fault else { panic!("{orders:?}") };
        let Peers::Only(blocks) = &network.peers else { panic!("{network:?}") };
        assert_eq!(blocks.iter().map(ToString::to_string).collect::<Vec<_>>(), expected, "{platform:?}");
    }
}

#[test]
fn an_order_that_cannot_be_made_for_want_of_addresses_is_foreseen() {
    let mut world = ground();
    for instance in world.platforms.values_mut().flatten().filter(|one| one.name.as_str() == "db-z1") {
        instance.addresses.clear();
    }
    let peers = vec![crate::target::Peer::Instances(Box::new(app("db")))];
    let cut = Fault::Network(Box::new(Network { partition: true, peers: Some(peers), ..Network::default() }));
    let experiment = experiment(vec![inject("cut", cut, app("api"), for_seconds(1))]);
    assert!(plan(&experiment, &world, 7, &Caps::default()).is_ok(), "they are read just before");
    let refusals = foresee(&experiment, &world, 7).unwrap_err();
    assert!(refusals[0].to_string().starts_with("cut: db-z1 lists no addresses"), "{refusals:?}");
    world.addresses.insert(InstanceName::new("db-z1"), vec!["10.9.9.9".parse().unwrap()]);
    assert_eq!(foresee(&experiment, &world, 7).unwrap().len(), 3);
}

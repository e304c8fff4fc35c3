//! A zone is cut off while Prometheus stalls and a leader moves.

use super::breaker::breaker_experiment;
use super::pieces::*;
use crate::story::*;
use squall_experiments::claim::{Dwell, Role, Window};
use squall_experiments::engine::{Command, Phase};
use squall_experiments::experiment::{Inject, Lasting, Step, StepKind};
use squall_experiments::fault::{
    AgentEvent, Direction, EndCause, Evidence, Fault, NetworkOrder, OrderFault, Peers, ZoneLoss, ZoneLossMode,
};
use squall_experiments::history::{Event, Record, WatchFailure};
use squall_experiments::judge::{Labels, Measure, Outcome, Reading, Sample, Series, Verdict, WatchName};
use squall_experiments::name::{FaultId, NodeName};
use squall_experiments::target::Selector;
use std::collections::BTreeMap;

/// A zone is cut off; Prometheus stalls for a while; the leader moves.
pub fn lost_zone() -> Record {
    let leader = squall_experiments::claim::Source::Exec {
        program: squall_experiments::claim::Program {
            command: ["./who-leads", "--cluster", "orders"].map(squall_experiments::experiment::Template::text).into(),
            env: BTreeMap::new(),
        },
        stdout: true,
        every: "1s".parse().unwrap(),
    };
    let after = |offset| Window::Between { from: start("zone-b-lost", offset), to: end("zone-b-lost") };
    let mut experiment = breaker_experiment();
    experiment.name = "lost-zone-fails-over".parse().unwrap();
    experiment.title = "When zone b is lost, the other zones carry its customers within 3 s".to_owned();
    experiment.method = vec![Step {
        id: step(0),
        name: Some("zone-b-lost".parse().unwrap()),
        kind: StepKind::Inject(Box::new(Inject {
            fault: Fault::ZoneLoss(ZoneLoss { mode: ZoneLossMode::Isolate, control: false }),
            into: Selector { zone: Some("zone-b".to_owned()), ..Selector::default() },
            lasting: Lasting::For("12s".parse().unwrap()),
            every: None,
            witness: None,
        })),
    }];
    experiment.steady_state.clear();
    experiment.abort_if.clear();
    let by_zone = "sum by (zone) (rate(frontend_requests_total[2s]))";
    experiment.expect = vec![
        claim("zones-carry-on", Role::Expect, query(by_zone), is("at least 50% of baseline", after(3))),
        claim(
            "leader-moves",
            Role::Expect,
            leader.clone(),
            becomes("orders-3", "6s", start("zone-b-lost", 0), Dwell::Once),
        ),
    ];
    let mut story = Story::of(experiment, TEXT);
    let what = "isolate zone-b: cut from every address outside";
    let claims = ["zones-carry-on", "leader-moves"];
    story.record.header.plan.steps = vec![planned(
        "zone-b-lost",
        what,
        "nftables owner table, netdev egress and ingress",
        &["frontend-b", "checkout-b", "orders-2"],
        &claims,
        9,
    )];
    story.enter(0.0, Phase::Preflight);
    story.event(0.5, preflight(&[("zones-carry-on", 200), ("leader-moves", 1000)]));
    story.enter(0.5, Phase::Baseline);
    story.enter(ON - 0.1, Phase::Method);
    for (place, (name, dropped)) in
        [("frontend-b", 8123), ("checkout-b", 1044), ("orders-2", 377)].into_iter().enumerate()
    {
        let id = format!("f-{}", place + 1);
        let partition = OrderFault::Network(NetworkOrder {
            delay: None,
            jitter: None,
            loss: None,
            partition: true,
            direction: Direction::Both,
            peers: Peers::AllExcept(vec!["10.0.2.0/24".parse().unwrap()]),
            ports: Vec::new(),
            protocol: None,
            cut_control: false,
        });
        let order = Box::new(order(&id, "zone-b-lost", name, partition));
        story.command(ON, Command::Inject { node: NodeName::new("lab"), order });
        let backend = "nftables owner table, netdev egress and ingress".to_owned();
        story.agent(ON + 0.4, "lab", &id, AgentEvent::On { backend });
        story.command(OFF, Command::Revert { node: NodeName::new("lab"), fault: FaultId::new(&id) });
        let evidence = Some(Evidence::Packets { dropped, delayed: 0, bytes: dropped * 66, delay: None });
        let gone = AgentEvent::Reverted { cause: EndCause::Asked, evidence, differences: Vec::new() };
        story.agent(OFF + 0.3, "lab", &id, gone);
    }
    story.command(ON + 0.45, Command::StepStarted(step(0)));
    story.command(OFF + 0.4, Command::StepEnded(step(0)));
    let rate = |zone: &'static str| {
        series(&[("job", "shop"), ("zone", zone)], 38.0, 0.2, move |at| {
            let stalled = (27.0..31.0).contains(&at);
            let lost = zone == "zone-b" && (ON..OFF + 1.0).contains(&at);
            let more = if (ON + 1.5..OFF + 1.0).contains(&at) { 1.5 } else { 1.0 };
            let value = if lost { (60.0 - 40.0 * (at - ON)).max(0.0) } else { 60.0 * more + 6.0 * noise(at) };
            (!stalled).then_some(value)
        })
    };
    story.watched("zones-carry-on", &query(by_zone), &[rate("zone-a"), rate("zone-b"), rate("zone-c")], &[]);
    let who = |at: f64| {
        if at < ON + 2.0 {
            "orders-2"
        } else if at < ON + 4.2 {
            "(none)"
        } else {
            "orders-3"
        }
    };
    let samples = (1..38).map(f64::from).map(|at| Sample(time(at), Reading::Text(who(at).to_owned()))).collect();
    story.watched("leader-moves", &leader, &[Series { labels: Labels::new(), samples }], &[]);
    let failure = WatchFailure { reason: "Prometheus: timed out after 2s".to_owned(), lasting: false };
    story.event(28.4, Event::Unobserved { watch: WatchName("zones-carry-on".to_owned()), failure: failure.clone() });
    story.event(29.4, Event::Unobserved { watch: WatchName("zones-carry-on".to_owned()), failure });
    story.enter(OFF + 0.4, Phase::Revert);
    story.enter(OFF + 0.5, Phase::Recovery);
    story.enter(38.0, Phase::CleanUp);
    story.enter(38.1, Phase::Done);
    let mut judgement = judgement(
        Verdict::Failed,
        &["zones-carry-on: {zone=\"zone-b\"} fell to 0 from 14.1 s on; at least 31.5 was asked for."],
    );
    let worst = Some(Measure::Worst { value: 0.0, at: time(14.2) });
    let mut zones = judged(
        "zones-carry-on",
        Role::Expect,
        Outcome::Failed,
        "{zone=\"zone-b\"} fell to 0 from 14.1 s on; at least 31.5 was asked for",
        worst,
    );
    zones.window = Some((time(ON + 3.45), time(OFF)));
    zones.baseline = Some(63.0);
    let mut moves =
        judged("leader-moves", Role::Expect, Outcome::Passed, "it became orders-3 in time", became(3550, 5100));
    moves.window = Some((time(ON), time(ON + 6.0)));
    moves.transition = Some((time(15.0), time(16.0)));
    judgement.claims = vec![zones, moves];
    let mut bites = witness(Outcome::Passed, "packets were dropped on 3 of 3 targets", &[]);
    bites.name = "zone-b-lost".parse().unwrap();
    judgement.witnesses = vec![bites];
    story.ends(Some(judgement))
}

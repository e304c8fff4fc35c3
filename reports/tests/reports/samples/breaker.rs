//! A breaker that opens half a second after payments became slow, lets probes through, and closes;
//! and what else may happen.

use super::pieces::*;
use crate::story::*;
use squall_experiments::claim::{Allowance, Claim, Dwell, Role, Tolerance, Verb, Window};
use squall_experiments::engine::{Command, Phase};
use squall_experiments::experiment::{Experiment, Inject, Lasting, Step, StepKind, Witness};
use squall_experiments::fault::{
    AgentEvent, DelaySeen, Direction, EndCause, Evidence, Fault, Network, NetworkOrder, OrderFault, Peers,
};
use squall_experiments::history::{AbortCause, Event, ResolvedTargets};
use squall_experiments::name::{FaultId, NodeName};
use squall_experiments::target::{Pick, Selector};
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) fn breaker_claims() -> (Vec<Claim>, Vec<Claim>, Vec<Claim>) {
    let success = r#"sum(rate(shop_requests_total{code!~"5.."}[2s])) / sum(rate(shop_requests_total[2s]))"#;
    let breaker = r#"max(shop_breaker_open{upstream="payments"})"#;
    let tolerance = Tolerance {
        budget: Some(Allowance::Share("15%".parse().unwrap())),
        longest: Some(Allowance::Time("1s".parse().unwrap())),
    };
    let dwell = Dwell::Until { until: end("payments-slow"), tolerance };
    let mut succeed = claim(
        "customers-keep-succeeding",
        Role::Expect,
        ratio(r#"shop_requests_total{code!~"5.."}"#, "shop_requests_total"),
        Verb::Totals { predicate: "at least 99%".parse().unwrap(), window: during("payments-slow") },
    );
    succeed.min_events = Some(1000);
    let aborts = Verb::Aborts { predicate: "below 80%".parse().unwrap(), lasting: Some("5s".parse().unwrap()) };
    (
        vec![claim("customers-succeed", Role::SteadyState, query(success), is("at least 99%", Window::Baseline))],
        vec![
            claim("breaker-opens", Role::Expect, query(breaker), becomes("1", "5s", start("payments-slow", 0), dwell)),
            claim(
                "breaker-closes",
                Role::Expect,
                query(breaker),
                becomes("0", "15s", end("payments-slow"), Dwell::Once),
            ),
            succeed,
            claim(
                "checkout-stays-fast",
                Role::Expect,
                query("histogram_quantile(0.99, sum by (le) (rate(checkout_duration_seconds_bucket[2s])))"),
                Verb::Is {
                    predicate: "below 300ms".parse().unwrap(),
                    window: Window::Between { from: start("payments-slow", 2), to: end("payments-slow") },
                    tolerance: Tolerance { budget: Some(Allowance::Time("1s".parse().unwrap())), longest: None },
                },
            ),
        ],
        vec![claim("customers-suffer", Role::AbortIf, query(success), aborts)],
    )
}

pub(super) fn breaker_experiment() -> Experiment {
    let (steady_state, expect, abort_if) = breaker_claims();
    let witness = Witness {
        source: query(r#"min(probe_duration_seconds{target="payments"})"#),
        platform: None,
        becomes: "at least 350ms".parse().unwrap(),
        within: "3s".parse().unwrap(),
        absent: None,
    };
    let network =
        Network { delay: Some("400ms".parse().unwrap()), jitter: Some("40ms".parse().unwrap()), ..Network::default() };
    let inject = Inject {
        fault: Fault::Network(Box::new(network)),
        into: Selector { namespace: Some("shop".to_owned()), pick: Some(Pick::All), ..Selector::default() },
        lasting: Lasting::For("12s".parse().unwrap()),
        every: None,
        witness: Some(witness),
    };
    Experiment {
        name: "slow-payments-opens-breaker".parse().unwrap(),
        title: "A slow payments service opens checkout's breaker, and customers do not notice".to_owned(),
        labels: BTreeMap::from([("mechanism".to_owned(), "circuit-breaker".to_owned())]),
        parameters: BTreeMap::from([("delay".parse().unwrap(), "400ms".to_owned())]),
        steady_state,
        recover_within: "60s".parse().unwrap(),
        prepare: Vec::new(),
        method: vec![Step {
            id: step(0),
            name: Some("payments-slow".parse().unwrap()),
            kind: StepKind::Inject(Box::new(inject)),
        }],
        expect,
        abort_if,
        limits: limits(),
    }
}

pub(super) fn targets() -> [(&'static str, &'static str, &'static str); 2] {
    [("payments-1", "zone-a", "10.0.1.12"), ("payments-2", "zone-b", "10.0.2.12")]
}

pub(super) fn delay() -> OrderFault {
    OrderFault::Network(NetworkOrder {
        delay: Some("400ms".parse().unwrap()),
        jitter: Some("40ms".parse().unwrap()),
        loss: None,
        partition: false,
        direction: Direction::Ingress,
        peers: Peers::All,
        ports: Vec::new(),
        protocol: None,
        cut_control: false,
    })
}

pub(super) fn delayed(packets: u64) -> Evidence {
    let millis = Duration::from_millis;
    let seen = DelaySeen { min: millis(361), p50: millis(401), p99: millis(439), max: millis(452) };
    Evidence::Packets { dropped: 0, delayed: packets, bytes: packets * 412, delay: Some(seen) }
}

/// Which part of the breaker's story is told otherwise.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Well,
    NeverOpens,
    WithoutEffect,
    AgentLost,
    Placebo,
    Aborted,
    Unfinished,
}

/// Opens half a second after the fault, lets a probe through every four seconds, closes 3.2 s after the end.
pub(super) fn is_open(at: f64) -> bool {
    let since = at - ON - 0.5;
    since >= 0.0 && at < OFF + 3.2 && (since < 3.0 || at > OFF - 0.5 || (since % 4.0) > 0.45)
}

pub(super) fn breaker(told: Told) -> Story {
    use Told::{Aborted, AgentLost, NeverOpens, Placebo, Unfinished, Well, WithoutEffect};
    let mut story = Story::of(breaker_experiment(), TEXT);
    let watches = [
        "customers-succeed",
        "breaker-opens",
        "breaker-closes",
        "customers-keep-succeeding",
        "checkout-stays-fast",
        "customers-suffer",
        "payments-slow",
    ];
    let names: Vec<&str> = targets().iter().map(|(name, ..)| *name).collect();
    story.record.header.plan.steps = vec![planned(
        "payments-slow",
        "network delay 400ms, jitter 40ms",
        "NFQUEUE, netdev ingress",
        &names,
        &["breaker-opens", "breaker-closes", "customers-keep-succeeding", "checkout-stays-fast"],
        2,
    )];
    story.record.header.placebo = told == Placebo;
    story.enter(0.0, Phase::Preflight);
    story.command(0.0, Command::Preflight);
    story.event(0.6, preflight(&watches.map(|watch| (watch, 200))));
    story.enter(0.6, Phase::Baseline);
    story.enter(ON - 0.05, Phase::Method);
    let instances: Vec<_> =
        targets().iter().map(|(name, zone, address)| instance(name, "payments", zone, address)).collect();
    story.event(
        ON - 0.02,
        Event::TargetsResolved {
            step: step(0),
            shot: 0,
            found: Box::new(ResolvedTargets {
                instances,
                matching_where: None,
                addresses: BTreeMap::new(),
                peers: BTreeMap::new(),
            }),
        },
    );
    let (off, last) = match told {
        Aborted => (15.2, 15.6),
        Unfinished => (14.0, 14.0),
        Well | NeverOpens | WithoutEffect | AgentLost | Placebo => (OFF, 38.0),
    };
    if told == Placebo {
        story.command(ON, Command::StepStarted(step(0)));
        story.command(OFF, Command::StepEnded(step(0)));
    } else {
        for (place, name) in names.iter().enumerate() {
            let (id, late) = (format!("f-{}", place + 1), f64::from(u32::try_from(place).unwrap()) * 0.05);
            let order = Box::new(order(&id, "payments-slow", name, delay()));
            story.command(ON, Command::Inject { node: NodeName::new("lab"), order });
            let backend = "NFQUEUE, netdev ingress".to_owned();
            story.agent(ON + 0.06 + late, "lab", &id, AgentEvent::On { backend });
            let effect = if told == WithoutEffect { 0 } else { 1204 + 13 * u64::try_from(place).unwrap() };
            let seen = |packets| {
                if packets == 0 {
                    Evidence::Packets { dropped: 0, delayed: 0, bytes: 0, delay: None }
                } else {
                    delayed(packets)
                }
            };
            story.agent(ON + 2.0 + late, "lab", &id, AgentEvent::Seen { evidence: seen(effect / 6) });
            if told == Unfinished {
                continue;
            }
            story.command(off, Command::Revert { node: NodeName::new("lab"), fault: FaultId::new(&id) });
            if told == AgentLost && place == 1 {
                let reason = "no answer on unix:/run/squall/agent.sock".to_owned();
                let faults = [FaultId::new(&id)].into();
                story.event(OFF + 5.0, Event::AgentLost { node: NodeName::new("lab"), faults, reason });
            } else {
                let evidence = Some(seen(effect));
                let cause = EndCause::Asked;
                let gone = AgentEvent::Reverted { cause, evidence, differences: Vec::new() };
                story.agent(off + 0.12 + late, "lab", &id, gone);
            }
        }
        story.command(ON + 0.12, Command::StepStarted(step(0)));
    }
    let bites = !matches!(told, WithoutEffect | Placebo);
    let slow = |at: f64| bites && (ON..off).contains(&at);
    let opens = told != NeverOpens && bites;
    let open = |at: f64| opens && is_open(at);
    let success = |at: f64| Some((0.9994 - 0.004 * noise(at) * f64::from(u8::from(slow(at)))).min(1.0));
    let fast = |at: f64| {
        Some(match (slow(at), open(at)) {
            (true, false) => 0.45 + 0.05 * noise(at),
            (true, true) => 0.04 + 0.03 * noise(at),
            (false, _) => 0.03 + 0.015 * noise(at),
        })
    };
    let counted = |bad: f64| series(&[("code", "200")], last, 0.2, move |at| Some((at * 120.0 * (1.0 - bad)).floor()));
    let claims: Vec<Claim> = story.record.header.experiment.claims().cloned().collect();
    let source = |name: &str| claims.iter().find(|claim| claim.name.as_str() == name).unwrap().source.clone();
    for name in ["customers-succeed", "customers-suffer"] {
        story.watched(name, &source(name), &[series(&[], last, 0.2, success)], &[]);
    }
    let state = series(&[], last, 0.2, |at| Some(f64::from(u8::from(open(at)))));
    story.watched("breaker-opens", &source("breaker-opens"), std::slice::from_ref(&state), &[]);
    story.watched("breaker-closes", &source("breaker-closes"), &[state], &[]);
    story.watched("checkout-stays-fast", &source("checkout-stays-fast"), &[series(&[], last, 0.2, fast)], &[]);
    let leaves = [
        vec![counted(0.002)],
        vec![counted(0.002), series(&[("code", "503")], last, 0.2, |at| Some((at / 4.0).floor()))],
    ];
    story.watched("customers-keep-succeeding", &source("customers-keep-succeeding"), &[], &leaves);
    let probe = series(&[], last, 0.2, |at| Some(if slow(at - 0.2) { 0.41 + 0.02 * noise(at) } else { 0.004 }));
    let asked = query(r#"min(probe_duration_seconds{target="payments"})"#);
    story.watched("payments-slow", &asked, &[probe], &[]);
    match told {
        Unfinished => {}
        Aborted => {
            story.event(15.1, Event::AbortRequested(AbortCause::Signal { name: "INT".to_owned() }));
            story.enter(15.1, Phase::Revert);
            story.command(15.4, Command::StepEnded(step(0)));
            story.enter(15.5, Phase::CleanUp);
            story.enter(15.6, Phase::Done);
        }
        Well | NeverOpens | WithoutEffect | AgentLost | Placebo => {
            if told != Placebo && told != AgentLost {
                story.command(OFF + 0.2, Command::StepEnded(step(0)));
            }
            story.enter(OFF + 0.2, Phase::Revert);
            story.enter(OFF + 0.3, Phase::Recovery);
            story.enter(38.0, Phase::CleanUp);
            story.enter(38.1, Phase::Done);
        }
    }
    story
}

/// The header alone, for an engine to run.
pub fn breaker_header() -> squall_experiments::history::Header {
    breaker(Told::Well).record.header
}

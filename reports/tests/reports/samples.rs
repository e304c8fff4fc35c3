//! Runs as the lab leaves them: a breaker that opens and closes, a zone that is lost, and what can
//! go wrong with either.

use crate::story::*;
use squall_experiments::claim::{Allowance, Claim, Dwell, Role, Tolerance, Verb, Window};
use squall_experiments::engine::{Command, Phase};
use squall_experiments::experiment::{Experiment, Inject, Lasting, Step, StepKind, Witness};
use squall_experiments::fault::{
    AgentEvent, DelaySeen, Direction, EndCause, Evidence, Fault, Network, NetworkOrder, ORDER_VERSION, Order,
    OrderFault, Peers, ZoneLoss, ZoneLossMode,
};
use squall_experiments::history::{AbortCause, Event, Record, ResolvedTargets, WatchFailure};
use squall_experiments::judge::{
    ClaimJudgement, Labels, Measure, Outcome, PlaceboReading, Reading, RemainingFault, Sample, Series, Verdict,
    WatchName, WitnessJudgement,
};
use squall_experiments::name::{FaultId, InstanceName, NodeName};
use squall_experiments::plan::{Bounds, PlannedStep};
use squall_experiments::target::{Pick, Selector};
use std::collections::BTreeMap;
use std::time::Duration;

const ON: f64 = 10.9;
const OFF: f64 = 23.1;

const TEXT: &str = r#"apiVersion: squall.dev/v1
kind: Experiment
metadata:
  name: slow-payments-opens-breaker
spec:
  title: A slow payments service opens checkout's breaker, and customers do not notice
  method:
    - name: payments-slow
      inject: {network: {delay: 400ms, jitter: 40ms}}
      into: {namespace: shop, labels: {app: payments}, pick: all}
      for: 12s
"#;

fn breaker_claims() -> (Vec<Claim>, Vec<Claim>, Vec<Claim>) {
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

fn breaker_experiment() -> Experiment {
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

fn targets() -> [(&'static str, &'static str, &'static str); 2] {
    [("payments-1", "zone-a", "10.0.1.12"), ("payments-2", "zone-b", "10.0.2.12")]
}

fn planned(name: &str, what: &str, backend: &str, names: &[&str], claims: &[&str], population: usize) -> PlannedStep {
    let at = |seconds| Bounds { earliest: Duration::from_secs(seconds), latest: Duration::from_secs(seconds) };
    PlannedStep {
        step: step(0),
        label: name.to_owned(),
        depth: 0,
        what: what.to_owned(),
        starts: at(0),
        ends: at(12),
        targets: BTreeMap::from([(NodeName::new("lab"), names.iter().map(|name| InstanceName::new(*name)).collect())]),
        population,
        backend: Some(backend.to_owned()),
        watched_by: claims.iter().map(|claim| claim.parse().unwrap()).collect(),
    }
}

fn order(id: &str, step: &str, instance: &str, fault: OrderFault) -> Order {
    Order {
        version: ORDER_VERSION,
        id: FaultId::new(id),
        step: step.parse().unwrap(),
        instance: InstanceName::new(instance),
        locator: squall_experiments::target::Locator::default(),
        fault,
        lease: "15s".parse().unwrap(),
        deadline: "22s".parse().unwrap(),
    }
}

fn delay() -> OrderFault {
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

fn delayed(packets: u64) -> Evidence {
    let millis = Duration::from_millis;
    let seen = DelaySeen { min: millis(361), p50: millis(401), p99: millis(439), max: millis(452) };
    Evidence::Packets { dropped: 0, delayed: packets, bytes: packets * 412, delay: Some(seen) }
}

/// Which part of the breaker's story is told otherwise.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Well,
    NeverOpens,
    WithoutEffect,
    AgentLost,
    Placebo,
    Aborted,
    Unfinished,
}

/// Opens half a second after the fault, lets a probe through every four seconds, closes 3.2 s after the end.
fn is_open(at: f64) -> bool {
    let since = at - ON - 0.5;
    since >= 0.0 && at < OFF + 3.2 && (since < 3.0 || (since % 4.0) > 0.45)
}

fn breaker(told: Told) -> (Story, [Outcome; 4]) {
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
    story.event(0.6, preflight(&watches));
    story.enter(0.6, Phase::Baseline);
    story.enter(ON - 0.05, Phase::Method);
    let instances: Vec<_> =
        targets().iter().map(|(name, zone, address)| instance(name, "payments", zone, address)).collect();
    story.event(
        ON - 0.02,
        Event::TargetsResolved {
            step: step(0),
            shot: 0,
            found: Box::new(ResolvedTargets { instances, matching_where: None, addresses: BTreeMap::new() }),
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
    (story, [Outcome::Passed; 4])
}

fn judged(name: &str, role: Role, outcome: Outcome, reason: &str, measure: Option<Measure>) -> ClaimJudgement {
    ClaimJudgement {
        name: name.parse().unwrap(),
        role,
        outcome,
        reason: reason.to_owned(),
        measure,
        window: None,
        transition: None,
        baseline: None,
    }
}

fn became(least: u64, most: u64) -> Option<Measure> {
    Some(Measure::TimeToBecome { least: Duration::from_millis(least), most: Duration::from_millis(most) })
}

fn passed_claims() -> Vec<ClaimJudgement> {
    let mut claims = vec![
        judged(
            "customers-succeed",
            Role::SteadyState,
            Outcome::Passed,
            "it held over the baseline and again after the method",
            Some(Measure::Worst { value: 0.9954, at: time(13.4) }),
        ),
        judged(
            "breaker-opens",
            Role::Expect,
            Outcome::Passed,
            "it became 1 in time and was otherwise for 1.2 to 2.4 s of 11.5 s, never longer than 600 ms",
            became(300, 700),
        ),
        judged("breaker-closes", Role::Expect, Outcome::Passed, "it became 0 in time", became(3000, 3400)),
        judged(
            "customers-keep-succeeding",
            Role::Expect,
            Outcome::Passed,
            "99.79 % of 1,440 requests",
            Some(Measure::Total { inner: 0.997_916, outer: 0.997_931 }),
        ),
        judged(
            "checkout-stays-fast",
            Role::Expect,
            Outcome::Passed,
            "it was above 300 ms for at most 800 ms, 1s is allowed",
            Some(Measure::Violation { least: Duration::from_millis(400), most: Duration::from_millis(800) }),
        ),
        judged("customers-suffer", Role::AbortIf, Outcome::Passed, "it was never so", None),
    ];
    claims[0].window = Some((time(0.7), time(ON)));
    claims[1].window = Some((time(ON), time(OFF)));
    claims[1].transition = Some((time(11.2), time(11.6)));
    claims[2].window = Some((time(OFF + 0.2), time(OFF + 15.2)));
    claims[2].transition = Some((time(26.2), time(26.4)));
    claims[3].window = Some((time(ON + 0.12), time(OFF)));
    claims[4].window = Some((time(ON + 2.12), time(OFF)));
    claims
}

fn witness(outcome: Outcome, reason: &str, without: &[&str]) -> WitnessJudgement {
    WitnessJudgement {
        step: step(0),
        name: "payments-slow".parse().unwrap(),
        outcome,
        reason: reason.to_owned(),
        without: without.iter().map(|name| InstanceName::new(*name)).collect(),
    }
}

fn bit() -> WitnessJudgement {
    witness(
        Outcome::Passed,
        "min(probe_duration_seconds) became at least 350ms after 200 to 400 ms, and was gone in time",
        &[],
    )
}

/// The breaker opens, probes, closes.
pub fn passed() -> Record {
    let (story, _) = breaker(Told::Well);
    let mut judgement =
        judgement(Verdict::Passed, &["payments-slow was seen to bite on 2 of 2 targets, and every claim held."]);
    judgement.claims = passed_claims();
    judgement.witnesses = vec![bit()];
    judgement.recovery = became(0, 200);
    story.ends(Some(judgement))
}

/// The twin: the breaker's threshold can never be reached.
pub fn failed() -> Record {
    let (story, _) = breaker(Told::NeverOpens);
    let mut judgement = judgement(
        Verdict::Failed,
        &[
            "breaker-opens: it was 0 from payments-slow.start on and did not become 1 within 5s.",
            "checkout-stays-fast: it was above 300 ms for at least 9.8 s, 1s is allowed.",
        ],
    );
    judgement.claims = passed_claims();
    judgement.claims[1] = judged(
        "breaker-opens",
        Role::Expect,
        Outcome::Failed,
        "it was 0 from payments-slow.start on and did not become 1 within 5s",
        None,
    );
    judgement.claims[1].window = Some((time(ON), time(OFF)));
    let reason = "it was already 0: no change was seen since payments-slow started";
    judgement.claims[2] = judged("breaker-closes", Role::Expect, Outcome::Inconclusive, reason, None);
    judgement.claims[2].window = Some((time(OFF + 0.2), time(OFF + 15.2)));
    judgement.claims[4].outcome = Outcome::Failed;
    judgement.claims[4].reason = "it was above 300 ms for at least 9.8 s, 1s is allowed".to_owned();
    judgement.claims[4].measure =
        Some(Measure::Violation { least: Duration::from_millis(9800), most: Duration::from_millis(10_000) });
    judgement.witnesses = vec![bit()];
    judgement.recovery = became(0, 200);
    story.ends(Some(judgement))
}

/// Peers nobody has: the fault is on and does nothing.
pub fn without_witness() -> Record {
    let (story, _) = breaker(Told::WithoutEffect);
    let mut judgement = judgement(
        Verdict::Inconclusive,
        &["no fault witness: payments-slow was on for 12 s, and not one packet was delayed on payments-1, payments-2."],
    );
    judgement.claims = passed_claims();
    for claim in &mut judgement.claims[1..3] {
        claim.outcome = Outcome::Inconclusive;
        claim.reason = "it was already so".to_owned();
        (claim.measure, claim.transition) = (None, None);
    }
    let reason = "it never became at least 350ms within 3s of the start";
    judgement.witnesses = vec![witness(Outcome::Failed, reason, &["payments-1", "payments-2"])];
    story.ends(Some(judgement))
}

/// An agent is gone before it can confirm.
pub fn may_remain() -> Record {
    let (story, _) = breaker(Told::AgentLost);
    let mut judgement = judgement(
        Verdict::FaultsMayRemain,
        &["payments-slow on payments-2 is not known to be gone: the agent at lab has not answered for 25 s."],
    );
    judgement.claims = passed_claims();
    judgement.witnesses = vec![bit()];
    judgement.remaining = vec![RemainingFault {
        fault: Some(FaultId::new("f-2")),
        step: "payments-slow".parse().unwrap(),
        instance: Some(InstanceName::new("payments-2")),
        node: Some(NodeName::new("lab")),
        reason: "the agent has not answered since the revert was sent, 25 s ago".to_owned(),
        remedy: "squall agent revert --all --socket /run/squall/agent.sock".to_owned(),
    }];
    story.ends(Some(judgement))
}

/// The same without the fault, and one claim that holds all the same.
pub fn placebo() -> Record {
    let (mut story, _) = breaker(Told::Placebo);
    let always = claim(
        "requests-are-served",
        Role::Expect,
        query("sum(shop_requests_total)"),
        Verb::Totals { predicate: "at least 100".parse().unwrap(), window: during("payments-slow") },
    );
    story.record.header.experiment.expect.push(always);
    let mut judgement = judgement(
        Verdict::Failed,
        &["requests-are-served held without the fault: it is vacuous, so it proves nothing about the fault."],
    );
    judgement.claims = passed_claims();
    for (place, reason) in [(1, "it did not become 1 within 5s"), (2, "it was already so")] {
        let outcome = if place == 1 { Outcome::Failed } else { Outcome::Inconclusive };
        (judgement.claims[place].outcome, judgement.claims[place].reason) = (outcome, reason.to_owned());
        (judgement.claims[place].measure, judgement.claims[place].transition) = (None, None);
    }
    let total = Some(Measure::Total { inner: 1440.0, outer: 1464.0 });
    judgement.claims.push(judged("requests-are-served", Role::Expect, Outcome::Passed, "it was 1440 to 1464", total));
    judgement.placebo = Some(PlaceboReading {
        vacuous: vec!["requests-are-served".parse().unwrap()],
        does_not_hold: vec!["breaker-opens".parse().unwrap(), "breaker-closes".parse().unwrap()],
        violated: Vec::new(),
        without_data: Vec::new(),
    });
    story.ends(Some(judgement))
}

/// Ctrl-C in the middle.
pub fn aborted() -> Record {
    let (story, _) = breaker(Told::Aborted);
    let mut judgement = judgement(Verdict::Aborted, &["SIGINT ended the run after 15.1 s; everything was reverted."]);
    judgement.claims = passed_claims();
    for claim in &mut judgement.claims {
        claim.outcome = Outcome::Inconclusive;
        claim.reason = "the run was aborted before its window had closed".to_owned();
        (claim.measure, claim.transition, claim.window) = (None, None, None);
    }
    judgement.witnesses = vec![bit()];
    story.ends(Some(judgement))
}

/// The runner was killed while the fault was on.
pub fn unfinished() -> Record {
    breaker(Told::Unfinished).0.ends(None)
}

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
    story.event(0.5, preflight(&claims));
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

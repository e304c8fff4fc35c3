//! The breaker's story with each verdict.

use super::breaker::{Told, breaker};
use super::pieces::*;
use crate::story::*;
use squall_experiments::claim::{Role, Verb};
use squall_experiments::history::Record;
use squall_experiments::judge::{
    ClaimJudgement, Measure, Outcome, PlaceboReading, RemainingFault, Verdict, WitnessJudgement,
};
use squall_experiments::name::{FaultId, InstanceName, NodeName};
use std::time::Duration;

pub(super) fn passed_claims() -> Vec<ClaimJudgement> {
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

pub(super) fn bit() -> WitnessJudgement {
    witness(
        Outcome::Passed,
        "min(probe_duration_seconds) became at least 350ms after 200 to 400 ms, and was gone in time",
        &[],
    )
}

/// The breaker opens, probes, closes.
pub fn passed() -> Record {
    let story = breaker(Told::Well);
    let mut judgement =
        judgement(Verdict::Passed, &["payments-slow was seen to bite on 2 of 2 targets, and every claim held."]);
    judgement.claims = passed_claims();
    judgement.witnesses = vec![bit()];
    judgement.recovery = became(0, 200);
    story.ends(Some(judgement))
}

/// The twin: the breaker's threshold can never be reached.
pub fn failed() -> Record {
    let story = breaker(Told::NeverOpens);
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
    let story = breaker(Told::WithoutEffect);
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
    let story = breaker(Told::AgentLost);
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
    let mut story = breaker(Told::Placebo);
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
    let story = breaker(Told::Aborted);
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
    breaker(Told::Unfinished).ends(None)
}

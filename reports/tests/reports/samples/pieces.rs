//! Pieces that several samples share.

use crate::story::*;
use squall_experiments::claim::Role;
use squall_experiments::fault::{ORDER_VERSION, Order, OrderFault};
use squall_experiments::judge::{ClaimJudgement, Measure, Outcome, WitnessJudgement};
use squall_experiments::name::{FaultId, InstanceName, NodeName};
use squall_experiments::plan::{Bounds, PlannedStep};
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) fn planned(
    name: &str,
    what: &str,
    backend: &str,
    names: &[&str],
    claims: &[&str],
    population: usize,
) -> PlannedStep {
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

pub(super) fn order(id: &str, step: &str, instance: &str, fault: OrderFault) -> Order {
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

pub(super) fn judged(
    name: &str,
    role: Role,
    outcome: Outcome,
    reason: &str,
    measure: Option<Measure>,
) -> ClaimJudgement {
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

pub(super) fn became(least: u64, most: u64) -> Option<Measure> {
    Some(Measure::TimeToBecome { least: Duration::from_millis(least), most: Duration::from_millis(most) })
}

pub(super) fn witness(outcome: Outcome, reason: &str, without: &[&str]) -> WitnessJudgement {
    WitnessJudgement {
        step: step(0),
        name: "payments-slow".parse().unwrap(),
        outcome,
        reason: reason.to_owned(),
        without: without.iter().map(|name| InstanceName::new(*name)).collect(),
    }
}

pub(super) const ON: f64 = 10.9;
pub(super) const OFF: f64 = 23.1;

pub(super) const TEXT: &str = r#"apiVersion: squall.dev/v1
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

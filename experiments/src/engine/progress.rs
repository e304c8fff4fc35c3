//! Where a run is now, for people who watch it. Nothing is decided by it, and it is not recorded.

use super::engine::Engine;
use super::faults::State;
use super::{Phase, bounds};
use crate::claim::Role;
use crate::experiment::StepId;
use crate::judge::Judged;
use crate::moment::Moment;
use crate::name::{ClaimName, StepName};
use crate::plan::Bounds;
use std::collections::BTreeMap;
use std::time::Duration;

/// Where a run is now.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The phase.
    pub phase: Phase,
    /// The run is over within this time, if nothing ends it earlier; `None`: it cannot be said yet.
    pub left: Option<Duration>,
    /// Every claim, in the order of the file.
    pub claims: Vec<ClaimProgress>,
    /// Every step whose fault is on, or may be: those at agents, and lasting actions that count as faults by
    /// their witness; in the order they began.
    pub faults: Vec<FaultProgress>,
}

/// What a claim looks like now.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimProgress {
    /// Its name.
    pub name: ClaimName,
    /// Where it stands in the file.
    pub role: Role,
    /// Pending, or decided already; `None`: its window has not begun.
    pub judged: Option<Judged>,
}

/// A step that disturbs something now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultProgress {
    /// The step.
    pub step: StepName,
    /// On how many instances it is on, or may be; `None`: an action, which has its effect where nobody counts.
    pub instances: Option<usize>,
}

impl Engine {
    /// The run, as it stands at a moment.
    pub fn progress(&self, now: Moment) -> Progress {
        let claims = self.given.experiment.claims().map(|claim| {
            let judged = Some(self.finding(claim).judged);
            ClaimProgress { name: claim.name.clone(), role: claim.role, judged }
        });
        let faults = self.faults_now();
        let left = Some(self.left(now).latest);
        Progress { phase: self.phase, left, claims: claims.collect(), faults }
    }

    fn faults_now(&self) -> Vec<FaultProgress> {
        let mut found: BTreeMap<StepId, (Duration, FaultProgress)> = BTreeMap::new();
        for fault in self.faults.all.values() {
            match fault.state {
                State::Sent | State::On | State::Reverting | State::MayRemain(_) => {
                    let none = || FaultProgress { step: fault.order.step.clone(), instances: None };
                    let (_, on) = found.entry(fault.step).or_insert_with(|| (fault.sent.elapsed, none()));
                    *on.instances.get_or_insert_default() += 1;
                }
                State::Done | State::Refused | State::Reverted => {}
            }
        }
        for (step, run) in self.actions.all.iter().filter(|(_, run)| run.may_disturb()) {
            let on = FaultProgress { step: run.name.clone(), instances: None };
            found.insert(*step, (run.begun.elapsed, on));
        }
        let mut found: Vec<_> = found.into_values().collect();
        found.sort_by_key(|(began, _)| *began);
        found.into_iter().map(|(_, fault)| fault).collect()
    }

    /// What is left of this phase, and all of the phases to come.
    fn left(&self, now: Moment) -> Bounds {
        let plan = &self.given.plan;
        let spent = now.elapsed.saturating_sub(self.since.elapsed);
        let rest = |bounds: Bounds| Bounds {
            earliest: bounds.earliest.saturating_sub(spent),
            latest: bounds.latest.saturating_sub(spent),
        };
        let plus = |one: Bounds, other: Bounds| Bounds {
            earliest: one.earliest.saturating_add(other.earliest),
            latest: one.latest.saturating_add(other.latest),
        };
        let hasty = self.ending.is_hasty();
        match self.phase {
            Phase::Preflight => {
                let looking = rest(Bounds { earliest: Duration::ZERO, latest: bounds::PREFLIGHT });
                plus(looking, plus(plan.baseline, plus(plan.method, plan.recovery)))
            }
            Phase::Prepare => plus(plan.baseline, plus(plan.method, plan.recovery)),
            Phase::Baseline => plus(rest(plan.baseline), plus(plan.method, plan.recovery)),
            Phase::Method => plus(rest(plan.method), plan.recovery),
            Phase::Revert if !hasty => plan.recovery,
            Phase::Recovery => rest(plan.recovery),
            Phase::Revert | Phase::CleanUp | Phase::Done => Bounds { earliest: Duration::ZERO, latest: Duration::ZERO },
        }
    }
}

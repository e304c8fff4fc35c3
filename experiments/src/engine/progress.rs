//! What a person wants to know while the run goes on.

use super::Phase;
use super::engine::Engine;
use super::faults::{FaultRun, State};
use crate::claim::Role;
use crate::judge::{Judged, Outcome};
use crate::moment::Moment;
use crate::name::{ClaimName, InstanceName, StepName};
use crate::plan::Bounds;
use std::time::Duration;

/// A run, as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Where it is.
    pub phase: Phase,
    /// How long the phase has lasted.
    pub in_phase: Duration,
    /// How long the run still takes, at least and at most.
    pub left: Bounds,
    /// The steps that are on, outer before inner.
    pub steps: Vec<StepName>,
    /// Every claim, in the order of the file.
    pub claims: Vec<ClaimProgress>,
    /// Every fault that has been sent.
    pub faults: Vec<FaultProgress>,
}

/// A claim, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimProgress {
    /// The claim.
    pub name: ClaimName,
    /// Where it stands in the file.
    pub role: Role,
    /// What became of it; `None`: not decided yet.
    pub outcome: Option<Outcome>,
    /// What it looks like now, or why it was decided so.
    pub now: String,
}

/// A fault, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultProgress {
    /// Its step.
    pub step: StepName,
    /// Whom it hits.
    pub instance: InstanceName,
    /// `sent`, `on`, `reverting`, `reverted`, `over`, `refused`, `may remain`.
    pub state: &'static str,
    /// Whether its agent has seen it bite.
    pub bites: bool,
}

impl Engine {
    /// The run, as it stands at a moment.
    pub fn progress(&self, now: Moment) -> Progress {
        let claims = self.given.experiment.claims().map(|claim| {
            let (outcome, now) = match self.finding(claim).judged {
                Judged::Pending { now } => (None, now),
                Judged::Settled { outcome, reason, .. } => (Some(outcome), reason),
            };
            ClaimProgress { name: claim.name.clone(), role: claim.role, outcome, now }
        });
        let on = |step: &&crate::experiment::Step| {
            self.steps.get(&step.id).is_some_and(|run| run.start.is_some() && run.end.is_none())
        };
        Progress {
            phase: self.phase,
            in_phase: now.elapsed.saturating_sub(self.since.elapsed),
            left: self.left(now),
            steps: self.given.experiment.steps().into_iter().filter(on).filter_map(|step| step.name.clone()).collect(),
            claims: claims.collect(),
            faults: self.faults.all.values().map(fault_progress).collect(),
        }
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
            Phase::Preflight | Phase::Prepare => plus(plan.baseline, plus(plan.method, plan.recovery)),
            Phase::Baseline => plus(rest(plan.baseline), plus(plan.method, plan.recovery)),
            Phase::Method => plus(rest(plan.method), plan.recovery),
            Phase::Revert if !hasty => plan.recovery,
            Phase::Recovery => rest(plan.recovery),
            Phase::Revert | Phase::CleanUp | Phase::Done => Bounds { earliest: Duration::ZERO, latest: Duration::ZERO },
        }
    }
}

fn fault_progress(fault: &FaultRun) -> FaultProgress {
    let state = match fault.state {
        State::Sent => "sent",
        State::On => "on",
        State::Done => "over",
        State::Refused => "refused",
        State::Reverting => "reverting",
        State::Reverted => "reverted",
        State::MayRemain(_) => "may remain",
    };
    FaultProgress {
        step: fault.order.step.clone(),
        instance: fault.order.instance.clone(),
        state,
        bites: fault.bites(),
    }
}

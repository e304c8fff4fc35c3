//! The end: everything that was found goes to the judge, who says the verdict.

use super::actions::ActionRun;
use super::engine::Engine;
use super::faults::{FaultRun, State};
use super::{Command, Phase};
use crate::claim::{Claim, Source};
use crate::experiment::{Action, Inject, Step, StepKind, Undo, Witness};
use crate::judge::{
    Case, Finding, Findings, Judged, JudgedClaim, Observed, Outcome, RemainingFault, Sampling, Vacuity,
    WitnessJudgement, find, verdict, witness,
};
use crate::name::{InstanceName, StepName};
use std::sync::Arc;
use std::time::Duration;

impl Engine {
    /// Judges the run and ends it.
    pub(super) fn finish(&mut self) {
        self.timeline.close();
        let given = Arc::clone(&self.given);
        let findings = Findings {
            placebo: given.placebo,
            remaining: self.remaining(),
            errors: self.ending.errors.clone(),
            aborted: self.ending.aborted.clone(),
            blind: self.ending.blind.clone(),
            no_baseline: self.ending.no_baseline.clone(),
            claims: given.experiment.claims().map(|claim| self.judged_claim(claim)).collect(),
            witnesses: if given.placebo { Vec::new() } else { self.witnesses() },
            waits: if given.placebo { Vec::new() } else { self.waits() },
            recovery: self.recovery_finding(),
            notes: self.ending.notes.clone(),
        };
        let judgement = verdict(findings);
        self.enter(Phase::Done);
        self.outbox.push(Command::Finish(Box::new(judgement)));
    }

    fn judged_claim(&self, claim: &Claim) -> JudgedClaim {
        let finding = self.finding(claim);
        let already_so = finding.already_so;
        let is_of_action = matches!(claim.source, Source::Step(_));
        let vacuity = if is_of_action { Vacuity::NotJudged } else { Vacuity::of(claim) };
        JudgedClaim { judgement: finding.judgement(claim), vacuity, already_so }
    }

    /// What the judge says of a claim now.
    pub(super) fn finding(&self, claim: &Claim) -> Finding {
        match self.case(claim) {
            Some(case) => find(&case),
            None => {
                let nothing = Sampling { interval: Duration::from_secs(1), timeout: Duration::ZERO };
                let observed = Observed::new(nothing);
                let clock = self.clock(None, false);
                find(&Case { claim, timeline: &self.timeline, clock, observed: &observed, baseline: None })
            }
        }
    }

    /// Every fault, and every action that counts as one, in the order of the file.
    fn witnesses(&self) -> Vec<WitnessJudgement> {
        let of_step = |step: &Step| {
            let name = step.name.as_ref()?;
            match &step.kind {
                StepKind::Inject(inject) => Some(self.witness_of_fault(step, name, inject)),
                StepKind::Perform(perform) => {
                    let seen = perform.witness.as_ref()?;
                    Some(self.witness_from_outside(step, name, seen, Vec::new()))
                }
                StepKind::Wait(_) | StepKind::WaitFor(_) | StepKind::Parallel(_) => None,
            }
        };
        self.given.experiment.steps().into_iter().filter_map(of_step).collect()
    }

    fn witness_of_fault(&self, step: &Step, name: &StepName, inject: &Inject) -> WitnessJudgement {
        let faults: Vec<&FaultRun> = self.faults.of(step.id).collect();
        let mut without: Vec<InstanceName> =
            faults.iter().filter(|fault| !fault.bites()).map(|fault| fault.order.instance.clone()).collect();
        without.dedup();
        if let Some(seen) = &inject.witness {
            return self.witness_from_outside(step, name, seen, without);
        }
        let bitten = faults.iter().filter(|fault| fault.bites()).count();
        let list: Vec<&str> = without.iter().map(InstanceName::as_str).collect();
        let (outcome, reason) = match (faults.len(), bitten) {
            (0, _) => (Outcome::Inconclusive, "it never ran".to_owned()),
            (_, 0) => (Outcome::Inconclusive, format!("no agent saw it bite: no evidence from {}", list.join(", "))),
            (all, bitten) if all == bitten => (Outcome::Passed, format!("its agents saw it bite on {}", targets(all))),
            (all, bitten) => (
                Outcome::Passed,
                format!("its agents saw it bite on {bitten} of {all} targets; no evidence from {}", list.join(", ")),
            ),
        };
        WitnessJudgement { step: step.id, name: name.clone(), outcome, reason, without }
    }

    /// A witness from outside decides, whatever agents say.
    fn witness_from_outside(
        &self,
        step: &Step,
        name: &StepName,
        seen: &Witness,
        without: Vec<InstanceName>,
    ) -> WitnessJudgement {
        let ran = self.timeline.step(name).start.is_some();
        let (outcome, reason) = match self.witness_case(name, seen).filter(|_| ran).map(|case| witness(&case)) {
            None => (Outcome::Inconclusive, "it never ran".to_owned()),
            Some(Judged::Settled { outcome, reason, .. }) => (outcome, reason),
            Some(Judged::Pending { now }) => {
                (Outcome::Inconclusive, format!("the run ended before its witness was judged: {now}"))
            }
        };
        WitnessJudgement { step: step.id, name: name.clone(), outcome, reason, without }
    }

    /// Every `waitFor` that ran and was not met.
    fn waits(&self) -> Vec<WitnessJudgement> {
        let of_step = |step: &Step| {
            let (name, StepKind::WaitFor(wait)) = (step.name.as_ref()?, &step.kind) else { return None };
            let run = self.steps.get(&step.id)?;
            if run.end.is_some() {
                return None;
            }
            let (outcome, reason) = match self.judge_wait_now(name, wait) {
                Judged::Settled { outcome: Outcome::Passed, .. } => return None,
                Judged::Settled { outcome, reason, .. } => (outcome, reason),
                Judged::Pending { now } => {
                    (Outcome::Inconclusive, format!("nobody can say whether it was met in time: {now}"))
                }
            };
            Some(WitnessJudgement { step: step.id, name: name.clone(), outcome, reason, without: Vec::new() })
        };
        self.given.experiment.steps().into_iter().filter_map(of_step).collect()
    }

    fn remaining(&self) -> Vec<RemainingFault> {
        let faults = self.faults.all.iter().filter_map(|(id, fault)| match &fault.state {
            State::Done | State::Refused | State::Reverted => None,
            State::MayRemain(reason) => Some((id, fault, reason.clone())),
            State::Sent | State::On | State::Reverting => Some((id, fault, "its revert was not confirmed".to_owned())),
        });
        let faults = faults.map(|(id, fault, reason)| RemainingFault {
            fault: Some(id.clone()),
            step: fault.order.step.clone(),
            instance: Some(fault.order.instance.clone()),
            node: Some(fault.node.clone()),
            reason,
            remedy: remedy(&fault.node),
        });
        let actions = self.actions.all.values().filter(|run| !run.failures.is_empty()).map(|run| RemainingFault {
            fault: None,
            step: run.name.clone(),
            instance: None,
            node: None,
            reason: run.failures.join("; "),
            remedy: by_hand(run),
        });
        faults.chain(actions).collect()
    }
}

fn targets(count: usize) -> String {
    if count == 1 { "its target".to_owned() } else { format!("all {count} targets") }
}

/// What to run on a node when nobody can say whether a fault is gone.
pub(super) fn remedy(node: &crate::name::NodeName) -> String {
    format!("on node {node}: `squall agent list` shows what is there, `squall agent revert --all` removes it")
}

fn by_hand(run: &ActionRun) -> String {
    let actions = match &run.perform.undo {
        Undo::By(actions) => actions.as_slice(),
        Undo::Irreversible => &[],
    };
    let words: Vec<String> = actions.iter().map(action_in_words).collect();
    if words.is_empty() {
        "look whether its command still runs, and end it".to_owned()
    } else {
        format!("do by hand: {}", words.join(", then "))
    }
}

/// An action as a person would do it by hand.
pub(super) fn action_in_words(action: &Action) -> String {
    match action {
        Action::Exec(program) => {
            let words: Vec<String> = program.command.iter().map(ToString::to_string).collect();
            format!("`{}`", words.join(" "))
        }
        Action::Http(request) => format!("`{} {}`", request.method, request.url),
    }
}

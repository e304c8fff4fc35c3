//! The end: everything that was found goes to the judge, who says the verdict.

use super::actions::ActionRun;
use super::engine::Engine;
use super::faults::{FaultRun, State};
use super::{Command, Phase};
use crate::experiment::{Action, Inject, Step, StepKind, Template, Undo, Witness};
use crate::fault::Evidence;
use crate::judge::{Findings, Judged, JudgedClaim, Outcome, RemainingFault, WitnessJudgement, verdict, witness};
use crate::name::{InstanceName, RunId, StepName};
use std::sync::Arc;

impl Engine {
    /// Judges the run and ends it.
    pub(super) fn finish(&mut self) {
        self.timeline.close();
        // What was there is counted sample by sample, so a warning decides nothing, but nobody should miss it.
        for warning in self.watches.warnings() {
            self.ending.note(warning);
        }
        let given = Arc::clone(&self.given);
        let findings = Findings {
            placebo: given.placebo,
            remaining: self.remaining(),
            errors: self.ending.errors.clone(),
            aborted: self.ending.aborted.clone(),
            blind: self.ending.blind.clone(),
            no_baseline: self.ending.no_baseline.clone(),
            claims: given.experiment.claims().map(|claim| JudgedClaim::new(claim, self.finding(claim))).collect(),
            witnesses: if given.placebo { Vec::new() } else { self.witnesses() },
            waits: if given.placebo { Vec::new() } else { self.waits() },
            recovery: self.recovery_finding(),
            notes: self.ending.notes.clone(),
        };
        let judgement = verdict(findings);
        self.enter(Phase::Done);
        self.outbox.push(Command::Finish(Box::new(judgement)));
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
        if let Some((fault, longest)) = faults.iter().find_map(|fault| Some((fault, fault.held_too_long()?))) {
            let reason = format!(
                "its agent hung: a packet for {} was held for {longest:.1?}, so what was seen may come of that",
                fault.order.instance
            );
            let (outcome, name) = (Outcome::Inconclusive, name.clone());
            return WitnessJudgement { step: step.id, name, outcome, reason, without };
        }
        if let Some(seen) = &inject.witness {
            let judged = self.witness_from_outside(step, name, seen, without);
            let nothing = |fault: &&FaultRun| fault.evidence.as_ref().is_some_and(Evidence::is_nothing);
            if judged.outcome != Outcome::Passed || faults.is_empty() || !faults.iter().all(nothing) {
                return judged;
            }
            let reason = format!(
                "its agents are certain that nothing was touched, so the witness saw something else: {}",
                judged.reason
            );
            return WitnessJudgement { outcome: Outcome::Inconclusive, reason, ..judged };
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

    /// What a witness from outside says of a step.
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
            remedy: REMEDY.to_owned(),
        });
        let actions = self.actions.all.values().filter(|run| !run.failures.is_empty()).map(|run| RemainingFault {
            fault: None,
            step: run.name.clone(),
            instance: None,
            node: None,
            reason: run.failures.join("; "),
            remedy: by_hand(run, &self.given.run),
        });
        faults.chain(actions).collect()
    }
}

fn targets(count: usize) -> String {
    if count == 1 { "its target".to_owned() } else { format!("all {count} targets") }
}

/// What to run on a fault's node when nobody can say whether it is gone. It needs no runner and no network.
pub(super) const REMEDY: &str = "squall agent revert --all";

fn by_hand(run: &ActionRun, of_run: &RunId) -> String {
    let actions = match &run.perform.undo {
        Undo::By(actions) => actions.as_slice(),
        Undo::Irreversible => &[],
    };
    let words: Vec<String> = actions.iter().map(action_in_words).collect();
    if words.is_empty() { format!("squall revert {of_run}") } else { words.join("; ") }
}

/// An action as a person would do it by hand.
pub(super) fn action_in_words(action: &Action) -> String {
    match action {
        Action::Exec(program) => {
            let quote = |word: &Template| {
                let text = word.to_string();
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&byte);
                if !text.is_empty() && text.bytes().all(plain) {
                    text
                } else {
                    format!("'{}'", text.replace('\'', r"'\''"))
                }
            };
            let words: Vec<String> = program.command.iter().map(quote).collect();
            words.join(" ")
        }
        Action::Http(request) => format!("curl -X {} {}", request.method, request.url),
    }
}

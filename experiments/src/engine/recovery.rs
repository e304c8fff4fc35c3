//! After the method: everything is undone, the system gets its time to be steady again, the last windows
//! close, and `prepare` is undone.

use super::engine::Engine;
use super::faults::{FaultRun, State};
use super::steps::Stage;
use super::{Phase, bounds};
use crate::experiment::{Step, StepKind};
use crate::judge::{Case, Outcome, Recovery, RecoveryFinding, recovery};
use crate::moment::Interval;
use std::sync::Arc;

impl Engine {
    /// Everything is undone at once. Waits for nothing but confirmations, each of which has its bound.
    pub(super) fn advance_revert(&mut self) {
        let reverts = self.faults.revert(self.now, |_| true);
        self.outbox.extend(reverts);
        let prepared: Vec<_> = self.given.experiment.prepare.iter().map(|(id, ..)| *id).collect();
        let undone = self.take_back_newest_first(|step| !prepared.contains(&step));
        if let Some(due) = self.faults.give_up(self.now) {
            self.wake_at(due);
        }
        self.end_reverted_steps();
        if !undone || !self.faults.all.values().all(FaultRun::is_settled) {
            return;
        }
        let remains = self.faults.all.values().any(|fault| matches!(fault.state, State::MayRemain(_)));
        if self.timeline.method().start.is_some() && !remains {
            self.timeline.method_ended(self.method_end());
        }
        let observe = self.timeline.method().end.is_some() && !self.ending.is_hasty();
        self.enter(if observe { Phase::Recovery } else { Phase::CleanUp });
    }

    /// The method's end: the last end of a step or an undo.
    fn method_end(&self) -> Interval {
        let last_undo = self
            .actions
            .all
            .iter()
            .filter(|(step, run)| {
                !self.is_prepared(**step) && run.taking_back.is_some_and(|at| at.elapsed >= self.since.elapsed)
            })
            .filter_map(|(_, run)| run.undone)
            .max_by_key(|at| at.elapsed)
            .map(|last| Interval { first: self.since, last });
        let ends = self.steps.values().filter_map(|run| run.end).chain(last_undo);
        ends.max_by_key(|end| end.last.elapsed).unwrap_or_else(|| self.since_then(self.since))
    }

    /// Steps that were on when the method ended have their end once all of it is gone.
    fn end_reverted_steps(&mut self) {
        let given = Arc::clone(&self.given);
        let open: Vec<&Step> = given
            .experiment
            .steps()
            .into_iter()
            .filter(|step| self.steps.get(&step.id).is_some_and(|run| run.start.is_some() && run.stage != Stage::Ended))
            .collect();
        for step in open {
            let end = match &step.kind {
                StepKind::Inject(_) => {
                    let faults: Vec<&FaultRun> = self.faults.of(step.id).collect();
                    let gone = !faults.is_empty() && faults.iter().all(|fault| fault.is_gone());
                    let first =
                        faults.iter().filter_map(|fault| fault.asked.or(fault.over)).min_by_key(|at| at.elapsed);
                    let last = faults.iter().filter_map(|fault| fault.over).max_by_key(|at| at.elapsed);
                    first.zip(last).filter(|_| gone).map(|(first, last)| Interval { first, last })
                }
                StepKind::Perform(_) => self
                    .actions
                    .all
                    .get(&step.id)
                    .filter(|run| run.is_taken_back() && run.failures.is_empty())
                    .and_then(|run| run.taking_back)
                    .map(|first| self.since_then(first)),
                StepKind::Wait(_) | StepKind::WaitFor(_) | StepKind::Parallel(_) => None,
            };
            if let Some(end) = end {
                self.end_step(step, end);
            }
        }
    }

    pub(super) fn advance_recovery(&mut self) {
        if self.ending.is_hasty() {
            self.enter(Phase::CleanUp);
            return;
        }
        let given = Arc::clone(&self.given);
        let mut over = self.has_recovered();
        for claim in &given.experiment.expect {
            over &= self.is_settled(claim);
        }
        for name in given.experiment.steps().into_iter().filter_map(|step| step.name.clone()) {
            over &= self.is_witness_settled(&name);
        }
        over &= !self.is_asking_once();
        if over {
            self.enter(Phase::CleanUp);
        }
    }

    /// Looks at the steady state after the method; says whether that is decided.
    fn has_recovered(&mut self) -> bool {
        let Some(end) = self.timeline.method().end else { return true };
        if self.given.experiment.steady_state.is_empty() {
            return true;
        }
        let within = self.given.experiment.recover_within.get();
        match self.recovery_now() {
            Some(Recovery::Pending { .. }) => {
                let bound = within + self.baseline.length + self.longest_lag() + bounds::LATE_DATA;
                self.look_again();
                self.passed(end.last, bound) || self.is_steady_state_refused()
            }
            None | Some(Recovery::Recovered { .. } | Recovery::Missed { .. } | Recovery::Unknown { .. }) => true,
        }
    }

    /// Whether no source of the steady state will ever answer again: waiting decides nothing.
    fn is_steady_state_refused(&self) -> bool {
        let mut names = self.given.experiment.steady_state.iter().map(|claim| claim.name.as_str());
        names.all(|name| self.watches.get(name).is_none_or(|run| run.observed.refused))
    }

    fn recovery_now(&self) -> Option<Recovery> {
        let end = self.timeline.method().end?;
        let experiment = &self.given.experiment;
        let cases: Vec<Case<'_>> = experiment.steady_state.iter().filter_map(|claim| self.case(claim)).collect();
        (!cases.is_empty()).then(|| recovery(&cases, end, experiment.recover_within.get(), self.baseline.length))
    }

    /// How the recovery was judged; `None`: there is no steady state, or the run ended before.
    pub(super) fn recovery_finding(&self) -> Option<RecoveryFinding> {
        if self.ending.is_hasty() {
            return None;
        }
        Some(match self.recovery_now()? {
            Recovery::Recovered { measure, reason } => {
                RecoveryFinding { outcome: Outcome::Passed, reason, measure: Some(measure) }
            }
            Recovery::Missed { reason } => RecoveryFinding { outcome: Outcome::Failed, reason, measure: None },
            Recovery::Unknown { reason } => RecoveryFinding { outcome: Outcome::Inconclusive, reason, measure: None },
            Recovery::Pending { now } => RecoveryFinding {
                outcome: Outcome::Inconclusive,
                reason: format!("the run ended before the recovery was decided: {now}"),
                measure: None,
            },
        })
    }

    pub(super) fn advance_clean_up(&mut self) {
        self.close_all_watches();
        if self.take_back_newest_first(|_| true) {
            self.finish();
        }
    }
}

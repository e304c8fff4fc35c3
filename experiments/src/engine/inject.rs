//! A fault step: targets, orders, the agents' word, its time, the revert.
//!
//! ```text
//! Resolving -> Injecting -> Lasting -> Ending -> Ended
//!     ^            |-> Ended (one-shot)
//!     '- Between <-'   (every)
//! ```

use super::bounds;
use super::engine::Engine;
use super::faults::{FaultRun, State};
use super::steps::Stage;
use crate::experiment::{Inject, Lasting, Step, StepId};
use crate::fault::AgentEvent;
use crate::moment::{Interval, Moment};
use crate::name::{FaultId, NodeName};
use crate::plan::shots;
use std::collections::BTreeSet;

impl Engine {
    /// Lets a fault step go on.
    pub(super) fn run_inject(&mut self, step: &Step, inject: &Inject) {
        let Some(run) = self.steps.get(&step.id) else { return };
        match run.stage.clone() {
            Stage::Resolving { asked, .. } => {
                if self.passed(asked, bounds::RESOLVE) {
                    let seconds = bounds::RESOLVE.as_secs();
                    self.ending.error(format!("{}: its targets were not found in {seconds} s", step.label()));
                }
            }
            Stage::Injecting { shot, first } => self.run_injecting(step, inject, shot, first),
            Stage::Between { next } => self.run_between(step, inject, next),
            Stage::Lasting => {
                let since = run.start.map_or(run.begun, |start| start.last);
                let over = match &inject.lasting {
                    Lasting::Once => true,
                    Lasting::For(length) => self.passed(since, length.get()),
                    Lasting::Meanwhile(steps) => self.run_sequence(steps),
                };
                if over && !self.ending.is_set() {
                    self.set_stage(step.id, Stage::Ending { asked: self.now });
                    let reverts = self.faults.revert(self.now, |fault| fault.step == step.id);
                    self.outbox.extend(reverts);
                    self.run_inject(step, inject);
                }
            }
            Stage::Ending { asked } => self.run_ending(step, asked),
            Stage::Waiting | Stage::Ended => {}
        }
    }

    fn run_injecting(&mut self, step: &Step, inject: &Inject, shot: u32, first: Moment) {
        let of_shot: Vec<(FaultId, FaultRun)> = self
            .faults
            .all
            .iter()
            .filter(|(_, fault)| fault.step == step.id && fault.shot == shot)
            .map(|(id, fault)| (id.clone(), fault.clone()))
            .collect();
        for (_, fault) in of_shot.iter().filter(|(_, fault)| fault.state == State::Sent) {
            if self.passed(fault.sent, fault.patience) {
                self.ending.error(format!(
                    "{}: the agent of node {} did not say in {} s whether the fault on {} is on",
                    step.label(),
                    fault.node,
                    fault.patience.as_secs(),
                    fault.order.instance
                ));
                return;
            }
        }
        if of_shot.iter().any(|(_, fault)| fault.state == State::Sent) {
            return;
        }
        let begins = self.steps.get(&step.id).is_some_and(|run| run.start.is_none());
        if begins {
            self.start_step(step, self.since_then(first));
        }
        if !matches!((&inject.lasting, inject.every), (Lasting::Once, _) | (Lasting::For(_), Some(_))) {
            self.set_stage(step.id, Stage::Lasting);
            self.run_inject(step, inject);
            return;
        }
        if self.wait_until_gone(step, &of_shot) {
            self.end_shot(step, inject, shot, first);
        }
    }

    /// Whether the one-shot faults of a shot are over. One whose end nobody sees is reverted, so that its
    /// agent looks no longer; its evidence then says that it did not bite.
    fn wait_until_gone(&mut self, step: &Step, of_shot: &[(FaultId, FaultRun)]) -> bool {
        for (id, fault) in of_shot.iter().filter(|(_, fault)| fault.state == State::On) {
            if self.passed(fault.sent, fault.patience + bounds::GONE) {
                let note = format!("{}: {} was not seen to go", step.label(), fault.order.instance);
                self.ending.note(note);
                let reverts = self.faults.revert(self.now, |other| other.order.id == *id);
                self.outbox.extend(reverts);
            }
        }
        if let Some(due) = self.faults.give_up(self.now) {
            self.wake_at(due);
        }
        self.fail_on_remaining(step.id);
        of_shot.iter().all(|(id, _)| self.faults.all.get(id).is_none_or(FaultRun::is_settled))
    }

    fn end_shot(&mut self, step: &Step, inject: &Inject, shot: u32, first: Moment) {
        let end = self.since_then(first);
        let next = shot + 1;
        match &inject.lasting {
            Lasting::For(_) => {
                if let Some(run) = self.steps.get_mut(&step.id) {
                    run.end = Some(end);
                    run.stage = Stage::Between { next };
                }
                self.run_inject(step, inject);
            }
            Lasting::Once | Lasting::Meanwhile(_) => self.end_step(step, end),
        }
    }

    fn run_between(&mut self, step: &Step, inject: &Inject, next: u32) {
        let Some(run) = self.steps.get(&step.id) else { return };
        let (Lasting::For(length), Some(every)) = (&inject.lasting, inject.every) else { return };
        let begun = run.start.map_or(run.begun, |start| start.first);
        let end = run.end.unwrap_or(Interval::at(self.now));
        let due = every.get().saturating_mul(next);
        if next < shots(inject) && begun.elapsed + length.get() > self.now.elapsed {
            if self.passed(begun, due) {
                self.resolve(step, inject, next);
            }
            return;
        }
        if next < shots(inject) {
            let (planned, label) = (shots(inject), step.label());
            self.ending.note(format!("{label}: only {next} of {planned} shots fitted into its time"));
        }
        if self.passed(begun, length.get()) {
            self.end_step(step, end);
        }
    }

    fn run_ending(&mut self, step: &Step, asked: Moment) {
        if let Some(due) = self.faults.give_up(self.now) {
            self.wake_at(due);
        }
        self.fail_on_remaining(step.id);
        if self.faults.of(step.id).all(FaultRun::is_gone) {
            self.end_step(step, self.since_then(asked));
        }
    }

    /// A fault that is not known to be gone ends the method.
    fn fail_on_remaining(&mut self, step: StepId) {
        let left: Vec<String> = self
            .faults
            .of(step)
            .filter_map(|fault| match &fault.state {
                State::MayRemain(reason) => Some(format!("{} on {}: {reason}", fault.order.step, fault.order.instance)),
                _ => None,
            })
            .collect();
        for reason in left {
            self.ending.error(reason);
        }
    }

    pub(super) fn take_agent_event(&mut self, id: &FaultId, event: AgentEvent) {
        use super::faults::Trouble;
        match self.faults.take(self.now, id, event) {
            None => {}
            Some(Trouble::Error(reason)) => self.ending.error(reason),
            Some(Trouble::Person(reason)) => self.ending.abort(reason),
            Some(Trouble::Note(note)) => self.ending.note(note),
        }
    }

    /// An agent that is gone: its faults are not known to be on or gone, so the run cannot go on.
    pub(super) fn take_lost_agent(&mut self, node: &NodeName, faults: &BTreeSet<FaultId>, reason: &str) {
        let holds =
            self.faults.all.iter().any(|(id, fault)| !fault.is_gone() && (fault.node == *node || faults.contains(id)));
        if holds {
            self.ending.error(format!("the agent of node {node} does not answer any more: {reason}"));
        } else {
            self.ending.note(format!("the agent of node {node} did not answer for a while: {reason}"));
        }
    }
}

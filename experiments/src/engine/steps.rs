//! The running step tree: top to bottom, `parallel` together, `meanwhile` inside.
//!
//! A step is looked at again and again until it has ended; it keeps where it stands. Nothing here ends a
//! step early: when the method ends before its end, the tree is left as it is, and
//! `recovery.rs` undoes what the registries of faults and actions say is there.

use super::Command;
use super::engine::Engine;
use crate::experiment::{Inject, Lasting, Perform, Step, StepId, StepKind, WaitFor};
use crate::moment::{Interval, Moment};
use std::time::Duration;

/// Where a step stands. A step that has not begun has no entry.
#[derive(Debug, Clone)]
pub(super) struct StepRun {
    pub(super) stage: Stage,
    /// When it was begun: the first request may come later.
    pub(super) begun: Moment,
    pub(super) start: Option<Interval>,
    pub(super) end: Option<Interval>,
}

/// What a running step waits for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stage {
    /// Its targets, for this shot.
    Resolving { shot: u32, asked: Moment },
    /// The agents' word on this shot's orders.
    Injecting { shot: u32, first: Moment },
    /// The next shot of an `every`.
    Between { next: u32 },
    /// Its `for`, its `meanwhile`, or the end of its action.
    Lasting,
    /// Reverts, since then.
    Ending { asked: Moment },
    /// Branches, time, a condition.
    Waiting,
    /// Nothing.
    Ended,
}

impl Engine {
    /// Lets a list of steps go on; says whether it is done.
    pub(super) fn run_sequence(&mut self, steps: &[Step]) -> bool {
        for step in steps {
            if !self.run_step(step) {
                return false;
            }
        }
        true
    }

    /// Lets a step go on, beginning it if need be; says whether it is done.
    fn run_step(&mut self, step: &Step) -> bool {
        match self.steps.get(&step.id).map(|run| &run.stage) {
            Some(Stage::Ended) => return true,
            Some(_) => {}
            None => {
                // A claim that is asked at the last step's end is answered before this one changes anything.
                // And once anything ends the method, in this branch or another, nothing new begins.
                if self.is_asking_once() || self.ending.is_set() {
                    return false;
                }
                self.begin_step(step);
            }
        }
        match &step.kind {
            StepKind::Wait(length) => self.run_wait(step, length.get()),
            StepKind::WaitFor(wait) => self.run_wait_for(step, wait),
            StepKind::Parallel(branches) => {
                // No short cut: every branch goes on.
                let done = branches.iter().map(|branch| self.run_step(branch)).filter(|done| !done).count() == 0;
                if done {
                    self.end_step(step, Interval::at(self.now));
                }
            }
            StepKind::Inject(inject) => self.run_inject(step, inject),
            StepKind::Perform(perform) => self.run_perform(step, perform),
        }
        matches!(self.steps.get(&step.id).map(|run| &run.stage), Some(Stage::Ended))
    }

    fn begin_step(&mut self, step: &Step) {
        let stage = match &step.kind {
            StepKind::Inject(_) => Stage::Resolving { shot: 0, asked: self.now },
            StepKind::Perform(_) => Stage::Lasting,
            StepKind::Wait(_) | StepKind::WaitFor(_) | StepKind::Parallel(_) => Stage::Waiting,
        };
        let run = StepRun { stage, begun: self.now, start: None, end: None };
        self.steps.insert(step.id, run);
        match &step.kind {
            StepKind::Inject(inject) => self.resolve(step, inject, 0),
            StepKind::Perform(perform) => {
                if let Some(name) = step.name.as_ref().filter(|_| !self.given.placebo) {
                    let timeout = match perform.lasting {
                        Lasting::Once => Some(perform.timeout),
                        Lasting::For(_) | Lasting::Meanwhile(_) => None,
                    };
                    self.begin_action(step.id, name, perform, timeout);
                }
                self.start_step(step, Interval::at(self.now));
            }
            StepKind::Wait(_) | StepKind::Parallel(_) | StepKind::WaitFor(_) => {
                self.start_step(step, Interval::at(self.now));
            }
        }
    }

    fn run_wait(&mut self, step: &Step, length: Duration) {
        let Some(begun) = self.steps.get(&step.id).map(|run| run.begun) else { return };
        if self.passed(begun, length) {
            self.end_step(step, Interval::at(self.now));
        }
    }

    fn run_wait_for(&mut self, step: &Step, wait: &WaitFor) {
        let Some(name) = &step.name else { return };
        match self.judge_wait(name, wait) {
            super::judging::Wait::Pending => {}
            super::judging::Wait::Met => self.end_step(step, Interval::at(self.now)),
            super::judging::Wait::NotMet(reason) if self.given.placebo => {
                self.ending.note(format!("{name} was not met, as nothing was done: {reason}"));
                self.end_step(step, Interval::at(self.now));
            }
            super::judging::Wait::NotMet(_) => self.ending.wait_not_met = true,
        }
    }

    fn run_perform(&mut self, step: &Step, perform: &Perform) {
        let Some(run) = self.steps.get(&step.id) else { return };
        let (begun, stage) = (run.begun, run.stage.clone());
        if let Stage::Ending { asked } = stage {
            if self.given.placebo || self.take_back(step.id) {
                self.end_step(step, self.since_then(asked));
            }
            return;
        }
        let over = match &perform.lasting {
            Lasting::Once if self.given.placebo => true,
            Lasting::Once => {
                if self.action_has_ended(step.id) {
                    self.end_step(step, Interval::at(self.now));
                }
                return;
            }
            Lasting::For(length) => self.passed(begun, length.get()),
            Lasting::Meanwhile(steps) => self.run_sequence(steps),
        };
        if over && !self.ending.is_set() {
            self.set_stage(step.id, Stage::Ending { asked: self.now });
            self.run_perform(step, perform);
        }
    }

    pub(super) fn set_stage(&mut self, step: StepId, stage: Stage) {
        if let Some(run) = self.steps.get_mut(&step) {
            run.stage = stage;
        }
    }

    /// A step's start is certain.
    pub(super) fn start_step(&mut self, step: &Step, at: Interval) {
        if let Some(run) = self.steps.get_mut(&step.id) {
            run.start = Some(at);
        }
        if self.timeline.method().start.is_none() {
            self.timeline.method_started(at);
        }
        if let Some(name) = &step.name {
            self.timeline.step_started(name, at);
        }
        self.outbox.push(Command::StepStarted(step.id));
        self.watch_sources();
    }

    /// A step's end is certain.
    pub(super) fn end_step(&mut self, step: &Step, at: Interval) {
        if let Some(run) = self.steps.get_mut(&step.id) {
            run.end = Some(at);
            run.stage = Stage::Ended;
        }
        if let Some(name) = &step.name {
            self.timeline.step_ended(name, at);
        }
        self.outbox.push(Command::StepEnded(step.id));
        self.declare_losses(step);
        self.watch_sources();
    }

    /// The fault step with this place.
    pub(super) fn inject_of(&self, id: StepId) -> Option<(Step, Inject)> {
        self.given.experiment.steps().into_iter().find(|step| step.id == id).and_then(|step| match &step.kind {
            StepKind::Inject(inject) => Some((step.clone(), (**inject).clone())),
            StepKind::Perform(_) | StepKind::Wait(_) | StepKind::WaitFor(_) | StepKind::Parallel(_) => None,
        })
    }
}

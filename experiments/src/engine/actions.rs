//! Actions: begun, ended, taken back.
//!
//! ```text
//! Begin -> (it ends by itself) ----------------.
//!    '---> Stop -> it ends, or is given up on --+-> undo, one after another -> taken back
//! ```
//!
//! Unknown counts as done: an action whose end nobody told is stopped and taken back all the same. Taking
//! back never stops at the first error.

use super::engine::Engine;
use super::{Command, bounds};
use crate::experiment::{Action, Lasting, Perform, StepId, Undo};
use crate::history::{ActionEnd, Activity};
use crate::moment::Moment;
use crate::name::StepName;
use crate::unit::Length;
use std::collections::BTreeMap;
use std::time::Duration;

/// One action of a step and what became of it.
#[derive(Debug, Clone)]
pub(super) struct ActionRun {
    pub(super) name: StepName,
    pub(super) perform: Perform,
    pub(super) begun: Moment,
    pub(super) ended: Option<(Moment, ActionEnd)>,
    pub(super) stop_asked: Option<Moment>,
    /// When taking it back began.
    pub(super) taking_back: Option<Moment>,
    /// When all of its undo had been tried.
    pub(super) undone: Option<Moment>,
    undoing: Undoing,
    /// What could not be taken back, a sentence each.
    pub(super) failures: Vec<String>,
    /// How long the runner has for an action that ends by itself.
    patience: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Undoing {
    /// This one is next.
    Next(u32),
    /// This one has begun.
    Begun(u32, Moment),
    /// All have been tried.
    Over,
}

impl ActionRun {
    /// Whether it has ended and everything of its undo has been tried.
    pub(super) fn is_taken_back(&self) -> bool {
        self.undoing == Undoing::Over
    }

    /// Whether it is a fault that lasts (by its witness) and is, or may be, not taken back.
    pub(super) fn may_disturb(&self) -> bool {
        let counts = self.perform.witness.is_some() && self.perform.lasting != Lasting::Once;
        let never_begun = matches!(self.ended, Some((_, ActionEnd::NotStarted { .. })));
        counts && !never_begun && !(self.is_taken_back() && self.failures.is_empty())
    }

    /// Whether it lasts, as it has been seen: neither ended nor told to.
    pub(super) fn runs(&self) -> bool {
        self.ended.is_none()
    }
}

/// Every action of the run, by step.
#[derive(Debug, Default)]
pub(super) struct Actions {
    pub(super) all: BTreeMap<StepId, ActionRun>,
    /// In the order in which they were begun.
    pub(super) order: Vec<StepId>,
}

impl Engine {
    /// Begins a step's action. `timeout`: it ends by itself in this time; `None`: it is told to end.
    pub(super) fn begin_action(&mut self, step: StepId, name: &StepName, perform: &Perform, timeout: Option<Length>) {
        let activity = Activity::Action(step);
        let begun = self.now;
        let rendered = self.fill_action(&perform.action);
        let ended = match &rendered {
            Ok(_) => None,
            Err(reason) => Some((begun, ActionEnd::NotStarted { reason: reason.clone() })),
        };
        let run = ActionRun {
            name: name.clone(),
            perform: perform.clone(),
            begun,
            ended: None,
            stop_asked: None,
            taking_back: None,
            undone: None,
            undoing: Undoing::Next(0),
            failures: Vec::new(),
            patience: timeout.map(|timeout| timeout.get() + bounds::ACTION_MARGIN),
        };
        self.actions.all.insert(step, run);
        self.actions.order.push(step);
        match (rendered, ended) {
            (Ok(action), _) => self.outbox.push(Command::Begin { activity, action, timeout }),
            (Err(_), Some((_, end))) => self.take_action_end(activity, end),
            (Err(_), None) => {}
        }
    }

    /// An action told its end.
    pub(super) fn take_action_end(&mut self, activity: Activity, end: ActionEnd) {
        match activity {
            Activity::Action(step) => {
                let now = self.now;
                let Some(run) = self.actions.all.get_mut(&step).filter(|run| run.runs()) else { return };
                let name = run.name.clone();
                let told_to = run.stop_asked.is_some();
                run.ended = Some((now, end.clone()));
                self.watches.note_result(&name, &end);
                if !told_to && !end.succeeded() {
                    self.judge_failure(&name, &end);
                }
            }
            Activity::Undo(step, place) => {
                let Some(run) = self.actions.all.get_mut(&step) else { return };
                if !matches!(run.undoing, Undoing::Begun(current, _) if current == place) {
                    return;
                }
                if !end.succeeded() {
                    run.failures.push(format!("undo {} of {}: {}", place + 1, run.name, end_in_words(&end)));
                }
                run.undoing = Undoing::Next(place + 1);
            }
        }
    }

    /// An action that fails ends the method, unless a claim names it: then that claim decides.
    fn judge_failure(&mut self, name: &StepName, end: &ActionEnd) {
        if self.ending.is_set() {
            return;
        }
        let named = self.given.experiment.expect.iter().any(|claim| match &claim.source {
            crate::claim::Source::Step(step) => step == name,
            _ => false,
        });
        if named {
            self.ending.note(format!("{name} {}; the claim that names it decides", end_in_words(end)));
        } else {
            self.ending.error(format!("{name} {}", end_in_words(end)));
        }
    }

    /// Whether an action that ends by itself is waited for no longer. One that says nothing past its
    /// timeout is an error.
    pub(super) fn action_has_ended(&mut self, step: StepId) -> bool {
        let Some(run) = self.actions.all.get(&step) else { return true };
        let (begun, patience, name) = (run.begun, run.patience, run.name.clone());
        if !run.runs() {
            return true;
        }
        let Some(patience) = patience else { return false };
        if self.passed(begun, patience) {
            self.ending.error(format!("{name} did not end, nor did its timeout end it, in {} s", patience.as_secs()));
        }
        false
    }

    /// Tells a running action to end.
    pub(super) fn stop_action(&mut self, step: StepId) {
        let now = self.now;
        if let Some(run) = self.actions.all.get_mut(&step)
            && run.runs()
            && run.stop_asked.is_none()
        {
            run.stop_asked = Some(now);
            self.outbox.push(Command::Stop(Activity::Action(step)));
        }
    }

    /// Ends an action and undoes it; says whether that is over.
    pub(super) fn take_back(&mut self, step: StepId) -> bool {
        loop {
            let now = self.now;
            self.stop_action(step);
            let Some(run) = self.actions.all.get_mut(&step) else { return true };
            run.taking_back.get_or_insert(now);
            if run.runs() {
                let asked = run.stop_asked.unwrap_or(now);
                if !self.passed(asked, bounds::STOP) {
                    return false;
                }
                self.give_up_on(step);
                continue;
            }
            match run.undoing.clone() {
                Undoing::Over => return true,
                Undoing::Next(place) => self.begin_undo(step, place),
                Undoing::Begun(place, since) => {
                    let bound = run.perform.timeout.get() + bounds::ACTION_MARGIN;
                    if !self.passed(since, bound) {
                        return false;
                    }
                    let end = ActionEnd::TimedOut { output: String::new() };
                    self.take_action_end(Activity::Undo(step, place), end);
                }
            }
        }
    }

    fn give_up_on(&mut self, step: StepId) {
        let now = self.now;
        if let Some(run) = self.actions.all.get_mut(&step) {
            run.failures.push(format!("{} did not end in {} s after it was told to", run.name, bounds::STOP.as_secs()));
            run.ended = Some((now, ActionEnd::TimedOut { output: String::new() }));
        }
    }

    fn begin_undo(&mut self, step: StepId, place: u32) {
        let Some(run) = self.actions.all.get(&step) else { return };
        let never_begun = matches!(run.ended, Some((_, ActionEnd::NotStarted { .. })));
        let action = match &run.perform.undo {
            Undo::By(actions) if !never_begun => actions.get(usize::try_from(place).unwrap_or(usize::MAX)).cloned(),
            Undo::By(_) | Undo::Irreversible => None,
        };
        let timeout = run.perform.timeout;
        let name = run.name.clone();
        let filled = action.map(|action| self.fill_action(&action));
        let now = self.now;
        let Some(run) = self.actions.all.get_mut(&step) else { return };
        match filled {
            None => {
                run.undoing = Undoing::Over;
                run.undone = Some(now);
            }
            Some(Ok(action)) => {
                run.undoing = Undoing::Begun(place, now);
                let activity = Activity::Undo(step, place);
                self.outbox.push(Command::Begin { activity, action, timeout: Some(timeout) });
            }
            Some(Err(reason)) => {
                run.failures.push(format!("undo {} of {name} could not be begun: {reason}", place + 1));
                run.undoing = Undoing::Next(place + 1);
            }
        }
    }

    /// Takes back the given actions, newest first; says whether that is over.
    pub(super) fn take_back_newest_first(&mut self, which: impl Fn(StepId) -> bool) -> bool {
        let steps: Vec<StepId> = self.actions.order.iter().rev().copied().filter(|step| which(*step)).collect();
        // They are all told to end at once: only the undos wait for one another.
        for step in &steps {
            self.stop_action(*step);
        }
        steps.into_iter().all(|step| self.take_back(step))
    }

    /// Fills the holes of an action, all but secrets.
    fn fill_action(&self, action: &Action) -> Result<Action, String> {
        let values = self.values();
        match action {
            Action::Exec(program) => super::fill::program(program, &values).map(Action::Exec),
            Action::Http(request) => super::fill::request(request, &values).map(Action::Http),
        }
        .map_err(|error| error.to_string())
    }
}

/// How an action ended, as it follows its name: `exited with 3: no such host`.
pub(super) fn end_in_words(end: &ActionEnd) -> String {
    let last_line = |output: &str| match output.trim().lines().last() {
        Some(line) => format!(": {line}"),
        None => String::new(),
    };
    match end {
        ActionEnd::Exited { code, output } => format!("exited with {code}{}", last_line(output)),
        ActionEnd::Answered { status: 0, output } => format!("got no answer{}", last_line(output)),
        ActionEnd::Answered { status, output } => format!("was answered with {status}{}", last_line(output)),
        ActionEnd::Stopped { output } => format!("was stopped{}", last_line(output)),
        ActionEnd::TimedOut { output } => format!("took longer than its timeout{}", last_line(output)),
        ActionEnd::NotStarted { reason } => format!("could not be begun: {reason}"),
    }
}

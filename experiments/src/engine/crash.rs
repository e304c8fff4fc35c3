//! Closing a run whose runner died: what may be left, from what was recorded, and the judgement.
//!
//! The next start never goes on with such a run. It reverts by the *recorded* orders, not by what a plan
//! made today would say, ends commands that still run, undoes what was done, newest first, and closes
//! the run as aborted.

use super::Command;
use super::actions::end_in_words;
use super::fill;
use super::finish::{REMEDY, action_in_words};
use crate::experiment::{Action, Experiment, Perform, StepId, StepKind, Undo, Values};
use crate::fault::{AgentEvent, Order};
use crate::history::{AbortCause, ActionEnd, Activity, Entry, Event, Record, What};
use crate::judge::{
    ClaimJudgement, Findings, JudgedClaim, Judgement, Outcome, RemainingFault, Vacuity, WitnessJudgement, verdict,
};
use crate::moment::Moment;
use crate::name::{FaultId, NodeName, StepName};
use crate::unit::Length;
use std::collections::{BTreeMap, BTreeSet};

/// A fault that a crashed run may have left.
#[derive(Debug, Clone, PartialEq)]
pub struct LeftFault {
    /// Its agent.
    pub node: NodeName,
    /// Its order, as recorded.
    pub order: Order,
    /// Whether its agent ever said that it was on.
    pub was_on: bool,
}

/// An undo that a crashed run still owes.
#[derive(Debug, Clone, PartialEq)]
pub struct LeftUndo {
    /// The step.
    pub step: StepName,
    /// Which of its undo actions.
    pub activity: Activity,
    /// What is done, its holes filled from the record but for secrets; or why they cannot be.
    pub action: Result<Action, String>,
    /// As a person would do it by hand.
    pub in_words: String,
    /// Ended after this.
    pub timeout: Length,
}

/// What a crashed run may have left.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Leftovers {
    /// Faults that are not known to be gone.
    pub faults: Vec<LeftFault>,
    /// Actions and undos that are not known to have ended; their processes are ended first.
    pub running: Vec<Activity>,
    /// Undos that are owed, newest step first; carried out one after another.
    pub undos: Vec<LeftUndo>,
}

impl Leftovers {
    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.faults.is_empty() && self.running.is_empty() && self.undos.is_empty()
    }

    /// The reverts, as the shell takes them.
    pub fn reverts(&self) -> Vec<Command> {
        let revert = |left: &LeftFault| Command::Revert { node: left.node.clone(), fault: left.order.id.clone() };
        self.faults.iter().map(revert).collect()
    }
}

/// What came of reverting what a crashed run had left.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reverted {
    /// Faults that are not known to be gone, and why. All others are.
    pub faults: BTreeMap<FaultId, String>,
    /// Undos that failed, or processes that could not be ended, and why.
    pub activities: BTreeMap<Activity, String>,
}

/// Finds out what a run that was never finished may have left.
pub fn leftovers(record: &Record) -> Leftovers {
    let seen = Seen::of(record);
    let experiment = &record.header.experiment;
    let mut undos = Vec::new();
    for step in seen.begun.iter().rev() {
        let Some((name, perform)) = performed(experiment, *step) else { continue };
        let Undo::By(actions) = &perform.undo else { continue };
        let never_begun = matches!(seen.ends.get(&Activity::Action(*step)), Some(ActionEnd::NotStarted { .. }));
        for (place, action) in (0u32..).zip(actions).filter(|_| !never_begun) {
            let activity = Activity::Undo(*step, place);
            if !seen.ends.get(&activity).is_some_and(ActionEnd::succeeded) {
                let filled = fill_action(action, &seen.values);
                undos.push(LeftUndo {
                    step: name.clone(),
                    activity,
                    in_words: action_in_words(filled.as_ref().unwrap_or(action)),
                    action: filled,
                    timeout: perform.timeout,
                });
            }
        }
    }
    Leftovers { faults: seen.faults.into_values().collect(), running: seen.running.into_iter().collect(), undos }
}

/// Judges a run that was never finished, once what it had left has been reverted as far as possible.
pub fn close(record: &Record, outcome: &Reverted) -> Judgement {
    let left = leftovers(record);
    let experiment = &record.header.experiment;
    let unreverted = left.faults.iter().filter_map(|fault| {
        let reason = outcome.faults.get(&fault.order.id)?;
        Some(RemainingFault {
            fault: Some(fault.order.id.clone()),
            step: fault.order.step.clone(),
            instance: Some(fault.order.instance.clone()),
            node: Some(fault.node.clone()),
            reason: reason.clone(),
            remedy: REMEDY.to_owned(),
        })
    });
    let undone = outcome.activities.iter().filter_map(|(activity, reason)| {
        let (Activity::Action(step) | Activity::Undo(step, _)) = activity;
        let words = left.undos.iter().find(|undo| undo.activity == *activity).map(|undo| undo.in_words.clone());
        Some(RemainingFault {
            fault: None,
            step: performed(experiment, *step)?.0.clone(),
            instance: None,
            node: None,
            reason: reason.clone(),
            remedy: words.unwrap_or_else(|| format!("squall revert {}", record.header.run)),
        })
    });
    let why = "the runner died before this was judged";
    let claims = experiment.claims().map(|claim| JudgedClaim {
        judgement: ClaimJudgement {
            name: claim.name.clone(),
            role: claim.role,
            outcome: Outcome::Inconclusive,
            reason: why.to_owned(),
            measure: None,
            window: None,
            transition: None,
            baseline: None,
        },
        vacuity: Vacuity::of(claim),
        already_so: false,
    });
    let witnesses = experiment.steps().into_iter().filter(|_| !record.header.placebo).filter_map(|step| {
        let counts = match &step.kind {
            StepKind::Inject(_) => true,
            StepKind::Perform(perform) => perform.witness.is_some(),
            StepKind::Wait(_) | StepKind::WaitFor(_) | StepKind::Parallel(_) => false,
        };
        let name = step.name.clone().filter(|_| counts)?;
        let (outcome, reason) = (Outcome::Inconclusive, why.to_owned());
        Some(WitnessJudgement { step: step.id, name, outcome, reason, without: Vec::new() })
    });
    let last = last_words(record).map_or(record.header.began, |at| at.wall);
    verdict(Findings {
        placebo: record.header.placebo,
        remaining: unreverted.chain(undone).collect(),
        aborted: Some(format!("the runner died after {last}; its next start reverted and closed the run")),
        claims: claims.collect(),
        witnesses: witnesses.collect(),
        ..Findings::default()
    })
}

/// When the runner that died wrote its last entry: what follows was written by those who took the run over.
pub fn last_words(record: &Record) -> Option<Moment> {
    let own = |entry: &&Entry| !matches!(entry.what, What::Event(Event::AbortRequested(AbortCause::RunnerDied)));
    record.entries.iter().take_while(own).last().map(|entry| entry.at)
}

/// What a record says has been sent, begun and ended.
struct Seen {
    faults: BTreeMap<FaultId, LeftFault>,
    running: BTreeSet<Activity>,
    begun: Vec<StepId>,
    ends: BTreeMap<Activity, ActionEnd>,
    values: Values,
}

impl Seen {
    fn of(record: &Record) -> Self {
        let header = &record.header;
        let values = Values {
            run: header.run.clone(),
            seed: header.seed,
            targets: BTreeMap::new(),
            starts: BTreeMap::new(),
            ends: BTreeMap::new(),
            secrets: BTreeMap::new(),
        };
        let (faults, running) = (BTreeMap::new(), BTreeSet::new());
        let mut seen = Self { faults, running, begun: Vec::new(), ends: BTreeMap::new(), values };
        let mut known = BTreeMap::new();
        let mut on = BTreeSet::new();
        for entry in &record.entries {
            match &entry.what {
                What::Command(command) => seen.command(command, entry.at, record, &known),
                What::Event(Event::TargetsResolved { step, found, .. }) => {
                    known.insert(*step, found.instances.clone());
                }
                What::Event(Event::Agent { fault, event, .. }) => {
                    let one_shot = seen.faults.get(fault).is_some_and(|left| left.order.fault.is_one_shot());
                    let gone = match event {
                        AgentEvent::Refused { .. } => !on.contains(fault),
                        AgentEvent::Done { .. } => one_shot,
                        AgentEvent::Reverted { differences, .. } => differences.is_empty(),
                        AgentEvent::On { .. } => {
                            on.insert(fault.clone());
                            if let Some(left) = seen.faults.get_mut(fault) {
                                left.was_on = true;
                            }
                            false
                        }
                        AgentEvent::Seen { .. } | AgentEvent::RevertFailed { .. } => false,
                    };
                    if gone {
                        seen.faults.remove(fault);
                    }
                }
                What::Event(Event::ActionEnded { activity, end }) => {
                    seen.running.remove(activity);
                    seen.ends.insert(*activity, end.clone());
                }
                What::Event(_) => {}
            }
        }
        seen
    }

    fn command(
        &mut self,
        command: &Command,
        at: Moment,
        record: &Record,
        known: &BTreeMap<StepId, Vec<crate::target::Instance>>,
    ) {
        let steps = record.header.experiment.steps();
        let name_of = |id: &StepId| steps.iter().find(|step| step.id == *id).and_then(|step| step.name.clone());
        match command {
            Command::Inject { node, order } => {
                let left = LeftFault { node: node.clone(), order: (**order).clone(), was_on: false };
                let id = steps.iter().find(|step| step.name.as_ref() == Some(&order.step)).map(|step| step.id);
                let instances = id.and_then(|id| known.get(&id));
                let hit: Vec<_> = instances.into_iter().flatten().filter(|one| one.name == order.instance).collect();
                for (key, values) in fill::values_of(&order.step, &hit) {
                    let all = self.values.targets.entry(key).or_default();
                    all.extend(values);
                    all.sort();
                    all.dedup();
                }
                self.faults.insert(order.id.clone(), left);
            }
            Command::Begin { activity, .. } => {
                self.running.insert(*activity);
                if let Activity::Action(step) = activity {
                    self.begun.push(*step);
                }
            }
            Command::StepStarted(step) => {
                self.values.starts.extend(name_of(step).map(|name| (name, at.wall.to_string())));
            }
            Command::StepEnded(step) => {
                self.values.ends.extend(name_of(step).map(|name| (name, at.wall.to_string())));
            }
            Command::Enter(_)
            | Command::Preflight
            | Command::Resolve { .. }
            | Command::Revert { .. }
            | Command::Stop(_)
            | Command::Watch(_)
            | Command::Unwatch(_)
            | Command::Finish(_) => {}
        }
    }
}

fn performed(experiment: &Experiment, id: StepId) -> Option<(&StepName, &Perform)> {
    if let Some((_, name, perform)) = experiment.prepare.iter().find(|(step, ..)| *step == id) {
        return Some((name, perform));
    }
    let step = experiment.steps().into_iter().find(|step| step.id == id)?;
    match &step.kind {
        StepKind::Perform(perform) => Some((step.name.as_ref()?, perform)),
        StepKind::Inject(_) | StepKind::Wait(_) | StepKind::WaitFor(_) | StepKind::Parallel(_) => None,
    }
}

fn fill_action(action: &Action, values: &Values) -> Result<Action, String> {
    let filled = match action {
        Action::Exec(program) => fill::program(program, values).map(Action::Exec),
        Action::Http(request) => fill::request(request, values).map(Action::Http),
    };
    filled.map_err(|error| error.to_string())
}

/// How an undo of a closed run went, as a reason for [`Reverted`]; `None`: it succeeded.
pub fn undo_failure(end: &ActionEnd) -> Option<String> {
    (!end.succeeded()).then(|| end_in_words(end))
}

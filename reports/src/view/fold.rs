//! Entries in order -> moments of phases, steps, faults, actions, and what was observed.

use super::At;
use squall_experiments::claim::Source;
use squall_experiments::engine::{Command, Phase};
use squall_experiments::experiment::StepId;
use squall_experiments::fault::{AgentEvent, Difference, EndCause, Evidence, Order, Refusal};
use squall_experiments::history::{Activity, Event, Preflight, Record, ResolvedTargets, What};
use squall_experiments::judge::{Observed, Sampling, WatchName};
use squall_experiments::name::{FaultId, NodeName, StepName};
use std::collections::BTreeMap;
use std::time::Duration;

/// What the entries say, put together.
#[derive(Debug, Default)]
pub(super) struct Folded<'a> {
    pub(super) phases: Vec<(Phase, At)>,
    pub(super) steps: BTreeMap<StepId, StepMoments>,
    pub(super) faults: Vec<FaultView<'a>>,
    pub(super) watched: BTreeMap<&'a WatchName, Watched<'a>>,
    pub(super) preflight: Option<&'a Preflight>,
    pub(super) resolved: Vec<(StepId, &'a ResolvedTargets)>,
    pub(super) last: At,
}

/// When a step's start and end were requested and certain.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct StepMoments {
    pub(super) asked: Option<At>,
    pub(super) started: Option<At>,
    pub(super) asked_to_end: Option<At>,
    pub(super) ended: Option<At>,
}

/// A source as it was watched.
#[derive(Debug, Default)]
pub(super) struct Watched<'a> {
    /// As it was asked, holes filled.
    pub(super) source: Option<&'a Source>,
    /// Its answers, folded.
    pub(super) observed: Option<Observed>,
    /// Times without an answer, and what was said.
    pub(super) failures: Vec<(At, &'a str)>,
}

/// One fault at one agent, from order to end.
#[derive(Debug)]
pub(crate) struct FaultView<'a> {
    /// What was ordered.
    pub(crate) order: &'a Order,
    /// At which agent.
    pub(crate) node: &'a NodeName,
    /// When it was sent.
    pub(crate) sent: At,
    /// When it was on, and by what.
    pub(crate) on: Option<(At, &'a str)>,
    /// Why it was refused.
    pub(crate) refused: Option<&'a Refusal>,
    /// The last totals.
    pub(crate) evidence: Option<&'a Evidence>,
    /// How it ended.
    pub(crate) ended: Option<Ended<'a>>,
    /// What went wrong when it was undone.
    pub(crate) errors: &'a [String],
    /// When its agent was lost, and why.
    pub(crate) lost: Option<(At, &'a str)>,
}

/// How a fault ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended<'a> {
    /// When the runner knew.
    pub(crate) at: At,
    /// Why; `None`: a one-shot fault was over.
    pub(crate) cause: Option<EndCause>,
    /// What is not as it was before.
    pub(crate) differences: &'a [Difference],
}

/// Walks the entries once.
pub(super) fn fold(record: &Record) -> Folded<'_> {
    let ids: BTreeMap<&StepName, StepId> = {
        let steps = record.header.experiment.steps();
        let method = steps.into_iter().filter_map(|step| step.name.as_ref().map(|name| (name, step.id)));
        method.chain(record.header.experiment.prepare.iter().map(|(id, name, _)| (name, *id))).collect()
    };
    let mut folded = Folded::default();
    let mut places: BTreeMap<&FaultId, usize> = BTreeMap::new();
    for entry in &record.entries {
        let at = At::from(entry.at);
        folded.last = at;
        match &entry.what {
            What::Command(command) => {
                if let Command::Inject { order, .. } = command {
                    places.entry(&order.id).or_insert(folded.faults.len());
                }
                folded.command(command, at, &ids, &places);
            }
            What::Event(event) => folded.event(event, at, &places),
        }
    }
    folded
}

impl<'a> Folded<'a> {
    fn command(
        &mut self,
        command: &'a Command,
        at: At,
        ids: &BTreeMap<&StepName, StepId>,
        places: &BTreeMap<&FaultId, usize>,
    ) {
        match command {
            Command::Enter(phase) => self.phases.push((*phase, at)),
            Command::StepStarted(step) => self.step(*step).started = Some(at),
            Command::StepEnded(step) => self.step(*step).ended = Some(at),
            Command::Inject { node, order } => {
                if let Some(step) = ids.get(&order.step) {
                    self.step(*step).asked.get_or_insert(at);
                }
                if places.get(&order.id) == Some(&self.faults.len()) {
                    self.faults.push(FaultView::sent(order, node, at));
                }
            }
            Command::Revert { fault, .. } => {
                let step = places.get(fault).and_then(|place| ids.get(&self.faults[*place].order.step));
                if let Some(step) = step {
                    self.step(*step).asked_to_end.get_or_insert(at);
                }
            }
            Command::Begin { activity: Activity::Action(step), .. } => {
                self.step(*step).asked.get_or_insert(at);
            }
            Command::Begin { activity: Activity::Undo(step, _), .. } | Command::Stop(Activity::Action(step)) => {
                self.step(*step).asked_to_end.get_or_insert(at);
            }
            Command::Watch(order) => {
                self.watched.entry(&order.watch).or_default().source = Some(&order.source);
            }
            Command::Stop(Activity::Undo(..))
            | Command::Preflight
            | Command::Resolve { .. }
            | Command::Unwatch(_)
            | Command::Finish(_) => {}
        }
    }

    fn event(&mut self, event: &'a Event, at: At, places: &BTreeMap<&FaultId, usize>) {
        match event {
            Event::PreflightPassed(found) => self.preflight = Some(found),
            Event::TargetsResolved { step, found, .. } => self.resolved.push((*step, found)),
            Event::Agent { fault, event, .. } => {
                if let Some(place) = places.get(fault) {
                    self.faults[*place].take(event, at);
                }
            }
            Event::AgentLost { faults, reason, .. } => {
                for fault in faults {
                    if let Some(place) = places.get(fault) {
                        self.faults[*place].lost = Some((at, reason));
                    }
                }
            }
            Event::Observed { watch, chunk } => {
                // Nothing is observed before preflight has said how; a damaged record is still drawn.
                let unknown = Sampling { interval: Duration::from_secs(1), timeout: Duration::ZERO };
                let sampling = self.preflight.and_then(|found| found.sampling.get(watch)).copied().unwrap_or(unknown);
                let watched = self.watched.entry(watch).or_default();
                watched.observed.get_or_insert_with(|| Observed::new(sampling)).take((**chunk).clone());
            }
            Event::Unobserved { watch, failure } => {
                self.watched.entry(watch).or_default().failures.push((at, &failure.reason));
            }
            Event::TimePassed
            | Event::PreflightFailed(_)
            | Event::ActionEnded { .. }
            | Event::TargetsRefused { .. }
            | Event::AbortRequested(_)
            | Event::StorageFailed { .. } => {}
        }
    }

    fn step(&mut self, step: StepId) -> &mut StepMoments {
        self.steps.entry(step).or_default()
    }
}

impl<'a> FaultView<'a> {
    fn sent(order: &'a Order, node: &'a NodeName, sent: At) -> Self {
        Self { order, node, sent, on: None, refused: None, evidence: None, ended: None, errors: &[], lost: None }
    }

    fn take(&mut self, event: &'a AgentEvent, at: At) {
        match event {
            AgentEvent::On { backend } => self.on = Some((at, backend)),
            AgentEvent::Refused { refusal } => self.refused = Some(refusal),
            AgentEvent::Seen { evidence } => self.evidence = Some(evidence),
            AgentEvent::Done { evidence } => {
                self.evidence = Some(evidence);
                self.ended = Some(Ended { at, cause: None, differences: &[] });
            }
            AgentEvent::Reverted { cause, evidence, differences } => {
                self.evidence = evidence.as_ref().or(self.evidence);
                self.ended = Some(Ended { at, cause: Some(*cause), differences });
                self.errors = &[];
                self.lost = None;
            }
            AgentEvent::RevertFailed { errors } => self.errors = errors,
        }
    }

    /// When it began to act, as far as is known.
    pub(crate) fn began(&self) -> At {
        self.on.map_or(self.sent, |(at, _)| at)
    }
}

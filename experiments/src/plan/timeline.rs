//! The earliest and the latest time of every step, counted from the method's start.
//!
//! The earliest is when nothing takes time but what is written. The latest adds the bound of every
//! wait: for agents, for commands to end, for a claim that is asked between two steps.

use super::Bounds;
use super::refers::instants;
use crate::claim::{Source, Verb};
use crate::engine::bounds;
use crate::experiment::{Event, Experiment, Inject, Lasting, Perform, Step, StepId, StepKind, Undo};
use crate::fault::Fault;
use crate::name::StepName;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// When each step starts and ends, counted from the method's start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// By step: its start and its end.
    pub steps: BTreeMap<StepId, (Bounds, Bounds)>,
    /// The end of the method: the last revert is confirmed.
    pub end: Bounds,
}

/// Works out the schedule of a method.
pub fn schedule(experiment: &Experiment) -> Schedule {
    let lengths = Lengths::new(experiment);
    let mut steps = BTreeMap::new();
    let begun = Bounds { earliest: Duration::ZERO, latest: Duration::ZERO };
    let mut end = lengths.sequence(&experiment.method, begun, &mut steps);
    let deferred: Duration = experiment.steps().into_iter().filter_map(deferred_undo).sum();
    end.latest += deferred;
    Schedule { steps, end }
}

/// The longest that what runs `meanwhile`, or a `for`, may take: an order's deadline is built on it.
pub(crate) fn longest_lasting(experiment: &Experiment, lasting: &Lasting) -> Duration {
    match lasting {
        Lasting::Once => Duration::ZERO,
        Lasting::For(length) => length.get(),
        Lasting::Meanwhile(steps) => {
            let begun = Bounds { earliest: Duration::ZERO, latest: Duration::ZERO };
            // The first inner step may wait for a claim that is asked at the outer step's start.
            Lengths::new(experiment).sequence(steps, begun, &mut BTreeMap::new()).latest + bounds::ONCE
        }
    }
}

/// The undo of an action that happened once waits for the revert.
fn deferred_undo(step: &Step) -> Option<Duration> {
    match &step.kind {
        StepKind::Perform(perform) if perform.lasting == Lasting::Once => Some(undo_bound(perform)),
        _ => None,
    }
}

fn undo_bound(perform: &Perform) -> Duration {
    match &perform.undo {
        Undo::By(actions) => {
            let each = perform.timeout.get() + bounds::ACTION_MARGIN;
            each * u32::try_from(actions.len()).unwrap_or(u32::MAX)
        }
        Undo::Irreversible => Duration::ZERO,
    }
}

/// What a fault's own graceful end adds.
pub(crate) fn grace(fault: &Fault) -> Duration {
    match fault {
        Fault::Kill(kill) => kill.grace.unwrap_or_default().get(),
        Fault::Pause(_) | Fault::Network(_) | Fault::ZoneLoss(_) => Duration::ZERO,
    }
}

struct Lengths {
    /// Steps at whose edges a claim is asked once, while the next step waits.
    asked_at: BTreeSet<StepName>,
}

impl Lengths {
    fn new(experiment: &Experiment) -> Self {
        let once = experiment.claims().filter(|claim| {
            matches!(claim.verb, Verb::IsAt { .. }) && matches!(claim.source, Source::Http { .. } | Source::Exec { .. })
        });
        let asked_at = once
            .flat_map(instants)
            .filter_map(|instant| match &instant.event {
                Event::Step(step, _) => Some(step.clone()),
                Event::Method(_) => None,
            })
            .collect();
        Self { asked_at }
    }

    fn sequence(&self, steps: &[Step], from: Bounds, found: &mut BTreeMap<StepId, (Bounds, Bounds)>) -> Bounds {
        steps.iter().fold(from, |at, step| self.step(step, at, found))
    }

    fn step(&self, step: &Step, from: Bounds, found: &mut BTreeMap<StepId, (Bounds, Bounds)>) -> Bounds {
        // A parent stands before its children, and its end is known after theirs.
        let (start, end) = match &step.kind {
            StepKind::Wait(length) => (from, plus(from, length.get(), length.get())),
            StepKind::WaitFor(wait) => (from, plus(from, Duration::ZERO, wait.within.get() + bounds::LATE_DATA)),
            StepKind::Parallel(branches) => {
                let ends = branches.iter().map(|branch| self.step(branch, from, found));
                (
                    from,
                    ends.fold(from, |one, other| Bounds {
                        earliest: one.earliest.max(other.earliest),
                        latest: one.latest.max(other.latest),
                    }),
                )
            }
            StepKind::Inject(inject) => self.inject(inject, from, found),
            StepKind::Perform(perform) => self.perform(perform, from, found),
        };
        found.insert(step.id, (start, end));
        let holds = step.name.as_ref().is_some_and(|name| self.asked_at.contains(name));
        plus(end, Duration::ZERO, if holds { bounds::ONCE } else { Duration::ZERO })
    }

    fn inject(
        &self,
        inject: &Inject,
        from: Bounds,
        found: &mut BTreeMap<StepId, (Bounds, Bounds)>,
    ) -> (Bounds, Bounds) {
        let begins = bounds::RESOLVE + bounds::INJECT + grace(&inject.fault);
        let start = plus(from, Duration::ZERO, begins);
        let end = match &inject.lasting {
            Lasting::Once => start,
            Lasting::For(length) if inject.every.is_some() => plus(start, length.get(), length.get()),
            Lasting::For(length) => plus(start, length.get(), length.get() + bounds::REVERT),
            Lasting::Meanwhile(steps) => plus(self.sequence(steps, start, found), Duration::ZERO, bounds::REVERT),
        };
        (start, end)
    }

    fn perform(
        &self,
        perform: &Perform,
        from: Bounds,
        found: &mut BTreeMap<StepId, (Bounds, Bounds)>,
    ) -> (Bounds, Bounds) {
        let undone = bounds::STOP + undo_bound(perform);
        let end = match &perform.lasting {
            Lasting::Once => plus(from, Duration::ZERO, perform.timeout.get() + bounds::ACTION_MARGIN),
            Lasting::For(length) => plus(from, length.get(), length.get() + undone),
            Lasting::Meanwhile(steps) => plus(self.sequence(steps, from, found), Duration::ZERO, undone),
        };
        (from, end)
    }
}

fn plus(at: Bounds, least: Duration, most: Duration) -> Bounds {
    Bounds { earliest: at.earliest + least, latest: at.latest + most }
}

//! When steps and the method began and ended, and whose series the faults took away.
//!
//! Every event is an [`Interval`]: it began when the first request was sent and is certain once the
//! last instance has confirmed. The engine writes the timeline while the run goes on; the judge only
//! reads it.

use crate::experiment::{Edge, Event, Instant};
use crate::judge::Labels;
use crate::moment::{Interval, Moment};
use crate::name::StepName;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::time::Duration;

/// What the run knows of its own times.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Timeline {
    steps: BTreeMap<StepName, Times>,
    method: Times,
    baseline: Option<(Moment, Moment)>,
    losses: Vec<Loss>,
    closed: bool,
}

/// The two ends of a step or of the method, as far as they have happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Times {
    /// When it began.
    pub start: Option<Interval>,
    /// When it ended.
    pub end: Option<Interval>,
}

/// Series that a fault takes away: judging.md rule 5.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The step whose fault it is.
    pub step: StepName,
    /// The labels under which the metric source knows the instance. Every series that carries them all is lost.
    pub series: Labels,
    /// The step's start.
    pub from: Moment,
    /// The step's end; `None`: not yet, or it never comes back under these labels.
    pub to: Option<Moment>,
}

impl Timeline {
    /// A run in which nothing has happened yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A step's start is certain.
    pub fn step_started(&mut self, step: &StepName, at: Interval) {
        self.steps.entry(step.clone()).or_default().start = Some(at);
    }

    /// A step's end is certain.
    pub fn step_ended(&mut self, step: &StepName, at: Interval) {
        self.steps.entry(step.clone()).or_default().end = Some(at);
    }

    /// The method's first step began.
    pub fn method_started(&mut self, at: Interval) {
        self.method.start = Some(at);
    }

    /// The last revert is confirmed.
    pub fn method_ended(&mut self, at: Interval) {
        self.method.end = Some(at);
    }

    /// The baseline was found steady over this time.
    pub fn baseline(&mut self, from: Moment, to: Moment) {
        self.baseline = Some((from, to));
    }

    /// A fault takes away every series that carries one of these sets of labels. An empty set names
    /// nothing and is ignored. Declared again for the same step and labels, it moves the end.
    pub fn declare_loss(&mut self, step: &StepName, series: Vec<Labels>, from: Moment, to: Option<Moment>) {
        for series in series.into_iter().filter(|labels| !labels.is_empty()) {
            match self.losses.iter_mut().find(|loss| loss.step == *step && loss.series == series && loss.from == from) {
                Some(known) => known.to = to,
                None => self.losses.push(Loss { step: step.clone(), series, from, to }),
            }
        }
    }

    /// Nothing will happen or be seen any more: what is not decided now never will be.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Whether the run is over.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// The baseline's window, once it was found steady.
    pub fn baseline_window(&self) -> Option<(Moment, Moment)> {
        self.baseline
    }

    /// What faults have taken away.
    pub fn losses(&self) -> &[Loss] {
        &self.losses
    }

    /// The times of a step.
    pub fn step(&self, step: &StepName) -> Times {
        self.steps.get(step).copied().unwrap_or_default()
    }

    /// The times of the method.
    pub fn method(&self) -> Times {
        self.method
    }

    /// When an event happened, without the offset of an instant.
    pub fn event(&self, event: &Event) -> Option<Interval> {
        let (times, edge) = match event {
            Event::Step(step, edge) => (self.step(step), edge),
            Event::Method(edge) => (self.method, edge),
        };
        match edge {
            Edge::Start => times.start,
            Edge::End => times.end,
        }
    }

    /// When the step (or method) of an event began.
    pub fn start_of(&self, event: &Event) -> Option<Interval> {
        match event {
            Event::Step(step, _) => self.step(step).start,
            Event::Method(_) => self.method.start,
        }
    }

    /// When an instant is, offset applied; never before the run began.
    pub fn instant(&self, instant: &Instant) -> Option<Interval> {
        let event = self.event(&instant.event)?;
        Some(Interval { first: shifted(event.first, instant.offset), last: shifted(event.last, instant.offset) })
    }
}

fn shifted(moment: Moment, offset: SignedDuration) -> Moment {
    let elapsed = SignedDuration::try_from(moment.elapsed).unwrap_or(SignedDuration::MAX).saturating_add(offset);
    Moment {
        elapsed: Duration::try_from(elapsed).unwrap_or_default(),
        wall: moment.wall.saturating_add(offset).unwrap_or(moment.wall),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn at(millis: u64) -> Moment {
        let wall = Timestamp::from_millisecond(1_000_000 + i64::try_from(millis).unwrap()).unwrap();
        Moment { elapsed: Duration::from_millis(millis), wall }
    }

    #[test]
    fn instants_are_intervals_moved_by_their_offset() {
        let mut timeline = Timeline::new();
        let step: StepName = "slow".parse().unwrap();
        let start = Instant { event: Event::Step(step.clone(), Edge::Start), offset: SignedDuration::from_secs(5) };
        assert_eq!(timeline.instant(&start), None);
        timeline.step_started(&step, Interval { first: at(1000), last: at(1200) });
        assert_eq!(timeline.instant(&start), Some(Interval { first: at(6000), last: at(6200) }));
        let before = Instant { offset: SignedDuration::from_secs(-5), ..start };
        assert_eq!(timeline.instant(&before).unwrap().first.elapsed, Duration::ZERO);
    }

    #[test]
    fn a_loss_declared_again_gets_its_end_and_one_without_labels_names_nothing() {
        let mut timeline = Timeline::new();
        let step: StepName = "lost".parse().unwrap();
        let labels = Labels::from([("instance".to_owned(), "a".to_owned())]);
        timeline.declare_loss(&step, vec![labels.clone(), Labels::new()], at(0), None);
        timeline.declare_loss(&step, vec![labels], at(0), Some(at(9)));
        assert_eq!(timeline.losses().len(), 1);
        assert_eq!(timeline.losses()[0].to, Some(at(9)));
    }
}

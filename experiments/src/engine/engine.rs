//! The run as a state machine: `step(now, event) -> commands`.
//!
//! ```text
//! Preflight -> Prepare -> Baseline -> Method -> Revert -> Recovery -> CleanUp -> Done
//!     |           |          |          |          ^
//!     '-----------'----------'----------'----------'   an abort, an error, a safety stop that went blind
//! ```
//!
//! There is no clock, no I/O and no randomness in here: the same events at the same moments give the
//! same commands, so a record can be replayed. An event changes what is known ([`Engine::take`]); then
//! everything that waits is looked at ([`Engine::advance`]) and either moves on or says when it wants
//! to be looked at again. So every wait has a bound, and there is one place where time is read.

use super::actions::Actions;
use super::baseline::Baseline;
use super::claims::Alarms;
use super::ending::Ending;
use super::faults::Faults;
use super::steps::StepRun;
use super::watches::Watches;
use super::{Command, Phase, bounds, source_of};
use crate::experiment::{Experiment, StepId};
use crate::history::{AbortCause, Event, Header, Preflight, PreflightFailure, Timeline};
use crate::judge::Clock;
use crate::moment::{Interval, Moment};
use crate::name::{PlatformName, RunId, StepName};
use crate::plan::Plan;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What does not change while the run goes on.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) run: RunId,
    pub(super) began: Timestamp,
    pub(super) experiment: Experiment,
    pub(super) plan: Plan,
    pub(super) seed: u64,
    pub(super) placebo: bool,
}

/// A run.
#[derive(Debug)]
pub struct Engine {
    pub(super) given: Arc<Given>,
    pub(super) now: Moment,
    pub(super) phase: Phase,
    /// When the phase began.
    pub(super) since: Moment,
    begun: bool,
    pub(super) outbox: Vec<Command>,
    /// The earliest time at which something wants to be looked at again.
    wake: Option<Duration>,
    pub(super) preflight: Option<Preflight>,
    pub(super) timeline: Timeline,
    pub(super) steps: BTreeMap<StepId, StepRun>,
    /// Values of the instances each step hit, by step and key, for `${STEP.targets}`.
    pub(super) targets: BTreeMap<(StepName, Option<String>), Vec<String>>,
    pub(super) faults: Faults,
    pub(super) actions: Actions,
    pub(super) watches: Watches,
    pub(super) baseline: Baseline,
    pub(super) alarms: Alarms,
    pub(super) ending: Ending,
}

impl Engine {
    /// A run that has not begun: the first event, whatever it is, begins it.
    pub fn new(header: &Header) -> Self {
        let given = Given {
            run: header.run.clone(),
            began: header.began,
            experiment: header.experiment.clone(),
            plan: header.plan.clone(),
            seed: header.seed,
            placebo: header.placebo,
        };
        let start = Moment { elapsed: Duration::ZERO, wall: header.began };
        Self {
            watches: Watches::of(&given.experiment, given.placebo),
            given: Arc::new(given),
            now: start,
            phase: Phase::Preflight,
            since: start,
            begun: false,
            outbox: Vec::new(),
            wake: None,
            preflight: None,
            timeline: Timeline::new(),
            steps: BTreeMap::new(),
            targets: BTreeMap::new(),
            faults: Faults::default(),
            actions: Actions::default(),
            baseline: Baseline::default(),
            alarms: Alarms::default(),
            ending: Ending::default(),
        }
    }

    /// Takes what happened at `now` and says what is to be done about it. Once the run is over the answer
    /// is nothing.
    pub fn step(&mut self, now: Moment, event: Event) -> Vec<Command> {
        if self.phase == Phase::Done {
            return Vec::new();
        }
        // Two events may be stamped by two threads; the run's own time never goes back.
        self.now = Moment { elapsed: now.elapsed.max(self.now.elapsed), wall: now.wall };
        if !self.begun {
            self.begun = true;
            self.since = self.now;
            self.outbox.extend([Command::Enter(Phase::Preflight), Command::Preflight]);
        }
        self.take(event);
        self.advance();
        std::mem::take(&mut self.outbox)
    }

    /// When to send [`Event::TimePassed`] if nothing else happens before: time since the run began.
    /// `None`: the run is over, or has not begun.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.wake
    }

    /// Where the run is.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether the run is over: `Finish` has been sent.
    pub fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::TimePassed => {}
            Event::PreflightPassed(found) => {
                if self.phase == Phase::Preflight {
                    self.ending.notes.extend(found.notes.iter().cloned());
                    self.watches.set_sampling(&found.sampling);
                    self.compare_paces(&found.sampling);
                    self.preflight = Some(*found);
                }
            }
            Event::PreflightFailed(failure) => self.take_preflight_failure(failure),
            Event::ActionEnded { activity, end } => self.take_action_end(activity, end),
            Event::TargetsResolved { step, shot, found } => self.take_targets(step, shot, &found),
            Event::TargetsRefused { step, shot, refused } => self.take_no_targets(step, shot, &refused),
            Event::Agent { node: _, fault, event } => self.take_agent_event(&fault, event),
            Event::AgentLost { node, faults, reason } => self.take_lost_agent(&node, &faults, &reason),
            Event::Observed { watch, chunk } => self.watches.take(&watch, *chunk),
            Event::Unobserved { watch, failure } => self.watches.fail(&watch, &failure),
            Event::AbortRequested(cause) => self.take_abort(&cause),
            Event::StorageFailed { reason } => self.ending.storage_failed(&reason),
        }
    }

    fn take_preflight_failure(&mut self, failure: PreflightFailure) {
        if self.phase != Phase::Preflight {
            return;
        }
        match failure {
            PreflightFailure::Missing { reasons } => reasons.into_iter().for_each(|reason| self.ending.error(reason)),
            PreflightFailure::BadInput { reasons } => reasons.into_iter().for_each(|reason| self.ending.error(reason)),
            PreflightFailure::Halted { reason } => {
                self.ending.abort(format!("runs are halted: {reason}"));
            }
        }
    }

    fn take_abort(&mut self, cause: &AbortCause) {
        self.ending.abort(match cause {
            AbortCause::Signal { name } => format!("the runner got SIG{name}"),
            AbortCause::Halt { reason } => format!("somebody called halt: {reason}"),
            AbortCause::RunnerDied => "the runner died; its next start reverted and closed the run".to_owned(),
        });
    }

    /// Looks at everything that waits, until nothing moves any more.
    fn advance(&mut self) {
        loop {
            let before = (self.phase, self.outbox.len());
            self.wake = None;
            self.watch_sources();
            self.watch_safety();
            match self.phase {
                Phase::Preflight => self.advance_preflight(),
                Phase::Prepare => self.advance_prepare(),
                Phase::Baseline => self.advance_baseline(),
                Phase::Method => self.advance_method(),
                Phase::Revert => self.advance_revert(),
                Phase::Recovery => self.advance_recovery(),
                Phase::CleanUp => self.advance_clean_up(),
                Phase::Done => {}
            }
            // Whatever moved may have made something else wait, which has not said for what yet.
            if before == (self.phase, self.outbox.len()) {
                break;
            }
        }
    }

    fn advance_preflight(&mut self) {
        if self.ending.is_set() {
            self.enter(Phase::Revert);
        } else if self.preflight.is_some() {
            self.enter(Phase::Prepare);
        } else if self.passed(self.since, bounds::PREFLIGHT) {
            self.ending.error(format!(
                "preflight gave no answer in {} s: an agent or Prometheus may hang",
                bounds::PREFLIGHT.as_secs()
            ));
            self.enter(Phase::Revert);
        }
    }

    fn advance_method(&mut self) {
        let given = Arc::clone(&self.given);
        let done = !self.ending.is_set() && self.run_sequence(&given.experiment.method);
        if done || self.ending.is_set() {
            self.enter(Phase::Revert);
        }
    }

    pub(super) fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.since = self.now;
        self.outbox.push(Command::Enter(phase));
    }

    /// Asks to be looked at again at a time since the run began. What is due already is not asked for.
    pub(super) fn wake_at(&mut self, at: Duration) {
        if at > self.now.elapsed {
            self.wake = Some(self.wake.map_or(at, |known| known.min(at)));
        }
    }

    /// Whether this much time has passed since a moment; if not, asks to be looked at when it has.
    pub(super) fn passed(&mut self, since: Moment, length: Duration) -> bool {
        let due = since.elapsed.saturating_add(length);
        self.wake_at(due);
        self.now.elapsed >= due
    }

    /// Asks to be looked at on the next whole second: judging takes time into account.
    pub(super) fn look_again(&mut self) {
        let step = bounds::LOOK_AGAIN.as_nanos();
        let next = (self.now.elapsed.as_nanos() / step + 1).saturating_mul(step);
        self.wake_at(Duration::from_nanos(u64::try_from(next).unwrap_or(u64::MAX)));
    }

    /// From the first request until now.
    pub(super) fn since_then(&self, first: Moment) -> Interval {
        Interval { first, last: self.now }
    }

    /// The clock of a platform's metric source.
    pub(super) fn clock(&self, platform: Option<&PlatformName>, has_own_clock: bool) -> Clock {
        let facts = self.preflight.as_ref().filter(|_| has_own_clock).map(|preflight| &preflight.platforms);
        let own = facts.and_then(|facts| source_of(facts, platform));
        Clock { began: self.given.began, skew: own.map_or(SignedDuration::ZERO, |(_, facts)| facts.skew) }
    }
}

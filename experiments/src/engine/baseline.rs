//! Prepare and baseline: what lasts the whole run begins, and the steady state is seen before anything
//! is touched. A baseline that does not hold, or cannot be judged, ends the run: no fault is injected.

use super::claims::Alarm;
use super::engine::Engine;
use super::{Phase, bounds};
use crate::claim::{Claim, Source};
use crate::experiment::{Action, StepId};
use crate::judge::{Baseline as Seen, Judged, Outcome, WatchName, baseline, has_data, steady};
use crate::moment::{Interval, Moment};
use crate::plan::{baseline_claims, baseline_length};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Where the baseline stands.
#[derive(Debug, Default)]
pub(super) struct Baseline {
    /// When its phase began.
    pub(super) phase_began: Option<Moment>,
    /// How long it must hold.
    pub(super) length: Duration,
    /// When every series had data: the length counts from here.
    pub(super) from: Option<Moment>,
    /// What each source looked like in it.
    pub(super) of: BTreeMap<WatchName, Seen>,
}

/// What the steady state says of the baseline.
enum Held {
    Pending,
    /// Until then.
    Yes(Moment),
    No(String),
}

impl Engine {
    pub(super) fn advance_prepare(&mut self) {
        let given = Arc::clone(&self.given);
        if self.ending.is_set() {
            self.enter(Phase::Revert);
            return;
        }
        let mut ready = true;
        for (id, name, perform) in &given.experiment.prepare {
            let ends_by_itself = matches!(perform.action, Action::Http(_));
            if !self.actions.all.contains_key(id) {
                self.begin_action(*id, name, perform, ends_by_itself.then_some(perform.timeout));
                self.timeline.step_started(name, Interval::at(self.now));
            }
            ready &= !ends_by_itself || self.action_has_ended(*id);
        }
        if self.ending.is_set() {
            self.enter(Phase::Revert);
        } else if ready {
            self.enter(Phase::Baseline);
            self.baseline.phase_began = Some(self.now);
            let sampling = self.preflight.as_ref().map(|found| found.sampling.clone()).unwrap_or_default();
            self.baseline.length = baseline_length(&given.experiment, &sampling);
        }
    }

    /// Whether a step is one of `prepare`.
    pub(super) fn is_prepared(&self, step: StepId) -> bool {
        self.given.experiment.prepare.iter().any(|(id, ..)| *id == step)
    }

    pub(super) fn advance_baseline(&mut self) {
        if self.ending.is_set() {
            self.enter(Phase::Revert);
            return;
        }
        self.look_again();
        let given = Arc::clone(&self.given);
        let Some(from) = self.baseline.from else {
            self.await_first_data();
            return;
        };
        let unsafe_now = given.experiment.abort_if.iter().find_map(|claim| {
            Some(match self.alarm(claim, from)? {
                Alarm::True(reason) => format!("a safety stop is true before anything was done: {reason}"),
                Alarm::Blind(reason) => format!("a safety stop is blind before anything was done: {reason}"),
            })
        });
        if let Some(reason) = unsafe_now {
            self.give_up_baseline(reason);
            return;
        }
        let to = self.plus(from, self.baseline.length);
        match self.steady_over(from, to) {
            Held::No(reason) => self.give_up_baseline(reason),
            Held::Yes(to) if self.now.elapsed >= to.elapsed => self.accept_baseline(from, to),
            Held::Yes(_) => self.wake_at(to.elapsed),
            Held::Pending => {
                let bound = self.baseline.length + bounds::MORE_EVENTS + self.longest_lag() + bounds::LATE_DATA;
                if self.passed(from, bound) {
                    self.give_up_baseline("the steady state could not be judged in time: its data is late".to_owned());
                }
            }
        }
    }

    /// The length begins once every series has data; at most a minute is waited.
    fn await_first_data(&mut self) {
        let given = Arc::clone(&self.given);
        let phase_began = self.baseline.phase_began.unwrap_or(self.now);
        let needed = baseline_claims(&given.experiment).chain(&given.experiment.abort_if);
        let missing: Vec<String> = needed
            .filter(|claim| self.can_be_seen_before(claim))
            .filter(|claim| self.case(claim).is_some_and(|case| !has_data(&case)))
            .map(|claim| match self.watches.get(claim.name.as_str()).and_then(|run| run.observed.error.clone()) {
                Some(error) => format!("{} ({error})", claim.name),
                None => claim.name.to_string(),
            })
            .collect();
        if missing.is_empty() {
            self.baseline.from = Some(self.now);
            self.advance_baseline();
        } else if self.passed(phase_began, bounds::FIRST_DATA) {
            let seconds = bounds::FIRST_DATA.as_secs();
            self.give_up_baseline(format!("no data in {seconds} s of {}", missing.join(", ")));
        }
    }

    /// Whether a claim's source can be watched before any step has run.
    fn can_be_seen_before(&self, claim: &Claim) -> bool {
        !matches!(claim.source, Source::Step(_))
            && self.watches.get(claim.name.as_str()).is_some_and(|run| run.open_since().is_some())
    }

    /// Judges the steady state. A claim that needs more events gets up to a minute more.
    fn steady_over(&self, from: Moment, to: Moment) -> Held {
        let longest = self.plus(to, bounds::MORE_EVENTS);
        let mut until = to;
        for claim in &self.given.experiment.steady_state {
            let Some(case) = self.case(claim) else { continue };
            let mut judged = steady(&case, from, to);
            if claim.min_events.is_some()
                && matches!(judged, Judged::Settled { outcome: Outcome::Inconclusive, .. })
                && self.now.elapsed > to.elapsed
            {
                let more = if self.now.elapsed < longest.elapsed { self.now } else { longest };
                judged = match steady(&case, from, more) {
                    Judged::Settled { outcome: Outcome::Inconclusive, .. }
                        if self.now.elapsed < longest.elapsed + self.longest_lag() =>
                    {
                        Judged::Pending { now: String::new() }
                    }
                    other => other,
                };
                until = more;
            }
            match judged {
                Judged::Pending { .. } => return Held::Pending,
                Judged::Settled { outcome: Outcome::Passed, .. } => {}
                Judged::Settled { outcome: Outcome::Failed, reason, .. } => {
                    return Held::No(format!("{} does not hold before anything was done: {reason}", claim.name));
                }
                Judged::Settled { outcome: Outcome::Inconclusive | Outcome::Error, reason, .. } => {
                    return Held::No(format!("{} could not be judged in the baseline: {reason}", claim.name));
                }
            }
        }
        Held::Yes(until)
    }

    fn accept_baseline(&mut self, from: Moment, to: Moment) {
        let given = Arc::clone(&self.given);
        self.timeline.baseline(from, to);
        for claim in given.experiment.claims() {
            let Some(run) = self.watches.get(claim.name.as_str()) else { continue };
            let clock = self.clock(claim.platform.as_ref(), matches!(claim.source, Source::Query(_)));
            let seen = baseline(&run.observed, clock.at(from), clock.at(to));
            self.baseline.of.insert(WatchName(claim.name.to_string()), seen);
        }
        self.enter(Phase::Method);
    }

    fn give_up_baseline(&mut self, reason: String) {
        self.ending.no_baseline.get_or_insert(reason);
        self.enter(Phase::Revert);
    }

    /// A moment later than another.
    pub(super) fn plus(&self, moment: Moment, length: Duration) -> Moment {
        let signed = jiff::SignedDuration::try_from(length).unwrap_or(jiff::SignedDuration::MAX);
        Moment {
            elapsed: moment.elapsed.saturating_add(length),
            wall: moment.wall.saturating_add(signed).unwrap_or(moment.wall),
        }
    }
}

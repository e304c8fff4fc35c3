//! What the engine asks the judge while the run goes on.

use super::claims::Alarm;
use super::engine::Engine;
use super::watches::{Purpose, State, WatchRun};
use super::{Phase, bounds};
use crate::claim::{Claim, Role, Source};
use crate::experiment::{StepKind, WaitFor, Witness};
use crate::judge::{
    AbortState, Case, Judged, Outcome, WaitCase, WatchName, WitnessCase, aborts, judge, needs, wait_for, witness,
};
use crate::moment::Moment;
use crate::name::StepName;
use std::sync::Arc;
use std::time::Duration;

/// What a `waitFor` is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wait {
    /// Go on waiting.
    Pending,
    /// It was seen true.
    Met,
    /// It was not, or nobody can say; why.
    NotMet(String),
}

impl Engine {
    /// A claim with all that is known of it.
    pub(super) fn case<'a>(&'a self, claim: &'a Claim) -> Option<Case<'a>> {
        let run = self.watches.get(claim.name.as_str())?;
        Some(Case {
            claim,
            timeline: &self.timeline,
            clock: self.clock(claim.platform.as_ref(), matches!(claim.source, Source::Query(_))),
            observed: &run.observed,
            baseline: self.baseline.of.get(&WatchName(claim.name.to_string())),
        })
    }

    pub(super) fn witness_case<'a>(&'a self, step: &'a StepName, witness: &'a Witness) -> Option<WitnessCase<'a>> {
        let run = self.watches.get(step.as_str())?;
        Some(WitnessCase {
            witness,
            step,
            timeline: &self.timeline,
            clock: self.clock(witness.platform.as_ref(), matches!(witness.source, Source::Query(_))),
            observed: &run.observed,
        })
    }

    pub(super) fn judge_wait_now(&self, step: &StepName, wait: &WaitFor) -> Judged {
        match self.watches.get(step.as_str()) {
            None => Judged::Settled {
                outcome: Outcome::Inconclusive,
                reason: "it was never watched".to_owned(),
                measure: None,
            },
            Some(run) => {
                let case = WaitCase {
                    wait,
                    step,
                    timeline: &self.timeline,
                    clock: self.clock(wait.platform.as_ref(), matches!(wait.source, Source::Query(_))),
                    observed: &run.observed,
                };
                wait_for(&case, self.now)
            }
        }
    }

    /// Looks at a `waitFor`. Its bound is its own `within` and the time its last sample may take.
    pub(super) fn judge_wait(&mut self, step: &StepName, wait: &WaitFor) -> Wait {
        let judged = self.judge_wait_now(step, wait);
        let name = WatchName(step.to_string());
        match judged {
            Judged::Settled { outcome: Outcome::Passed, .. } => {
                self.close_watch(&name);
                Wait::Met
            }
            Judged::Settled { reason, .. } => {
                self.close_watch(&name);
                Wait::NotMet(reason)
            }
            Judged::Pending { .. } => {
                let begun = self.timeline.step(step).start.map_or(self.now, |start| start.last);
                let lag = self.watches.get(step.as_str()).map(WatchRun::lag).unwrap_or_default();
                if self.passed(begun, wait.within.get() + lag.min(bounds::LATE_DATA)) {
                    self.close_watch(&name);
                    return Wait::NotMet(format!("nobody can say: no data came in for {}", wait.within));
                }
                self.look_again();
                Wait::Pending
            }
        }
    }

    /// Looks at the safety stops, from the baseline's end to the end of recovery.
    pub(super) fn watch_safety(&mut self) {
        let given = Arc::clone(&self.given);
        let Some((_, watched_from)) = self.timeline.baseline_window() else { return };
        if !(Phase::Method..=Phase::Recovery).contains(&self.phase) || self.ending.is_hasty() {
            return;
        }
        for claim in &given.experiment.abort_if {
            let Some(opened) = self.watches.get(claim.name.as_str()).and_then(WatchRun::open_since) else { continue };
            let since = if opened.elapsed > watched_from.elapsed { opened } else { watched_from };
            match self.alarm(claim, since) {
                None => {}
                Some(Alarm::True(reason)) => self.ending.abort(format!("the safety stop became true: {reason}")),
                Some(Alarm::Blind(reason)) => {
                    self.ending.blind.get_or_insert(reason);
                }
            }
        }
        if !given.experiment.abort_if.is_empty() {
            self.look_again();
        }
    }

    /// Asks a safety stop; what it says is kept.
    pub(super) fn alarm(&mut self, claim: &Claim, since: Moment) -> Option<Alarm> {
        let said = match aborts(&self.case(claim)?, since, self.now) {
            AbortState::Quiet => return None,
            AbortState::True { reason } => Alarm::True(reason),
            AbortState::Blind { reason } => Alarm::Blind(reason),
        };
        self.alarms.entry(claim.name.clone()).or_insert_with(|| said.clone());
        Some(said)
    }

    /// Whether a watch has seen all it is for.
    pub(super) fn has_seen_all(&self, name: &WatchName) -> bool {
        let Some(run) = self.watches.all.get(name) else { return true };
        match &run.purpose {
            Purpose::Claim(Role::SteadyState | Role::AbortIf) | Purpose::WaitFor(_) => false,
            Purpose::Once(_) | Purpose::Result(_) => false,
            Purpose::Claim(Role::Expect) => {
                self.given.experiment.expect.iter().find(|claim| claim.name.as_str() == name.0).is_some_and(|claim| {
                    let Some(case) = self.case(claim) else { return true };
                    let need = needs(claim, &self.timeline, case.clock, run.observed.sampling);
                    let all = need.settled.is_some_and(|wanted| run.observed.settled >= Some(wanted));
                    all && matches!(judge(&case), Judged::Settled { .. })
                })
            }
            Purpose::Witness(step) => {
                let over = self.timeline.step(step).end.is_some();
                over && self.witness_of_step(step).is_some_and(|of| {
                    self.witness_case(step, of).is_some_and(|case| matches!(witness(&case), Judged::Settled { .. }))
                })
            }
        }
    }

    pub(super) fn witness_of_step(&self, name: &StepName) -> Option<&Witness> {
        self.given.experiment.steps().into_iter().find(|step| step.name.as_ref() == Some(name)).and_then(|step| {
            match &step.kind {
                StepKind::Inject(inject) => inject.witness.as_ref(),
                StepKind::Perform(perform) => perform.witness.as_ref(),
                StepKind::Wait(_) | StepKind::WaitFor(_) | StepKind::Parallel(_) => None,
            }
        })
    }

    /// Whether an expectation is waited for no longer: decided, never to be decided, or its data is late.
    pub(super) fn is_settled(&mut self, claim: &Claim) -> bool {
        let Some(run) = self.watches.get(claim.name.as_str()) else { return true };
        let (sampling, lag, refused) = (run.observed.sampling, run.lag(), run.observed.refused);
        if matches!(run.purpose, Purpose::Once(_)) && run.state != State::Idle {
            // Its one answer has come, or is waited for by its own bound.
            return run.state == State::Closed;
        }
        let Some(case) = self.case(claim) else { return true };
        let (clock, judged) = (case.clock, judge(&case));
        // A source that will never answer again decides nothing by being waited for.
        if refused || matches!(judged, Judged::Settled { .. }) {
            return true;
        }
        // No end: an event of its window did not happen, and after the method none will.
        let Some(until) = needs(claim, &self.timeline, clock, sampling).until else { return true };
        let due = until.saturating_add(lag).saturating_add(bounds::LATE_DATA);
        self.wake_at(due);
        self.look_again();
        self.now.elapsed >= due
    }

    /// Whether a step's witness is waited for no longer.
    pub(super) fn is_witness_settled(&mut self, name: &StepName) -> bool {
        let Some(of) = self.witness_of_step(name) else { return true };
        let within = of.within.get();
        let Some(run) = self.watches.get(name.as_str()) else { return true };
        let (lag, refused) = (run.lag(), run.observed.refused);
        let settled = self.witness_case(name, of).is_none_or(|case| matches!(witness(&case), Judged::Settled { .. }));
        let Some(end) = self.timeline.step(name).end else { return true };
        // Nor is a source waited for that will never answer again.
        if settled || refused {
            return true;
        }
        self.look_again();
        self.passed(end.last, within + lag + bounds::LATE_DATA)
    }

    /// The longest time the data of the steady state may take to be complete.
    pub(super) fn longest_lag(&self) -> Duration {
        let of = |claim: &Claim| self.watches.get(claim.name.as_str()).map(WatchRun::lag).unwrap_or_default();
        self.given.experiment.steady_state.iter().map(of).max().unwrap_or_default()
    }
}

//! Judging one claim: the same function while the run goes on and at its end.

use super::becomes::{Becoming, judge_becomes};
use super::counter::Frame;
use super::subject::{Edges, Subject};
use super::{Baseline, ClaimJudgement, Clock, Judged, Measure, Observed, Outcome};
use crate::claim::{Claim, Dwell, Leaf, Source, Verb, Window};
use crate::experiment::Instant;
use crate::history::Timeline;
use jiff::Timestamp;

/// A claim and everything that is known about it.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The claim.
    pub claim: &'a Claim,
    /// When steps began and ended.
    pub timeline: &'a Timeline,
    /// Turns the run's time into the source's.
    pub clock: Clock,
    /// What was seen.
    pub observed: &'a Observed,
    /// What was seen in the baseline; `None`: there is none (yet).
    pub baseline: Option<&'a Baseline>,
}

/// What the judge found, with what reports show beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Pending or settled.
    pub judged: Judged,
    /// The window it was judged over, by the source's clock.
    pub window: Option<(Timestamp, Timestamp)>,
    /// For `becomes`: the interval the change lies in, by the source's clock.
    pub transition: Option<(Timestamp, Timestamp)>,
    /// The baseline's median, where the predicate needs it (of the first series).
    pub baseline: Option<f64>,
    /// For `becomes`: it was true already and no change was seen. The placebo reading needs to know.
    pub already_so: bool,
}

/// Judges a claim on what is settled. Pending until its window has closed and everything in it is
/// settled; once the timeline is closed never pending. What is settled once stays so, whatever comes later.
///
/// A claim of `abortIf` has no window: see [`aborts`](super::aborts()). One of the steady state has two:
/// see [`steady`](super::steady()) and [`recovery`](super::recovery()). Both are pending here.
pub fn judge(case: &Case<'_>) -> Judged {
    find(case).judged
}

/// As [`judge`], with window, transition and baseline.
pub fn find(case: &Case<'_>) -> Finding {
    let mut found = decide(case);
    if case.claim.verb.predicate().is_relative() {
        found.finding.baseline = case.baseline.and_then(Baseline::first_median);
    }
    found.finding.closed(case)
}

fn decide(case: &Case<'_>) -> Found {
    let Case { claim, timeline, clock, observed, baseline } = *case;
    let subject = Subject::of_claim(claim, timeline, clock, observed, baseline);
    let settled = match claim.source {
        // A step's result is known as soon as it is there.
        Source::Step(_) if timeline.is_closed() => Some(Timestamp::MAX),
        _ => observed.settled,
    };
    let instant = |instant: &Instant| subject.instant(instant).ok_or_else(|| format!("waiting for {instant}"));
    let found = match &claim.verb {
        Verb::Is { window: Window::Between { from, to }, tolerance, .. } => {
            over(&instant, from, to).map(|(begin, end)| {
                let window = (begin.last, end.first);
                let place = Place::of(from, begin, to);
                match settled {
                    Some(settled) if settled >= window.1 => {
                        super::invariant::judge_is(&subject, window, tolerance, &place)
                    }
                    _ => Found::pending(super::live::so_far(&subject, window, &place)).over(window),
                }
            })
        }
        Verb::Totals { window: Window::Between { from, to }, .. } => over(&instant, from, to).map(|(begin, end)| {
            let frame = Frame { from: begin, to: end };
            let place = Place::of(from, begin, to);
            match (settled, super::needs::total_settles(&subject, &frame)) {
                (Some(settled), Some(wanted)) if settled >= wanted => {
                    super::totals::judge_totals(&subject, &frame, &place)
                }
                _ => Found::pending(format!("counting over {}", place.window)).over((begin.last, end.first)),
            }
        }),
        Verb::IsAt { at, .. } => instant(at).map(|edges| {
            let place = Place::at(at, edges);
            settled.map_or_else(
                || Found::pending(format!("no data yet for {at}")),
                |settled| super::at::judge_at(&subject, edges, settled, &place),
            )
        }),
        Verb::Becomes { after, within, dwell, .. } => instant(after).map(|event| {
            let since = timeline.start_of(&after.event).map_or(event.first, |start| subject.edges(start).first);
            let until = match dwell {
                Dwell::Until { until, .. } => subject.instant(until),
                Dwell::Once | Dwell::For { .. } => None,
            };
            let becoming = Becoming { event, since, within: within.get(), dwell, until };
            let place = Place::at(after, event);
            let settled = settled.unwrap_or(Timestamp::MIN);
            judge_becomes(&subject, &becoming, settled, &place)
        }),
        Verb::Is { window: Window::Baseline, .. } | Verb::Totals { window: Window::Baseline, .. } => {
            Err("judged over the baseline and the recovery".to_owned())
        }
        Verb::Aborts { .. } => Err("watched".to_owned()),
    };
    found.unwrap_or_else(Found::pending)
}

fn over(
    instant: &impl Fn(&Instant) -> Result<Edges, String>,
    from: &Instant,
    to: &Instant,
) -> Result<(Edges, Edges), String> {
    Ok((instant(from)?, instant(to)?))
}

/// Why nobody can show that everything a query rests on was seen: such a claim can fail, and never pass.
pub(super) fn unshown(source: &Source) -> Option<&'static str> {
    let Source::Query(query) = source else { return None };
    match &query.shape {
        None => Some("its coverage cannot be shown: the query could not be taken apart"),
        // Nothing was seen that could have been otherwise.
        Some(shape) if shape.leaves.is_empty() => Some("its coverage cannot be shown: the query asks for no series"),
        // What was so before the fault says nothing of the fault.
        Some(shape) if shape.leaves.iter().any(Leaf::reads_another_time) => {
            Some("its coverage cannot be shown: the query reads another time, by `@` or `offset`")
        }
        Some(_) => None,
    }
}

/// How a sentence names the time it speaks of.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    /// The event that times are counted from.
    pub event: Timestamp,
    /// Its name.
    pub name: String,
    /// The window in words.
    pub window: String,
}

impl Place {
    pub fn of(from: &Instant, begin: Edges, to: &Instant) -> Self {
        Self { event: begin.first, name: from.to_string(), window: format!("{from} to {to}") }
    }

    pub fn at(instant: &Instant, edges: Edges) -> Self {
        Self { event: edges.first, name: instant.to_string(), window: instant.to_string() }
    }
}

/// A [`Finding`] in the making.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    pub finding: Finding,
}

impl Found {
    fn new(judged: Judged) -> Self {
        Self { finding: Finding { judged, window: None, transition: None, baseline: None, already_so: false } }
    }

    fn settled(outcome: Outcome, reason: String, measure: Option<Measure>) -> Self {
        Self::new(Judged::Settled { outcome, reason, measure })
    }

    pub fn pending(now: String) -> Self {
        Self::new(Judged::Pending { now })
    }

    pub fn passed(reason: String, measure: Option<Measure>) -> Self {
        Self::settled(Outcome::Passed, reason, measure)
    }

    pub fn failed(reason: String, measure: Option<Measure>) -> Self {
        Self::settled(Outcome::Failed, reason, measure)
    }

    pub fn inconclusive(reason: String) -> Self {
        Self::settled(Outcome::Inconclusive, reason, None)
    }

    pub fn error(reason: String) -> Self {
        Self::settled(Outcome::Error, reason, None)
    }

    /// True already, without a change.
    pub fn already(reason: String) -> Self {
        let mut found = Self::inconclusive(reason);
        found.finding.already_so = true;
        found
    }

    pub fn over(mut self, window: (Timestamp, Timestamp)) -> Self {
        self.finding.window = Some(window);
        self
    }

    pub fn or_over(mut self, window: (Timestamp, Timestamp)) -> Self {
        self.finding.window.get_or_insert(window);
        self
    }

    pub fn changed(mut self, edges: Edges) -> Self {
        self.finding.transition = Some((edges.first, edges.last));
        self
    }

    pub fn measured(mut self, new: Option<Measure>) -> Self {
        if let Judged::Settled { measure, .. } = &mut self.finding.judged {
            *measure = new;
        }
        self
    }

    /// The same outcome in other words.
    pub fn said(mut self, new: String, measured: Option<Measure>) -> Self {
        if let Judged::Settled { reason, measure, .. } = &mut self.finding.judged {
            *reason = new;
            *measure = measured;
        }
        self
    }

    /// With the transition of another.
    pub fn like(mut self, other: &Self) -> Self {
        self.finding.transition = other.finding.transition;
        self
    }

    /// Passed only if it can be shown that everything it rests on was seen.
    pub fn if_shown(self, source: &Source) -> Self {
        let Some(why) = unshown(source).filter(|_| self.is_passed()) else { return self };
        let reason = format!("{why} ({})", self.reason());
        let mut found = Self::inconclusive(reason).measured(self.measure());
        found.finding.window = self.finding.window;
        found.finding.transition = self.finding.transition;
        found
    }

    pub fn is_passed(&self) -> bool {
        matches!(self.finding.judged, Judged::Settled { outcome: Outcome::Passed, .. })
    }

    pub fn reason(&self) -> &str {
        match &self.finding.judged {
            Judged::Pending { now } => now,
            Judged::Settled { reason, .. } => reason,
        }
    }

    pub fn measure(&self) -> Option<Measure> {
        match &self.finding.judged {
            Judged::Pending { .. } => None,
            Judged::Settled { measure, .. } => measure.clone(),
        }
    }
}

impl Finding {
    /// Decides what is still pending once nothing more will come, or nothing more can.
    fn closed(mut self, case: &Case<'_>) -> Self {
        let decided = match (&self.judged, &case.observed.error) {
            (Judged::Settled { outcome: Outcome::Inconclusive, reason, .. }, Some(error)) if case.observed.refused => {
                Some((Outcome::Error, format!("the source refuses to answer: {error} ({reason})")))
            }
            (Judged::Settled { .. }, _) => None,
            (Judged::Pending { .. }, _) if !case.timeline.is_closed() => None,
            (Judged::Pending { .. }, Some(error)) if case.observed.refused => {
                Some((Outcome::Error, format!("the source refuses to answer: {error}")))
            }
            (Judged::Pending { now }, error) => Some((Outcome::Inconclusive, never(case, now, error.as_deref()))),
        };
        if let Some((outcome, reason)) = decided {
            self.judged = Judged::Settled { outcome, reason, measure: None };
        }
        self
    }

    /// As it stands in the judgement. What is still pending is inconclusive.
    pub fn judgement(self, claim: &Claim) -> ClaimJudgement {
        let (outcome, reason, measure) = match self.judged {
            Judged::Settled { outcome, reason, measure } => (outcome, reason, measure),
            Judged::Pending { now } => {
                (Outcome::Inconclusive, format!("the run ended before this was decided: {now}"), None)
            }
        };
        ClaimJudgement {
            name: claim.name.clone(),
            role: claim.role,
            outcome,
            reason,
            measure,
            window: self.window,
            transition: self.transition,
            baseline: self.baseline,
        }
    }
}

/// Why a claim will never be decided.
fn never(case: &Case<'_>, now: &str, error: Option<&str>) -> String {
    let mut instants: Vec<&Instant> = Vec::new();
    match &case.claim.verb {
        Verb::Is { window, .. } | Verb::Totals { window, .. } => {
            if let Window::Between { from, to } = window {
                instants.extend([from, to]);
            }
        }
        Verb::IsAt { at, .. } => instants.push(at),
        Verb::Becomes { after, dwell, .. } => {
            instants.push(after);
            if let Dwell::Until { until, .. } = dwell {
                instants.push(until);
            }
        }
        Verb::Aborts { .. } => {}
    }
    if let Some(instant) = instants.into_iter().find(|instant| case.timeline.event(&instant.event).is_none()) {
        return format!("{instant} never came: the step did not run or did not end");
    }
    match error {
        Some(error) => format!("the source stopped answering: {error}"),
        None => format!("the run ended before this was decided: {now}"),
    }
}

//! Witnesses (did the fault bite, is it gone?) and `waitFor`.

use super::becomes::{Becoming, judge_becomes};
use super::case::{Found, Place};
use super::coverage::{Required, covered, required};
use super::sentence::{range, relative, seconds};
use super::subject::{Edges, Subject, earlier, later, signed, unsigned};
use super::track::{Reader, Truth};
use super::{Clock, Judged, Measure, Observed, Outcome};
use crate::claim::Dwell;
use crate::experiment::{WaitFor, Witness};
use crate::history::Timeline;
use crate::moment::Moment;
use crate::name::StepName;
use jiff::{SignedDuration, Timestamp};

/// A witness and everything that is known about it.
#[derive(Debug, Clone, Copy)]
pub struct WitnessCase<'a> {
    /// The witness.
    pub witness: &'a Witness,
    /// Its step.
    pub step: &'a StepName,
    /// When steps began and ended.
    pub timeline: &'a Timeline,
    /// Turns the run's time into the source's.
    pub clock: Clock,
    /// What was seen.
    pub observed: &'a Observed,
}

/// Judges a witness: passed if it became true in time after the step's start and was false again in time
/// after its end; failed if it did not; inconclusive without data. Pending until both are settled; once
/// the timeline is closed never pending.
pub fn witness(case: &WitnessCase<'_>) -> Judged {
    match both(case) {
        Judged::Pending { now } if case.timeline.is_closed() => Judged::Settled {
            outcome: Outcome::Inconclusive,
            reason: format!("the run ended before the witness was heard: {now}"),
            measure: None,
        },
        judged => judged,
    }
}

fn both(case: &WitnessCase<'_>) -> Judged {
    let times = case.timeline.step(case.step);
    let Some(start) = times.start else {
        return Judged::Pending { now: format!("waiting for {}.start", case.step) };
    };
    if let Some(reason) = true_without_fault(case) {
        return Judged::Settled { outcome: Outcome::Inconclusive, reason, measure: None };
    }
    let bit = half(case, start, "start", false);
    let Judged::Settled { outcome: Outcome::Passed, reason, measure } = bit else { return bit };
    let Some(end) = times.end else {
        return Judged::Pending { now: format!("{reason}; waiting for {}.end", case.step) };
    };
    match half(case, end, "end", true) {
        Judged::Pending { now } => Judged::Pending { now: format!("{reason}; then {now}") },
        Judged::Settled { outcome, reason: gone, .. } => {
            let link = if outcome == Outcome::Passed { "; gone: " } else { "; not seen gone: " };
            Judged::Settled { outcome, reason: format!("{reason}{link}{gone}"), measure }
        }
    }
}

/// A witness that was true in the baseline, where there is no fault, may be true at any time: what it sees
/// later proves nothing.
fn true_without_fault(case: &WitnessCase<'_>) -> Option<String> {
    let subject = subject(case, false);
    let method = subject.edges(case.timeline.method().start?).first;
    let begun = case.timeline.baseline_window().map_or(Timestamp::MIN, |(from, _)| case.clock.at(from));
    let reader = Reader::new(&subject);
    let values = subject.values(begun.max(case.observed.from.unwrap_or(begun)), method);
    let first = values.iter().flat_map(|series| {
        let track = reader.track(&series.samples, later(begun, subject.before()), method, None);
        track.runs.into_iter().find(|run| run.truth == Truth::True && subject.taken(run.first).last < method)
    });
    let at = first.map(|run| run.first).min()?;
    let when = relative(at, method, "method.start");
    Some(format!("the witness was {} without any fault, {when}: it proves nothing", subject.condition()))
}

fn subject<'a>(case: &WitnessCase<'a>, negated: bool) -> Subject<'a> {
    Subject {
        source: &case.witness.source,
        predicate: &case.witness.becomes,
        negated,
        absent: case.witness.absent,
        min_events: None,
        timeline: case.timeline,
        clock: case.clock,
        observed: case.observed,
        baseline: None,
    }
}

fn half(case: &WitnessCase<'_>, event: crate::moment::Interval, edge: &str, negated: bool) -> Judged {
    let subject = subject(case, negated);
    let event = subject.edges(event);
    let since = case.timeline.step(case.step).start.map_or(event.first, |start| subject.edges(start).first);
    let within = case.witness.within.get();
    let becoming = Becoming { event, since, within, dwell: &Dwell::Once, until: None };
    let name = format!("{}.{edge}", case.step);
    let place = Place { event: event.first, name: name.clone(), window: name };
    let settled = case.observed.settled.unwrap_or(Timestamp::MIN);
    judge_becomes(&subject, &becoming, settled, &place).finding.judged
}

/// A `waitFor` and everything that is known about it.
#[derive(Debug, Clone, Copy)]
pub struct WaitCase<'a> {
    /// What is waited for.
    pub wait: &'a WaitFor,
    /// Its step.
    pub step: &'a StepName,
    /// When steps began and ended.
    pub timeline: &'a Timeline,
    /// Turns the run's time into the source's.
    pub clock: Clock,
    /// What was seen.
    pub observed: &'a Observed,
}

/// Looks at a `waitFor` on fresh data. Passed: every series was seen true at once after the step began.
/// Failed: not in time. Inconclusive: there was no data to say. Pending: go on waiting, at most until
/// three intervals and a timeout after the deadline.
pub fn wait_for(case: &WaitCase<'_>, now: Moment) -> Judged {
    let Some(start) = case.timeline.step(case.step).start else {
        return Judged::Pending { now: format!("waiting for {}.start", case.step) };
    };
    let subject = Subject {
        source: &case.wait.source,
        predicate: &case.wait.is,
        negated: false,
        absent: case.wait.absent,
        min_events: None,
        timeline: case.timeline,
        clock: case.clock,
        observed: case.observed,
        baseline: None,
    };
    wait(&subject, subject.edges(start), signed(case.wait.within.get()), case.clock.at(now), case.step).finding.judged
}

fn wait(subject: &Subject<'_>, start: Edges, within: SignedDuration, now: Timestamp, step: &StepName) -> Found {
    let deadline = later(start.last, within);
    let patience = subject.half_intervals(6).saturating_add(subject.timeout());
    let over = now >= later(deadline, patience);
    let begin = later(start.first, subject.before());
    let end = subject.observed.until.unwrap_or(begin).min(later(deadline, patience));
    let values = subject.values(earlier(begin, patience), end);
    let series = required(subject, &values, None, (begin, end.max(begin))).unwrap_or_default();
    let name = format!("{step}.start");
    if let Some(true_at) = all_true(subject, &series, begin, end) {
        let least = true_at.first.duration_since(start.last).max(SignedDuration::ZERO);
        let most = true_at.last.duration_since(start.first).max(least);
        let measure = Some(Measure::TimeToBecome { least: unsigned(least), most: unsigned(most) });
        let said = format!("{} {} after {name}; allowed {}", subject.condition(), range(least, most), seconds(within));
        return if least > within {
            Found::failed(said, measure)
        } else if most > within {
            Found::inconclusive(format!("the sampling interval is too coarse: {said}")).measured(measure)
        } else {
            Found::passed(said, measure).if_shown(subject.source)
        };
    }
    if !over {
        let waited = now.duration_since(start.first).max(SignedDuration::ZERO);
        return Found::pending(format!(
            "not yet {} after {} of {}",
            subject.condition(),
            seconds(waited),
            seconds(within)
        ));
    }
    match covered(subject, &values, (start.last, deadline)) {
        Ok(()) => match unknown(subject, &series, begin, end) {
            None => Found::failed(format!("not {} within {} after {name}", subject.condition(), seconds(within)), None),
            Some((at, why)) => Found::inconclusive(format!("{} {why}", relative(at, start.first, &name))),
        },
        Err(reason) => Found::inconclusive(reason),
    }
}

fn unknown(
    subject: &Subject<'_>,
    series: &[Required<'_>],
    begin: Timestamp,
    end: Timestamp,
) -> Option<(Timestamp, String)> {
    let reader = Reader::new(subject);
    let tracks = series.iter().map(|one| reader.track(&one.series.samples, begin, end, None));
    let (at, value) = tracks.filter_map(|track| track.unknown).next()?;
    Some((at, super::invariant::why_unknown(subject, &value)))
}

/// The first time at which every series is true: the interval in which the last one became so.
fn all_true(subject: &Subject<'_>, series: &[Required<'_>], begin: Timestamp, end: Timestamp) -> Option<Edges> {
    let reader = Reader::new(subject);
    // Of each series: from which interval until when it is true.
    let mut common: Option<Vec<(Edges, Timestamp)>> = None;
    for one in series {
        let track = reader.track(&one.series.samples, begin, end, None);
        let mut spells = Vec::new();
        for (place, run) in track.runs.iter().enumerate().filter(|(_, run)| run.truth == Truth::True) {
            let before = place.checked_sub(1).map_or(begin, |before| subject.taken(track.runs[before].last).first);
            let after = track.runs.get(place + 1).map_or(end, |next| next.first);
            spells.push((Edges { first: before, last: subject.taken(run.first).last }, after));
        }
        common = Some(match common {
            None => spells,
            Some(known) => {
                let pairs = known.iter().flat_map(|left| spells.iter().map(move |right| (left, right)));
                let both = pairs.map(|(left, right)| {
                    let edges = Edges { first: left.0.first.max(right.0.first), last: left.0.last.max(right.0.last) };
                    (edges, left.1.min(right.1))
                });
                both.filter(|(edges, until)| edges.first < *until).collect()
            }
        });
    }
    common?.into_iter().map(|(edges, _)| edges).min_by_key(|edges| edges.last)
}

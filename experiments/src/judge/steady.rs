//! The steady state: over the baseline, and again after the method.

use super::case::Place;
use super::sentence::{range, seconds};
use super::subject::{Subject, earlier, later, signed, unsigned};
use super::track::{Reader, Run, Truth};
use super::{Case, Clock, Judged, Measure, Outcome};
use crate::claim::{Source, Tolerance, Verb};
use crate::moment::{Interval, Moment};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// Whether a source has begun to answer: its newest value is fresh and says something, and so are the raw
/// samples behind it. The baseline's length counts from here. Ask it of every claim of the steady state,
/// and of every other whose predicate is relative to the baseline.
pub fn has_data(case: &Case<'_>) -> bool {
    let subject = subject(case);
    let Some(until) = case.observed.until else { return false };
    if matches!(case.claim.source, Source::Step(_)) {
        return true;
    }
    let fresh = earlier(earlier(until, subject.half_intervals(5)), subject.timeout());
    let newest = |series: &super::Series| series.samples.last().is_some_and(|sample| sample.0 >= fresh);
    let counts = matches!(case.claim.verb, Verb::Totals { .. });
    let mut leaves = case.observed.leaves.iter();
    let leaves_fresh = leaves.all(|leaf| leaf.iter().any(newest) || !case.observed.scraped.is_empty());
    let values = subject.values(fresh, until);
    let readable = |sample: &super::Sample| match &sample.1 {
        super::Reading::Number(number) => number.is_finite(),
        super::Reading::Text(_) => true,
    };
    let mut fresh_values = values.iter().filter(|series| newest(series)).peekable();
    let some = fresh_values.peek().is_some();
    leaves_fresh && (counts || (some && fresh_values.all(|series| series.samples.last().is_some_and(readable))))
}

fn subject<'a>(case: &Case<'a>) -> Subject<'a> {
    Subject::of_claim(case.claim, case.timeline, case.clock, case.observed, case.baseline)
}

/// Judges a claim of the steady state over `[from, to]`. Pending until everything up to `to` is settled.
pub fn steady(case: &Case<'_>, from: Moment, to: Moment) -> Judged {
    let place = |name: &str| Place { event: case.clock.at(from), name: name.to_owned(), window: name.to_owned() };
    over(case, (case.clock.at(from), case.clock.at(to)), &place("the window's beginning"))
}

fn over(case: &Case<'_>, window: (Timestamp, Timestamp), place: &Place) -> Judged {
    let subject = subject(case);
    let tolerance = match &case.claim.verb {
        Verb::Is { tolerance, .. } => *tolerance,
        Verb::IsAt { .. } | Verb::Becomes { .. } | Verb::Totals { .. } | Verb::Aborts { .. } => Tolerance::default(),
    };
    let settled = case.observed.settled.is_some_and(|settled| settled >= window.1);
    if settled {
        let found = super::invariant::judge_is(&subject, window, &tolerance, place);
        return found.finding.judged;
    }
    let now = super::live::so_far(&subject, window, place);
    match &case.observed.error {
        Some(reason) if case.observed.refused => Judged::Settled {
            outcome: Outcome::Error,
            reason: format!("the source refuses to answer: {reason}"),
            measure: None,
        },
        Some(reason) => Judged::Pending { now: format!("{now}; {reason}") },
        None => Judged::Pending { now },
    }
}

/// What is known of the recovery.
#[derive(Debug, Clone, PartialEq)]
pub enum Recovery {
    /// Not decided yet.
    Pending {
        /// What it looks like now.
        now: String,
    },
    /// Steady again over a whole baseline length.
    Recovered {
        /// From the method's end to the steady state.
        measure: Measure,
        /// Why, as a sentence.
        reason: String,
    },
    /// Not steady in time, on full data: failed.
    Missed {
        /// Why, as a sentence.
        reason: String,
    },
    /// There is not enough data to say: inconclusive.
    Unknown {
        /// Why, as a sentence.
        reason: String,
    },
}

/// The earliest time within `within` after the method's end from which every claim holds for `length`.
/// `cases` are the steady-state claims; none: recovered at once. Once the timeline is closed never pending.
pub fn recovery(cases: &[Case<'_>], method_end: Interval, within: Duration, length: Duration) -> Recovery {
    let (end, within, length) = (signed(method_end.last.elapsed), signed(within), signed(length));
    let deadline = end.saturating_add(within);
    let mut doubt: Option<String> = None;
    let mut last_false: Option<String> = None;
    for begin in candidates(cases, end, deadline) {
        match all_over(cases, begin, begin.saturating_add(length)) {
            Whole::Passed => return recovered(cases, method_end, begin, within),
            Whole::Failed(reason) => last_false = Some(reason),
            Whole::Unknown(reason) => doubt = Some(reason),
            Whole::Pending(now) => {
                return undecided(cases, format!("steady since {}; {now}", seconds(begin.saturating_sub(end))));
            }
        }
    }
    // A later beginning could still come to light.
    let known = |case: &Case<'_>| case.observed.settled.is_some_and(|settled| case.clock.elapsed(settled) >= deadline);
    if !cases.iter().all(known) {
        let now = last_false.or(doubt).unwrap_or_else(|| "no data yet".to_owned());
        return undecided(cases, now);
    }
    match (doubt, last_false) {
        (Some(reason), _) => Recovery::Unknown { reason: format!("recovery cannot be judged: {reason}") },
        (None, last_false) => {
            let last = last_false.map(|reason| format!(": {reason}")).unwrap_or_default();
            let reason = format!("not steady again within {} after method.end{last}", seconds(within));
            Recovery::Missed { reason }
        }
    }
}

fn undecided(cases: &[Case<'_>], now: String) -> Recovery {
    if cases.iter().any(|case| case.timeline.is_closed()) {
        Recovery::Unknown { reason: format!("the run ended before the recovery was decided: {now}") }
    } else {
        Recovery::Pending { now }
    }
}

enum Whole {
    Passed,
    Failed(String),
    Unknown(String),
    Pending(String),
}

/// Every claim over one window, by the run's clock.
fn all_over(cases: &[Case<'_>], from: SignedDuration, to: SignedDuration) -> Whole {
    let mut worst = Whole::Passed;
    for case in cases {
        let (begin, end) = (at(case.clock, from), at(case.clock, to));
        let place = Place { event: begin, name: "the candidate".to_owned(), window: "recovery".to_owned() };
        let named = |reason: &str| format!("{} {reason}", case.claim.name);
        // What is false already will not become true by waiting.
        let known = case.observed.settled.map_or(begin, |settled| settled.min(end));
        if known < end && is_false(case, (begin, known)) {
            return Whole::Failed(named("is not steady"));
        }
        match over(case, (begin, end), &place) {
            Judged::Settled { outcome: Outcome::Passed, .. } => {}
            Judged::Settled { outcome: Outcome::Failed, reason, .. } => return Whole::Failed(named(&reason)),
            Judged::Settled { outcome: Outcome::Inconclusive | Outcome::Error, reason, .. } => {
                worst = Whole::Unknown(named(&reason));
            }
            Judged::Pending { now } => {
                if matches!(worst, Whole::Passed) {
                    worst = Whole::Pending(named(&now));
                }
            }
        }
    }
    worst
}

/// Whether a claim that tolerates nothing was seen false in a window.
fn is_false(case: &Case<'_>, window: (Timestamp, Timestamp)) -> bool {
    let tolerant = matches!(&case.claim.verb, Verb::Is { tolerance, .. } if tolerance.budget.is_some());
    let (from, until) = super::violation::inner(&subject(case), window);
    !tolerant && runs(case, from, until).iter().any(|run| run.truth == Truth::False)
}

fn runs(case: &Case<'_>, from: Timestamp, until: Timestamp) -> Vec<Run> {
    let subject = subject(case);
    let reader = Reader::new(&subject);
    let values = subject.values(from, until);
    let tracks =
        values.iter().map(|series| reader.track(&series.samples, from, until, subject.median(&series.labels)).runs);
    tracks.flatten().collect()
}

/// The times from which it could be steady: the method's end, and after everything that was not true.
fn candidates(cases: &[Case<'_>], end: SignedDuration, deadline: SignedDuration) -> Vec<SignedDuration> {
    let mut found = vec![end];
    for case in cases {
        let subject = subject(case);
        let (from, until) = (at(case.clock, end), at(case.clock, deadline));
        let bad = runs(case, from, until).into_iter().filter(|run| run.truth != Truth::True);
        found.extend(bad.map(|run| case.clock.elapsed(subject.taken(run.last).last)));
        let longest = subject.half_intervals(5);
        for series in &case.observed.values {
            let begin = series.samples.partition_point(|sample| sample.0 < from);
            let stop = series.samples.partition_point(|sample| sample.0 <= until).max(begin);
            let pairs = series.samples[begin.saturating_sub(1)..stop].windows(2);
            let after_gaps = pairs.filter(|pair| pair[1].0.duration_since(pair[0].0) > longest);
            found.extend(after_gaps.map(|pair| case.clock.elapsed(pair[1].0)));
        }
    }
    found.retain(|begin| (end..=deadline).contains(begin));
    found.sort_unstable();
    found.dedup();
    found
}

fn recovered(cases: &[Case<'_>], end: Interval, begin: SignedDuration, within: SignedDuration) -> Recovery {
    let (mut least, mut most) = (SignedDuration::ZERO, SignedDuration::ZERO);
    let (first, last) = (signed(end.first.elapsed), signed(end.last.elapsed));
    for case in cases {
        let subject = subject(case);
        let time = |at: Timestamp| case.clock.elapsed(at);
        let (method_end, from) = (at(case.clock, last), at(case.clock, begin));
        for run in runs(case, method_end, from).into_iter().filter(|run| run.truth != Truth::True) {
            least = least.max(time(subject.taken(run.last).first).saturating_sub(last));
        }
        let next = case.observed.values.iter().filter_map(|series| {
            series.samples.get(series.samples.partition_point(|sample| sample.0 < from)).map(|sample| sample.0)
        });
        if let Some(next) = next.max() {
            most = most.max(time(subject.taken(next).last).saturating_sub(first));
        }
    }
    let said = format!("steady again {} after method.end; allowed {}", range(least, most), seconds(within));
    if least > within {
        return Recovery::Missed { reason: said };
    }
    if most > within {
        return Recovery::Unknown { reason: format!("the sampling interval is too coarse: {said}") };
    }
    let measure = Measure::TimeToBecome { least: unsigned(least), most: unsigned(most.max(least)) };
    Recovery::Recovered { measure, reason: said }
}

fn at(clock: Clock, elapsed: SignedDuration) -> Timestamp {
    later(later(clock.began, elapsed), clock.skew)
}

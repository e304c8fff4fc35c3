//! `becomes`: changes from false to true in time, and then stays so.

use super::Measure;
use super::case::{Found, Place};
use super::coverage::{covered, required};
use super::invariant;
use super::sentence::{named, range, relative, seconds};
use super::subject::{Edges, Subject, later, signed, unsigned};
use super::track::{Reader, Truth};
use super::transition::{Changes, Question, changes, searched};
use crate::claim::{Dwell, Source, Tolerance};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// A `becomes`, its instants looked up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Becoming<'a> {
    pub event: Edges,
    pub since: Timestamp,
    pub within: Duration,
    pub dwell: &'a Dwell,
    /// When `until:` is; `None`: there is none, or it has not happened.
    pub until: Option<Edges>,
}

/// Judges what is settled up to a time.
pub(super) fn judge_becomes(
    subject: &Subject<'_>,
    becoming: &Becoming<'_>,
    settled: Timestamp,
    place: &Place,
) -> Found {
    decide(subject, becoming, settled, place).if_shown(subject.source)
}

fn decide(subject: &Subject<'_>, becoming: &Becoming<'_>, settled: Timestamp, place: &Place) -> Found {
    let event = becoming.event;
    let deadline = later(event.last, signed(becoming.within));
    let question = Question { event, since: becoming.since, deadline, settled };
    let end = settled.min(question.decided_at(subject));
    let values = subject.values(question.begin(subject), end);
    let labels = subject.baseline_labels();
    let baseline = subject.baseline.map(|baseline| (&labels, baseline.until));
    let whole = (question.begin(subject), end);
    let series = match required(subject, &values, baseline, whole) {
        Ok(series) => series,
        Err(reason) => return Found::inconclusive(reason).over((event.first, deadline)),
    };
    let cover = |until: Timestamp| covered(subject, &values, searched(subject, &question, until));
    let what = match subject.source {
        Source::Step(_) => step_changes(subject, &question),
        Source::Query(_) | Source::Http { .. } | Source::Exec { .. } => changes(subject, &series, &question),
    };
    let found = match what {
        Changes::NotYet => return Found::pending(waiting(subject, &series_end(&values, end), &question, place)),
        Changes::Unknown(reason) => Found::inconclusive(cover(deadline).err().unwrap_or(reason)),
        Changes::Never(at, whose) => {
            let reason = format!(
                "still {}{whose} {}; allowed {}",
                subject.opposite(),
                relative(at, place.event, &place.name),
                seconds(signed(becoming.within))
            );
            match cover(deadline) {
                Ok(()) => Found::failed(reason, None),
                Err(thin) => Found::inconclusive(thin),
            }
        }
        Changes::Already { seen_false } => {
            if let Err(thin) = cover(deadline) {
                return Found::inconclusive(thin).over((event.first, deadline));
            }
            if !seen_false {
                return Found::already(format!(
                    "it was already so: {} at {}, and no change was seen",
                    subject.condition(),
                    place.name
                ))
                .over((event.first, deadline));
            }
            let measure = Measure::TimeToBecome { least: Duration::ZERO, most: Duration::ZERO };
            let reason = format!("{} already at {}, and seen otherwise before", subject.condition(), place.name);
            let found = Found::passed(reason, Some(measure));
            return stays(subject, becoming, Edges { first: event.last, last: event.last }, settled, place, found)
                .or_over((event.first, deadline));
        }
        Changes::Seen(edges) => {
            let found = in_time(subject, becoming, edges, place).changed(edges);
            // A series that vanishes just then may be all that changed.
            let after = later(edges.last, subject.half_intervals(4));
            if !found.is_passed() {
                match cover(deadline) {
                    Err(thin) if settled >= deadline => Found::inconclusive(thin).changed(edges),
                    Ok(()) | Err(_) => found,
                }
            } else if matches!(subject.source, Source::Step(_)) {
                stays(subject, becoming, edges, settled, place, found)
            } else if settled < after {
                Found::pending(found.reason().to_owned()).changed(edges)
            } else if let Err(thin) = cover(after) {
                Found::inconclusive(thin).changed(edges)
            } else {
                stays(subject, becoming, edges, settled, place, found)
            }
        }
    };
    found.or_over((event.first, deadline))
}

fn in_time(subject: &Subject<'_>, becoming: &Becoming<'_>, edges: Edges, place: &Place) -> Found {
    let least = edges.first.duration_since(becoming.event.last).max(SignedDuration::ZERO);
    let most = edges.last.duration_since(becoming.event.first).max(SignedDuration::ZERO);
    let allowed = signed(becoming.within);
    let measure = Some(Measure::TimeToBecome { least: unsigned(least), most: unsigned(most) });
    let said = format!(
        "became {} {} after {}; allowed {}",
        subject.condition(),
        range(least, most),
        place.name,
        seconds(allowed)
    );
    if most <= allowed {
        Found::passed(said, measure)
    } else if least > allowed {
        Found::failed(said, measure)
    } else {
        Found::inconclusive(format!("the sampling interval is too coarse: {said}")).measured(measure)
    }
}

/// Whether it stays so after the change.
fn stays(
    subject: &Subject<'_>,
    becoming: &Becoming<'_>,
    change: Edges,
    settled: Timestamp,
    place: &Place,
    found: Found,
) -> Found {
    let (end, tolerance, until): (Timestamp, &Tolerance, String) = match becoming.dwell {
        Dwell::Once => return found,
        // A step's result does not change any more.
        Dwell::Until { .. } | Dwell::For { .. } if matches!(subject.source, Source::Step(_)) => return found,
        Dwell::Until { until, tolerance } => match becoming.until {
            Some(edges) => (edges.first, tolerance, format!("until {until}")),
            None => return Found::pending(format!("{}; now it must stay so until {until}", found.reason())),
        },
        Dwell::For { length, tolerance } => {
            (later(change.first, signed(length.get())), tolerance, format!("for {length}"))
        }
    };
    let window = (change.last, end);
    if end <= change.last {
        return Found::inconclusive(format!("{}, too late to see it stay so {until}", found.reason()))
            .measured(found.measure())
            .like(&found);
    }
    if settled < end {
        return Found::pending(format!("{}; now it must stay so {until}", found.reason())).like(&found);
    }
    let stayed = invariant::holds(subject, window, tolerance, place);
    let reason = if stayed.is_passed() {
        match tolerance.budget {
            Some(_) => format!("{}; stayed so {until}: {}", found.reason(), stayed.reason()),
            None => format!("{}; stayed so {until}", found.reason()),
        }
    } else {
        format!("{}; but did not stay so {until}: {}", found.reason(), stayed.reason())
    };
    stayed.said(reason, found.measure()).like(&found)
}

/// A step that has not ended is false; what it ended with stays.
fn step_changes(subject: &Subject<'_>, question: &Question) -> Changes {
    let over = question.settled >= question.deadline;
    let Some(result) = subject.observed.values.first().and_then(|series| series.samples.first()) else {
        return if over {
            Changes::Never(question.deadline, " (it has not ended)".to_owned())
        } else {
            Changes::NotYet
        };
    };
    let ended = result.0;
    match Reader::new(subject).truth(&result.1, None) {
        Truth::True if ended >= question.event.first => Changes::Seen(Edges { first: ended, last: ended }),
        Truth::True => Changes::Already { seen_false: ended >= question.since },
        Truth::False if over => {
            let value = super::sentence::reading(&result.1, subject.predicate);
            Changes::Never(question.deadline.max(ended), format!(" (it ended with {value})"))
        }
        Truth::False => Changes::NotYet,
        Truth::Unknown => Changes::Unknown(invariant::why_unknown(subject, &result.1)),
    }
}

fn series_end(values: &[super::Series], end: Timestamp) -> Vec<(String, super::Reading)> {
    let newest = |series: &super::Series| {
        let place = series.samples.partition_point(|sample| sample.0 <= end);
        let sample = series.samples.get(place.checked_sub(1)?)?;
        Some((named(&series.labels), sample.1.clone()))
    };
    values.iter().filter_map(newest).take(3).collect()
}

fn waiting(subject: &Subject<'_>, newest: &[(String, super::Reading)], question: &Question, place: &Place) -> String {
    let shown: Vec<String> = newest
        .iter()
        .map(|(labels, value)| format!("{}{labels}", super::sentence::reading(value, subject.predicate)))
        .collect();
    let allowed = seconds(question.deadline.duration_since(question.event.last));
    if shown.is_empty() {
        return format!("no data yet; allowed {allowed} after {}", place.name);
    }
    let since = question.settled.duration_since(question.event.last).max(SignedDuration::ZERO);
    format!("{} after {} of {allowed}", shown.join(", "), seconds(since))
}

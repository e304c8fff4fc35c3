//! `is ... at`: true at the first sample at or after an instant.

use super::case::{Found, Place};
use super::invariant::why_unknown;
use super::sentence::{named, reading, relative};
use super::subject::{Edges, Subject, earlier, later};
use super::track::{Reader, Truth};
use super::{Measure, Reading};
use crate::claim::Source;
use jiff::{SignedDuration, Timestamp};

/// How long after the instant the first sample may be.
pub(super) fn latest(source: &Source, interval: SignedDuration) -> SignedDuration {
    match source {
        Source::Query(_) => interval.checked_mul(3).unwrap_or(SignedDuration::MAX),
        // They run once, before the next step starts, which may have to wait for them.
        Source::Http { .. } | Source::Exec { .. } => SignedDuration::from_secs(60),
        Source::Step(_) => SignedDuration::MAX,
    }
}

/// Judges what is settled up to a time.
pub(super) fn judge_at(subject: &Subject<'_>, at: Edges, settled: Timestamp, place: &Place) -> Found {
    let first = later(at.last, subject.before());
    let last = later(at.last, latest(subject.source, subject.interval()));
    let end = last.min(settled);
    let is_step = matches!(subject.source, Source::Step(_));
    let window = (at.last, if is_step { at.last } else { last });
    // A step's result does not change any more, whenever it came.
    let first = if is_step { Timestamp::MIN } else { first };
    let values = subject.values(earlier(first, subject.interval()), end);
    let reader = Reader::new(subject);
    let mut seen: Vec<(Truth, Reading, Timestamp, String)> = Vec::new();
    for series in values.iter() {
        let begin = series.samples.partition_point(|sample| sample.0 < first);
        let Some(sample) = series.samples.get(begin).filter(|sample| sample.0 <= end) else { continue };
        let truth = reader.truth(&sample.1, subject.median(&series.labels));
        seen.push((truth, sample.1.clone(), sample.0, named(&series.labels)));
    }
    let baseline = subject.baseline.filter(|_| !is_step);
    let missing = baseline.into_iter().flat_map(|baseline| &baseline.medians).find(|(labels, _)| {
        let seen = values.iter().find(|series| series.labels == *labels);
        !seen.is_some_and(|series| series.samples.iter().any(|sample| first <= sample.0 && sample.0 <= end))
    });
    if settled < last && (seen.is_empty() || missing.is_some() || values.len() > 1) {
        return Found::pending(format!("waiting for a sample after {}", place.name));
    }
    if let Some((labels, _)) = missing {
        return Found::inconclusive(format!("no sample{} in time after {}", named(labels), place.name)).over(window);
    }
    let Some((_, newest, when, _)) = seen.iter().max_by_key(|(_, _, when, _)| *when) else {
        let why = subject.observed.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
        return Found::inconclusive(format!("no sample in time after {}{why}", place.name)).over(window);
    };
    if subject.is_evaluated() {
        let around = (earlier(*when, subject.half_intervals(2)), *when);
        if let Err(reason) = super::coverage::leaves_covered(subject, around) {
            return Found::inconclusive(reason).over(window);
        }
    }
    let worst = |wanted: Truth| seen.iter().find(|(truth, ..)| *truth == wanted);
    let say = |value: &Reading, labels: &str, when: Timestamp, how: &str| {
        let labels = if seen.len() > 1 { labels } else { "" };
        let when = relative(when, place.event, &place.name);
        format!("{}{labels}{how}, {when}", reading(value, subject.predicate))
    };
    let measure = |value: &Reading| Some(Measure::Value { value: value.to_string() });
    let found = if let Some((_, value, when, labels)) = worst(Truth::False) {
        let how = format!(", not `{}`", subject.predicate);
        Found::failed(say(value, labels, *when, &how), measure(value))
    } else if let Some((_, value, when, labels)) = worst(Truth::Unknown) {
        let why = why_unknown(subject, value);
        Found::inconclusive(say(value, labels, *when, &format!(" {why}")))
    } else {
        Found::passed(say(newest, "", *when, ""), measure(newest))
    };
    found.over(window).if_shown(subject.source)
}

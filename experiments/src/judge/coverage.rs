//! Coverage: was enough seen to say anything? judging.md rule 5.
//!
//! Of the samples that a window should hold at most max(1, 5 %) may be missing, no gap may be over two
//! and a half intervals, and at the window's end the newest may be at most two intervals old. Series that
//! a fault itself takes away are left out for as long as it may.

use super::sentence::{named, seconds};
use super::subject::{Subject, earlier};
use super::{Labels, Sample, Series};
use crate::claim::Source;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// A part of a window: both ends.
pub(super) type Piece = (Timestamp, Timestamp);

/// How samples of a source should follow each other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    interval: SignedDuration,
    longest_gap: SignedDuration,
    oldest: SignedDuration,
    counted: bool,
}

impl Pace {
    pub fn of(subject: &Subject<'_>) -> Self {
        // Our own requests are as slow as what they ask: a slow answer is no missing one.
        let (slow, counted) = match subject.source {
            Source::Http { .. } | Source::Exec { .. } => (subject.timeout(), false),
            Source::Query(_) | Source::Step(_) => (SignedDuration::ZERO, true),
        };
        Self {
            interval: subject.interval(),
            longest_gap: subject.half_intervals(5).saturating_add(slow),
            oldest: subject.half_intervals(4).saturating_add(slow),
            counted,
        }
    }

    /// Whether the samples cover the window but for what was lost; what is wrong otherwise.
    pub fn check(&self, samples: &[Sample], window: Piece, lost: &[Piece]) -> Result<(), String> {
        let (mut expected, mut missing) = (0, 0);
        for piece in without(window, lost) {
            let (from, until) = piece;
            let begin = samples.partition_point(|sample| sample.0 <= from);
            let end = begin + samples[begin..].partition_point(|sample| sample.0 <= until);
            // What was seen just before the window counts for its first moments.
            let before = begin.checked_sub(1).map(|place| samples[place].0).filter(|_| from == window.0);
            let mut previous = before.map_or(from, |before| before.max(earlier(from, self.longest_gap)));
            if begin == end && before.is_none() && until.duration_since(from) > self.longest_gap {
                return Err(format!("no samples for {}", seconds(until.duration_since(from))));
            }
            for sample in &samples[begin..end] {
                let gap = sample.0.duration_since(previous);
                if gap > self.longest_gap {
                    return Err(format!("no samples for {}", seconds(gap)));
                }
                previous = sample.0;
            }
            let age = until.duration_since(previous);
            if age > if until == window.1 { self.oldest } else { self.longest_gap } {
                return Err(format!("the newest sample is {} old", seconds(age)));
            }
            let wanted = count(until.duration_since(from), self.interval);
            expected += wanted;
            missing += wanted.saturating_sub(end - begin);
        }
        if self.counted && missing > allowed(expected) {
            return Err(format!("{missing} of {expected} samples are missing"));
        }
        Ok(())
    }
}

fn allowed(expected: usize) -> usize {
    (expected / 20).max(1)
}

fn count(length: SignedDuration, interval: SignedDuration) -> usize {
    let whole = length.as_nanos().checked_div(interval.as_nanos()).unwrap_or_default();
    usize::try_from(whole).unwrap_or_default()
}

/// What is left of a window without the lost parts (in order of their beginnings).
pub(super) fn without((from, until): Piece, lost: &[Piece]) -> Vec<Piece> {
    let mut left = Vec::new();
    let mut begin = from;
    for &(lost_from, lost_until) in
        lost.iter().filter(|(lost_from, lost_until)| *lost_from < until && *lost_until > from)
    {
        if lost_from > begin {
            left.push((begin, lost_from));
        }
        begin = begin.max(lost_until);
    }
    if begin <= until {
        left.push((begin, until));
    }
    left
}

/// A series that must be there, and from when on.
pub(super) struct Required<'a> {
    pub series: &'a Series,
    pub from: Timestamp,
    /// When a fault may have taken it away.
    pub declared: Vec<Piece>,
    /// When it was indeed gone meanwhile: `up` of a killed target is not.
    pub gone: Vec<Piece>,
}

impl<'a> Required<'a> {
    fn new(subject: &Subject<'_>, series: &'a Series, from: Timestamp) -> Self {
        let declared = subject.lost(&series.labels);
        let gone = gone(subject, &series.samples, &declared);
        Self { series, from, declared, gone }
    }
}

/// The gaps inside of declared losses.
fn gone(subject: &Subject<'_>, samples: &[Sample], declared: &[Piece]) -> Vec<Piece> {
    let longest = subject.half_intervals(5);
    let mut gaps = Vec::new();
    for &(from, until) in declared {
        let known = subject.observed.until.map_or(until, |known| known.min(until));
        let begin = samples.partition_point(|sample| sample.0 <= from);
        let end = begin + samples[begin..].partition_point(|sample| sample.0 <= until);
        let mut previous = from;
        for sample in &samples[begin..end] {
            if sample.0.duration_since(previous) > longest {
                gaps.push((previous, sample.0));
            }
            previous = sample.0;
        }
        if known.duration_since(previous) > longest {
            gaps.push((previous, until));
        }
    }
    gaps
}

/// The series that must be there over a window: those of the baseline, and those born later from their
/// birth. Without a baseline: those that were there at some time in the window.
pub(super) fn required<'a>(
    subject: &Subject<'_>,
    all: &'a [Series],
    baseline: Option<(&BTreeSet<&Labels>, Timestamp)>,
    (from, until): Piece,
) -> Result<Vec<Required<'a>>, String> {
    let mut found = Vec::new();
    for series in all {
        let first_after = |at: Timestamp| {
            let place = series.samples.partition_point(|sample| sample.0 <= at);
            series.samples.get(place).map(|sample| sample.0).filter(|first| *first <= until)
        };
        let birth = match baseline {
            Some((seen, _)) if seen.contains(&series.labels) => Some(from),
            Some((_, end)) => first_after(end.min(from)),
            None => {
                let fresh = earlier(from, subject.half_intervals(5));
                first_after(fresh).map(|first| if first <= from { from } else { first })
            }
        };
        if let Some(birth) = birth {
            found.push(Required::new(subject, series, birth.max(from)));
        }
    }
    if let Some((seen, _)) = baseline {
        for labels in seen {
            let lost = subject.lost(labels);
            let gone = !all.iter().any(|series| series.labels == **labels);
            if gone && !without((from, until), &lost).is_empty() {
                return Err(format!("the series{} of the baseline is missing", named(labels)));
            }
        }
    }
    Ok(found)
}

/// Whether everything a judgement over this window rests on was seen.
///
/// # Errors
/// Says what is missing, as a sentence fragment.
pub(super) fn covered(subject: &Subject<'_>, values: &[Series], window: Piece) -> Result<(), String> {
    if matches!(subject.source, Source::Step(_)) {
        return Ok(());
    }
    leaves_covered(subject, window)?;
    let labels = subject.baseline_labels();
    let baseline = subject.baseline.map(|baseline| (&labels, baseline.until));
    let series = required(subject, values, baseline, window)?;
    if series.is_empty() {
        return Err(nothing(subject, values));
    }
    all_covered(subject, &series, window, "")
}

/// Whether the raw samples behind a query were seen. A plain selector's are its values. Of a query that
/// could not be taken apart, and of selectors pinned by `@`, nothing can be said here: see
/// [`unshown`](super::case::unshown), which lets no such claim pass.
pub(super) fn leaves_covered(subject: &Subject<'_>, (from, until): Piece) -> Result<(), String> {
    if let Some(selector) = super::absence::never_heard_of(subject, until) {
        return Err(format!("nothing was ever seen of `{selector}`, under any labels: is that its name?"));
    }
    let rests = subject.is_evaluated() || !subject.observed.leaves.is_empty();
    let Some(shape) = subject.shape().filter(|_| rests) else { return Ok(()) };
    for (number, leaf) in shape.leaves.iter().enumerate().filter(|(_, leaf)| !leaf.pinned) {
        let (back, offset) = (super::subject::signed(leaf.looks_back), super::subject::signed(leaf.offset));
        let start = earlier(earlier(from, offset), back);
        // The first range of a baseline reaches back before anything was asked.
        let start = subject.observed.from.map_or(start, |asked| start.max(asked.min(earlier(from, offset))));
        let window = (start, earlier(until, offset));
        let Some(all) = subject.observed.leaves.get(number) else {
            return Err(format!("no raw samples of `{}` were seen", leaf.selector));
        };
        let labels: BTreeSet<&Labels> =
            subject.baseline.iter().filter_map(|it| it.leaves.get(number)).flatten().collect();
        let baseline = subject.baseline.map(|baseline| (&labels, baseline.until));
        let series = required(subject, all, baseline, window)?;
        if series.is_empty() {
            if !super::absence::scraped_throughout(subject, window) {
                return Err(format!(
                    "nothing was seen of `{}`, and nothing shows that its targets were scraped",
                    leaf.selector
                ));
            }
            continue;
        }
        all_covered(subject, &series, window, &format!(" of `{}`", leaf.selector))?;
    }
    Ok(())
}

fn all_covered(subject: &Subject<'_>, series: &[Required<'_>], window: Piece, whose: &str) -> Result<(), String> {
    if let Some(at) = all_lost(series, window) {
        return Err(format!("every series{whose} was lost to the fault, from {} into the window on", seconds(at)));
    }
    let pace = Pace::of(subject);
    for one in series {
        let from = one.from.max(window.0);
        pace.check(&one.series.samples, (from, window.1), &one.declared)
            .map_err(|reason| format!("{reason}{whose}{}", named(&one.series.labels)))?;
    }
    Ok(())
}

/// How far into the window every series is lost at once.
fn all_lost(series: &[Required<'_>], window: Piece) -> Option<SignedDuration> {
    let mut common = vec![window];
    for one in series {
        let mut next = Vec::new();
        for &(from, until) in &common {
            let parts = one.gone.iter().map(|gone| (from.max(gone.0), until.min(gone.1)));
            next.extend(parts.filter(|(from, until)| from < until));
            // Before its birth a series is not there either.
            if one.from > from {
                next.push((from, until.min(one.from)));
            }
        }
        common = next;
    }
    let lost_somewhere = series.iter().any(|one| !one.gone.is_empty());
    common.sort_unstable();
    common.first().filter(|_| lost_somewhere).map(|(from, _)| from.duration_since(window.0))
}

fn nothing(subject: &Subject<'_>, values: &[Series]) -> String {
    let answered = subject.observed.until.is_some();
    match (&subject.observed.error, answered) {
        (Some(error), _) => format!("no data: {error}"),
        (None, false) => "no data: nothing was answered".to_owned(),
        (None, true) if values.is_empty() => "no data: the answers are empty".to_owned(),
        (None, true) => "no data in this time".to_owned(),
    }
}

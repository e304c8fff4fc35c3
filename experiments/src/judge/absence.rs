//! `absent`: the value of a query without series, believed only while the targets that would produce
//! one were scraped, and of a metric that the source knows: a name that nobody ever exposed is absent for ever.

use super::coverage::{Pace, Piece, without};
use super::subject::{Subject, earlier, later};
use super::{Reading, Sample, Series};
use jiff::Timestamp;
use std::borrow::Cow;

/// The values, with `absent` at every interval at which no series had one, although everything that
/// would produce one was scraped then.
pub(super) fn filled<'a>(subject: &Subject<'a>, absent: f64, from: Timestamp, until: Timestamp) -> Cow<'a, [Series]> {
    let values = subject.observed.values.as_slice();
    if never_heard_of(subject, until).is_some() {
        return Cow::Borrowed(values);
    }
    let begin = earlier(from, subject.half_intervals(6));
    let mut present: Vec<Timestamp> = Vec::new();
    for series in values {
        let first = series.samples.partition_point(|sample| sample.0 < begin);
        let last = series.samples.partition_point(|sample| sample.0 <= until).max(first);
        present.extend(series.samples[first..last].iter().map(|sample| sample.0));
    }
    present.sort_unstable();
    present.push(later(until, subject.interval()));
    let mut made = Vec::new();
    let mut at = begin;
    for next in present {
        while at <= until && at < earlier(next, subject.half_intervals(1)) {
            if was_asked(subject, at) && was_scraped(subject, at) {
                made.push(Sample(at, Reading::Number(absent)));
            }
            at = later(at, subject.interval());
        }
        at = at.max(later(next, subject.interval()));
    }
    if made.is_empty() {
        return Cow::Borrowed(values);
    }
    if values.is_empty() {
        return Cow::Owned(vec![Series { labels: super::Labels::new(), samples: made }]);
    }
    let with_made = |series: &Series| {
        let mut samples = series.samples.clone();
        samples.extend(made.iter().cloned());
        samples.sort_by_key(|sample| sample.0);
        samples.dedup_by(|later, earlier| later.0 == earlier.0);
        Series { labels: series.labels.clone(), samples }
    };
    Cow::Owned(values.iter().map(with_made).collect())
}

fn was_asked(subject: &Subject<'_>, at: Timestamp) -> bool {
    let (Some(from), Some(until)) = (subject.observed.from, subject.observed.until) else { return false };
    from < at && at <= until && !subject.observed.holes.iter().any(|(begin, end)| *begin < at && at <= *end)
}

/// A selector of the query whose metric nobody had exposed by then, under any labels. One that appears later
/// does not turn what was decided.
pub(super) fn never_heard_of(subject: &Subject<'_>, until: Timestamp) -> Option<String> {
    let leaves = &subject.shape()?.leaves;
    let unheard = subject.observed.unheard.iter().filter(|(_, at)| *at >= until);
    unheard.into_iter().find_map(|(place, _)| leaves.get(*place)).map(|leaf| leaf.selector.to_string())
}

/// Whether every target (but those that the fault took away) was just scraped, and answered.
fn was_scraped(subject: &Subject<'_>, at: Timestamp) -> bool {
    let fresh = earlier(at, subject.half_intervals(3));
    let mut targets = 0;
    for series in &subject.observed.scraped {
        if subject.lost(&series.labels).iter().any(|(from, until)| *from <= at && at <= *until) {
            continue;
        }
        targets += 1;
        let first = series.samples.partition_point(|sample| sample.0 <= fresh);
        let last = series.samples.partition_point(|sample| sample.0 <= at).max(first);
        let answered = |sample: &Sample| sample.1 == Reading::Number(1.0);
        if first == last || !series.samples[first..last].iter().all(answered) {
            return false;
        }
    }
    targets > 0
}

/// Whether every target was scraped, and answered, throughout a window.
pub(super) fn scraped_throughout(subject: &Subject<'_>, window: Piece) -> bool {
    let pace = Pace::of(subject);
    let mut targets = 0;
    for series in &subject.observed.scraped {
        let lost = subject.lost(&series.labels);
        let pieces = without(window, &lost);
        if pieces.is_empty() {
            continue;
        }
        targets += 1;
        let answered = |sample: &&Sample| sample.1 == Reading::Number(1.0);
        let inside = |sample: &&Sample| pieces.iter().any(|(from, until)| *from <= sample.0 && sample.0 <= *until);
        if pace.check(&series.samples, window, &lost).is_err()
            || !series.samples.iter().filter(inside).all(|sample| answered(&sample))
        {
            return false;
        }
    }
    targets > 0
}

//! How much a counter rose, from raw samples alone: resets add up, nothing is extrapolated.

use super::coverage::Piece;
use super::subject::{Edges, Subject, earlier, later};
use super::{Reading, Sample, Series};
use jiff::Timestamp;

/// What one counter rose by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Increase {
    /// Over samples that are certainly inside.
    pub inner: f64,
    /// Over samples that certainly enclose the window.
    pub outer: f64,
}

/// Why an increase cannot be said.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum NoIncrease {
    /// A fault took the counter away, and no samples bracket the gap without a reset: it does not count.
    Lost,
    /// It cannot be said.
    Unknown(String),
}

/// The window of a total: its beginning and end are intervals.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub from: Edges,
    pub to: Edges,
}

/// What a counter rose by over a window.
pub(super) fn increase(
    subject: &Subject<'_>,
    series: &Series,
    gone: &[Piece],
    frame: &Frame,
) -> Result<Increase, NoIncrease> {
    let samples = &series.samples;
    let Some(first) = samples.first() else { return Err(NoIncrease::Unknown("no samples".to_owned())) };
    // A sample's value was read at its timestamp or up to a timeout later.
    let enclosing = earlier(frame.from.first, subject.after());
    let start = samples.partition_point(|sample| sample.0 <= enclosing).checked_sub(1);
    let end = samples.partition_point(|sample| sample.0 < frame.to.last);
    let born = start.is_none();
    if born && !was_watched(subject, first.0) {
        return Err(NoIncrease::Unknown("it was not watched before the window".to_owned()));
    }
    if let Some(reason) = lost(samples, gone, frame, subject) {
        return Err(reason);
    }
    let Some(last) = samples.get(end) else {
        return Err(NoIncrease::Unknown("no sample after the window".to_owned()));
    };
    if born && first.0 >= last.0 {
        // It was born after the window.
        return Ok(Increase { inner: 0.0, outer: if first.0 > last.0 { 0.0 } else { number(first)? } });
    }
    let outer = rise(&samples[start.unwrap_or(0)..=end], born)?;
    let (inside, until) = (frame.from.last, earlier(frame.to.first, subject.after()));
    let begin = samples.partition_point(|sample| sample.0 < inside);
    let stop = samples.partition_point(|sample| sample.0 <= until).max(begin);
    // Born: at the scrape before its first it stood at 0.
    let zero_inside = born && begin == 0 && earlier(first.0, subject.interval()) >= inside;
    let inner = rise(&samples[begin..stop], zero_inside)?;
    Ok(Increase { inner, outer })
}

/// What a counter rose by for certain between two times.
pub(super) fn certain_rise(subject: &Subject<'_>, series: &Series, (from, until): Piece) -> f64 {
    let begin = series.samples.partition_point(|sample| sample.0 < from);
    let stop = series.samples.partition_point(|sample| sample.0 <= until).max(begin);
    let first = series.samples.first().map(|sample| sample.0);
    let born = first.is_some_and(|first| begin == 0 && was_watched(subject, first));
    rise(&series.samples[begin..stop], born).unwrap_or(0.0)
}

/// Whether a series would have been seen earlier, had it been there.
fn was_watched(subject: &Subject<'_>, first: Timestamp) -> bool {
    subject.observed.from.is_some_and(|asked| later(asked, subject.half_intervals(5)) <= first)
}

fn rise(samples: &[Sample], from_zero: bool) -> Result<f64, NoIncrease> {
    let mut total = 0.0;
    let mut previous: Option<f64> = from_zero.then_some(0.0);
    for sample in samples {
        let value = number(sample)?;
        if let Some(previous) = previous {
            total += if value < previous { value } else { value - previous };
        }
        previous = Some(value);
    }
    Ok(total)
}

fn number(sample: &Sample) -> Result<f64, NoIncrease> {
    match &sample.1 {
        Reading::Number(number) if number.is_finite() && *number >= 0.0 => Ok(*number),
        other => Err(NoIncrease::Unknown(format!("{other} is no count"))),
    }
}

/// Whether a declared gap touches the window and is not bracketed by samples without a reset.
fn lost(samples: &[Sample], gone: &[Piece], frame: &Frame, subject: &Subject<'_>) -> Option<NoIncrease> {
    let touches = |(from, until): &&Piece| *from < frame.to.last && *until > frame.from.first;
    for (from, until) in gone.iter().filter(touches) {
        let after = samples.partition_point(|sample| sample.0 <= *from);
        let before = after.checked_sub(1).map(|place| &samples[place]);
        let next = samples[after..].iter().find(|sample| sample.0 >= *until || sample.0 > *from);
        let settled = subject.observed.settled.is_some_and(|settled| settled >= *until);
        match (before, next) {
            (Some(Sample(_, Reading::Number(before))), Some(Sample(_, Reading::Number(next)))) if next >= before => {}
            (_, None) if !settled => return Some(NoIncrease::Unknown("it has not come back yet".to_owned())),
            _ => return Some(NoIncrease::Lost),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::testing::{Lab, at, numbers};
    use proptest::prelude::*;

    fn frame(from: i64, to: i64) -> Frame {
        Frame { from: Edges { first: at(from), last: at(from) }, to: Edges { first: at(to), last: at(to) } }
    }

    #[test]
    fn a_reset_adds_up() {
        let lab = Lab::plain("1");
        let series = numbers("a", &[(1000, 1000.0), (2000, 1010.0), (3000, 3.0), (4000, 3.0)]);
        let found = increase(&lab.subject(), &series, &[], &frame(1100, 3500)).unwrap();
        assert_eq!(found, Increase { inner: 3.0, outer: 13.0 });
    }

    #[test]
    fn a_series_born_in_the_window_counts_from_zero() {
        let lab = Lab::plain("1").asked(0, 60_000);
        let series = numbers("a", &[(10_000, 40.0), (11_000, 40.0), (12_000, 41.0), (13_000, 41.0)]);
        let found = increase(&lab.subject(), &series, &[], &frame(5000, 12_500)).unwrap();
        assert_eq!(found, Increase { inner: 41.0, outer: 41.0 });
    }

    #[test]
    fn a_counter_that_was_not_watched_before_says_nothing() {
        let lab = Lab::plain("1").asked(9500, 60_000);
        let series = numbers("a", &[(10_000, 1_000_000.0), (11_000, 1_000_000.0), (13_000, 1_000_000.0)]);
        assert!(matches!(increase(&lab.subject(), &series, &[], &frame(9900, 12_000)), Err(NoIncrease::Unknown(_))));
    }

    #[test]
    fn a_lost_counter_counts_only_without_a_reset_over_its_gap() {
        let lab = Lab::plain("1").asked(0, 60_000);
        let gap = [(at(2000), at(9000))];
        let kept = numbers("a", &[(1000, 5.0), (2000, 6.0), (9000, 16.0), (10_000, 16.0)]);
        let found = increase(&lab.subject(), &kept, &gap, &frame(1200, 8000)).unwrap();
        assert_eq!(found, Increase { inner: 0.0, outer: 11.0 });
        let reset = numbers("a", &[(1000, 5.0), (2000, 6.0), (9000, 1.0), (10_000, 2.0)]);
        assert_eq!(increase(&lab.subject(), &reset, &gap, &frame(1200, 8000)), Err(NoIncrease::Lost));
    }

    proptest! {
        #[test]
        fn inner_is_never_more_than_outer(
            steps in proptest::collection::vec((200i64..1500, 0u32..50, proptest::bool::weighted(0.1)), 5..60),
            from in 0i64..10_000, width in 0i64..20_000, edge in 0i64..700,
        ) {
            let (mut time, mut value, mut samples) = (0, 0.0, Vec::new());
            for (step, more, reset) in steps {
                time += step;
                value = if reset { f64::from(more) } else { value + f64::from(more) };
                samples.push((time, value));
            }
            let lab = Lab::plain("1").asked(-10_000, 100_000);
            let frame = Frame {
                from: Edges { first: at(from), last: at(from + edge) },
                to: Edges { first: at(from + edge + width), last: at(from + 2 * edge + width) },
            };
            if let Ok(found) = increase(&lab.subject(), &numbers("a", &samples), &[], &frame) {
                prop_assert!(found.inner <= found.outer, "{found:?}");
                prop_assert!(found.inner >= 0.0);
            }
        }
    }
}

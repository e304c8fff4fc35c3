//! Series of samples -> what a chart draws: few points, the band that is asked for, gaps.

use super::{At, Axis, Span};
use crate::words::Unit;
use jiff::Timestamp;
use squall_experiments::claim::Predicate;
use squall_experiments::judge::{Labels, Reading, Series};

/// So many stretches of time are kept apart; each keeps its first, least, greatest and last sample,
/// so nothing that a screen could show is lost.
const STRETCHES: usize = 500;

/// More lines than this cannot be told apart.
const MOST_LINES: usize = 12;

/// A gap is longer than so many intervals (judging.md rule 5).
const GAP: f64 = 2.5;

/// What is drawn, and against what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) axis: Axis,
    pub(super) predicate: &'a Predicate,
    /// What the predicate describes is what must not be.
    pub(super) unwanted: bool,
    pub(super) unit: Unit,
    pub(super) baseline: Option<f64>,
    pub(super) window: Option<Span>,
    pub(super) transition: Option<Span>,
    pub(super) deadline: Option<At>,
    /// Seconds between samples.
    pub(super) interval: Option<f64>,
    /// From when to when the source was asked, all together.
    pub(super) asked: Option<Span>,
    /// When it was not, in between.
    pub(super) holes: &'a [Span],
}

/// A chart's content, on the run's clock.
#[derive(Debug)]
pub(crate) struct Plot {
    pub(crate) axis: Axis,
    pub(crate) unit: Unit,
    /// The texts a source gave, as heights 0, 1, 2...; empty: numbers.
    pub(crate) levels: Vec<String>,
    /// A value stays until the next one (states), instead of moving there.
    pub(crate) stepped: bool,
    pub(crate) lines: Vec<Line>,
    /// How many series are not drawn.
    pub(crate) omitted: usize,
    /// How many samples there were.
    pub(crate) samples: usize,
    pub(crate) band: Option<Band>,
    pub(crate) window: Option<Span>,
    pub(crate) transition: Option<Span>,
    pub(crate) deadline: Option<At>,
    /// Where nothing was seen although it should have been.
    pub(crate) gaps: Vec<Span>,
}

/// The values that satisfy a predicate; ends may be infinite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Band {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) unwanted: bool,
}

/// One series.
#[derive(Debug)]
pub(crate) struct Line {
    /// Its labels, as PromQL writes them; empty: the only one.
    pub(crate) label: String,
    /// Without the gaps between them.
    pub(crate) pieces: Vec<Vec<(At, f64)>>,
}

impl Plot {
    /// `None`: there is nothing to draw.
    pub(super) fn of(series: &[Series], at: impl Fn(Timestamp) -> At, subject: Subject<'_>) -> Option<Self> {
        let levels = levels(series);
        let height = |reading: &Reading| match reading {
            Reading::Number(number) => number.is_finite().then_some(*number),
            Reading::Text(text) => levels.iter().position(|level| level == text).map(as_height),
        };
        let told = tell_apart(series);
        let mut lines = Vec::new();
        let mut times = Vec::new();
        let mut violations = Vec::new();
        let mut count = 0;
        let mut stepped = true;
        for (one, label) in series.iter().zip(told) {
            let samples = &one.samples;
            let points: Vec<(At, Option<f64>)> =
                samples.iter().map(|sample| (at(sample.0), height(&sample.1))).collect();
            let points: Vec<_> = points.into_iter().filter(|(at, _)| subject.axis.shows(*at)).collect();
            count += points.len();
            times.extend(points.iter().filter(|(_, value)| value.is_some()).map(|(at, _)| at.0));
            stepped &= is_state(&points);
            let pieces = pieces(&points, subject);
            if pieces.is_empty() {
                continue;
            }
            violations.push(samples.iter().any(|sample| {
                subject.predicate.holds(&sample.1, subject.baseline) == Some(subject.unwanted)
                    && subject.window.is_none_or(|(from, to)| (from..=to).contains(&at(sample.0)))
            }));
            lines.push(Line { label, pieces });
        }
        if lines.is_empty() {
            return None;
        }
        // Those that matter most stay when there are too many.
        let mut order: Vec<usize> = (0..lines.len()).collect();
        order.sort_by_key(|&place| !violations[place]);
        order.truncate(MOST_LINES);
        order.sort_unstable();
        let all = lines.len();
        let mut place = 0;
        lines.retain(|_| {
            place += 1;
            order.contains(&(place - 1))
        });
        let band = subject.predicate.band(subject.baseline).filter(|_| levels.is_empty());
        Some(Self {
            axis: subject.axis,
            unit: subject.unit,
            stepped: stepped || !levels.is_empty(),
            levels,
            omitted: all - lines.len(),
            lines,
            samples: count,
            band: band.map(|(low, high)| Band { low, high, unwanted: subject.unwanted }),
            window: subject.window,
            transition: subject.transition,
            deadline: subject.deadline,
            gaps: gaps(times, subject),
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "a handful of levels")]
fn as_height(place: usize) -> f64 {
    place as f64
}

/// The distinct texts, in the order they were first seen.
fn levels(series: &[Series]) -> Vec<String> {
    let mut levels: Vec<String> = Vec::new();
    for sample in series.iter().flat_map(|one| &one.samples) {
        if let Reading::Text(text) = &sample.1
            && levels.len() < MOST_LINES
            && !levels.contains(text)
        {
            levels.push(text.clone());
        }
    }
    levels
}

/// Each series' labels without those that are the same everywhere.
fn tell_apart(series: &[Series]) -> Vec<String> {
    let shared = |name: &str, value: &str| {
        series.len() > 1 && series.iter().all(|one| one.labels.get(name).is_some_and(|other| other.as_str() == value))
    };
    let show = |labels: &Labels| {
        let told: Vec<String> = labels
            .iter()
            .filter(|(name, value)| !shared(name, value))
            .map(|(name, value)| format!("{name}={value:?}"))
            .collect();
        told.join(", ")
    };
    series.iter().map(|one| show(&one.labels)).collect()
}

/// Whether the values are few whole numbers: a state, such as a breaker's, and no quantity.
fn is_state(points: &[(At, Option<f64>)]) -> bool {
    let mut seen: Vec<f64> = Vec::new();
    for value in points.iter().filter_map(|(_, value)| *value) {
        if value != value.trunc() {
            return false;
        }
        if !seen.contains(&value) {
            seen.push(value);
        }
        if seen.len() > 4 {
            return false;
        }
    }
    true
}

fn pieces(points: &[(At, Option<f64>)], subject: Subject<'_>) -> Vec<Vec<(At, f64)>> {
    let longest = subject.interval.map_or(f64::INFINITY, |interval| interval * GAP);
    let mut pieces: Vec<Vec<(At, f64)>> = Vec::new();
    let mut last: Option<At> = None;
    for (at, value) in points {
        let Some(value) = value else {
            last = None;
            continue;
        };
        match pieces.last_mut() {
            Some(piece) if last.is_some_and(|last| at.0 - last.0 <= longest) => piece.push((*at, *value)),
            _ => pieces.push(vec![(*at, *value)]),
        }
        last = Some(*at);
    }
    pieces.into_iter().map(|piece| thinned(&piece, subject.axis)).collect()
}

/// Keeps the first, least, greatest and last point of each stretch.
fn thinned(points: &[(At, f64)], axis: Axis) -> Vec<(At, f64)> {
    if points.len() <= STRETCHES {
        return points.to_vec();
    }
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let width = axis.length() / STRETCHES as f64;
    let stretch = |at: At| ((at.0 - axis.from.0) / width).floor();
    let mut kept = Vec::new();
    for group in points.chunk_by(|left, right| stretch(left.0) == stretch(right.0)) {
        let by_value = |left: &&(At, f64), right: &&(At, f64)| left.1.total_cmp(&right.1);
        let four = [group.first(), group.iter().min_by(by_value), group.iter().max_by(by_value), group.last()];
        let mut four: Vec<(At, f64)> = four.into_iter().flatten().copied().collect();
        four.sort_by(|left, right| left.0.0.total_cmp(&right.0.0));
        four.dedup();
        kept.extend(four);
    }
    kept
}

/// Where no series had a value although it was asked for, or although the claim was judged there.
fn gaps(mut times: Vec<f64>, subject: Subject<'_>) -> Vec<Span> {
    let Some(interval) = subject.interval else { return Vec::new() };
    let longest = interval * GAP;
    let known: Vec<Span> = subject.asked.into_iter().chain(subject.window).collect();
    let Some((from, until)) = known.iter().copied().reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))
    else {
        return Vec::new();
    };
    let (from, until) = (from.max(subject.axis.from), until.min(subject.axis.until));
    times.extend([from.0, until.0]);
    times.sort_by(f64::total_cmp);
    let judged = |left: f64, right: f64| subject.window.is_some_and(|window| left < window.1.0 && window.0.0 < right);
    let never_asked = |left: f64, right: f64| {
        subject.holes.iter().any(|hole| hole.0.0 <= left + longest && right - longest <= hole.1.0)
    };
    times
        .windows(2)
        .map(|pair| (pair[0], pair[1]))
        .filter(|(left, right)| right - left > longest && (judged(*left, *right) || !never_asked(*left, *right)))
        .map(|(left, right)| (At(left), At(right)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use squall_experiments::judge::Sample;

    fn series(samples: Vec<Sample>) -> [Series; 1] {
        [Series { labels: Labels::new(), samples }]
    }

    fn subject(predicate: &Predicate) -> Subject<'_> {
        Subject {
            axis: Axis { from: At(0.0), until: At(1000.0) },
            predicate,
            unwanted: false,
            unit: Unit::Plain,
            baseline: None,
            window: Some((At(0.0), At(1000.0))),
            transition: None,
            deadline: None,
            interval: Some(1.0),
            asked: None,
            holes: &[],
        }
    }

    #[test]
    fn a_million_samples_stay_small_and_keep_their_peak() {
        let predicate: Predicate = "below 5".parse().unwrap();
        let samples: Vec<Sample> = (0..1_000_000)
            .map(|place| {
                let value = if place == 500_123 { 9.5 } else { f64::from(place % 7) / 7.0 };
                Sample(Timestamp::from_millisecond(i64::from(place)).unwrap(), Reading::Number(value))
            })
            .collect();
        let series = series(samples);
        let at = |time: Timestamp| At::of(time, Timestamp::UNIX_EPOCH, jiff::SignedDuration::ZERO);
        let plot = Plot::of(&series, at, subject(&predicate)).unwrap();
        let points: Vec<&(At, f64)> = plot.lines[0].pieces.iter().flatten().collect();
        assert!(points.len() <= 4 * STRETCHES, "{} points", points.len());
        assert!(points.iter().any(|(at, value)| *value == 9.5 && at.0 == 500.123));
        assert_eq!(plot.samples, 1_000_000);
    }

    #[test]
    fn what_is_missing_is_a_gap_and_never_a_line() {
        let predicate: Predicate = "1".parse().unwrap();
        let seen = [(1, 1.0), (2, 1.0), (10, 0.0), (11, f64::NAN), (12, 0.0)];
        let sample = |(at, value)| Sample(Timestamp::from_second(at).unwrap(), Reading::Number(value));
        let series = series(seen.into_iter().map(sample).collect());
        let at = |time: Timestamp| At::of(time, Timestamp::UNIX_EPOCH, jiff::SignedDuration::ZERO);
        let mut subject = subject(&predicate);
        subject.window = Some((At(0.0), At(13.0)));
        let plot = Plot::of(&series, at, subject).unwrap();
        assert_eq!(plot.lines[0].pieces.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1, 1]);
        assert_eq!(plot.gaps, [(At(2.0), At(10.0))]);
        assert!(plot.stepped);
    }

    #[test]
    fn what_was_never_asked_for_is_no_gap() {
        let predicate: Predicate = "1".parse().unwrap();
        let mut subject = subject(&predicate);
        subject.window = Some((At(0.0), At(3.0)));
        subject.asked = Some((At(0.0), At(20.0)));
        subject.holes = &[(At(3.0), At(12.0))];
        let seen = [0.0, 1.0, 2.0, 3.0, 12.0, 13.0, 17.0, 18.0, 19.0].to_vec();
        assert_eq!(gaps(seen, subject), [(At(13.0), At(17.0))]);
    }
}

//! Violation time: between two false samples for certain, up to their neighbours at most.

use super::coverage::{Piece, Required, without};
use super::subject::{Subject, later};
use super::track::{Extreme, Reader, Run, Truth};
use super::{Labels, Reading};
use crate::claim::{Allowance, Tolerance};
use jiff::{SignedDuration, Timestamp};

/// How long, at least and at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Bounds {
    pub least: SignedDuration,
    pub most: SignedDuration,
}

/// What several series together did over a window: any one false counts once.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Violation {
    /// Samples there were.
    pub samples: bool,
    pub total: Bounds,
    pub longest: Bounds,
    /// The first false sample, and whose.
    pub first_false: Option<(Timestamp, Labels)>,
    /// The first reading that says nothing.
    pub unknown: Option<(Timestamp, Reading, Labels)>,
    pub worst: Option<(Extreme, Labels)>,
}

/// Reads all series over a window whose every moment counts.
pub(super) fn violation(subject: &Subject<'_>, series: &[Required<'_>], window: Piece) -> Violation {
    let reader = Reader::new(subject);
    let (mut certain, mut possible) = (Vec::new(), Vec::new());
    let mut found = Violation::default();
    for (whose, one) in series.iter().enumerate() {
        let median = subject.median(&one.series.labels);
        for piece in without((one.from.max(window.0), window.1), &one.gone) {
            let (from, until) = inner(subject, piece);
            let track = reader.track(&one.series.samples, from, until, median);
            found.samples |= !track.runs.is_empty();
            spells(subject, &track.runs, piece, whose, &mut certain, &mut possible);
            let labels = || one.series.labels.clone();
            if let Some(run) = track.runs.iter().find(|run| run.truth == Truth::False)
                && found.first_false.as_ref().is_none_or(|(at, _)| run.first < *at)
            {
                found.first_false = Some((run.first, labels()));
            }
            if let (Some((at, reading)), None) = (track.unknown, &found.unknown) {
                found.unknown = Some((at, reading, labels()));
            }
            if let Some(worst) = track.worst
                && found.worst.as_ref().is_none_or(|(known, _)| worst.margin < known.margin)
            {
                found.worst = Some((worst, labels()));
            }
        }
    }
    let (least, least_longest) = sum(certain);
    let (most, most_longest) = sum(possible);
    found.total = Bounds { least, most };
    found.longest = Bounds { least: least_longest, most: most_longest };
    found
}

/// The samples that were certainly taken inside.
pub(super) fn inner(subject: &Subject<'_>, (from, until): Piece) -> Piece {
    (later(from, subject.before()), super::subject::earlier(until, subject.after()))
}

fn spells(
    subject: &Subject<'_>,
    runs: &[Run],
    (from, until): Piece,
    whose: usize,
    certain: &mut Vec<Spell>,
    possible: &mut Vec<Spell>,
) {
    let clip = |at: Timestamp| at.clamp(from, until);
    let mut begun: Option<Timestamp> = None;
    let mut violated = false;
    let mut previous_true: Option<Timestamp> = None;
    for run in runs {
        match run.truth {
            Truth::True => {
                if let Some(begin) = begun.take().filter(|_| violated) {
                    possible.push((begin, clip(subject.taken(run.first).last), whose));
                }
                violated = false;
                previous_true = Some(run.last);
            }
            Truth::False | Truth::Unknown => {
                begun = begun.or(Some(previous_true.map_or(from, |at| clip(subject.taken(at).first))));
                if run.truth == Truth::False {
                    violated = true;
                    let (begin, end) = (clip(subject.taken(run.first).last), clip(subject.taken(run.last).first));
                    if begin < end {
                        certain.push((begin, end, whose));
                    }
                }
            }
        }
    }
    if let Some(begin) = begun.filter(|_| violated) {
        possible.push((begin, until, whose));
    }
}

/// A time in violation, and of which series.
type Spell = (Timestamp, Timestamp, usize);

/// Their union: how long altogether, and the longest spell. Two spells of one series are two, however
/// close their uncertain ends come: there was a true sample between them.
fn sum(mut spells: Vec<Spell>) -> (SignedDuration, SignedDuration) {
    spells.sort_unstable();
    let (mut total, mut longest) = (SignedDuration::ZERO, SignedDuration::ZERO);
    let mut counted: Option<Timestamp> = None;
    let mut spell: Option<Spell> = None;
    for (from, until, whose) in spells {
        let new = counted.map_or(from, |counted| counted.max(from));
        total = total.saturating_add(until.duration_since(new).max(SignedDuration::ZERO));
        counted = Some(counted.map_or(until, |counted| counted.max(until)));
        let current = match spell {
            Some((begin, end, last)) if from <= end && last != whose => {
                (begin, end.max(until), if until > end { whose } else { last })
            }
            Some(_) | None => (from, until, whose),
        };
        longest = longest.max(current.1.duration_since(current.0));
        spell = Some(current);
    }
    (total, longest)
}

/// How much is allowed over a window of this length: all together, and at once. `None`: not a moment.
pub(super) fn allowed(tolerance: &Tolerance, window: SignedDuration) -> Option<(SignedDuration, SignedDuration)> {
    let length = |allowance: &Allowance| match allowance {
        Allowance::Time(length) => super::subject::signed(length.get()),
        Allowance::Share(share) => {
            SignedDuration::try_from_secs_f64(window.as_secs_f64().max(0.0) * share.fraction()).unwrap_or_default()
        }
    };
    let budget = tolerance.budget.as_ref().map(length).filter(|budget| !budget.is_zero())?;
    Some((budget, tolerance.longest.as_ref().map_or(budget, |longest| length(longest).min(budget))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::testing::{Lab, at, numbers};

    fn millis(length: SignedDuration) -> i128 {
        length.as_millis()
    }

    #[test]
    fn a_violation_lasts_at_least_between_its_samples_and_at_most_up_to_its_neighbours() {
        let lab = Lab::plain("1");
        let subject = lab.subject();
        let series =
            numbers("a", &[(1000, 1.0), (2000, 0.0), (3000, 0.0), (4000, 0.0), (5000, 1.0), (6000, 0.0), (7000, 1.0)]);
        let required = [Required { series: &series, from: at(0), declared: vec![], gone: vec![] }];
        let found = violation(&subject, &required, (at(500), at(9000)));
        // The lab's samples take up to 100 ms.
        assert_eq!((millis(found.total.least), millis(found.total.most)), (1900, 6100));
        assert_eq!((millis(found.longest.least), millis(found.longest.most)), (1900, 4100));
        assert_eq!(found.first_false.unwrap().0, at(2000));
    }

    #[test]
    fn several_series_that_are_false_at_once_count_once() {
        let lab = Lab::plain("1");
        let subject = lab.subject();
        let bad: Vec<(i64, f64)> = (1..=9).map(|second| (second * 1000, f64::from(u8::from(second > 5)))).collect();
        let series = [numbers("a", &bad), numbers("b", &bad)];
        let required = series.iter().map(|series| Required { series, from: at(0), declared: vec![], gone: vec![] });
        let required: Vec<_> = required.collect();
        let both = violation(&subject, &required, (at(0), at(9500)));
        let one = violation(&subject, &required[..1], (at(0), at(9500)));
        assert_eq!(both.total, one.total);
        assert_eq!(millis(one.total.least), 3900);
    }
}

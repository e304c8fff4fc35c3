//! `is`: true at every sample of a window, but for what is tolerated.

use super::Measure;
use super::case::{Found, Place};
use super::coverage::{Piece, covered, required};
use super::sentence::{named, number, reading, relative, seconds};
use super::subject::{Subject, unsigned};
use super::violation::{Violation, allowed, violation};
use crate::claim::Tolerance;

/// Judges over a window whose every moment is certain: from an event's last edge to another's first.
/// Everything up to its end is settled.
pub(super) fn judge_is(subject: &Subject<'_>, window: Piece, tolerance: &Tolerance, place: &Place) -> Found {
    holds(subject, window, tolerance, place).if_shown(subject.source)
}

/// As [`judge_is`], whether or not coverage can be shown: for who asks that of the whole.
pub(super) fn holds(subject: &Subject<'_>, window: Piece, tolerance: &Tolerance, place: &Place) -> Found {
    let found = decide(subject, window, tolerance, place);
    found.over(window)
}

fn decide(subject: &Subject<'_>, window: Piece, tolerance: &Tolerance, place: &Place) -> Found {
    if window.1 <= window.0 {
        return Found::inconclusive("the window is empty once its uncertain edges are cut off".to_owned());
    }
    let values = subject.values(window.0, window.1);
    let coverage = covered(subject, &values, window).and_then(|()| super::totals::enough_events(subject, window));
    let labels = subject.baseline_labels();
    let baseline = subject.baseline.map(|baseline| (&labels, baseline.until));
    let seen = required(subject, &values, baseline, window).unwrap_or_default();
    let violation = violation(subject, &seen, window);
    let allowed = allowed(tolerance, window.1.duration_since(window.0));
    let measure = measure(&violation, allowed.is_some());

    if let (Some((at, labels)), None) = (&violation.first_false, allowed) {
        // A raw sample that is false needs no others to be believed.
        if coverage.is_ok() || !subject.is_evaluated() {
            let said = worst(subject, &violation);
            let when = relative(*at, place.event, &place.name);
            let reason = format!("not `{}`{} {when}{said}", subject.predicate, named(labels));
            return Found::failed(reason, measure);
        }
    }
    if let Err(reason) = coverage {
        return Found::inconclusive(reason).measured(measure);
    }
    if let Some((budget, longest)) = allowed {
        let (total, single) = (violation.total, violation.longest);
        let said = format!(
            "not `{}` for {}, at most {} at once; allowed {}, {} at once",
            subject.predicate,
            super::sentence::range(total.least, total.most),
            seconds(single.most),
            seconds(budget),
            seconds(longest)
        );
        if total.least > budget || single.least > longest {
            return Found::failed(said, measure);
        }
        if let Some(nothing) = says_nothing(subject, &violation, place) {
            return Found::inconclusive(nothing).measured(measure);
        }
        return if total.most <= budget && single.most <= longest {
            Found::passed(if violation.first_false.is_none() { held(subject, &violation) } else { said }, measure)
        } else {
            Found::inconclusive(format!("the sampling interval is too coarse: {said}")).measured(measure)
        };
    }
    if let Some(nothing) = says_nothing(subject, &violation, place) {
        return Found::inconclusive(nothing).measured(measure);
    }
    if !violation.samples {
        return Found::inconclusive("no sample lies certainly inside the window".to_owned());
    }
    Found::passed(held(subject, &violation), measure)
}

fn says_nothing(subject: &Subject<'_>, violation: &Violation, place: &Place) -> Option<String> {
    let (at, value, labels) = violation.unknown.as_ref()?;
    let when = relative(*at, place.event, &place.name);
    Some(format!("{}{} {when} {}", reading(value, subject.predicate), named(labels), why_unknown(subject, value)))
}

/// Why a reading says nothing of the predicate.
pub(super) fn why_unknown(subject: &Subject<'_>, value: &super::Reading) -> String {
    match value {
        super::Reading::Number(number) if !number.is_finite() => "is no number to compare".to_owned(),
        super::Reading::Number(number) if subject.ceiling() == Some(*number) => {
            "is the highest bucket's bound: the true value may be any higher one".to_owned()
        }
        super::Reading::Number(_) if subject.predicate.is_relative() => {
            "has no baseline to be compared with".to_owned()
        }
        super::Reading::Number(_) | super::Reading::Text(_) => {
            format!("cannot be compared with `{}`", subject.predicate)
        }
    }
}

fn held(subject: &Subject<'_>, violation: &Violation) -> String {
    // What is met by one value alone has no worst one.
    if subject.predicate.is_exact() {
        return format!("`{}` at every sample", subject.predicate);
    }
    format!("`{}` at every sample{}", subject.predicate, worst(subject, violation))
}

fn worst(subject: &Subject<'_>, violation: &Violation) -> String {
    let Some((worst, labels)) = &violation.worst else { return String::new() };
    format!("; the worst was {}{}", number(worst.value, subject.predicate), named(labels))
}

fn measure(violation: &Violation, tolerated: bool) -> Option<Measure> {
    if tolerated {
        let total = violation.total;
        return Some(Measure::Violation { least: unsigned(total.least), most: unsigned(total.most) });
    }
    violation.worst.as_ref().map(|(worst, _)| Measure::Worst { value: worst.value, at: worst.at })
}

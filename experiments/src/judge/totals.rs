//! `totals`: what counters added up to over a window, evaluated from their increases.

use super::Measure;
use super::case::{Found, Place};
use super::counter::{Frame, NoIncrease, certain_rise, increase};
use super::coverage::{Piece, leaves_covered, required};
use super::formula::{Vector, evaluate};
use super::sentence::{named, number, plain};
use super::subject::Subject;
use super::{Labels, Reading, Series};
use crate::claim::Formula;
use std::collections::BTreeSet;

/// Judges a total over a window that is settled.
pub(super) fn judge_totals(subject: &Subject<'_>, frame: &Frame, place: &Place) -> Found {
    let window = (frame.from.last, frame.to.first);
    decide(subject, frame, place).over(window).if_shown(subject.source)
}

fn decide(subject: &Subject<'_>, frame: &Frame, place: &Place) -> Found {
    let Some(formula) = subject.shape().and_then(|shape| shape.formula.as_ref()) else {
        return Found::error("the query is not arithmetic over plain counters, which `totals` needs".to_owned());
    };
    let whole = (frame.from.first, frame.to.last);
    if whole.1 <= whole.0 {
        return Found::inconclusive("the window is empty".to_owned());
    }
    let coverage = if rests_on_leaves(subject) {
        leaves_covered(subject, whole)
    } else {
        super::coverage::covered(subject, &subject.observed.values, whole)
    };
    if let Err(reason) = coverage.and_then(|()| enough_events(subject, whole)) {
        return Found::inconclusive(reason);
    }
    let leaves = match leaves(subject, frame) {
        Ok(leaves) => leaves,
        Err(reason) => return Found::inconclusive(reason),
    };
    let left_out = match leaves.left_out.len() {
        0 => String::new(),
        1 => format!("; not counted, because a fault took it away:{}", leaves.left_out[0]),
        more => {
            format!("; not counted, because a fault took them away: {more} counters, such as{}", leaves.left_out[0])
        }
    };
    let inner = evaluate(formula, &leaves.inner).into_vector();
    let outer = evaluate(formula, &leaves.outer).into_vector();
    weigh(subject, inner, outer, &left_out, whole, place)
}

fn weigh(subject: &Subject<'_>, inner: Vector, outer: Vector, left_out: &str, whole: Piece, place: &Place) -> Found {
    let (mut inner, mut outer) = (inner, outer);
    if outer.is_empty() {
        match subject.absent.filter(|_| super::absence::scraped_throughout(subject, whole)) {
            Some(absent) => {
                inner = vec![(Labels::new(), absent)];
                outer = inner.clone();
            }
            None => return Found::inconclusive(format!("nothing was counted: there is no such series{left_out}")),
        }
    }
    let holds = |value: f64| subject.predicate.holds(&Reading::Number(value), None);
    let mut worst: Option<(u8, f64, f64, String)> = None;
    for (labels, outer) in &outer {
        let inner = inner.iter().find(|(other, _)| other == labels).map_or(f64::NAN, |(_, value)| *value);
        let rank = match (holds(inner), holds(*outer)) {
            (Some(false), Some(false)) => 0,
            (Some(true), Some(true)) => 2,
            _ => 1,
        };
        if worst.as_ref().is_none_or(|(known, ..)| rank < *known) {
            worst = Some((rank, inner, *outer, named(labels)));
        }
    }
    let (rank, inner, outer, whose) = worst.expect("outer is not empty: just looked at");
    let show = |value: f64| number(value, subject.predicate);
    let value = if plain(inner) == plain(outer) {
        show(inner)
    } else {
        format!("{} (to {} with its edges)", show(inner), show(outer))
    };
    let said = format!("{value}{whose} over {}; asked: `{}`{left_out}", place.window, subject.predicate);
    let measure = Some(Measure::Total { inner, outer });
    match rank {
        0 => Found::failed(said, measure),
        2 => Found::passed(said, measure),
        _ if inner.is_finite() && outer.is_finite() => {
            Found::inconclusive(format!("the edges of the window decide: {said}")).measured(measure)
        }
        _ => Found::inconclusive(format!("no number: {said}")),
    }
}

/// A plain selector's samples may come as its values or as its leaf.
fn rests_on_leaves(subject: &Subject<'_>) -> bool {
    subject.is_evaluated() || !subject.observed.leaves.is_empty()
}

struct Leaves {
    inner: Vec<Vector>,
    outer: Vec<Vector>,
    /// Counters that a fault took away and that do not count.
    left_out: Vec<String>,
}

fn leaves(subject: &Subject<'_>, frame: &Frame) -> Result<Leaves, String> {
    let whole = (frame.from.first, frame.to.last);
    let plain = std::slice::from_ref(&subject.observed.values);
    let all = if rests_on_leaves(subject) { subject.observed.leaves.as_slice() } else { plain };
    let mut found = Leaves { inner: Vec::new(), outer: Vec::new(), left_out: Vec::new() };
    for (place, leaf) in all.iter().enumerate() {
        let (mut inner, mut outer) = (Vec::new(), Vec::new());
        let labels = known(subject, place);
        let baseline = labels.as_ref().zip(subject.baseline).map(|(labels, it)| (labels, it.until));
        let mut lost = Vec::new();
        for one in required(subject, leaf, baseline, whole)? {
            match increase(subject, one.series, &one.gone, frame) {
                Ok(rise) => {
                    let mut labels = one.series.labels.clone();
                    labels.remove("__name__");
                    inner.push((labels.clone(), rise.inner));
                    outer.push((labels, rise.outer));
                }
                Err(NoIncrease::Lost) => lost.push(named(&one.series.labels)),
                Err(NoIncrease::Unknown(reason)) => return Err(format!("{reason}{}", named(&one.series.labels))),
            }
        }
        if outer.is_empty() && !lost.is_empty() {
            return Err(format!("every counter was lost to the fault and came back anew, such as{}", lost[0]));
        }
        found.left_out.extend(lost);
        found.inner.push(inner);
        found.outer.push(outer);
    }
    Ok(found)
}

fn known<'a>(subject: &Subject<'a>, leaf: usize) -> Option<BTreeSet<&'a Labels>> {
    let baseline = subject.baseline?;
    match baseline.leaves.get(leaf) {
        Some(seen) => Some(seen.iter().collect()),
        None => Some(baseline.medians.iter().map(|(labels, _)| labels).collect()),
    }
}

/// `minEvents`: whether the denominator's counters rose by enough.
///
/// # Errors
/// Says how few there were.
pub(super) fn enough_events(subject: &Subject<'_>, window: Piece) -> Result<(), String> {
    let (Some(wanted), Some(shape)) = (subject.min_events, subject.shape()) else { return Ok(()) };
    let series = shape.denominator.iter().filter_map(|leaf| subject.observed.leaves.get(*leaf)).flatten();
    let seen: f64 = series.map(|series: &Series| certain_rise(subject, series, window)).sum();
    #[expect(clippy::cast_precision_loss, reason = "nobody asks for 2^53 events")]
    if seen >= wanted as f64 { Ok(()) } else { Err(format!("only {} events; minEvents is {wanted}", plain(seen))) }
}

/// Whether a formula is a plain count and not a ratio: what it says grows with what happens.
pub(super) fn is_count(formula: &Formula) -> bool {
    use crate::claim::Operator;
    match formula {
        Formula::Leaf(_) => true,
        Formula::Number(_) => false,
        Formula::Aggregate { of, .. } => is_count(of),
        Formula::Negative(of) => is_count(of),
        Formula::Binary { operator, left, right } => match operator {
            Operator::Divide => is_count(left) && matches!(**right, Formula::Number(_)),
            Operator::Add | Operator::Subtract | Operator::Multiply => is_count(left) || is_count(right),
        },
    }
}

//! What counters have added up to since a window began: the line that a chart of `totals` shows.
//!
//! It is drawn, not judged: the judge weighs both edges of the window, this takes the outer ones.

use jiff::Timestamp;
use squall_experiments::claim::{Aggregation, Formula, Operator};
use squall_experiments::judge::{Labels, Reading, Sample, Series};
use std::collections::BTreeMap;

/// A chart shows no more steps than this.
const STEPS: usize = 500;

/// Values by labels at one time.
type Values = BTreeMap<Labels, f64>;

/// Adds up from `from` to `until`, at the times of the leaves' samples.
pub(super) fn totals(formula: &Formula, leaves: &[Vec<Series>], from: Timestamp, until: Timestamp) -> Vec<Series> {
    let grown: Vec<Vec<Growth<'_>>> =
        leaves.iter().map(|leaf| leaf.iter().map(|series| Growth::of(series, from)).collect()).collect();
    let mut times: Vec<Timestamp> = leaves
        .iter()
        .flatten()
        .flat_map(|series| series.samples.iter().map(|sample| sample.0))
        .filter(|time| from < *time && *time <= until)
        .collect();
    times.sort_unstable();
    times.dedup();
    let every = times.len().div_ceil(STEPS).max(1);
    let mut result: BTreeMap<Labels, Vec<Sample>> = BTreeMap::new();
    for (place, time) in times.iter().enumerate() {
        if place % every == 0 || place + 1 == times.len() {
            for (labels, value) in evaluate(formula, &grown, *time) {
                result.entry(labels).or_default().push(Sample(*time, Reading::Number(value)));
            }
        }
    }
    result.into_iter().map(|(labels, samples)| Series { labels, samples }).collect()
}

/// A counter's increase since the window began, sample by sample.
struct Growth<'a> {
    labels: &'a Labels,
    increases: Vec<(Timestamp, f64)>,
}

impl<'a> Growth<'a> {
    fn of(series: &'a Series, from: Timestamp) -> Self {
        let mut before: Option<f64> = None;
        let mut total = 0.0;
        let mut increases = Vec::new();
        for sample in &series.samples {
            let Reading::Number(value) = sample.1 else { continue };
            if sample.0 > from {
                // A counter that falls was reset; one that is born in the window counts from 0.
                total += before.map_or(value, |before| if value >= before { value - before } else { value });
                increases.push((sample.0, total));
            }
            before = Some(value);
        }
        Self { labels: &series.labels, increases }
    }

    fn at(&self, time: Timestamp) -> f64 {
        let place = self.increases.partition_point(|(at, _)| *at <= time);
        place.checked_sub(1).map_or(0.0, |place| self.increases[place].1)
    }
}

fn evaluate(formula: &Formula, grown: &[Vec<Growth<'_>>], time: Timestamp) -> Values {
    match formula {
        Formula::Leaf(place) => {
            let leaf = grown.get(*place).map(Vec::as_slice).unwrap_or_default();
            leaf.iter().map(|one| (without_name(one.labels), one.at(time))).collect()
        }
        Formula::Number(number) => Values::from([(Labels::new(), *number)]),
        Formula::Negative(inner) => {
            evaluate(inner, grown, time).into_iter().map(|(labels, value)| (labels, -value)).collect()
        }
        Formula::Aggregate { by, keep, drop, of } => {
            let mut groups: BTreeMap<Labels, Vec<f64>> = BTreeMap::new();
            for (labels, value) in evaluate(of, grown, time) {
                let kept = |name: &String| if drop.is_empty() { keep.contains(name) } else { !drop.contains(name) };
                let labels = labels.into_iter().filter(|(name, _)| kept(name)).collect();
                groups.entry(labels).or_default().push(value);
            }
            groups.into_iter().map(|(labels, values)| (labels, aggregate(*by, &values))).collect()
        }
        Formula::Binary { operator, left, right } => {
            let (lefts, rights) = (evaluate(left, grown, time), evaluate(right, grown, time));
            let scalar = |formula: &Formula| matches!(formula, Formula::Number(_) | Formula::Negative(_));
            let pair = |(labels, value): (&Labels, &f64), other: &Values, flipped: bool| {
                let other = *other.get(labels).or_else(|| other.get(&Labels::new()))?;
                let (left, right) = if flipped { (other, *value) } else { (*value, other) };
                let result = apply(*operator, left, right);
                result.is_finite().then(|| (labels.clone(), result))
            };
            if scalar(left) {
                rights.iter().filter_map(|one| pair(one, &lefts, true)).collect()
            } else {
                lefts.iter().filter_map(|one| pair(one, &rights, false)).collect()
            }
        }
    }
}

fn without_name(labels: &Labels) -> Labels {
    labels.iter().filter(|(name, _)| *name != "__name__").map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[expect(clippy::cast_precision_loss, reason = "no query has that many series")]
fn aggregate(by: Aggregation, values: &[f64]) -> f64 {
    let sum: f64 = values.iter().sum();
    match by {
        Aggregation::Sum => sum,
        Aggregation::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
        Aggregation::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Aggregation::Average => sum / values.len() as f64,
        Aggregation::Count => values.len() as f64,
    }
}

fn apply(operator: Operator, left: f64, right: f64) -> f64 {
    match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn counter(code: &str, samples: &[(i64, f64)]) -> Series {
        Series {
            labels: Labels::from([("code".to_owned(), code.to_owned())]),
            samples: samples.iter().map(|(second, value)| Sample(at(*second), Reading::Number(*value))).collect(),
        }
    }

    #[test]
    fn a_ratio_adds_up_over_resets_and_births() {
        let sum = |place| {
            let of = Box::new(Formula::Leaf(place));
            Box::new(Formula::Aggregate { by: Aggregation::Sum, keep: Vec::new(), drop: Vec::new(), of })
        };
        let formula = Formula::Binary { operator: Operator::Divide, left: sum(0), right: sum(1) };
        let good = counter("200", &[(1, 100.0), (3, 110.0), (5, 6.0)]);
        let bad = counter("500", &[(5, 4.0)]);
        let lines = totals(&formula, &[vec![good.clone()], vec![good, bad]], at(2), at(9));
        let values: Vec<&Reading> = lines[0].samples.iter().map(|sample| &sample.1).collect();
        assert_eq!(values, [&Reading::Number(1.0), &Reading::Number(0.8)]);
    }
}

//! The baseline: which series there were, and what they usually said.

use super::{Labels, Observed, Reading, Series};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What one source looked like before anything was touched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Its end, by the source's clock: a series first seen later was born later.
    pub until: Timestamp,
    /// The series seen in it, each with the median of its finite numbers.
    pub medians: Vec<(Labels, Option<f64>)>,
    /// The series seen of each leaf.
    pub leaves: Vec<BTreeSet<Labels>>,
}

impl Baseline {
    /// The median of a series; `None`: it was not seen, or has no finite number.
    pub fn median(&self, labels: &Labels) -> Option<f64> {
        self.medians.iter().find(|(seen, _)| seen == labels).and_then(|(_, median)| *median)
    }

    /// The median of the first series, for people.
    pub fn first_median(&self) -> Option<f64> {
        self.medians.first().and_then(|(_, median)| *median)
    }

    /// Whether the value series was there.
    pub fn saw(&self, labels: &Labels) -> bool {
        self.medians.iter().any(|(seen, _)| seen == labels)
    }
}

/// What was seen over `(from, to]`, by the source's clock.
pub fn baseline(observed: &Observed, from: Timestamp, to: Timestamp) -> Baseline {
    let medians: BTreeMap<&Labels, Option<f64>> = observed
        .values
        .iter()
        .filter(|series| seen(series, from, to))
        .map(|series| (&series.labels, median(series, from, to)))
        .collect();
    let sets = observed
        .leaves
        .iter()
        .map(|leaf| leaf.iter().filter(|series| seen(series, from, to)).map(|series| series.labels.clone()).collect());
    Baseline {
        until: to,
        medians: medians.into_iter().map(|(labels, median)| (labels.clone(), median)).collect(),
        leaves: sets.collect(),
    }
}

fn within(series: &Series, from: Timestamp, to: Timestamp) -> &[super::Sample] {
    let begin = series.samples.partition_point(|sample| sample.0 <= from);
    let end = series.samples.partition_point(|sample| sample.0 <= to).max(begin);
    &series.samples[begin..end]
}

fn seen(series: &Series, from: Timestamp, to: Timestamp) -> bool {
    !within(series, from, to).is_empty()
}

fn median(series: &Series, from: Timestamp, to: Timestamp) -> Option<f64> {
    let numbers = within(series, from, to).iter().filter_map(|sample| match sample.1 {
        Reading::Number(number) if number.is_finite() => Some(number),
        Reading::Number(_) | Reading::Text(_) => None,
    });
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match numbers.len() {
        0 => None,
        count if count % 2 == 1 => Some(numbers[middle]),
        _ => Some(f64::midpoint(numbers[middle - 1], numbers[middle])),
    }
}

//! Arithmetic over increases, as PromQL does it.

use super::Labels;
use crate::claim::{Aggregation, Formula, Operator};
use std::collections::BTreeMap;

/// One number per set of labels.
pub(super) type Vector = Vec<(Labels, f64)>;

/// What a formula comes to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Scalar(f64),
    Vector(Vector),
}

impl Value {
    pub fn into_vector(self) -> Vector {
        match self {
            Self::Scalar(number) => vec![(Labels::new(), number)],
            Self::Vector(vector) => vector,
        }
    }
}

/// Evaluates a formula over its leaves.
pub(super) fn evaluate(formula: &Formula, leaves: &[Vector]) -> Value {
    match formula {
        Formula::Leaf(place) => Value::Vector(leaves.get(*place).cloned().unwrap_or_default()),
        Formula::Number(number) => Value::Scalar(*number),
        Formula::Negative(of) => match evaluate(of, leaves) {
            Value::Scalar(number) => Value::Scalar(-number),
            Value::Vector(vector) => Value::Vector(mapped(vector, |number| -number)),
        },
        Formula::Aggregate { by, keep, drop, of } => {
            let mut groups: BTreeMap<Labels, Vec<f64>> = BTreeMap::new();
            for (labels, number) in evaluate(of, leaves).into_vector() {
                let kept = |label: &String| if drop.is_empty() { keep.contains(label) } else { !drop.contains(label) };
                let group = labels.into_iter().filter(|(label, _)| kept(label)).collect();
                groups.entry(group).or_default().push(number);
            }
            Value::Vector(groups.into_iter().map(|(labels, numbers)| (labels, aggregate(*by, &numbers))).collect())
        }
        Formula::Binary { operator, left, right } => {
            let apply = |left: f64, right: f64| match operator {
                Operator::Add => left + right,
                Operator::Subtract => left - right,
                Operator::Multiply => left * right,
                Operator::Divide => left / right,
            };
            match (evaluate(left, leaves), evaluate(right, leaves)) {
                (Value::Scalar(left), Value::Scalar(right)) => Value::Scalar(apply(left, right)),
                (Value::Vector(left), Value::Scalar(right)) => {
                    Value::Vector(mapped(left, |number| apply(number, right)))
                }
                (Value::Scalar(left), Value::Vector(right)) => {
                    Value::Vector(mapped(right, |number| apply(left, number)))
                }
                (Value::Vector(left), Value::Vector(right)) => {
                    let right: BTreeMap<Labels, f64> = right.into_iter().collect();
                    let both = |(labels, number): (Labels, f64)| {
                        let other = right.get(&labels)?;
                        Some((labels, apply(number, *other)))
                    };
                    Value::Vector(left.into_iter().filter_map(both).collect())
                }
            }
        }
    }
}

fn mapped(vector: Vector, apply: impl Fn(f64) -> f64) -> Vector {
    vector.into_iter().map(|(labels, number)| (labels, apply(number))).collect()
}

#[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 series")]
fn aggregate(by: Aggregation, numbers: &[f64]) -> f64 {
    let sum = || numbers.iter().sum::<f64>();
    match by {
        Aggregation::Sum => sum(),
        Aggregation::Min => numbers.iter().copied().fold(f64::INFINITY, f64::min),
        Aggregation::Max => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Aggregation::Average => sum() / numbers.len() as f64,
        Aggregation::Count => numbers.len() as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::testing::labels;

    fn sum(leaf: usize) -> Box<Formula> {
        let (keep, drop) = (Vec::new(), Vec::new());
        Box::new(Formula::Aggregate { by: Aggregation::Sum, keep, drop, of: Box::new(Formula::Leaf(leaf)) })
    }

    #[test]
    fn a_ratio_of_sums_is_one_number() {
        let leaves = [vec![(labels("a"), 3.0), (labels("b"), 6.0)], vec![(labels("a"), 10.0), (labels("b"), 10.0)]];
        let ratio = Formula::Binary { operator: Operator::Divide, left: sum(0), right: sum(1) };
        assert_eq!(evaluate(&ratio, &leaves).into_vector(), [(Labels::new(), 0.45)]);
        // One side without series: nothing, as in PromQL.
        assert!(evaluate(&ratio, &[Vec::new(), leaves[1].clone()]).into_vector().is_empty());
        // No traffic: NaN, which no predicate accepts.
        let none = [vec![(labels("a"), 0.0)], vec![(labels("a"), 0.0)]];
        assert!(evaluate(&ratio, &none).into_vector()[0].1.is_nan());
    }

    #[test]
    fn labels_are_kept_apart_or_dropped_as_written() {
        let leaves = [vec![(labels("a"), 3.0), (labels("b"), 6.0)]];
        let group = |keep: &[&str], drop: &[&str]| Formula::Aggregate {
            by: Aggregation::Max,
            keep: keep.iter().map(|&label| label.to_owned()).collect(),
            drop: drop.iter().map(|&label| label.to_owned()).collect(),
            of: Box::new(Formula::Leaf(0)),
        };
        assert_eq!(evaluate(&group(&["series"], &[]), &leaves).into_vector().len(), 2);
        assert_eq!(evaluate(&group(&[], &["series"]), &leaves).into_vector(), [(Labels::new(), 6.0)]);
    }
}

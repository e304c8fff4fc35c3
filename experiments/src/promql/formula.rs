//! Arithmetic over (aggregations of) plain counters, which `totals` judges from raw samples.

use crate::claim::{Aggregation, Formula, Operator};
use promql_parser::parser::token::{T_ADD, T_AVG, T_COUNT, T_DIV, T_MAX, T_MIN, T_MUL, T_SUB, T_SUM};
use promql_parser::parser::{BinaryExpr, Expr, LabelModifier, VectorMatchCardinality};

/// Reads the formula, or says in a few words what stands in the way.
pub(super) fn formula(expr: &Expr) -> Result<Formula, String> {
    read(expr, &mut 0)
}

/// Leaves are numbered in the order in which [`super::leaves`] finds them.
fn read(expr: &Expr, next: &mut usize) -> Result<Formula, String> {
    match expr {
        Expr::Paren(paren) => read(&paren.expr, next),
        Expr::NumberLiteral(number) => Ok(Formula::Number(number.val)),
        Expr::Unary(unary) => Ok(Formula::Negative(Box::new(read(&unary.expr, next)?))),
        Expr::VectorSelector(selector) => {
            if selector.offset.is_some() || selector.at.is_some() {
                return Err("`offset` and `@` move a counter out of the window".into());
            }
            *next += 1;
            Ok(Formula::Leaf(*next - 1))
        }
        Expr::Aggregate(aggregate) => {
            let by = match aggregate.op.id() {
                T_SUM => Aggregation::Sum,
                T_MIN => Aggregation::Min,
                T_MAX => Aggregation::Max,
                T_AVG => Aggregation::Average,
                T_COUNT => Aggregation::Count,
                _ => return Err(format!("`{}` is not one of sum, min, max, avg, count", aggregate.op)),
            };
            let (keep, drop) = match &aggregate.modifier {
                None => (Vec::new(), Vec::new()),
                Some(LabelModifier::Include(labels)) => (labels.labels.clone(), Vec::new()),
                Some(LabelModifier::Exclude(labels)) => (Vec::new(), labels.labels.clone()),
            };
            let is_without = matches!(&aggregate.modifier, Some(LabelModifier::Exclude(_)));
            if is_without && drop.is_empty() {
                return Err("`without ()` drops no label".into());
            }
            Ok(Formula::Aggregate { by, keep, drop, of: Box::new(read(&aggregate.expr, next)?) })
        }
        Expr::Binary(binary) => {
            let operator = operator(binary)?;
            let left = Box::new(read(&binary.lhs, next)?);
            let right = Box::new(read(&binary.rhs, next)?);
            Ok(Formula::Binary { operator, left, right })
        }
        Expr::Call(call) => Err(match call.func.name {
            name @ ("rate" | "irate" | "increase") => {
                format!("`{name}` is not needed: `totals` takes the increase itself")
            }
            name => format!("`{name}(...)` is not arithmetic over counters"),
        }),
        Expr::MatrixSelector(_) | Expr::Subquery(_) => Err("a range is not needed: the window is the range".into()),
        Expr::StringLiteral(_) | Expr::Extension(_) => Err("this is not arithmetic over counters".into()),
    }
}

fn operator(binary: &BinaryExpr) -> Result<Operator, String> {
    if let Some(modifier) = &binary.modifier {
        let one_to_one = matches!(modifier.card, VectorMatchCardinality::OneToOne);
        if modifier.matching.is_some() || !one_to_one {
            return Err("`on`, `ignoring` and `group_left` match series in ways that `totals` does not".into());
        }
    }
    match binary.op.id() {
        T_ADD => Ok(Operator::Add),
        T_SUB => Ok(Operator::Subtract),
        T_MUL => Ok(Operator::Multiply),
        T_DIV => Ok(Operator::Divide),
        _ => Err(format!("`{}` is not one of + - * /", binary.op)),
    }
}

//! The selectors of a query, with how far each looks back.

use super::holes::Holes;
use crate::claim::Leaf;
use promql_parser::parser::{AtModifier, Expr, Offset, VectorSelector};
use std::time::Duration;

/// What surrounds a selector on the way down to it.
#[derive(Clone, Copy)]
struct Around {
    range: Duration,
    offset: Duration,
    pinned: bool,
}

pub(super) fn leaves(expr: &Expr, holes: &Holes) -> Vec<Leaf> {
    let mut found = Vec::new();
    walk(expr, Around { range: Duration::ZERO, offset: Duration::ZERO, pinned: false }, holes, &mut found);
    found
}

fn past(offset: Option<&Offset>) -> Duration {
    match offset {
        Some(Offset::Pos(length)) => *length,
        Some(Offset::Neg(_)) | None => Duration::ZERO,
    }
}

/// What lies ahead is no answer either: it is not of the time that is asked about.
fn is_pinned(at: Option<&AtModifier>, offset: Option<&Offset>) -> bool {
    matches!(at, Some(AtModifier::At(_) | AtModifier::Start | AtModifier::End))
        || matches!(offset, Some(Offset::Neg(length)) if !length.is_zero())
}

fn leaf(selector: &VectorSelector, range: Duration, around: Around, holes: &Holes) -> Leaf {
    let bare = VectorSelector { offset: None, at: None, ..selector.clone() };
    Leaf {
        selector: holes.restore(&bare.to_string()),
        looks_back: around.range.saturating_add(range),
        offset: around.offset.saturating_add(past(selector.offset.as_ref())),
        pinned: around.pinned || is_pinned(selector.at.as_ref(), selector.offset.as_ref()),
    }
}

fn walk(expr: &Expr, around: Around, holes: &Holes, found: &mut Vec<Leaf>) {
    match expr {
        Expr::VectorSelector(selector) => found.push(leaf(selector, Duration::ZERO, around, holes)),
        Expr::MatrixSelector(matrix) => found.push(leaf(&matrix.vs, matrix.range, around, holes)),
        Expr::Subquery(subquery) => {
            let inner = Around {
                range: around.range.saturating_add(subquery.range),
                offset: around.offset.saturating_add(past(subquery.offset.as_ref())),
                pinned: around.pinned || is_pinned(subquery.at.as_ref(), subquery.offset.as_ref()),
            };
            walk(&subquery.expr, inner, holes, found);
        }
        Expr::Aggregate(aggregate) => {
            walk(&aggregate.expr, around, holes, found);
            if let Some(parameter) = &aggregate.param {
                walk(parameter, around, holes, found);
            }
        }
        Expr::Unary(unary) => walk(&unary.expr, around, holes, found),
        Expr::Paren(paren) => walk(&paren.expr, around, holes, found),
        Expr::Binary(binary) => {
            walk(&binary.lhs, around, holes, found);
            walk(&binary.rhs, around, holes, found);
        }
        Expr::Call(call) => call.args.args.iter().for_each(|argument| walk(argument, around, holes, found)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

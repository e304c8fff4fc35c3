//! What in a query hides series: comparisons without `bool`, `and`, `unless`.
//!
//! A sample that violates a claim must not be able to take itself out of the answer. `min(x == 1)` is 1 as long
//! as any series is 1; `sum(x > 0)` is blind to what is negative; `count(x == 1)` is empty where nothing is left,
//! and an empty answer is a missing sample, of which a few are tolerated. So a filter is nowhere harmless, inside
//! `count(...)` neither: everything it says can be said with `bool`, which gives 1 or 0 and hides nothing.

use super::analysis::unwrap;
use super::holes::Holes;
use promql_parser::parser::token::{
    T_COUNT, T_DIV, T_GTE, T_GTR, T_LAND, T_LSS, T_LTE, T_LUNLESS, T_NEQ, T_SUM, TokenType,
};
use promql_parser::parser::{AggregateExpr, BinModifier, BinaryExpr, Expr};

/// Something that hides series, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// A comparison on top.
    OnTop {
        /// What is compared.
        left: String,
        /// The condition that fits it, if it is compared with a number.
        condition: Option<String>,
    },
    /// A comparison further inside.
    Inside {
        /// The comparison.
        what: String,
        /// The same (or what it is part of) without hiding anything.
        instead: String,
    },
    /// A comparison that keeps a denominator from being zero.
    Divisor {
        /// The comparison.
        what: String,
        /// What is compared.
        left: String,
    },
    /// `and` or `unless`: what is there depends on what else is there.
    Set {
        /// The operator.
        word: String,
    },
}

/// What surrounds an expression.
#[derive(Clone, Copy)]
enum Around<'a> {
    Nothing,
    Aggregate(&'a AggregateExpr),
    Divisor,
    Something,
}

/// The first filter of a query, from the top down.
pub(super) fn filter(expr: &Expr, holes: &Holes) -> Option<Filter> {
    walk(expr, Around::Nothing, holes)
}

fn walk(expr: &Expr, around: Around<'_>, holes: &Holes) -> Option<Filter> {
    let inside = Around::Something;
    match expr {
        Expr::Paren(paren) => walk(&paren.expr, around, holes),
        Expr::Unary(unary) => walk(&unary.expr, inside, holes),
        Expr::Subquery(subquery) => walk(&subquery.expr, inside, holes),
        Expr::Call(call) => call.args.args.iter().find_map(|argument| walk(argument, inside, holes)),
        Expr::Aggregate(aggregate) => walk(&aggregate.expr, Around::Aggregate(aggregate), holes)
            .or_else(|| aggregate.param.as_ref().and_then(|parameter| walk(parameter, inside, holes))),
        Expr::Binary(binary) => {
            let divisor = if binary.op.id() == T_DIV { Around::Divisor } else { inside };
            of(binary, around, holes)
                .or_else(|| walk(&binary.lhs, inside, holes))
                .or_else(|| walk(&binary.rhs, divisor, holes))
        }
        Expr::VectorSelector(_) | Expr::MatrixSelector(_) => None,
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => None,
    }
}

fn of(binary: &BinaryExpr, around: Around<'_>, holes: &Holes) -> Option<Filter> {
    let text = |expr: &dyn ToString| holes.restore(&expr.to_string()).to_string();
    if matches!(binary.op.id(), T_LAND | T_LUNLESS) {
        return Some(Filter::Set { word: binary.op.to_string() });
    }
    if !binary.op.is_comparison_operator() || binary.return_bool() {
        return None;
    }
    let (what, left) = (text(binary), text(&binary.lhs));
    Some(match around {
        Around::Nothing => Filter::OnTop { left, condition: condition(binary) },
        Around::Divisor => Filter::Divisor { what, left },
        Around::Aggregate(aggregate) => {
            let op = if aggregate.op.id() == T_COUNT { TokenType::new(T_SUM) } else { aggregate.op };
            let instead = AggregateExpr { op, expr: Box::new(with_bool(binary)), ..aggregate.clone() };
            Filter::Inside { what, instead: text(&instead) }
        }
        Around::Something => Filter::Inside { what, instead: text(&with_bool(binary)) },
    })
}

fn condition(binary: &BinaryExpr) -> Option<String> {
    let words = match binary.op.id() {
        T_GTE => "at least ",
        T_LTE => "at most ",
        T_GTR => "above ",
        T_LSS => "below ",
        T_NEQ => "not ",
        _ => "",
    };
    let right = unwrap(&binary.rhs);
    matches!(right, Expr::NumberLiteral(_)).then(|| format!("{words}{right}"))
}

fn with_bool(binary: &BinaryExpr) -> Expr {
    let modifier = binary.modifier.clone().unwrap_or_default();
    let modifier = Some(BinModifier { return_bool: true, ..modifier });
    Expr::Binary(BinaryExpr { modifier, ..binary.clone() })
}

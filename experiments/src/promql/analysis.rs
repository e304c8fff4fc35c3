//! What a query's syntax tree says of it.

use super::brackets::{Unclosed, unclosed};
use super::filter::{Filter, filter};
use super::holes::Holes;
use super::{formula, leaves};
use crate::claim::{Query, QueryShape};
use crate::experiment::Template;
use promql_parser::parser::token::{T_DIV, T_EQLC, T_LOR, T_NEQ};
use promql_parser::parser::{self, Expr};

/// A longer query is not taken apart: the tree of a text of megabytes would overflow the stack.
const LONGEST: usize = 4096;
/// Nor is one with more brackets inside each other.
const DEEPEST: usize = 50;
/// Nor one with more operators: `a + b + c` is a tree as deep as it is long.
const MOST_OPERATORS: usize = 200;

/// A query, taken apart, and what is remarkable about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// The query with its shape.
    pub query: Query,
    /// Why it could not be taken apart.
    pub unreadable: Option<String>,
    /// A bracket or a quote without its other half.
    pub unclosed: Option<Unclosed>,
    /// The first thing in it that hides series.
    pub filter: Option<Filter>,
    /// Why it is no arithmetic over counters.
    pub not_totals: Option<String>,
    /// A function that ignores resets, on a counter.
    pub delta_of: Option<String>,
    /// Whether it computes a counter's extrapolated increase, which is hardly ever a whole number.
    pub has_increase: bool,
    /// Whether `==` or `!=` compares such an increase.
    pub compares_increase: bool,
    /// Whether it estimates a quantile from buckets.
    pub has_quantile: bool,
    /// Whether some selector's series come through unaggregated.
    pub is_unaggregated: bool,
    /// What `or vector(...)` fills in for missing series.
    pub fallback: Option<Fallback>,
}

/// What fills in for missing series.
#[derive(Debug, Clone, PartialEq)]
pub struct Fallback {
    /// As it is written.
    pub text: String,
    /// Its value, if that is a plain number.
    pub value: Option<f64>,
}

/// Takes a query apart.
pub fn query(text: &Template) -> Query {
    analyse(text).query
}

/// Takes a query apart and looks at it closely.
pub fn analyse(text: &Template) -> Analysis {
    let holes = Holes::of(text);
    let mut analysis = Analysis {
        query: Query { text: text.clone(), shape: None },
        unreadable: None,
        unclosed: None,
        filter: None,
        not_totals: None,
        delta_of: None,
        has_increase: false,
        compares_increase: false,
        has_quantile: false,
        is_unaggregated: false,
        fallback: None,
    };
    let expr = match parse(&holes.text) {
        Ok(expr) => expr,
        Err(reason) => {
            analysis.unreadable = Some(holes.restore(&reason).to_string());
            analysis.unclosed = unclosed(&holes.text);
            return analysis;
        }
    };
    let top = unwrap(&expr);
    let found = leaves::leaves(&expr, &holes);
    let denominator = match top {
        Expr::Binary(binary) if binary.op.id() == T_DIV => {
            let before = leaves::leaves(&binary.lhs, &holes).len();
            (before..found.len()).collect()
        }
        _ => Vec::new(),
    };
    let plain = matches!(top, Expr::VectorSelector(selector) if selector.offset.is_none() && selector.at.is_none());
    let formula = match formula::formula(&expr) {
        Ok(formula) => Some(formula),
        Err(reason) => {
            analysis.not_totals = Some(reason);
            None
        }
    };
    analysis.query.shape = Some(QueryShape { leaves: found, plain, denominator, formula });
    analysis.filter = filter(&expr, &holes);
    analysis.is_unaggregated = is_unaggregated(&expr);
    look(&expr, &mut analysis);
    analysis
}

fn parse(text: &str) -> Result<Expr, String> {
    if text.len() > LONGEST {
        return Err(format!("it is longer than {LONGEST} bytes"));
    }
    let mut depth = 0usize;
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return Err(format!("it is nested more than {DEEPEST} levels deep"));
        }
    }
    let symbols = text.bytes().filter(|byte| b"+-*/^%<>=!".contains(byte)).count();
    let words = text
        .split_whitespace()
        .filter(|word| ["and", "or", "unless", "atan2"].contains(&word.to_lowercase().as_str()))
        .count();
    if symbols + words > MOST_OPERATORS {
        return Err(format!("it has more than {MOST_OPERATORS} operators"));
    }
    parser::parse(text)
}

pub(super) fn unwrap(mut expr: &Expr) -> &Expr {
    while let Expr::Paren(paren) = expr {
        expr = &paren.expr;
    }
    expr
}

fn is_unaggregated(expr: &Expr) -> bool {
    match expr {
        Expr::VectorSelector(_) | Expr::MatrixSelector(_) => true,
        Expr::Subquery(subquery) => is_unaggregated(&subquery.expr),
        Expr::Unary(unary) => is_unaggregated(&unary.expr),
        Expr::Paren(paren) => is_unaggregated(&paren.expr),
        Expr::Binary(binary) => is_unaggregated(&binary.lhs) || is_unaggregated(&binary.rhs),
        Expr::Call(call) => {
            !matches!(call.func.name, "scalar" | "absent" | "absent_over_time")
                && call.args.args.iter().any(|argument| is_unaggregated(argument))
        }
        Expr::Aggregate(_) | Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => false,
    }
}

/// Looks at every node.
fn look(expr: &Expr, analysis: &mut Analysis) {
    match expr {
        Expr::VectorSelector(_) | Expr::MatrixSelector(_) => {}
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
        Expr::Subquery(subquery) => look(&subquery.expr, analysis),
        Expr::Unary(unary) => look(&unary.expr, analysis),
        Expr::Paren(paren) => look(&paren.expr, analysis),
        Expr::Aggregate(aggregate) => {
            look(&aggregate.expr, analysis);
            if let Some(parameter) = &aggregate.param {
                look(parameter, analysis);
            }
        }
        Expr::Binary(binary) => {
            if let (T_LOR, right @ Expr::Call(call)) = (binary.op.id(), unwrap(&binary.rhs))
                && call.func.name == "vector"
            {
                let value = match call.args.args.first().map(|argument| unwrap(argument)) {
                    Some(Expr::NumberLiteral(number)) => Some(number.val),
                    Some(_) | None => None,
                };
                analysis.fallback = Some(Fallback { text: format!("or {right}"), value });
            }
            if matches!(binary.op.id(), T_EQLC | T_NEQ) && (calls_increase(&binary.lhs) || calls_increase(&binary.rhs))
            {
                analysis.compares_increase = true;
            }
            look(&binary.lhs, analysis);
            look(&binary.rhs, analysis);
        }
        Expr::Call(call) => {
            match call.func.name {
                "histogram_quantile" => analysis.has_quantile = true,
                "increase" => analysis.has_increase = true,
                name @ ("delta" | "idelta" | "deriv") => {
                    if let Some(Expr::MatrixSelector(matrix)) = call.args.args.first().map(|argument| unwrap(argument))
                        && let Some(metric) = matrix.vs.name.as_deref().filter(|metric| is_counter(metric))
                    {
                        analysis.delta_of = Some(format!("`{name}` on the counter `{metric}`"));
                    }
                }
                _ => {}
            }
            call.args.args.iter().for_each(|argument| look(argument, analysis));
        }
    }
}

fn calls_increase(expr: &Expr) -> bool {
    match expr {
        Expr::Call(call) => {
            call.func.name == "increase" || call.args.args.iter().any(|argument| calls_increase(argument))
        }
        Expr::Aggregate(aggregate) => calls_increase(&aggregate.expr),
        Expr::Paren(paren) => calls_increase(&paren.expr),
        Expr::Unary(unary) => calls_increase(&unary.expr),
        Expr::Subquery(subquery) => calls_increase(&subquery.expr),
        Expr::Binary(binary) => calls_increase(&binary.lhs) || calls_increase(&binary.rhs),
        Expr::VectorSelector(_) | Expr::MatrixSelector(_) => false,
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => false,
    }
}

/// By the naming rules of Prometheus' client libraries.
fn is_counter(metric: &str) -> bool {
    ["_total", "_count", "_sum", "_bucket"].iter().any(|suffix| metric.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claim::{Aggregation, Formula, Operator};
    use crate::experiment::Piece;
    use std::time::Duration;

    fn read(text: &str) -> Analysis {
        analyse(&Template::text(text))
    }

    fn shape(text: &str) -> QueryShape {
        read(text).query.shape.unwrap()
    }

    #[test]
    fn leaves_carry_range_and_offset() {
        let found = shape("sum(rate(a_total{code!~\"5..\"}[2s])) / sum(rate(b[4s] offset 1s))");
        let selectors: Vec<String> = found.leaves.iter().map(|leaf| leaf.selector.to_string()).collect();
        assert_eq!(selectors, ["a_total{code!~\"5..\"}", "b"]);
        assert_eq!(found.leaves[0].looks_back, Duration::from_secs(2));
        assert_eq!(found.leaves[1].offset, Duration::from_secs(1));
        assert_eq!(found.denominator, [1]);
        assert_eq!(found.looks_back(), Duration::from_secs(4));
        assert!(!found.plain && shape("(up)").plain && !shape("up offset 5s").plain);
    }

    #[test]
    fn subqueries_add_their_ranges_up() {
        let found = shape("max_over_time(rate(a[2s])[30s:1s])");
        assert_eq!(found.leaves[0].looks_back, Duration::from_secs(32));
    }

    #[test]
    fn holes_come_back_in_selectors() {
        let template = Template(vec![
            Piece::Text("sum(a_total{instance=~\"".into()),
            Piece::Targets("lost".parse().unwrap(), None),
            Piece::Text("\", run=\"".into()),
            Piece::RunId,
            Piece::Text("\"})".into()),
        ]);
        let analysis = analyse(&template);
        let shape = analysis.query.shape.unwrap();
        assert_eq!(shape.leaves[0].selector.to_string(), "a_total{instance=~\"${lost.targets}\",run=\"${run.id}\"}");
        assert!(shape.formula.is_some());
    }

    #[test]
    fn escaped_text_stays_escaped_in_selectors() {
        let found = shape(r#"a{b="x\\.y", c="\"q\""}"#);
        assert_eq!(found.leaves[0].selector.to_string(), r#"a{b="x\\.y",c="\"q\""}"#);
    }

    #[test]
    fn formulas_are_arithmetic_over_counters() {
        let ratio = shape("sum(ok_total) / sum by (zone) (all_total)").formula.unwrap();
        let sum = |leaf, keep: Vec<String>| {
            Box::new(Formula::Aggregate { by: Aggregation::Sum, keep, drop: vec![], of: Box::new(Formula::Leaf(leaf)) })
        };
        assert_eq!(
            ratio,
            Formula::Binary { operator: Operator::Divide, left: sum(0, vec![]), right: sum(1, vec!["zone".into()]) }
        );
        for text in [
            "rate(a[1m])",
            "sum(increase(a[1m]))",
            "a offset 5s",
            "topk(3, a)",
            "a > 5",
            "a / on (x) b",
            "abs(a)",
            "a or b",
        ] {
            assert!(read(text).not_totals.is_some(), "{text}");
            assert!(shape(text).formula.is_none(), "{text}");
        }
    }

    #[test]
    fn filters_are_recognised_with_their_fix() {
        let filter = |text: &str| read(text).filter;
        let on_top = Filter::OnTop { left: "sum(errors) / sum(all)".into(), condition: Some("below 0.01".into()) };
        assert_eq!(filter("(sum(errors) / sum(all) < 0.01)"), Some(on_top));
        for (text, hides, better) in [
            ("min(x == 1)", "x == 1", "min(x == bool 1)"),
            ("count by (zone) (x == 1)", "x == 1", "sum by (zone) (x == bool 1)"),
            ("sum(rate(a[1m])) / count((x > y))", "x > y", "sum(x > bool y)"),
            ("abs(x > 0)", "x > 0", "x > bool 0"),
            ("max_over_time((x > 0)[30s:1s])", "x > 0", "x > bool 0"),
            ("topk(scalar(x > 0), y)", "x > 0", "x > bool 0"),
            ("min(x == on (zone) y)", "x == on (zone) y", "min(x == bool on (zone) y)"),
        ] {
            let inside = Filter::Inside { what: hides.into(), instead: better.into() };
            assert_eq!(filter(text), Some(inside), "{text}");
            assert_eq!(read(better).filter, None, "{better}");
        }
        let divisor = Filter::Divisor { what: "sum(b) > 0".into(), left: "sum(b)".into() };
        assert_eq!(filter("sum(a) / (sum(b) > 0)"), Some(divisor));
        assert_eq!(filter("sum(a unless b)"), Some(Filter::Set { word: "unless".into() }));
        assert_eq!(filter("max(a) and on () max(b)"), Some(Filter::Set { word: "and".into() }));
        for text in ["sum(a) < bool 5", "min(x == bool 1)", "a or b", "sum(x{a=\"1\"})"] {
            assert_eq!(filter(text), None, "{text}");
        }
    }

    #[test]
    fn remarkable_queries_are_remarked_upon() {
        assert!(read("sum(delta(a_total[1m]))").delta_of.is_some());
        assert!(read("sum(delta(temperature[1m]))").delta_of.is_none());
        assert!(read("sum(increase(a_total[1m])) == bool 3").compares_increase);
        assert!(read("histogram_quantile(0.9, sum by (le) (rate(a_bucket[1m])))").has_quantile);
        let fallback = read("sum(a) or (vector(0))").fallback.unwrap();
        assert_eq!((fallback.text.as_str(), fallback.value), ("or vector(0)", Some(0.0)));
        assert!(read("rate(a[1m])").is_unaggregated && !read("max(rate(a[1m]))").is_unaggregated);
        assert!(read("max(a) + b").is_unaggregated && !read("scalar(b)").is_unaggregated);
    }

    #[test]
    fn what_cannot_be_read_is_said_not_fatal() {
        assert!(read("sum(").unreadable.is_some());
        assert!(read(&"(".repeat(10_000)).unreadable.is_some());
        assert!(read(&"a".repeat(10_000)).unreadable.is_some());
        for chain in ["a+", "-", "a or "] {
            assert!(read(&format!("{}a", chain.repeat(200))).query.shape.is_some(), "{chain}");
            assert!(read(&format!("{}a", chain.repeat(201))).unreadable.is_some(), "{chain}");
        }
        assert!(read(&format!("{}a{}", "abs(".repeat(50), ")".repeat(50))).query.shape.is_some());
    }
}

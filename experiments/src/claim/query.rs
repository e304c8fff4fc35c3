//! A PromQL query, taken apart when it is read, so that nothing later needs a parser.

use crate::experiment::Template;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A query and what its syntax tree says of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// What is sent.
    pub text: Template,
    /// `None`: it could not be taken apart, which was a warning; its coverage cannot be shown.
    pub shape: Option<QueryShape>,
}

/// What the syntax tree says of a query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryShape {
    /// Every selector in it.
    pub leaves: Vec<Leaf>,
    /// Whether it is one selector alone, without range or offset: judged on raw samples.
    pub plain: bool,
    /// Of `a / b`: which leaves belong to b. Empty: not a ratio.
    pub denominator: Vec<usize>,
    /// The arithmetic over counters, where it is nothing else (`totals` needs it).
    pub formula: Option<Formula>,
}

impl QueryShape {
    /// The longest time one of its leaves looks back over.
    pub fn looks_back(&self) -> Duration {
        self.leaves.iter().map(|leaf| leaf.looks_back).max().unwrap_or_default()
    }
}

/// One selector of a query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaf {
    /// The selector without range, offset and `@`.
    pub selector: Template,
    /// How far it looks back, subqueries added in. Zero: an instant selector.
    pub looks_back: Duration,
    /// How far its offset moves it into the past.
    pub offset: Duration,
    /// Whether `@` pins it to a time, or an offset moves it into the future.
    pub pinned: bool,
}

impl Leaf {
    /// Whether it is read at another time than the one that is asked about.
    pub fn reads_another_time(&self) -> bool {
        self.pinned || !self.offset.is_zero()
    }
}

/// Arithmetic over (aggregations of) plain counters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Formula {
    /// The increase of each series of a leaf.
    Leaf(usize),
    /// One number out of many series.
    Aggregate {
        /// How.
        by: Aggregation,
        /// Labels that are kept apart; empty: one number.
        keep: Vec<String>,
        /// Labels that are dropped (`without`), if that was written instead.
        drop: Vec<String>,
        /// Over what.
        of: Box<Formula>,
    },
    /// A number.
    Number(f64),
    /// Two sides, matched as scalars or by all their labels.
    Binary {
        /// How.
        operator: Operator,
        /// Left.
        left: Box<Formula>,
        /// Right.
        right: Box<Formula>,
    },
    /// Minus.
    Negative(Box<Formula>),
}

/// Aggregations that make sense over increases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Aggregation {
    /// `sum`
    Sum,
    /// `min`
    Min,
    /// `max`
    Max,
    /// `avg`
    Average,
    /// `count`
    Count,
}

/// Arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
}

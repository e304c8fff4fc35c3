//! PromQL, taken apart when an experiment is read, so that nothing later needs a parser.
//!
//! The parser is a third party's and does not know all of PromQL: what it cannot read is a warning,
//! never an error (but for `totals`, which needs the arithmetic).
mod analysis;
mod formula;
mod leaves;

pub use analysis::{Analysis, Filter, analyse, query};

//! PromQL, taken apart when an experiment is read, so that nothing later needs a parser.
//!
//! The parser is a third party's and does not know all of PromQL: what it cannot read is a warning,
//! never an error (but for `totals`, which needs the arithmetic, and for brackets that are not closed).
mod analysis;
mod brackets;
mod filter;
mod formula;
mod holes;
mod leaves;

pub use analysis::{Analysis, analyse, query};
pub use brackets::Unclosed;
pub use filter::Filter;

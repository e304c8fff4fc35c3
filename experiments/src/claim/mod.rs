//! Claims: what must be true, or must become true, and where its value comes from.
mod authored;
mod predicate;
mod query;
mod source;

pub use authored::{Allowance, Claim, Dwell, Role, Tolerance, Verb, Window};
pub use predicate::{Bound, Predicate, PredicateError};
pub use query::{Aggregation, Formula, Leaf, Operator, Query, QueryShape};
pub use source::{HttpRequest, Program, Source};

//! The table of stable codes, each with its explanation (`squall explain SQ0010`).
//!
//! A code is public: it never changes its meaning and is never used again for another.
mod claims;
mod explanation;
mod files;
mod names;
mod queries;
mod steps;
mod table;

pub use explanation::{Explanation, Scaffold, explain};
pub use table::Code;

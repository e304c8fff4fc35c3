//! The plan: what would be hit, when, by what; touches nothing.
mod planned;

pub use planned::{Bounds, Plan, PlannedStep};

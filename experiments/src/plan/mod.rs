//! The plan: what would be hit, when, by what; touches nothing.
mod compile;
mod foresee;
mod make;
mod moments;
mod overlap;
mod planned;
mod refers;
mod shots;
mod timeline;
mod windows;
mod words;

pub use foresee::{Foreseen, foresee, peers_of};
pub use make::{Caps, PlanRefusal, PlanRefusalKind, World, plan};
pub use overlap::{Overlap, overlap};
pub use planned::{Bounds, Plan, PlannedStep};
pub use timeline::{Schedule, schedule};

pub(crate) use compile::{Certainty, Ground, Wanted, compile, effective_selector};
pub(crate) use make::{population, protects};
pub(crate) use shots::shots;
pub(crate) use timeline::{grace, longest_lasting};
pub(crate) use windows::{baseline_claims, baseline_length};

#[cfg(test)]
mod tests;

//! The plan: what would be hit, when, by what; touches nothing.
mod compile;
mod moments;
mod overlap;
#[expect(clippy::module_inception, reason = "the plan is made here")]
mod plan;
mod planned;
mod refers;
mod timeline;

pub use overlap::{Overlap, overlap};
pub use plan::{Caps, PlanRefusal, PlanRefusalKind, World, plan};
pub use planned::{Bounds, Plan, PlannedStep};
pub use timeline::{Schedule, schedule};

pub(crate) use compile::{Certainty, Ground, Wanted, compile, effective_selector};
pub(crate) use plan::{baseline_claims, baseline_length, population, protects, shots};
pub(crate) use timeline::{grace, longest_lasting};

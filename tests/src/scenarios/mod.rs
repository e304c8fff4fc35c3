//! What runs in a world: one module per scenario, each with a good build and a **broken twin**.
//!
//! A twin differs in one setting that a busy engineer could get wrong, and its steady state is as perfect as the
//! good system's: only an experiment can tell them apart, and it must fail on the claim that names the mechanism.
//!
//! ```text
//!   web.rs    customers --> HAProxy --> one backend a zone    policy of: breaker.rs, zones.rs
//!   shop.rs   customers --> storefront --> checkout --> one payments a zone
//!   town.rs   both, in one world, with both of HAProxy's policies
//! ```

mod breaker;
mod piece;
mod prometheus;
mod scenario;
mod settings;
mod shop;
mod town;
mod web;
mod zones;

pub use prometheus::prometheus;
pub use scenario::{Scenario, Twin};
pub use settings::write_documents;

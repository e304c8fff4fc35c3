//! Files as written, and what becomes of them.
//!
//! ```text
//! SourceFile -> tree -> parameters filled in -> written types (every field a `Value` or `Spot`)
//!            -> check -> Experiment, Inventory, Settings (nothing left to check)
//! ```
//!
//! [`read()`] never stops at the first problem: it gives all of them, and what could be read.
pub mod action;
mod check;
pub mod claim;
pub mod document;
pub mod experiment;
pub mod fault;
pub mod gates;
pub mod inventory;
pub mod literals;
mod parameters;
mod read;
mod schema;
pub mod selector;
pub mod settings;
pub mod step;

pub use check::{
    AgentFiles, BasicAuth, LimitCaps, PlatformSettings, PlatformSource, PrometheusSettings, SecretSource, Settings,
    read_settings,
};
pub use parameters::{Parameters, Purpose};
pub use read::{AgentAddress, DocumentKind, Documents, Inventory, InventoryNode, OtherDocument, ReadExperiment, read};
pub use schema::{all_schemas, schema, settings_schema};

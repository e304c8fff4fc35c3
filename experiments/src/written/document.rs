//! What every document has.

use crate::text::{Entries, Spot, Value};
use schemars::JsonSchema;
use serde::Deserialize;

/// A document of Squall's language.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Document<S> {
    /// Always `squall.dev/v1`.
    #[schemars(required)]
    pub api_version: Option<Value<String>>,
    /// What kind of document it is.
    #[schemars(required)]
    pub kind: Option<Value<String>>,
    /// Its name and labels.
    #[schemars(required)]
    pub metadata: Option<Spot<Metadata>>,
    /// What it says.
    #[schemars(required)]
    pub spec: Option<Spot<S>>,
}

/// A document's name and labels.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// How other documents refer to it.
    #[schemars(required)]
    pub name: Option<Value<crate::name::ExperimentName>>,
    /// Labels; `mechanism` groups reports.
    #[serde(default)]
    pub labels: Option<Spot<Entries<Value<String>>>>,
    /// Anything else worth keeping.
    #[serde(default)]
    pub annotations: Option<Spot<Entries<Value<String>>>>,
}

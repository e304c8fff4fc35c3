//! Selectors and peers, as written.

use super::literals::Pick;
use crate::claim::Predicate;
use crate::experiment::Template;
use crate::name::{InstanceName, NodeName, PlatformName};
use crate::target::Cidr;
use crate::text::{Entries, Spot, Value};
use schemars::JsonSchema;
use serde::Deserialize;

/// Which instances: all given keys must match.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Selector {
    /// Needed only where settings name several platforms.
    pub platform: Option<Value<PlatformName>>,
    /// The instance's namespace.
    pub namespace: Option<Value<String>>,
    /// Equality on labels.
    pub labels: Option<Spot<Entries<Value<String>>>>,
    /// These instances only.
    pub names: Option<Spot<Vec<Value<InstanceName>>>>,
    /// On this node only.
    pub node: Option<Value<NodeName>>,
    /// In this zone only.
    pub zone: Option<Value<String>>,
    /// Kubernetes: the pods of `deployment/NAME`, or that object itself.
    pub workload: Option<Value<String>>,
    /// Only instances whose own series satisfies this now.
    pub r#where: Option<Spot<Where>>,
    /// `all`, `one`, a count, or a share (`50%`). Without it exactly one instance must match.
    pub pick: Option<Value<Pick>>,
    /// Instances that appear while the fault is on get it too; false.
    pub follow: Option<Value<bool>>,
}

/// A condition on an instance's own series.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Where {
    /// PromQL.
    #[schemars(required)]
    pub query: Option<Value<Template>>,
    /// What must be true.
    #[schemars(required)]
    pub is: Option<Value<Predicate>>,
}

/// The other end of a network fault: instances, `{cidr}` or `{host}`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Peer {
    /// A block of addresses.
    pub cidr: Option<Value<Cidr>>,
    /// A host name.
    pub host: Option<Value<Template>>,
    /// Needed only where settings name several platforms.
    pub platform: Option<Value<PlatformName>>,
    /// The instance's namespace.
    pub namespace: Option<Value<String>>,
    /// Equality on labels.
    pub labels: Option<Spot<Entries<Value<String>>>>,
    /// These instances only.
    pub names: Option<Spot<Vec<Value<InstanceName>>>>,
    /// On this node only.
    pub node: Option<Value<NodeName>>,
    /// In this zone only.
    pub zone: Option<Value<String>>,
    /// Kubernetes: the pods of `deployment/NAME`.
    pub workload: Option<Value<String>>,
    /// Only instances whose own series satisfies this now.
    pub r#where: Option<Spot<Where>>,
    /// `all`, `one`, a count, or a share. Without it exactly one instance must match.
    pub pick: Option<Value<Pick>>,
    /// Instances that appear while the fault is on count too; false.
    pub follow: Option<Value<bool>>,
}

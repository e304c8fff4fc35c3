//! `kind: Inventory`, as written.

use super::experiment::List;
use super::literals::Address;
use crate::name::{InstanceName, NodeName};
use crate::text::{Entries, Spot, Value};
use schemars::JsonSchema;
use serde::Deserialize;

/// Hosts, and what runs on them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InventorySpec {
    /// Each has one agent. Without any, there is one node, `local`.
    pub nodes: List<Node>,
    /// What can be hit.
    #[schemars(required)]
    pub instances: List<Instance>,
}

/// A node.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Node {
    /// Its name.
    #[schemars(required)]
    pub name: Option<Value<NodeName>>,
    /// Its zone.
    pub zone: Option<Value<String>>,
    /// `unix:PATH` or `https://HOST:PORT`; the local agent.
    pub agent: Option<Value<String>>,
}

/// Something that can be hit.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Instance {
    /// Its name.
    #[schemars(required)]
    pub name: Option<Value<InstanceName>>,
    /// As a pod's.
    pub namespace: Option<Value<String>>,
    /// As a pod's.
    pub labels: Option<Spot<Entries<Value<String>>>>,
    /// Where it runs; the only node.
    pub node: Option<Value<NodeName>>,
    /// Where peers reach it; read from its namespace if absent.
    pub addresses: Option<Spot<Vec<Value<Address>>>>,
    /// Its processes.
    pub process: Option<Spot<Process>>,
    /// Its network namespace: a name or a path.
    pub netns: Option<Value<String>>,
    /// The labels under which Prometheus knows it.
    pub series: Option<Spot<Entries<Value<String>>>>,
}

/// One of a pidfile, a systemd unit or a cgroup.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Process {
    /// The process whose number stands in this file, and its descendants.
    Pidfile(Value<String>),
    /// The processes of a systemd unit.
    Unit(Value<String>),
    /// The processes of a cgroup.
    Cgroup(Value<String>),
}

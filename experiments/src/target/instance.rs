//! An instance, as a platform knows it at one moment.

use crate::name::{InstanceName, NodeName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

/// Something that can be hit: a pod, or an entry of the inventory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// Unique on its platform.
    pub name: InstanceName,
    /// The namespace it belongs to, as a pod's.
    pub namespace: Option<String>,
    /// What selectors match.
    pub labels: BTreeMap<String, String>,
    /// The node whose agent takes hold of it.
    pub node: NodeName,
    /// The node's zone.
    pub zone: Option<String>,
    /// Where peers reach it. Empty: not known before its namespace is read.
    pub addresses: Vec<IpAddr>,
    /// How an agent takes hold of it.
    pub locator: Locator,
    /// The labels under which the metric source knows it; empty: not known.
    pub series: BTreeMap<String, String>,
}

/// How an agent finds an instance: its processes, its network namespace, or both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locator {
    /// Its processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessLocator>,
    /// Its network namespace: a path (`/run/netns/NAME`). Absent: its process' namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netns: Option<PathBuf>,
}

/// What names an instance's processes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum ProcessLocator {
    /// The process whose number stands in this file, and its descendants.
    Pidfile(PathBuf),
    /// The processes of a systemd unit.
    Unit(String),
    /// The processes of a cgroup, by its path below the cgroup root.
    Cgroup(PathBuf),
}

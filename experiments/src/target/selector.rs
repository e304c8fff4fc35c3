//! `SELECTOR`: which instances.

use super::Cidr;
use crate::claim::{Predicate, Query};
use crate::experiment::Template;
use crate::name::{InstanceName, NodeName, PlatformName};
use crate::unit::Percent;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which instances: all given parts must match.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selector {
    /// The platform, where settings name several.
    pub platform: Option<PlatformName>,
    /// The instance's namespace.
    pub namespace: Option<String>,
    /// Equality on labels.
    pub labels: BTreeMap<String, String>,
    /// These instances only.
    pub names: Option<Vec<InstanceName>>,
    /// On this node only.
    pub node: Option<NodeName>,
    /// In this zone only.
    pub zone: Option<String>,
    /// Only instances whose own series satisfies this now.
    pub r#where: Option<Where>,
    /// How many of those that match. `None`: exactly one must match.
    pub pick: Option<Pick>,
}

/// Only instances whose own series, matched by their `series` labels, satisfies the predicate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Where {
    /// What is asked.
    pub query: Query,
    /// What must be true.
    pub is: Predicate,
}

/// How many of the instances that match.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Pick {
    /// Every one.
    All,
    /// Exactly one.
    One,
    /// This many; fewer is an error.
    Count(u32),
    /// This share, rounded down, at least one.
    Share(Percent),
}

/// An entry of `peers`: the other end of a network fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Peer {
    /// Instances.
    Instances(Box<Selector>),
    /// A block of addresses.
    Cidr(Cidr),
    /// A host name. Read, not yet carried out.
    Host(Template),
}

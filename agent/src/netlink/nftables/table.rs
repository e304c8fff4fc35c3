//! What shall be in the kernel, as values.

use super::Expression;
use nix::libc;
use std::borrow::Cow;
use std::time::Duration;

/// The families of tables that faults use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `NFPROTO_INET`: IPv4 and IPv6 packets on their way through the stack.
    Inet,
    /// `NFPROTO_NETDEV`: frames as an interface gets and gives them.
    Netdev,
}

impl Family {
    pub(super) fn number(self) -> u8 {
        let number = match self {
            Self::Inet => libc::NFPROTO_INET,
            Self::Netdev => libc::NFPROTO_NETDEV,
        };
        u8::try_from(number).expect("families are small numbers")
    }
}

/// A table with all that is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its family.
    pub family: Family,
    /// Its name, unique within its family and network namespace.
    pub name: String,
    /// Named counters.
    pub counters: Vec<&'static str>,
    /// Named sets.
    pub sets: Vec<Set>,
    /// Chains, each behind those it jumps to.
    pub chains: Vec<Chain>,
}

/// A chain of rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Its name.
    pub name: Cow<'static, str>,
    /// Where packets enter it; `None`: only from other chains.
    pub hook: Option<Hook>,
    /// Its rules, in order. A packet that meets no verdict goes on.
    pub rules: Vec<Rule>,
}

/// A rule: expressions in order, as far as they are true.
pub type Rule = Vec<Expression>;

/// Where a base chain meets packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// The place.
    pub point: HookPoint,
    /// Chains at one place are walked from the lowest.
    pub priority: i32,
}

/// The places at which faults meet packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookPoint {
    /// `NF_NETDEV_INGRESS`, on these interfaces.
    NetdevIngress(Vec<String>),
    /// `NF_NETDEV_EGRESS`, on these interfaces (5.16).
    NetdevEgress(Vec<String>),
    /// `NF_INET_PRE_ROUTING`.
    Prerouting,
}

impl HookPoint {
    pub(super) fn number(&self) -> u32 {
        let number = match self {
            Self::NetdevIngress(_) => libc::NF_NETDEV_INGRESS,
            Self::NetdevEgress(_) => libc::NF_NETDEV_EGRESS,
            Self::Prerouting => libc::NF_INET_PRE_ROUTING,
        };
        u32::try_from(number).expect("hooks are small numbers")
    }

    pub(super) fn interfaces(&self) -> &[String] {
        match self {
            Self::NetdevIngress(interfaces) | Self::NetdevEgress(interfaces) => interfaces,
            Self::Prerouting => &[],
        }
    }
}

/// A named set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// Its name.
    pub name: &'static str,
    /// What its keys are.
    pub key: KeyType,
    /// What is in it.
    pub elements: Vec<Element>,
}

/// What a set's keys are: the length counts, the number is for people who list it with `nft`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    /// Four bytes, matched by ranges.
    Ipv4,
    /// Sixteen bytes, matched by ranges.
    Ipv6,
    /// A TCP or UDP port.
    Port,
    /// A protocol number.
    Protocol,
    /// A four byte constant whose element has a lifetime.
    Gate,
}

impl KeyType {
    /// `enum datatypes` of nft's include/datatype.h.
    pub(super) fn number(self) -> u32 {
        match self {
            Self::Ipv4 => 7,
            Self::Ipv6 => 8,
            Self::Protocol => 12,
            Self::Port => 13,
            Self::Gate => 19,
        }
    }

    pub(super) fn length(self) -> u32 {
        match self {
            Self::Ipv4 | Self::Gate => 4,
            Self::Ipv6 => 16,
            Self::Port => 2,
            Self::Protocol => 1,
        }
    }

    pub(super) fn is_interval(self) -> bool {
        matches!(self, Self::Ipv4 | Self::Ipv6)
    }
}

/// A member of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// Its key, in network order; in a set of ranges the first of the range.
    pub key: Vec<u8>,
    /// In a set of ranges: the first key behind it; `None`: the range reaches to the end.
    pub behind: Option<Vec<u8>>,
    /// How long it stays.
    pub lifetime: Lifetime,
}

impl Element {
    /// A single key that stays.
    pub fn key(key: Vec<u8>) -> Self {
        Self { key, behind: None, lifetime: Lifetime::Unbounded }
    }
}

/// How long a member stays in its set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// Until it is removed.
    Unbounded,
    /// The kernel removes it after this.
    Bounded(Duration),
}

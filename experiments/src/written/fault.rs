//! Faults, as written: those that are carried out, and those that come later.

use super::action::Anything;
use super::experiment::List;
use super::literals::{Bitrate, Choice, SizeOrShare};
use super::selector::Peer;
use crate::experiment::Template;
use crate::fault::Signal;
use crate::text::{Entries, Spot, Value};
use crate::unit::{Length, Percent};
use schemars::JsonSchema;
use serde::Deserialize;

/// What `inject` does: exactly one.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Fault {
    /// Send a signal, or (with `for`) hold the instance down.
    Kill(Spot<Kill>),
    /// Stop every thread.
    Pause(Spot<Pause>),
    /// Disturb packets.
    Network(Box<Spot<Network>>),
    /// Lose a whole zone.
    ZoneLoss(Spot<ZoneLoss>),
    /// Burn processor time.
    Cpu(Spot<Cpu>),
    /// Use up memory.
    Memory(Spot<Memory>),
    /// Fill a disk.
    Disk(Spot<Disk>),
    /// Make a disk slow or faulty.
    Io(Spot<Io>),
    /// Disturb name resolution.
    Dns(Spot<Dns>),
    /// Disturb HTTP answers.
    Http(Box<Spot<HttpFault>>),
    /// Evict a pod.
    Evict(Spot<Grace>),
    /// Drain a node.
    Drain(Spot<Grace>),
    /// Close a node to new pods.
    Cordon(Spot<Nothing>),
    /// Move the clock.
    Clock(Spot<Clock>),
    /// Change how many pods a workload has.
    Scale(Spot<Scale>),
    /// Roll out another image or environment.
    Release(Spot<Release>),
    /// Change an object behind its owner's back.
    Drift(Spot<Drift>),
}

/// `kill`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Kill {
    /// Which signal; KILL.
    pub signal: Option<Value<Signal>>,
    /// Only processes of this command name.
    pub process: Option<Value<String>>,
    /// Kubernetes: in this container, instead of deleting the pod.
    pub container: Option<Value<String>>,
    /// TERM first, KILL after this.
    pub grace: Option<Value<Length>>,
}

/// `pause`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pause {
    /// Only processes of this command name.
    pub process: Option<Value<String>>,
    /// Kubernetes: in this container.
    pub container: Option<Value<String>>,
}

/// `network`: at least one effect.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Network {
    /// Every packet is held this long, each way.
    pub delay: Option<Value<Length>>,
    /// More or less by up to this.
    pub jitter: Option<Value<Length>>,
    /// How much a packet's delay resembles the one before.
    pub correlation: Option<Value<Percent>>,
    /// This share of packets is dropped.
    pub loss: Option<Value<Percent>>,
    /// Losses come in bursts of this many on average.
    pub burst: Option<Value<u32>>,
    /// This share of packets is sent twice.
    pub duplicate: Option<Value<Percent>>,
    /// This share of packets gets a wrong bit.
    pub corrupt: Option<Value<Percent>>,
    /// This share gets a wrong bit and a checksum that fits.
    pub silent_corrupt: Option<Value<Percent>>,
    /// This share of packets overtakes others.
    pub reorder: Option<Value<Percent>>,
    /// No more than this many bits a second.
    pub rate: Option<Value<Bitrate>>,
    /// Nothing gets through.
    pub partition: Option<Value<bool>>,
    /// `egress`, `ingress` or `both`, seen from the instance.
    pub direction: Option<Value<Choice<crate::fault::Direction>>>,
    /// Only to and from these.
    pub peers: List<Peer>,
    /// Only these ports, on either end.
    pub ports: Option<Spot<Vec<Value<u16>>>>,
    /// `tcp`, `udp` or `icmp`.
    pub protocol: Option<Value<Choice<crate::fault::Protocol>>>,
}

/// `zoneLoss`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ZoneLoss {
    /// `isolate` or `power`.
    #[schemars(required)]
    pub mode: Option<Value<Choice<crate::fault::ZoneLossMode>>>,
    /// The agents' own channel too; false.
    pub control: Option<Value<bool>>,
}

/// `cpu`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cpu {
    /// How busy: `80%`.
    pub load: Option<Value<Percent>>,
    /// How many processors.
    pub cores: Option<Value<u32>>,
}

/// `memory`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Memory {
    /// How much: a size, or a share of the limit.
    pub r#use: Option<Value<SizeOrShare>>,
}

/// `disk`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Disk {
    /// Where.
    #[schemars(required)]
    pub path: Option<Value<String>>,
    /// How much: a size, or a share.
    pub fill: Option<Value<SizeOrShare>>,
}

/// `io`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Io {
    /// Where.
    #[schemars(required)]
    pub path: Option<Value<String>>,
    /// Every operation takes this much longer.
    pub delay: Option<Value<Length>>,
    /// This share of operations fails.
    pub errors: Option<Value<Percent>>,
    /// With this error; EIO.
    pub errno: Option<Value<String>>,
}

/// `dns`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Dns {
    /// Which names: globs.
    #[schemars(required)]
    pub names: Option<Spot<Vec<Value<String>>>>,
    /// `fail`, `timeout` or `wrong`.
    pub answer: Option<Value<Choice<DnsAnswer>>>,
}

/// What a disturbed name gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DnsAnswer {
    /// An error.
    Fail,
    /// Nothing.
    Timeout,
    /// A wrong address.
    Wrong,
}

/// `http`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpFault {
    /// Which ports.
    #[schemars(required)]
    pub ports: Option<Spot<Vec<Value<u16>>>>,
    /// Only these paths.
    pub paths: Option<Spot<Vec<Value<String>>>>,
    /// Not these paths.
    pub except_paths: Option<Spot<Vec<Value<String>>>>,
    /// Only these methods.
    pub methods: Option<Spot<Vec<Value<String>>>>,
    /// This share of requests; 100%.
    pub share: Option<Value<Percent>>,
    /// Answer with this status.
    pub status: Option<Value<u16>>,
    /// Answer this much later.
    pub delay: Option<Value<Length>>,
    /// Reset the connection.
    pub reset: Option<Value<bool>>,
}

/// `evict` and `drain`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Grace {
    /// How long a pod may take to end; its own.
    pub grace: Option<Value<Length>>,
}

/// `cordon` has no settings.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Nothing {}

/// `clock`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Clock {
    /// By how much: `5m`, `-5m`.
    #[schemars(required)]
    pub offset: Option<Value<String>>,
}

/// `scale`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scale {
    /// To how many.
    #[schemars(required)]
    pub to: Option<Value<u32>>,
}

/// `release`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Release {
    /// Of this container.
    #[schemars(required)]
    pub container: Option<Value<String>>,
    /// This image.
    pub image: Option<Value<Template>>,
    /// This environment.
    pub env: Option<Spot<Entries<Value<Template>>>>,
}

/// `drift`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Drift {
    /// What is merged into the object.
    #[schemars(required)]
    pub merge: Option<Spot<Entries<Anything>>>,
}

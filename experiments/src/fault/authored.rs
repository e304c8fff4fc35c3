//! A fault as its author wrote it.

use crate::target::Peer;
use crate::unit::{Length, Percent};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What `inject` does. Faults that are read but not yet carried out never get this far: the
/// reader refuses them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fault {
    /// Send a signal, or hold the instance down.
    Kill(Kill),
    /// Stop every thread.
    Pause(Pause),
    /// Disturb packets.
    Network(Box<Network>),
    /// Lose a zone.
    ZoneLoss(ZoneLoss),
}

impl Fault {
    /// The word under `inject`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Kill(_) => "kill",
            Self::Pause(_) => "pause",
            Self::Network(_) => "network",
            Self::ZoneLoss(_) => "zoneLoss",
        }
    }

    /// Whether it happens once unless held (`for`).
    pub fn is_one_shot(&self) -> bool {
        matches!(self, Self::Kill(_))
    }
}

/// `kill`: a signal to an instance's processes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Kill {
    /// What is sent; KILL by default.
    #[serde(default)]
    pub signal: Signal,
    /// Only processes of this command name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// TERM first, KILL after this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace: Option<Length>,
}

/// `pause`: every thread stands still.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pause {
    /// Only processes of this command name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
}

/// `network`: what happens to the packets that match.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Network {
    /// Held this long, per packet and direction.
    pub delay: Option<Length>,
    /// More or less by up to this, evenly spread.
    pub jitter: Option<Length>,
    /// This share of packets is dropped.
    pub loss: Option<Percent>,
    /// Every packet is dropped.
    pub partition: bool,
    /// Which way; `None`: once per round trip, on the side the backend can do (`partition`: both).
    pub direction: Option<Direction>,
    /// Only to and from these; `None`: everyone.
    pub peers: Option<Vec<Peer>>,
    /// Only these TCP or UDP ports, on either end.
    pub ports: Vec<u16>,
    /// Only this protocol.
    pub protocol: Option<Protocol>,
}

/// Seen from the instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Direction {
    /// What it sends.
    Egress,
    /// What it receives.
    Ingress,
    /// Both.
    Both,
}

/// A transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP, or ICMPv6 but for neighbour discovery.
    Icmp,
}

/// `zoneLoss`: every instance of a zone at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ZoneLoss {
    /// How the zone is lost.
    pub mode: ZoneLossMode,
    /// Whether the agents' own channel is cut too.
    #[serde(default)]
    pub control: bool,
}

/// How a zone is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ZoneLossMode {
    /// Cut off from every address outside.
    Isolate,
    /// Also held down. Read, not yet carried out.
    Power,
}

/// A signal by its name without `SIG`, such as `KILL`, `TERM`, `HUP`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Signal(u8);

/// Why a text is no signal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a signal: write its name, such as `KILL`, `TERM` or `HUP`")]
pub struct SignalError(pub String);

/// Names by number, signal(7) on Linux x86 and ARM; holes are signals nobody sends on purpose.
const SIGNALS: [&str; 32] = [
    "", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
    "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH",
    "IO", "PWR", "SYS",
];

impl Signal {
    /// SIGKILL.
    pub const KILL: Self = Self(9);
    /// SIGTERM.
    pub const TERM: Self = Self(15);
    /// Whether it stops a process until somebody sends CONT: nothing would end that by itself.
    pub fn stops(self) -> bool {
        matches!(SIGNALS.get(usize::from(self.0)), Some(&("STOP" | "TSTP" | "TTIN" | "TTOU")))
    }

    /// Its number on Linux.
    pub fn number(self) -> i32 {
        i32::from(self.0)
    }

    /// Every name that can be written.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SIGNALS.iter().copied().filter(|name| !name.is_empty())
    }
}

impl Default for Signal {
    fn default() -> Self {
        Self::KILL
    }
}

impl FromStr for Signal {
    type Err = SignalError;
    fn from_str(text: &str) -> Result<Self, SignalError> {
        let name = text.strip_prefix("SIG").unwrap_or(text);
        SIGNALS
            .iter()
            .position(|known| !known.is_empty() && *known == name)
            .and_then(|number| u8::try_from(number).ok())
            .map(Self)
            .ok_or_else(|| SignalError(text.to_owned()))
    }
}

impl TryFrom<String> for Signal {
    type Error = SignalError;
    fn try_from(text: String) -> Result<Self, SignalError> {
        text.parse()
    }
}

impl From<Signal> for String {
    fn from(signal: Signal) -> String {
        signal.to_string()
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(SIGNALS[usize::from(self.0)])
    }
}

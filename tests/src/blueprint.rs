//! What a world consists of, as plain data: written by a scenario, built by `init`.
//!
//! ```text
//!   outside (10.0.0.2) --- hub --+-- zone z1 (10.0.1.0/24, fd00:1::/64) -- one namespace per instance
//!   Prometheus, balancer,        +-- zone z2 (10.0.2.0/24, fd00:2::/64) -- ...
//!   load, probes, commands       +-- zone z3 (10.0.3.0/24, fd00:3::/64) -- ...
//! ```

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use crate::programs::Program;

/// The port on which every instance serves its customers and its metrics.
pub const SERVICE_PORT: u16 = 8080;
/// The port on which an instance can be told to misbehave. Faults on it reach no customer by themselves.
pub const ADMIN_PORT: u16 = 9901;
/// Where Prometheus answers, seen from anywhere outside the zones.
pub const PROMETHEUS: &str = "127.0.0.1:9090";
/// The address of "outside": customers, the balancer and Prometheus come from here.
pub const OUTSIDE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

/// The zones of every world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Zone {
    /// The first.
    Z1,
    /// The second, which experiments like to lose.
    Z2,
    /// The third.
    Z3,
}

impl Zone {
    /// Every zone.
    pub const ALL: [Self; 3] = [Self::Z1, Self::Z2, Self::Z3];

    /// Its number, as it stands in addresses.
    pub fn number(self) -> u8 {
        match self {
            Self::Z1 => 1,
            Self::Z2 => 2,
            Self::Z3 => 3,
        }
    }

    /// Its name, as it stands in inventories and labels.
    pub fn name(self) -> String {
        format!("z{}", self.number())
    }
}

/// Something with an address of its own, which a fault can take hold of.
#[derive(Debug, Clone)]
pub struct Instance {
    /// Its name: also of its network namespace, its pidfile and its `instance` label.
    pub name: String,
    /// What it is an instance of.
    pub app: String,
    /// Where it lives.
    pub zone: Zone,
    /// The last part of its address: two decimal digits.
    pub host: u8,
    /// What runs in it: the arguments of the `lab` binary.
    pub arguments: Vec<String>,
}

impl Instance {
    /// Where it is reached by IPv4.
    pub fn address(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, self.zone.number(), self.host)
    }

    /// Where it is reached by IPv6. It reads like the IPv4 address: 10.0.2.30 is fd00:2::30.
    pub fn address6(&self) -> Ipv6Addr {
        let (tens, ones) = (u16::from(self.host / 10), u16::from(self.host % 10));
        Ipv6Addr::new(0xfd00, self.zone.number().into(), 0, 0, 0, 0, 0, tens << 4 | ones)
    }

    /// The address and port its customers use.
    pub fn service(&self) -> String {
        format!("{}:{SERVICE_PORT}", self.address())
    }

    /// The base address of its admin port.
    pub fn admin(&self) -> String {
        format!("http://{}:{ADMIN_PORT}", self.address())
    }

    /// The process that runs in it.
    pub fn part(&self, lab: &Program) -> Part {
        Part {
            name: self.name.clone(),
            program: lab.clone(),
            arguments: self.arguments.clone(),
            namespace: Some(self.name.clone()),
            on_death: OnDeath::RestartIfKilled,
        }
    }
}

/// A supervised process.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its name: also of its pidfile and its log.
    pub name: String,
    /// What to execute.
    pub program: Program,
    /// With which arguments.
    pub arguments: Vec<String>,
    /// In which network namespace; `None` is outside.
    pub namespace: Option<String>,
    /// What its end means.
    pub on_death: OnDeath,
}

/// What the end of a part means when nobody asked the lab for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDeath {
    /// The world is broken: whatever was measured in it proves nothing.
    FailTheWorld,
    /// Killed by a signal (KILL or TERM) it was the victim of an experiment, and is restarted as systemd would.
    /// Ended in any other way, it is a broken part.
    RestartIfKilled,
}

/// Something Prometheus scrapes.
#[derive(Debug, Clone)]
pub struct Target {
    /// The name of the scrape job.
    pub job: String,
    /// Host and port of its `/metrics`.
    pub address: String,
    /// How often.
    pub interval: Duration,
    /// Labels of all its series. `instance` is the part's name.
    pub labels: BTreeMap<String, String>,
}

impl Target {
    /// An instance's own metrics, labelled with its name, app and zone.
    pub fn of(instance: &Instance, interval: Duration) -> Self {
        let labels =
            [("instance", instance.name.clone()), ("app", instance.app.clone()), ("zone", instance.zone.name())];
        Self {
            job: instance.app.clone(),
            address: instance.service(),
            interval,
            labels: labels.map(|(key, value)| (key.to_owned(), value)).into(),
        }
    }

    /// The metrics of a part outside the zones.
    pub fn outside(name: &str, port: u16, interval: Duration) -> Self {
        Self {
            job: name.to_owned(),
            address: format!("{OUTSIDE}:{port}"),
            interval,
            labels: [("instance".to_owned(), name.to_owned())].into(),
        }
    }
}

/// Everything a world consists of.
#[derive(Debug, Clone)]
pub struct Blueprint {
    /// The namespace all instances share in the inventory, as pods would.
    pub namespace: String,
    /// Instances, each in a network namespace on its zone's bridge.
    pub instances: Vec<Instance>,
    /// Parts outside every zone.
    pub outside: Vec<Part>,
    /// What Prometheus scrapes.
    pub targets: Vec<Target>,
    /// Configuration files, relative to the world's directory.
    pub files: Vec<(PathBuf, String)>,
    /// The world is ready when each of these queries has a result.
    pub ready_when: Vec<String>,
}

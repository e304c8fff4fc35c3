//! What a network namespace looks like, before a fault and after its revert.
//!
//! *Clean* is asserted, not assumed: whatever differs is told. What changes by itself is left out: counters,
//! members of sets, carrier, addresses and routes (faults do not touch them).

use crate::faults::network::table_name;
use crate::kernel::{NamespaceError, in_namespace};
use crate::netlink::nftables::{Listed, listing};
use crate::netlink::{Link, NetlinkError, Protocol, Qdisc, Socket, links, qdiscs};
use serde::{Deserialize, Serialize};
use squall_experiments::fault::Difference;
use squall_experiments::name::FaultId;
use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;

/// How a network namespace is set up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Snapshot {
    links: Vec<Link>,
    qdiscs: Vec<Qdisc>,
    filters: Vec<Listed>,
}

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The namespace was not entered.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// The kernel refused.
    #[error(transparent)]
    Kernel(#[from] NetlinkError),
}

impl Snapshot {
    /// Looks at a namespace.
    ///
    /// # Errors
    /// When the namespace is not entered or the kernel does not tell.
    pub fn take(namespace: BorrowedFd<'_>) -> Result<Self, SnapshotError> {
        in_namespace(namespace, || {
            let mut route = Socket::open(Protocol::Route)?;
            let mut netfilter = Socket::open(Protocol::Netfilter)?;
            let filters = listing(&mut netfilter)?;
            netfilter.close_later();
            Ok(Self { links: links(&mut route)?, qdiscs: qdiscs(&mut route)?, filters })
        })?
    }

    /// What is not as it was.
    pub fn compare(&self, now: &Self) -> Vec<Difference> {
        differences(&self.described(|_| true), &now.described(|_| true))
    }

    /// What is not as it was, but for other faults that came or went in the same namespace meanwhile.
    pub fn compare_for(&self, now: &Self, fault: &FaultId) -> Vec<Difference> {
        let own = table_name(fault);
        let counts = |listed: &Listed| fault_table(listed).is_none_or(|name| name == own);
        differences(&self.described(counts), &now.described(counts))
    }

    /// What is not as it was, but for the tables of faults.
    pub fn compare_but_for_faults(&self, now: &Self) -> Vec<Difference> {
        let counts = |listed: &Listed| fault_table(listed).is_none();
        differences(&self.described(counts), &now.described(counts))
    }

    /// Each thing by a name for people; things of one name (the rules of a chain) in their order.
    fn described(&self, counts: impl Fn(&Listed) -> bool) -> BTreeMap<String, Vec<String>> {
        let mut things: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let link_name = |index: u32| {
            let named = self.links.iter().find(|link| link.index == index);
            named.map_or_else(|| format!("interface {index}"), |link| link.name.clone())
        };
        for link in &self.links {
            let kind = link.kind.as_deref().unwrap_or("device");
            let state = if link.up { "up" } else { "down" };
            let master = link.master.map(|index| format!(", in {}", link_name(index))).unwrap_or_default();
            let setting = format!("{kind} {}, {state}, MTU {}{master}", link.index, link.mtu);
            things.entry(format!("interface {}", link.name)).or_default().push(setting);
        }
        for qdisc in &self.qdiscs {
            let setting = format!(
                "{} {:x}: at {} with {}",
                qdisc.kind,
                qdisc.handle >> 16,
                if qdisc.parent == u32::MAX { "root".to_owned() } else { format!("{:#x}", qdisc.parent) },
                if qdisc.options.is_empty() { "no settings" } else { &qdisc.options },
            );
            things.entry(format!("queueing discipline of {}", link_name(qdisc.link))).or_default().push(setting);
        }
        for listed in self.filters.iter().filter(|listed| counts(listed)) {
            let name = match listed.what.as_str() {
                "table" => format!("nftables table {}", listed.table),
                what => format!("{what} in nftables table {}", listed.table),
            };
            things.entry(name).or_default().push(listed.setting.clone());
        }
        things
    }
}

/// The name of the table it is in, if that is a fault's.
fn fault_table(listed: &Listed) -> Option<&str> {
    // "netdev squall_..." is the family and the name.
    let name = listed.table.split_once(' ').map_or(listed.table.as_str(), |(_, name)| name);
    name.starts_with("squall_").then_some(name)
}

fn differences(before: &BTreeMap<String, Vec<String>>, now: &BTreeMap<String, Vec<String>>) -> Vec<Difference> {
    let names = before.keys().chain(now.keys().filter(|name| !before.contains_key(*name)));
    let told = |settings: Option<&Vec<String>>| settings.map_or_else(|| "absent".to_owned(), |all| all.join("; "));
    names
        .filter(|name| before.get(*name) != now.get(*name))
        .map(|name| Difference { what: name.clone(), before: told(before.get(name)), after: told(now.get(name)) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot() -> Snapshot {
        Snapshot {
            links: vec![Link {
                index: 2,
                name: "eth0".into(),
                kind: Some("veth".into()),
                loopback: false,
                up: true,
                mtu: 1500,
                master: None,
            }],
            qdiscs: vec![Qdisc {
                link: 2,
                handle: 0,
                parent: u32::MAX,
                kind: "noqueue".into(),
                options: String::new(),
            }],
            filters: Vec::new(),
        }
    }

    fn table(name: &str) -> Listed {
        Listed { table: format!("netdev {name}"), what: "table".into(), setting: "flags 0x2".into() }
    }

    #[test]
    fn what_was_left_behind_is_told() {
        let (before, mut now) = (snapshot(), snapshot());
        assert_eq!(before.compare(&now), []);
        now.links[0].up = false;
        now.filters.push(table("squall_1f"));
        let differences = before.compare(&now);
        let told: Vec<_> = differences.iter().map(|one| (&*one.what, &*one.before, &*one.after)).collect();
        assert_eq!(
            told,
            [
                ("interface eth0", "veth 2, up, MTU 1500", "veth 2, down, MTU 1500"),
                ("nftables table netdev squall_1f", "absent", "flags 0x2"),
            ]
        );
    }

    #[test]
    fn other_faults_are_not_held_against_one() {
        let (mut before, mut now) = (snapshot(), snapshot());
        let (own, other) = (FaultId::new("own"), FaultId::new("other"));
        before.filters.push(table(&table_name(&other)));
        assert_eq!(before.compare_for(&now, &own), []);
        now.filters.push(table(&table_name(&own)));
        assert_eq!(before.compare_for(&now, &own).len(), 1);
        now.filters.push(table("somebody_elses"));
        assert_eq!(before.compare_for(&now, &own).len(), 2);
        assert_eq!(before.compare_but_for_faults(&now).len(), 1);
    }

    #[test]
    fn it_survives_the_ledger() {
        let text = serde_json::to_string(&snapshot()).unwrap();
        assert_eq!(serde_json::from_str::<Snapshot>(&text).unwrap(), snapshot());
    }
}

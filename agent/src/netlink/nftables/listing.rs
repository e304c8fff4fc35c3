//! What is in the kernel: counters for evidence, everything else for snapshots.

use super::table::Family;
use super::uapi::{self, chain, expression, message, object, rule, set, table};
use crate::netlink::message::flags;
use crate::netlink::{Attributes, Message, NetlinkError, Request, Socket};
use serde::{Deserialize, Serialize};

/// `sizeof(struct nfgenmsg)`.
const NFGENMSG: usize = 4;

/// What a named counter has counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CounterTotals {
    /// Its name.
    pub name: String,
    /// Packets.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The named counters of a table.
///
/// # Errors
/// The kernel's refusal.
pub fn counters(socket: &mut Socket, family: Family, table: &str) -> Result<Vec<CounterTotals>, NetlinkError> {
    let mut message = Message::new(uapi::SUBSYSTEM | message::GET_OBJECT, flags::DUMP, &[family.number(), 0, 0, 0]);
    message.text(object::TABLE, table).be32(object::TYPE, object::TYPE_COUNTER);
    let request = Request { message, doing: format!("read the counters of nftables table {table}") };
    socket.dump(&request, |payload| {
        let attributes = Attributes::after(payload, NFGENMSG);
        // Kernels that do not know the filter tell the objects of every table.
        if attributes.get(object::TABLE)?.text() != table {
            return None;
        }
        let data = attributes.get(object::DATA)?.nested();
        Some(CounterTotals {
            name: attributes.get(object::NAME)?.text(),
            packets: data.get(object::COUNTER_PACKETS)?.be64()?,
            bytes: data.get(object::COUNTER_BYTES)?.be64()?,
        })
    })
}

/// Something that stands in a network namespace's packet filter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Listed {
    /// The table it is, or is in.
    pub table: String,
    /// What it is, such as `chain egress`.
    pub what: String,
    /// How it is set, without what changes by itself (counters, members of sets).
    pub setting: String,
}

/// Whether there is a table of this name, of any family.
///
/// # Errors
/// The kernel's refusal.
pub fn table_exists(socket: &mut Socket, name: &str) -> Result<bool, NetlinkError> {
    let message = Message::new(uapi::SUBSYSTEM | message::GET_TABLE, flags::DUMP, &[0; NFGENMSG]);
    let request = Request { message, doing: "list nftables tables".into() };
    let names = socket.dump(&request, |payload| Some(Attributes::after(payload, NFGENMSG).get(table::NAME)?.text()))?;
    Ok(names.iter().any(|found| found == name))
}

/// Every table, chain, set and rule of the socket's namespace.
///
/// # Errors
/// The kernel's refusal.
pub fn listing(socket: &mut Socket) -> Result<Vec<Listed>, NetlinkError> {
    let mut list = |kind: u16, doing: &str, each: fn(&str, Attributes<'_>) -> Option<Listed>| {
        let message = Message::new(uapi::SUBSYSTEM | kind, flags::DUMP, &[0; NFGENMSG]);
        socket.dump(&Request { message, doing: doing.to_owned() }, |payload| {
            each(family_name(*payload.first()?), Attributes::after(payload, NFGENMSG))
        })
    };
    let mut all = list(message::GET_TABLE, "list nftables tables", read_table)?;
    all.extend(list(message::GET_CHAIN, "list nftables chains", read_chain)?);
    all.extend(list(message::GET_SET, "list nftables sets", read_set)?);
    all.extend(list(message::GET_RULE, "list nftables rules", read_rule)?);
    Ok(all)
}

/// `NFPROTO_*`, linux/netfilter.h, by nft's words.
fn family_name(number: u8) -> &'static str {
    match number {
        1 => "inet",
        2 => "ip",
        3 => "arp",
        5 => "netdev",
        7 => "bridge",
        10 => "ip6",
        _ => "unknown",
    }
}

fn read_table(family: &str, attributes: Attributes<'_>) -> Option<Listed> {
    let flags = attributes.get(table::FLAGS).and_then(|flags| flags.be32()).unwrap_or_default();
    Some(Listed {
        table: format!("{family} {}", attributes.get(table::NAME)?.text()),
        what: "table".into(),
        setting: format!("flags {flags:#x}"),
    })
}

fn read_chain(family: &str, attributes: Attributes<'_>) -> Option<Listed> {
    let hook = attributes.get(chain::HOOK).map(|hook| {
        let number = |kind| hook.nested().get(kind).and_then(|value| value.be32()).unwrap_or_default();
        format!("hook {} priority {}", number(chain::HOOK_NUMBER), number(chain::HOOK_PRIORITY).cast_signed())
    });
    let policy = attributes.get(chain::POLICY).and_then(|policy| policy.be32());
    Some(Listed {
        table: format!("{family} {}", attributes.get(chain::TABLE)?.text()),
        what: format!("chain {}", attributes.get(chain::NAME)?.text()),
        setting: match (hook, policy) {
            (Some(hook), Some(policy)) => format!("{hook} policy {policy}"),
            (Some(hook), None) => hook,
            _ => "no hook".into(),
        },
    })
}

fn read_set(family: &str, attributes: Attributes<'_>) -> Option<Listed> {
    let name = attributes.get(set::NAME)?.text();
    let number = |kind| attributes.get(kind).and_then(|value| value.be32()).unwrap_or_default();
    Some(Listed {
        table: format!("{family} {}", attributes.get(set::TABLE)?.text()),
        what: format!("set {name}"),
        setting: format!("flags {:#x} key of {} bytes", number(set::FLAGS), number(set::KEY_LENGTH)),
    })
}

fn read_rule(family: &str, attributes: Attributes<'_>) -> Option<Listed> {
    let steps: Vec<String> = attributes
        .get(rule::EXPRESSIONS)?
        .nested()
        .filter_map(|entry| {
            let name = entry.nested().get(expression::NAME)?.text();
            let data = entry.nested().get(expression::DATA).map(|data| data.value).unwrap_or_default();
            Some(if is_stateful(&name) { name } else { format!("{name} {:08x}", crc32fast::hash(data)) })
        })
        .collect();
    Some(Listed {
        table: format!("{family} {}", attributes.get(rule::TABLE)?.text()),
        what: format!("rule of chain {}", attributes.get(rule::CHAIN)?.text()),
        setting: steps.join(", "),
    })
}

/// Expressions whose data changes while packets pass; xtables' carry the state of their extension.
fn is_stateful(name: &str) -> bool {
    matches!(name, "counter" | "quota" | "limit" | "last" | "connlimit" | "match" | "target" | "dynset")
}

//! A batch: requests that the kernel carries out all or none.

use super::table::{Chain, Element, Family, HookPoint, Lifetime, Set, Table};
use super::uapi::{self, chain, element, message, object, rule, set, table};
use crate::netlink::message::flags;
use crate::netlink::socket::Datagram;
use crate::netlink::{Message, NetlinkError, Request, Socket};

/// Members in one message: an attribute holds at most 64 KiB, and a range of IPv6 takes 64 bytes.
const ELEMENTS_IN_A_MESSAGE: usize = 500;

/// Requests that are carried out together, or not at all.
#[derive(Debug, Default)]
pub struct Batch {
    requests: Vec<Request>,
}

impl Batch {
    /// Makes a table, owned by the socket that commits the batch: it ends with that socket.
    /// A table of that name must not exist.
    pub fn make_owned(&mut self, new: &Table) {
        let (family, name) = (new.family, new.name.as_str());
        self.add(family, message::NEW_TABLE, flags::CREATE | flags::EXCLUSIVE, format!("make nftables table {name}"))
            .text(table::NAME, name)
            .be32(table::FLAGS, table::FLAG_OWNER);
        for counter in &new.counters {
            self.add(
                family,
                message::NEW_OBJECT,
                flags::CREATE,
                format!("make counter {counter} in nftables table {name}"),
            )
            .text(object::TABLE, name)
            .text(object::NAME, counter)
            .be32(object::TYPE, object::TYPE_COUNTER)
            .nest(object::DATA, |_| ());
        }
        for (number, set) in (1..).zip(&new.sets) {
            self.add_set(family, name, number, set);
        }
        for chain in &new.chains {
            self.add_chain(family, name, chain);
        }
    }

    /// Removes a table and all that is in it.
    pub fn remove_table(&mut self, family: Family, name: &str) {
        self.add(family, message::DELETE_TABLE, 0, format!("remove nftables table {name}")).text(table::NAME, name);
    }

    /// Adds members to a set.
    pub fn add_elements(&mut self, family: Family, table: &str, set: &str, elements: &[Element]) {
        let doing = format!("add to set {set} of nftables table {table}");
        for some in elements.chunks(ELEMENTS_IN_A_MESSAGE) {
            self.elements(family, message::NEW_ELEMENTS, flags::CREATE, doing.clone(), (table, set), some);
        }
    }

    /// Removes members from a set.
    pub fn remove_elements(&mut self, family: Family, table: &str, set: &str, elements: &[Element]) {
        let doing = format!("remove from set {set} of nftables table {table}");
        for some in elements.chunks(ELEMENTS_IN_A_MESSAGE) {
            self.elements(family, message::DELETE_ELEMENTS, 0, doing.clone(), (table, set), some);
        }
    }

    /// Has the kernel carry it out.
    ///
    /// # Errors
    /// The kernel's refusal; nothing has changed then.
    pub fn commit(self, socket: &mut Socket) -> Result<(), NetlinkError> {
        socket.transact(self.requests, Some(frame()))
    }

    /// The bytes that a fresh socket would send: for who speaks to the kernel without us.
    pub fn encode(self) -> Vec<u8> {
        Datagram::encode(self.requests, Some(frame()), 0).map(|datagram| datagram.bytes).unwrap_or_default()
    }

    fn add_set(&mut self, family: Family, table: &str, number: u32, new: &Set) {
        let bounded = new.elements.iter().any(|element| element.lifetime != Lifetime::Unbounded);
        let interval = if new.key.is_interval() { set::FLAG_INTERVAL } else { 0 };
        let timeout = if bounded { set::FLAG_TIMEOUT } else { 0 };
        self.add(family, message::NEW_SET, flags::CREATE, format!("make set {} in nftables table {table}", new.name))
            .text(set::TABLE, table)
            .text(set::NAME, new.name)
            .be32(set::FLAGS, interval | timeout)
            .be32(set::KEY_TYPE, new.key.number())
            .be32(set::KEY_LENGTH, new.key.length())
            .be32(set::ID, number);
        self.add_elements(family, table, new.name, &new.elements);
    }

    fn add_chain(&mut self, family: Family, table: &str, new: &Chain) {
        let interfaces = new.hook.as_ref().map(|hook| hook.point.interfaces().join(", ")).unwrap_or_default();
        let on = if interfaces.is_empty() { String::new() } else { format!(" on {interfaces}") };
        let doing = format!("make chain {}{on} in nftables table {table}", new.name);
        let message = self.add(family, message::NEW_CHAIN, flags::CREATE, doing);
        message.text(chain::TABLE, table).text(chain::NAME, &new.name);
        if let Some(hook) = &new.hook {
            message.nest(chain::HOOK, |message| {
                message.be32(chain::HOOK_NUMBER, hook.point.number());
                message.bytes(chain::HOOK_PRIORITY, &hook.priority.to_be_bytes());
                if hook.point != HookPoint::Prerouting {
                    message.nest(chain::HOOK_DEVICES, |message| {
                        for interface in hook.point.interfaces() {
                            message.text(chain::DEVICE_NAME, interface);
                        }
                    });
                }
            });
            message.text(chain::TYPE, "filter");
        }
        for (number, expressions) in (1..).zip(&new.rules) {
            let doing = format!("add rule {number} to chain {} of nftables table {table}", new.name);
            self.add(family, message::NEW_RULE, flags::CREATE | flags::APPEND, doing)
                .text(rule::TABLE, table)
                .text(rule::CHAIN, &new.name)
                .nest(rule::EXPRESSIONS, |message| {
                    expressions.iter().for_each(|expression| expression.write(message));
                });
        }
    }

    fn elements(
        &mut self,
        family: Family,
        kind: u16,
        flags: u16,
        doing: String,
        (table, set): (&str, &str),
        elements: &[Element],
    ) {
        self.add(family, kind, flags, doing)
            .text(element::LIST_TABLE, table)
            .text(element::LIST_SET, set)
            .nest(element::LIST_ELEMENTS, |message| elements.iter().for_each(|member| write(message, member)));
    }

    fn add(&mut self, family: Family, kind: u16, flags: u16, doing: String) -> &mut Message {
        // struct nfgenmsg: family, version 0, resource 0.
        let message = Message::new(uapi::SUBSYSTEM | kind, flags, &[family.number(), 0, 0, 0]);
        self.requests.push(Request { message, doing });
        &mut self.requests.last_mut().expect("just pushed").message
    }
}

/// What a batch begins and ends with.
fn frame() -> (Message, Message) {
    // struct nfgenmsg: no family, version 0, the subsystem in network order.
    let header = [0, 0, 0, 10];
    (Message::new(uapi::BATCH_BEGIN, 0, &header), Message::new(uapi::BATCH_END, 0, &header))
}

/// A range is two members: its first key, and the first behind it, flagged as an end.
fn write(message: &mut Message, member: &Element) {
    message.nest(uapi::LIST_ELEMENT, |message| {
        message.nest_bytes(element::KEY, uapi::data::VALUE, &member.key);
        if let Lifetime::Bounded(length) = member.lifetime {
            // Zero would mean for ever.
            message.be64(element::TIMEOUT, u64::try_from(length.as_millis()).unwrap_or(u64::MAX).max(1));
        }
    });
    if let Some(behind) = &member.behind {
        message.nest(uapi::LIST_ELEMENT, |message| {
            message
                .nest_bytes(element::KEY, uapi::data::VALUE, behind)
                .be32(element::FLAGS, element::FLAG_INTERVAL_END);
        });
    }
}

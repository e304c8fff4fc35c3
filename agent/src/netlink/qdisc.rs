//! Queueing disciplines, linux/rtnetlink.h: listed, so that a snapshot can tell whether they changed.

use super::message::flags;
use super::{Attributes, Message, NetlinkError, Request, Socket};
use serde::{Deserialize, Serialize};

/// `RTM_GETQDISC`.
const RTM_GETQDISC: u16 = 38;
/// `sizeof(struct tcmsg)`: family, interface, handle, parent, info.
const TCMSG: usize = 20;
/// `TCA_KIND`.
const TCA_KIND: u16 = 1;
/// `TCA_OPTIONS`.
const TCA_OPTIONS: u16 = 2;

/// A queueing discipline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Qdisc {
    /// The interface it queues for.
    pub link: u32,
    /// `major:minor`, 16 bits each.
    pub handle: u32,
    /// What it hangs on; `0xffffffff`: the root.
    pub parent: u32,
    /// `netem`, `noqueue`.
    pub kind: String,
    /// Its settings as the kernel tells them, in hexadecimal.
    pub options: String,
}

/// The queueing disciplines of the socket's namespace.
///
/// # Errors
/// The kernel's refusal.
pub fn qdiscs(socket: &mut Socket) -> Result<Vec<Qdisc>, NetlinkError> {
    let message = Message::new(RTM_GETQDISC, flags::DUMP, &[0; TCMSG]);
    socket.dump(&Request { message, doing: "list queueing disciplines".into() }, read)
}

fn read(payload: &[u8]) -> Option<Qdisc> {
    let header: &[u8; TCMSG] = payload.first_chunk()?;
    let word = |at: usize| u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let attributes = Attributes::after(payload, TCMSG);
    Some(Qdisc {
        link: word(4),
        handle: word(8),
        parent: word(12),
        kind: attributes.get(TCA_KIND)?.text(),
        options: attributes
            .get(TCA_OPTIONS)
            .map(|options| options.value.iter().map(|byte| format!("{byte:02x}")).collect())
            .unwrap_or_default(),
    })
}

//! Network interfaces, linux/if_link.h and linux/rtnetlink.h.

use super::message::flags;
use super::{Attributes, Message, NetlinkError, Request, Socket};
use serde::{Deserialize, Serialize};

/// `RTM_GETLINK`.
const RTM_GETLINK: u16 = 18;
/// `sizeof(struct ifinfomsg)`: family, type, index, flags, change.
const IFINFOMSG: usize = 16;
/// `IFLA_*`, linux/if_link.h.
mod ifla {
    pub const IFNAME: u16 = 3;
    pub const MTU: u16 = 4;
    pub const MASTER: u16 = 10;
    pub const LINKINFO: u16 = 18;
    /// `IFLA_INFO_KIND`, inside `IFLA_LINKINFO`.
    pub const INFO_KIND: u16 = 1;
}
/// `IFF_UP`, linux/if.h.
const IFF_UP: u32 = 1;
/// `IFF_LOOPBACK`, linux/if.h.
const IFF_LOOPBACK: u32 = 8;

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Link {
    /// Its number in its namespace.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its kind where it is a virtual one: `veth`, `bridge`, `bond`, `vrf`.
    pub kind: Option<String>,
    /// Whether it is the loopback.
    pub loopback: bool,
    /// Whether it is up.
    pub up: bool,
    /// Its greatest packet.
    pub mtu: u32,
    /// The interface it is enslaved to.
    pub master: Option<u32>,
}

/// The interfaces of the socket's namespace.
///
/// # Errors
/// The kernel's refusal.
pub fn links(socket: &mut Socket) -> Result<Vec<Link>, NetlinkError> {
    let message = Message::new(RTM_GETLINK, flags::DUMP, &[0; IFINFOMSG]);
    socket.dump(&Request { message, doing: "list network interfaces".into() }, read)
}

fn read(payload: &[u8]) -> Option<Link> {
    let header: &[u8; IFINFOMSG] = payload.first_chunk()?;
    let word = |at: usize| u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let (index, state) = (word(4), word(8));
    let attributes = Attributes::after(payload, IFINFOMSG);
    Some(Link {
        index,
        name: attributes.get(ifla::IFNAME)?.text(),
        kind: attributes
            .get(ifla::LINKINFO)
            .and_then(|info| info.nested().get(ifla::INFO_KIND))
            .map(|kind| kind.text()),
        loopback: state & IFF_LOOPBACK != 0,
        up: state & IFF_UP != 0,
        mtu: attributes.get(ifla::MTU).and_then(|mtu| mtu.ne32()).unwrap_or_default(),
        master: attributes.get(ifla::MASTER).and_then(|master| master.ne32()),
    })
}

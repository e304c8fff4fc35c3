//! The kernel's own protocol for links and packet filters: typed encoders over a raw socket.
//!
//! No program is started and no netlink crate used: an nftables *owner table* lives exactly as long
//! as the socket that made it, so we must hold that socket ourselves. Other decoders (`nft -j`,
//! `ip -j`) judge these encoders in the tests.
//!
//! Numbers carry the names of the kernel's headers (`include/uapi/linux/...`).
mod error;
mod link;
mod message;
pub mod nftables;
mod qdisc;
pub mod queue;
mod socket;

pub use error::NetlinkError;
pub use link::{Link, links};
pub use message::{Attribute, Attributes, Message};
pub use qdisc::{Qdisc, qdiscs};
pub use socket::{Protocol, Request, Socket};

//! NFQUEUE: packets wait in the kernel until their reader gives a verdict.
//!
//! Headers: linux/netfilter/nfnetlink_queue.h. Only the packets' numbers come here, never their
//! contents (`NFQNL_COPY_META`), and segments stay joined (`NFQA_CFG_F_GSO`): four times the throughput.

use super::message::messages;
use super::{Attributes, Message, NetlinkError, Protocol, Request, Socket};
use crate::unsafe_calls::{NetlinkOption, turn_on};
use nix::errno::Errno;
use nix::libc;
use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_recv_buffer_size_force};
use rustix::net::{RecvFlags, recv};
use std::os::fd::{AsFd, BorrowedFd};

/// `NFNL_SUBSYS_QUEUE`: the high byte of every message type.
const SUBSYSTEM: u16 = 3 << 8;
/// `enum nfqnl_msg_types`.
mod kind {
    pub const PACKET: u16 = 0;
    pub const VERDICT: u16 = 1;
    pub const CONFIGURE: u16 = 2;
    pub const VERDICT_BATCH: u16 = 3;
}
/// `enum nfqnl_attr_config`, `enum nfqnl_msg_config_cmds`, `enum nfqnl_config_mode`, `NFQA_CFG_F_*`.
mod configure {
    pub const COMMAND: u16 = 1;
    pub const PARAMETERS: u16 = 2;
    pub const MAXIMUM_LENGTH: u16 = 3;
    pub const MASK: u16 = 4;
    pub const FLAGS: u16 = 5;
    pub const COMMAND_BIND: u8 = 1;
    pub const COPY_META: u8 = 1;
    pub const FLAG_FAIL_OPEN: u32 = 1;
    pub const FLAG_GSO: u32 = 4;
}
/// `enum nfqnl_attr_type`.
mod attribute {
    pub const PACKET_HEADER: u16 = 1;
    pub const VERDICT_HEADER: u16 = 2;
}
/// `NF_ACCEPT`: the packet goes on behind the chain that queued it.
const ACCEPT: u32 = libc::NF_ACCEPT as u32;
/// How many numbers are tried before the last refusal is believed.
const ATTEMPTS: u16 = 64;
/// Room for messages that wait for the reader; beyond it the kernel lets packets pass (`FAIL_OPEN`).
const RECEIVE_BUFFER: usize = 32 << 20;
/// A message about a packet without its contents is shorter.
const MESSAGE_LENGTH: usize = 4096;

/// A bound queue. Closing it drops what it still holds, so its reader accepts everything first.
#[derive(Debug)]
pub struct Queue {
    socket: Socket,
    number: u16,
}

impl Queue {
    /// Binds a queue that nobody in the calling thread's network namespace uses, trying numbers from
    /// `first`, that holds at most `capacity` packets and lets pass what comes beyond.
    ///
    /// # Errors
    /// The kernel's refusal, or the last one of many when every number is taken.
    pub fn bind_free(first: u16, capacity: u32) -> Result<Self, NetlinkError> {
        let mut queue = Self { socket: Socket::open(Protocol::Netfilter)?, number: first };
        let mut result = Ok(());
        for step in 0..ATTEMPTS {
            queue.number = first.wrapping_add(step);
            result = queue.bind();
            // Ours already would be EBUSY, another's is EPERM, as is a lack of CAP_NET_ADMIN.
            if !matches!(&result, Err(error) if matches!(error.errno, Errno::EPERM | Errno::EBUSY)) {
                break;
            }
        }
        result?;
        queue.configure(capacity)?;
        Ok(queue)
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// Closes it as [`Socket::close_later`] does, once it holds nothing any more.
    pub fn close_later(self) {
        self.socket.close_later();
    }

    fn bind(&mut self) -> Result<(), NetlinkError> {
        // struct nfqnl_msg_config_cmd: command, padding, protocol family (not used since 3.8).
        let mut message = self.message(kind::CONFIGURE);
        message.bytes(configure::COMMAND, &[configure::COMMAND_BIND, 0, 0, 0]);
        self.socket.request(Request { message, doing: format!("bind packet queue {}", self.number) })
    }

    fn configure(&mut self, capacity: u32) -> Result<(), NetlinkError> {
        // struct nfqnl_msg_config_params: range (of contents copied), mode; packed.
        let parameters = [0, 0, 0, 0, configure::COPY_META];
        let flags = configure::FLAG_GSO | configure::FLAG_FAIL_OPEN;
        let mut message = self.message(kind::CONFIGURE);
        message
            .bytes(configure::PARAMETERS, &parameters)
            .be32(configure::MAXIMUM_LENGTH, capacity)
            .be32(configure::FLAGS, flags)
            .be32(configure::MASK, flags);
        let doing = format!("configure packet queue {}", self.number);
        self.socket.request(Request { message, doing: doing.clone() })?;
        set_socket_recv_buffer_size_force(&self.socket, RECEIVE_BUFFER)
            .or_else(|_| set_socket_recv_buffer_size(&self.socket, RECEIVE_BUFFER))
            .map_err(|errno| NetlinkError::from_call(doing.clone(), errno))?;
        turn_on(self.socket.as_fd(), NetlinkOption::NoBufferErrors).map_err(|errno| NetlinkError::new(doing, errno))
    }

    /// Gives the number of each packet that has arrived to `each`, at most `most` messages, without waiting.
    ///
    /// # Errors
    /// When the socket is broken.
    pub fn receive(&self, most: usize, mut each: impl FnMut(PacketNumber)) -> Result<(), NetlinkError> {
        let mut buffer = [0; MESSAGE_LENGTH];
        for _ in 0..most {
            match recv(&self.socket, &mut buffer[..], RecvFlags::DONTWAIT) {
                // What is no packet is a refused verdict: the packet is gone, say because another
                // table was removed, which empties every queue of the namespace.
                Ok((length, _)) => messages(&buffer[..length])
                    .filter(|received| received.kind == SUBSYSTEM | kind::PACKET)
                    .filter_map(|received| Attributes::after(received.payload, 4).get(attribute::PACKET_HEADER))
                    .filter_map(|header| header.be32())
                    .for_each(|number| each(PacketNumber(number))),
                Err(rustix::io::Errno::AGAIN) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => {
                    return Err(NetlinkError::from_call(format!("read packet queue {}", self.number), errno));
                }
            }
        }
        Ok(())
    }

    /// Lets go every packet up to this one, in order.
    ///
    /// # Errors
    /// When the socket is broken.
    pub fn accept_through(&self, last: PacketNumber) -> Result<(), NetlinkError> {
        self.send(&self.verdict(kind::VERDICT_BATCH, last))
    }

    /// Lets go exactly these packets.
    ///
    /// # Errors
    /// When the socket is broken.
    pub fn accept(&self, packets: &[PacketNumber]) -> Result<(), NetlinkError> {
        let datagram: Vec<u8> = packets.iter().flat_map(|&packet| self.verdict(kind::VERDICT, packet)).collect();
        self.send(&datagram)
    }

    fn send(&self, datagram: &[u8]) -> Result<(), NetlinkError> {
        self.socket.send(datagram, &format!("let packets of queue {} go", self.number))
    }

    fn verdict(&self, kind: u16, packet: PacketNumber) -> Vec<u8> {
        // struct nfqnl_msg_verdict_hdr: verdict, packet.
        let mut header = [0; 8];
        header[..4].copy_from_slice(&ACCEPT.to_be_bytes());
        header[4..].copy_from_slice(&packet.0.to_be_bytes());
        let mut message = self.message(kind);
        message.bytes(attribute::VERDICT_HEADER, &header);
        message.finish(0)
    }

    fn message(&self, kind: u16) -> Message {
        // struct nfgenmsg: no family, version 0, the queue's number.
        let [high, low] = self.number.to_be_bytes();
        Message::new(SUBSYSTEM | kind, 0, &[0, 0, high, low])
    }
}

impl AsFd for Queue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A packet's number in its queue: they count up from 1, and wrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PacketNumber(u32);

impl PacketNumber {
    /// The number before the first.
    pub const NONE: Self = Self(0);

    /// A number that every packet now in the queue comes before, also those the reader has not seen.
    pub fn far_ahead(self) -> Self {
        // The kernel compares as signed distance (`nfq_id_after`), so less than half the circle.
        Self(self.0.wrapping_add(1 << 30))
    }
}

#[cfg(test)]
impl Queue {
    /// A queue that is whatever this descriptor is.
    pub(crate) fn over(descriptor: std::os::fd::OwnedFd) -> Self {
        Self { socket: Socket::over(descriptor), number: 0 }
    }
}

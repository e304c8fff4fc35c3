//! A netlink socket: requests out, acknowledgements and lists in.
//!
//! The kernel carries a request out inside the `send` call, so its answer is ready when that returns.

use super::message::{HEADER_LENGTH, Received, flags, messages};
use super::{Attributes, Message, NetlinkError};
use crate::unsafe_calls::{NetlinkOption, turn_on};
use nix::errno::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::{set_socket_send_buffer_size, set_socket_send_buffer_size_force};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, netlink, recv, send, socket_with,
};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// `NLMSG_ERROR`: an error, or an acknowledgement (errno 0).
const NLMSG_ERROR: u16 = 2;
/// `NLMSG_DONE`: the end of a list.
const NLMSG_DONE: u16 = 3;
/// `NLM_F_ACK_TLVS`: attributes follow the error.
const NLM_F_ACK_TLVS: u16 = 0x200;
/// `NLMSGERR_ATTR_MSG`: the kernel's own words.
const NLMSGERR_ATTR_MSG: u16 = 1;
/// No message of the kernel's is longer (it sizes lists by the reader's buffer, up to 32 KiB).
const RECEIVE_LENGTH: usize = 64 * 1024;
/// A list that changes faster than it can be told this often is an error.
const DUMP_ATTEMPTS: u32 = 8;

/// Which part of the kernel a socket speaks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `NETLINK_ROUTE`: links, queueing disciplines.
    Route,
    /// `NETLINK_NETFILTER`: nftables, packet queues.
    Netfilter,
}

/// A message, and what it does in words for its error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The message.
    pub message: Message,
    /// Such as `add nftables chain egress to table squall_1f`.
    pub doing: String,
}

/// A socket to the kernel, bound for life to the network namespace it was opened in.
#[derive(Debug)]
pub struct Socket {
    descriptor: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

#[cfg(test)]
impl Socket {
    /// A socket that is whatever this descriptor is.
    pub(crate) fn over(descriptor: OwnedFd) -> Self {
        Self { descriptor, sequence: 0, buffer: Vec::new() }
    }
}

impl Socket {
    /// Opens a socket in the calling thread's network namespace.
    ///
    /// # Errors
    /// When the kernel has no such protocol, or no descriptor is left.
    pub fn open(protocol: Protocol) -> Result<Self, NetlinkError> {
        let (number, doing) = match protocol {
            Protocol::Route => (None, "open a netlink socket for links"),
            Protocol::Netfilter => (Some(netlink::NETFILTER), "open a netlink socket for netfilter"),
        };
        let call = |errno| NetlinkError::from_call(doing, errno);
        // CLOEXEC is what makes the kernel's own revert certain: a child that inherited an owner
        // table's socket would keep the table alive after our death.
        let descriptor =
            socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, number).map_err(call)?;
        bind(&descriptor, &SocketAddrNetlink::new(0, 0)).map_err(call)?;
        for option in [NetlinkOption::ErrorTexts, NetlinkOption::ShortAcknowledgements] {
            turn_on(descriptor.as_fd(), option).map_err(|errno| NetlinkError::new(doing, errno))?;
        }
        Ok(Self { descriptor, sequence: 0, buffer: vec![0; RECEIVE_LENGTH] })
    }

    /// Sends one request and waits for its acknowledgement.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn request(&mut self, request: Request) -> Result<(), NetlinkError> {
        self.transact(vec![request], None)
    }

    /// Sends requests in one datagram, framed where the family wants it, and waits until the last one is
    /// answered. The first error wins; whether the others were carried out is the family's business
    /// (netfilter: all or none).
    ///
    /// # Errors
    /// The kernel's first refusal, with the words of the request it refused.
    pub fn transact(
        &mut self,
        mut requests: Vec<Request>,
        frame: Option<(Message, Message)>,
    ) -> Result<(), NetlinkError> {
        let Some(last) = requests.last_mut() else { return Ok(()) };
        last.message.acknowledge();
        let whole = format!("{} (of {} requests)", requests[0].doing, requests.len());
        let (begin, end) = frame.unzip();
        let mut datagram = Vec::new();
        if let Some(begin) = begin {
            datagram.extend(begin.finish(self.next_sequence()));
        }
        let mut doing = Vec::with_capacity(requests.len());
        for request in requests {
            let sequence = self.next_sequence();
            datagram.extend(request.message.finish(sequence));
            doing.push((sequence, request.doing));
        }
        let awaited = self.sequence;
        if let Some(end) = end {
            datagram.extend(end.finish(self.next_sequence()));
        }
        self.send(&datagram, &whole)?;
        self.acknowledgement(awaited, &doing, whole)
    }

    /// Asks for a list and gives each entry's payload (its family's header and attributes) to `each`.
    ///
    /// # Errors
    /// The kernel's refusal, or a list that never holds still.
    pub fn dump<T>(
        &mut self,
        request: &Request,
        mut each: impl FnMut(&[u8]) -> Option<T>,
    ) -> Result<Vec<T>, NetlinkError> {
        for _ in 0..DUMP_ATTEMPTS {
            if let Some(found) = self.dump_once(request, &mut each)? {
                return Ok(found);
            }
        }
        Err(NetlinkError::new(request.doing.clone(), Errno::EINTR))
    }

    fn dump_once<T>(
        &mut self,
        request: &Request,
        each: &mut impl FnMut(&[u8]) -> Option<T>,
    ) -> Result<Option<Vec<T>>, NetlinkError> {
        let sequence = self.next_sequence();
        self.send(&request.message.clone().finish(sequence), &request.doing)?;
        let (mut found, mut interrupted) = (Vec::new(), false);
        loop {
            let length = self.receive(RecvFlags::empty(), &request.doing)?.expect("a blocking receive waits");
            for received in messages(&self.buffer[..length]).filter(|received| received.sequence == sequence) {
                interrupted |= received.flags & flags::DUMP_INTERRUPTED != 0;
                match received.kind {
                    NLMSG_DONE => return Ok((!interrupted).then_some(found)),
                    NLMSG_ERROR => match refusal(&received, &request.doing) {
                        Some(error) => return Err(error),
                        None => return Ok(Some(found)),
                    },
                    _ => found.extend(each(received.payload)),
                }
            }
        }
    }

    fn acknowledgement(&mut self, awaited: u32, doing: &[(u32, String)], whole: String) -> Result<(), NetlinkError> {
        let mut error = None;
        // A refused batch may answer with its frame's number, so the first error ends the waiting
        // too; what else has arrived is taken off the socket for the next request.
        let mut over = false;
        loop {
            let flags = if over { RecvFlags::DONTWAIT } else { RecvFlags::empty() };
            let Some(length) = self.receive(flags, &whole)? else { break };
            for received in messages(&self.buffer[..length]).filter(|received| received.kind == NLMSG_ERROR) {
                let words = doing.iter().find(|(sequence, _)| *sequence == received.sequence);
                let refused = refusal(&received, words.map_or(&whole, |(_, words)| words));
                over |= received.sequence == awaited || refused.is_some();
                error = error.or(refused);
            }
        }
        error.map_or(Ok(()), Err)
    }

    /// Sends messages as they are, without waiting for an answer.
    pub(crate) fn send(&self, datagram: &[u8], doing: &str) -> Result<(), NetlinkError> {
        let result = match send(&self.descriptor, datagram, SendFlags::empty()) {
            // Longer than the send buffer: thousands of peers.
            Err(rustix::io::Errno::MSGSIZE) => {
                let room = datagram.len() * 2;
                set_socket_send_buffer_size_force(&self.descriptor, room)
                    .or_else(|_| set_socket_send_buffer_size(&self.descriptor, room))
                    .and_then(|()| send(&self.descriptor, datagram, SendFlags::empty()))
            }
            other => other,
        };
        result.map(drop).map_err(|errno| NetlinkError::from_call(doing, errno))
    }

    /// `None` when nothing is there and the flags say not to wait.
    fn receive(&mut self, flags: RecvFlags, doing: &str) -> Result<Option<usize>, NetlinkError> {
        loop {
            match recv(&self.descriptor, &mut self.buffer[..], flags) {
                Ok((length, _)) => return Ok(Some(length)),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return Ok(None),
                Err(errno) => return Err(NetlinkError::from_call(doing, errno)),
            }
        }
    }

    fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// The error in an `NLMSG_ERROR`, or `None` for an acknowledgement. Layout: `struct nlmsgerr`.
fn refusal(received: &Received<'_>, doing: &str) -> Option<NetlinkError> {
    let code = received.payload.first_chunk().copied().map_or(-(Errno::EBADMSG as i32), i32::from_ne_bytes);
    if code == 0 {
        return None;
    }
    // The request's header follows the number; because of CAP_ACK nothing else of it does.
    let text = (received.flags & NLM_F_ACK_TLVS != 0)
        .then(|| Attributes::after(received.payload, 4 + HEADER_LENGTH).get(NLMSGERR_ATTR_MSG))
        .flatten()
        .map(|attribute| attribute.text());
    Some(NetlinkError { doing: doing.to_owned(), errno: Errno::from_raw(-code), text })
}

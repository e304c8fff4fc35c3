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
use std::sync::atomic::{AtomicU32, Ordering};

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

/// Above `PID_MAX_LIMIT`: the kernel's own choices are process numbers and, if one is taken, numbers beyond `i32::MAX`.
const FIRST_PORT: u32 = 1 << 23;
/// Up to `i32::MAX`.
const PORTS: u32 = (1 << 31) - FIRST_PORT;
/// How many ports are tried: others hold few, if any.
const PORT_ATTEMPTS: u32 = 64;

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
        bind_to_fresh_port(&descriptor).map_err(call)?;
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
    pub fn transact(&mut self, requests: Vec<Request>, frame: Option<(Message, Message)>) -> Result<(), NetlinkError> {
        let Some(datagram) = Datagram::encode(requests, frame, self.sequence) else { return Ok(()) };
        self.sequence = datagram.last;
        self.send(&datagram.bytes, &datagram.whole)?;
        self.acknowledgement(&datagram)
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

    fn acknowledgement(&mut self, asked: &Datagram) -> Result<(), NetlinkError> {
        let Datagram { whole, doing, awaited, .. } = asked;
        let mut error = None;
        // A refused batch may answer with its frame's number, so the first error ends the waiting
        // too; what else has arrived is taken off the socket for the next request.
        let mut over = false;
        loop {
            let flags = if over { RecvFlags::DONTWAIT } else { RecvFlags::empty() };
            let Some(length) = self.receive(flags, whole)? else { break };
            for received in messages(&self.buffer[..length]).filter(|received| received.kind == NLMSG_ERROR) {
                let words = doing.iter().find(|(sequence, _)| *sequence == received.sequence);
                let refused = refusal(&received, words.map_or(whole, |(_, words)| words));
                over |= received.sequence == *awaited || refused.is_some();
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

    /// Closes it on a thread of its own, for a socket that owns nothing any more. Whoever closes a netfilter socket waits
    /// until the kernel has freed what was last removed from the namespace's tables: a grace period of RCU, 5-17 ms
    /// as measured, which changes nothing for any packet. Whoever changes tables of that namespace meanwhile waits instead.
    pub fn close_later(self) {
        // Without a thread the closure is dropped, and the socket with it, here and now.
        let _ = std::thread::Builder::new().name("close".into()).spawn(move || drop(self));
    }

    fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }
}

/// Binds a socket to a port that none in this process has had before.
///
/// A socket that closes gives its port free first, and only then has the kernel remove the tables owned by that *port*.
/// If another socket got it meanwhile (the kernel's own choice is the process' number whenever that is free),
/// its tables went too: a fault would end because another one did.
fn bind_to_fresh_port(descriptor: &OwnedFd) -> rustix::io::Result<()> {
    static USED: AtomicU32 = AtomicU32::new(0);
    let mut result = Ok(());
    for _ in 0..PORT_ATTEMPTS {
        // Scattered by the process' number, so that two agents seldom meet.
        let place = std::process::id().wrapping_mul(0x9e37_79b1).wrapping_add(USED.fetch_add(1, Ordering::Relaxed));
        result = bind(descriptor, &SocketAddrNetlink::new(FIRST_PORT + place % PORTS, 0));
        if result != Err(rustix::io::Errno::ADDRINUSE) {
            break;
        }
    }
    result
}

/// Requests as they go out, and what their answers are told by.
pub(crate) struct Datagram {
    pub bytes: Vec<u8>,
    /// What was asked, in one line.
    whole: String,
    /// What each number asks.
    doing: Vec<(u32, String)>,
    /// The number whose acknowledgement ends the waiting.
    awaited: u32,
    /// The highest number used.
    last: u32,
}

impl Datagram {
    /// Numbers the messages behind `before`. `None`: there is nothing to ask.
    pub fn encode(mut requests: Vec<Request>, frame: Option<(Message, Message)>, before: u32) -> Option<Self> {
        requests.last_mut()?.message.acknowledge();
        let whole = format!("{} (of {} requests)", requests[0].doing, requests.len());
        let mut last = before;
        let mut next = || {
            last = last.wrapping_add(1);
            last
        };
        let (begin, end) = frame.unzip();
        let mut bytes = Vec::new();
        if let Some(begin) = begin {
            bytes.extend(begin.finish(next()));
        }
        let mut doing = Vec::with_capacity(requests.len());
        for request in requests {
            let sequence = next();
            bytes.extend(request.message.finish(sequence));
            doing.push((sequence, request.doing));
        }
        let awaited = doing.last().expect("there is a last request").0;
        if let Some(end) = end {
            bytes.extend(end.finish(next()));
        }
        Some(Self { bytes, whole, doing, awaited, last })
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

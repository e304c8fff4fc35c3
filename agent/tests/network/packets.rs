//! Real packets: what gets through, and how long it takes.

use crate::world::Namespace;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, ipproto, recvfrom, sendto, socket};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Long enough for a packet that comes at all, on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// Long enough to believe that nothing comes: a thousand bare round trips.
pub const SILENCE: Duration = Duration::from_millis(150);

/// Answers every datagram with itself, and counts them.
pub struct Echo {
    pub address: SocketAddr,
    received: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Echo {
    pub fn start(namespace: &Namespace, address: IpAddr, port: u16) -> Self {
        let socket = bound(namespace, address, port);
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let address = socket.local_addr().unwrap();
        let (received, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, ended) = (Arc::clone(&received), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 65_536];
            while !ended.load(Ordering::Relaxed) {
                if let Ok((length, from)) = socket.recv_from(&mut buffer) {
                    count.fetch_add(1, Ordering::Relaxed);
                    let _ = socket.send_to(&buffer[..length], from);
                }
            }
        });
        Self { address, received, stop, thread: Some(thread) }
    }

    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// A UDP socket of a namespace; port 0: any.
pub fn bound(namespace: &Namespace, address: IpAddr, port: u16) -> UdpSocket {
    namespace.inside(|| UdpSocket::bind(SocketAddr::new(address, port)).unwrap())
}

/// A client whose datagrams carry numbers, so that late answers are told apart.
pub struct Client {
    socket: UdpSocket,
    number: u64,
}

impl Client {
    pub fn new(namespace: &Namespace, address: IpAddr) -> Self {
        Self::from_port(namespace, address, 0)
    }

    pub fn from_port(namespace: &Namespace, address: IpAddr, port: u16) -> Self {
        Self { socket: bound(namespace, address, port), number: 0 }
    }

    /// How long the answer to one datagram took. Sending must not fail, whatever the fault.
    pub fn round_trip(&mut self, to: SocketAddr, patience: Duration) -> Option<Duration> {
        self.number += 1;
        let (began, mut buffer) = (Instant::now(), [0; 65_536]);
        self.socket.send_to(&self.number.to_ne_bytes(), to).expect("no fault makes sending fail");
        loop {
            let left = patience.checked_sub(began.elapsed()).filter(|left| !left.is_zero())?;
            self.socket.set_read_timeout(Some(left)).unwrap();
            match self.socket.recv(&mut buffer) {
                Ok(8) if buffer[..8] == self.number.to_ne_bytes() => return Some(began.elapsed()),
                _ => {}
            }
        }
    }

    pub fn is_answered(&mut self, to: SocketAddr) -> bool {
        // A first packet may be lost to a neighbour that is still being asked for.
        (0..5).any(|_| self.round_trip(to, PATIENCE / 5).is_some())
    }

    pub fn is_cut(&mut self, to: SocketAddr) -> bool {
        (0..3).all(|_| self.round_trip(to, SILENCE).is_none())
    }
}

/// Whether an ICMP echo is answered.
pub fn pings(namespace: &Namespace, to: IpAddr, patience: Duration) -> bool {
    let (family, protocol, request, reply) = match to {
        IpAddr::V4(_) => (AddressFamily::INET, ipproto::ICMP, 8, 0),
        IpAddr::V6(_) => (AddressFamily::INET6, ipproto::ICMPV6, 128, 129),
    };
    let raw = namespace.inside(|| socket(family, SocketType::RAW, Some(protocol)).unwrap());
    rustix::net::sockopt::set_socket_timeout(&raw, rustix::net::sockopt::Timeout::Recv, Some(patience)).unwrap();
    // Type, code, checksum (of one word beside zeros: its complement; the kernel does ICMPv6's), id, number.
    let checksum = if to.is_ipv4() { !(u16::from(request) << 8) } else { 0 };
    let mut echo = [request, 0, 0, 0, 0, 0, 0, 0];
    echo[2..4].copy_from_slice(&checksum.to_be_bytes());
    sendto(&raw, &echo, SendFlags::empty(), &SocketAddr::new(to, 0)).unwrap();
    let began = Instant::now();
    while began.elapsed() < patience {
        let mut buffer = [0; 1500];
        let Ok((length, _, _)) = recvfrom(&raw, &mut buffer[..], RecvFlags::empty()) else { return false };
        let header = if to.is_ipv4() { usize::from(buffer[0] & 15) * 4 } else { 0 };
        if buffer[header..length].first() == Some(&reply) {
            return true;
        }
    }
    false
}

/// Polls until it is so, or says no after [`PATIENCE`].
pub fn soon(mut is_so: impl FnMut() -> bool) -> bool {
    let began = Instant::now();
    std::iter::repeat_with(std::thread::yield_now).take_while(|()| began.elapsed() < PATIENCE).any(|()| is_so())
}

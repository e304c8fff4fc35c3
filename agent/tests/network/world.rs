//! Two network namespaces, joined by a veth pair, that end with the test.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// The instance's addresses.
pub const HERE4: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 99, 0, 1));
pub const HERE6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, 0, 1));
/// Its peer's.
pub const PEER4: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 99, 0, 2));
pub const PEER6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, 0, 2));
/// Another one, at the same place.
pub const OTHER4: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 99, 0, 3));
pub const OTHER6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, 0, 3));

static COUNT: AtomicU32 = AtomicU32::new(0);

/// The instance `here`, its `peer`, and `vA` <-> `vB` between them.
pub struct World {
    pub here: Namespace,
    pub peer: Namespace,
}

/// A named network namespace, removed when dropped.
pub struct Namespace {
    pub name: String,
    file: OwnedFd,
}

impl World {
    pub fn new() -> Self {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let (here, peer) = (Namespace::new("here", number), Namespace::new("peer", number));
        let world = Self { here, peer };
        ip(&[
            "link",
            "add",
            "vA",
            "netns",
            &world.here.name,
            "type",
            "veth",
            "peer",
            "name",
            "vB",
            "netns",
            &world.peer.name,
        ]);
        world.here.ip(&["addr", "add", "10.99.0.1/24", "dev", "vA"]);
        world.here.ip(&["addr", "add", "fd99::1/64", "dev", "vA", "nodad"]);
        for number in [2, 3] {
            world.peer.ip(&["addr", "add", &format!("10.99.0.{number}/24"), "dev", "vB"]);
            world.peer.ip(&["addr", "add", &format!("fd99::{number}/64"), "dev", "vB", "nodad"]);
        }
        world.here.ip(&["link", "set", "vA", "up"]);
        world.peer.ip(&["link", "set", "vB", "up"]);
        world
    }
}

impl Namespace {
    fn new(role: &str, number: u32) -> Self {
        let name = format!("squall-test-{}-{number}-{role}", std::process::id());
        ip(&["netns", "add", &name]);
        let file = std::fs::File::open(format!("/run/netns/{name}")).unwrap().into();
        let namespace = Self { name, file };
        namespace.ip(&["link", "set", "lo", "up"]);
        namespace
    }

    pub fn ip(&self, words: &[&str]) -> String {
        ip(&[&["-n", self.name.as_str()], words].concat())
    }

    /// Runs a program inside and gives back what it said, with its success.
    pub fn run(&self, words: &[&str]) -> (String, bool) {
        let output = Command::new("ip").args(["netns", "exec", &self.name]).args(words).output().unwrap();
        (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.success())
    }

    /// What `nft` sees.
    pub fn ruleset(&self) -> serde_json::Value {
        let (text, success) = self.run(&["nft", "-j", "list", "ruleset"]);
        assert!(success, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Runs `f` inside.
    pub fn inside<T: Send>(&self, f: impl FnOnce() -> T + Send) -> T {
        squall_agent::kernel::in_namespace(self.as_fd(), f).unwrap()
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "delete", &self.name]).status();
    }
}

fn ip(words: &[&str]) -> String {
    let output = Command::new("ip").args(words).output().unwrap();
    assert!(output.status.success(), "ip {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

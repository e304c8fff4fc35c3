//! Two network namespaces, joined by a veth pair, that end with the test.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::Command;
use std::sync::Once;
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
static SWEEP: Once = Once::new();

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
    /// `None`: not as root here; the test has run in a user namespace of its own instead, or says that it is skipped.
    pub fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            again_in_a_user_namespace();
            return None;
        }
        SWEEP.call_once(sweep);
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
        Some(world)
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

/// Runs the calling test once more, as root of a new user namespace with a `/run` of its own.
fn again_in_a_user_namespace() {
    let unshare = |command: &[&str]| {
        Command::new("unshare").args(["--user", "--map-root-user", "--mount", "--net"]).args(command).status()
    };
    if !unshare(&["true"]).is_ok_and(|status| status.success()) {
        return crate::privilege::skip("needs root, or a user namespace");
    }
    let program = std::env::current_exe().unwrap();
    let test = std::thread::current().name().expect("libtest names its threads after tests").to_owned();
    let script = "mount -t tmpfs none /run && exec \"$0\" --exact \"$1\" --nocapture";
    let status = unshare(&["sh", "-c", script, program.to_str().unwrap(), &test]).unwrap();
    assert!(status.success(), "{test} failed in a user namespace");
}

/// Removes what tests left that were killed: namespaces that carry the number of a process that is gone.
fn sweep() {
    for entry in std::fs::read_dir("/run/netns").into_iter().flatten().flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        let maker = name.strip_prefix("squall-test-").and_then(|rest| rest.split('-').next());
        if maker.is_some_and(|pid| !std::path::Path::new("/proc").join(pid).exists()) {
            let _ = Command::new("ip").args(["netns", "delete", &name]).status();
        }
    }
}

fn ip(words: &[&str]) -> String {
    let output = Command::new("ip").args(words).output().unwrap();
    assert!(output.status.success(), "ip {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

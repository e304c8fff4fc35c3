//! Orders, and the processes that hold them.

use crate::world::Namespace;
use squall_agent::faults::network::NetworkFault;
use squall_experiments::fault::{Direction, Evidence, NetworkOrder, Peers, Protocol};
use squall_experiments::name::FaultId;
use std::io::{BufRead, BufReader};
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Longer than any test.
pub const LEASE: Duration = Duration::from_secs(60);

/// Everything is cut both ways.
pub fn partition() -> NetworkOrder {
    NetworkOrder { partition: true, ..NetworkOrder::about_all(Direction::Both) }
}

/// What comes in waits.
pub fn delay(length: &str) -> NetworkOrder {
    let delay = Some(length.parse().unwrap());
    NetworkOrder { delay, partition: false, direction: Direction::Ingress, ..partition() }
}

/// A share is lost.
pub fn loss(share: &str, direction: Direction) -> NetworkOrder {
    NetworkOrder { loss: Some(share.parse().unwrap()), partition: false, direction, ..partition() }
}

pub fn only(addresses: &[IpAddr]) -> Peers {
    Peers::Only(addresses.iter().map(|address| address.to_string().parse().unwrap()).collect())
}

pub fn on_ports(ports: &[u16]) -> NetworkOrder {
    NetworkOrder { ports: ports.to_vec(), ..partition() }
}

pub fn of_protocol(protocol: Protocol) -> NetworkOrder {
    NetworkOrder { protocol: Some(protocol), ..partition() }
}

pub fn inject(namespace: &Namespace, order: &NetworkOrder) -> NetworkFault {
    NetworkFault::inject(&FaultId::new("fault"), order, namespace.as_fd(), LEASE).unwrap()
}

pub fn dropped(fault: &mut NetworkFault) -> u64 {
    let Evidence::Packets { dropped, .. } = fault.evidence().unwrap() else { panic!("packets") };
    dropped
}

const ORDER: &str = "SQUALL_TEST_ORDER";
const NAMESPACE: &str = "SQUALL_TEST_NAMESPACE";
const LEASE_MILLIS: &str = "SQUALL_TEST_LEASE";

/// A process of its own that holds a fault. It is killed with the test.
pub struct Holder(pub Child);

impl Holder {
    pub fn start(namespace: &Namespace, order: &NetworkOrder, lease: Duration) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "orders::holds_a_fault_for_another_test", "--ignored", "--nocapture"])
            .env(ORDER, serde_json::to_string(order).unwrap())
            .env(NAMESPACE, format!("/run/netns/{}", namespace.name))
            .env(LEASE_MILLIS, lease.as_millis().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        let holder = Self(child);
        assert!(BufReader::new(stdout).lines().any(|line| line.unwrap().contains("fault is on")));
        holder
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, signal).unwrap();
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "not a test: the process that holds a fault for one"]
fn holds_a_fault_for_another_test() {
    let variable = |name| std::env::var(name).unwrap();
    let order: NetworkOrder = serde_json::from_str(&variable(ORDER)).unwrap();
    let namespace = std::fs::File::open(variable(NAMESPACE)).unwrap();
    let lease = Duration::from_millis(variable(LEASE_MILLIS).parse().unwrap());
    let _fault = NetworkFault::inject(&FaultId::new("held"), &order, namespace.as_fd(), lease).unwrap();
    println!("fault is on");
    // Until the test ends, one way or another.
    let _ = std::io::stdin().lines().count();
}

//! Network faults on the real kernel: judged by `nft` and `ip`, and by real packets.
mod world;

use squall_agent::faults::network::NetworkFault;
use squall_experiments::fault::{Direction, NetworkOrder, Peers};
use squall_experiments::name::FaultId;
use std::os::fd::AsFd;
use std::time::Duration;
use world::World;

#[test]
fn smoke() {
    let world = World::new();
    let order = NetworkOrder {
        delay: None,
        jitter: None,
        loss: None,
        partition: true,
        direction: Direction::Both,
        peers: Peers::Only(vec!["10.99.0.2".parse().unwrap(), "fd99::2".parse().unwrap()]),
        ports: vec![80, 443],
        protocol: None,
        cut_control: false,
    };
    let mut fault =
        NetworkFault::inject(&FaultId::new("a"), &order, world.here.as_fd(), Duration::from_secs(9)).unwrap();
    println!("{}", world.here.run(&["nft", "list", "ruleset"]).0);
    fault.renew(Duration::from_secs(20)).unwrap();
    println!("{:?}", fault.evidence());
    fault.revert().unwrap();
    println!("{:?}", fault.evidence());
    println!("[{}]", world.here.run(&["nft", "list", "ruleset"]).0);
    let order = NetworkOrder {
        delay: Some("50ms".parse().unwrap()),
        jitter: None,
        loss: Some("30%".parse().unwrap()),
        partition: false,
        direction: Direction::Ingress,
        peers: Peers::All,
        ports: vec![],
        protocol: None,
        cut_control: false,
    };
    let mut fault =
        NetworkFault::inject(&FaultId::new("a"), &order, world.here.as_fd(), Duration::from_secs(9)).unwrap();
    println!("{}", world.here.run(&["nft", "list", "ruleset"]).0);
    println!("{}", world.here.run(&["ping", "-c", "20", "-i", "0.01", "10.99.0.2"]).0);
    println!("{}", world.here.run(&["ping", "-c", "20", "-i", "0.01", "fd99::2"]).0);
    println!("{:?}", fault.evidence());
    fault.revert().unwrap();
    println!("{:?}", fault.evidence());
}

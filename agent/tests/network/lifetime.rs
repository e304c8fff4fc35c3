//! How a fault ends: by revert, by its lease, by the death of its process; and what is left then: nothing.

use crate::orders::{Holder, LEASE, delay, inject, loss, partition};
use crate::packets::{Client, Echo, PATIENCE, SILENCE};
use crate::world::{HERE4, PEER4, World};
use rustix::process::Signal;
use squall_agent::faults::network::{NetworkFault, table_name};
use squall_agent::netlink::nftables::{Batch, Family, Table, table_exists};
use squall_agent::netlink::{Protocol, Socket};
use squall_agent::snapshot::Snapshot;
use squall_experiments::fault::{Direction, NetworkOrder, Refusal, RefusalKind};
use squall_experiments::name::FaultId;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

fn every_fault() -> [NetworkOrder; 4] {
    let jittered = NetworkOrder { jitter: Some("100ms".parse().unwrap()), ..delay("300ms") };
    [partition(), loss("100%", Direction::Egress), delay("300ms"), jittered]
}

/// Quicker than any of these faults lets an answer be.
const UNHINDERED: Duration = Duration::from_millis(150);

/// How long until an answer comes unhindered; asks again and again.
fn free_after(client: &mut Client, echo: &Echo) -> Duration {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if client.round_trip(echo.address, UNHINDERED).is_some() {
            return began.elapsed();
        }
    }
    panic!("still hindered after {PATIENCE:?}");
}

#[test]
fn a_revert_leaves_the_namespace_as_it_was() {
    let Some(world) = World::new() else { return };
    let (ok, text) = (world.here.run(&["nft", "add", "table", "ip", "mine"]), "the namespace's own");
    assert!(ok.1, "{text}");
    assert!(world.here.run(&["nft", "add", "chain", "ip", "mine", "c", "{ type filter hook input priority 0 ; }"]).1);
    assert!(world.here.run(&["nft", "add", "rule", "ip", "mine", "c", "counter", "accept"]).1);
    let echo = Echo::start(&world.peer, PEER4, 7);
    let mut client = Client::new(&world.here, HERE4);
    for order in every_fault() {
        let before = Snapshot::take(world.here.as_fd()).unwrap();
        let mut fault = inject(&world.here, &order);
        assert!(client.round_trip(echo.address, SILENCE).is_none());
        let during = Snapshot::take(world.here.as_fd()).unwrap();
        let told = before.compare(&during);
        let own = table_name(&FaultId::new("fault"));
        assert!(!told.is_empty() && told.iter().all(|one| one.what.contains(&own)), "{told:?}");
        fault.revert().unwrap();
        fault.revert().expect("again: nothing to do");
        let after = Snapshot::take(world.here.as_fd()).unwrap();
        assert_eq!(before.compare(&after), []);
        free_after(&mut client, &echo);
        assert_eq!(before.compare(&Snapshot::take(world.here.as_fd()).unwrap()), [], "counters do not count");
    }
}

/// The kernel removes what a closed socket owned by the number of its port, late: that number must not be a newer fault's.
#[test]
fn the_end_of_a_fault_does_not_end_the_next() {
    let Some(world) = World::new() else { return };
    let settle = || drop(Socket::open(Protocol::Netfilter).unwrap());
    let name = "next".to_owned();
    let next = Table { family: Family::Inet, name, counters: Vec::new(), sets: Vec::new(), chains: Vec::new() };
    world.here.inside(|| {
        for round in 0..100 {
            NetworkFault::inject_here(&FaultId::new("fault"), &partition(), LEASE).unwrap().revert().unwrap();
            // Holds the lock that the first one's end waits for. Whoever comes now may be quicker than it.
            settle();
            let mut owner = Socket::open(Protocol::Netfilter).unwrap();
            let mut batch = Batch::default();
            batch.make_owned(&next);
            batch.commit(&mut owner).unwrap();
            settle();
            assert!(table_exists(&mut owner, &next.name).unwrap(), "round {round}");
        }
    });
}

#[test]
fn the_death_of_its_process_ends_a_fault() {
    let Some(world) = World::new() else { return };
    let echo = Echo::start(&world.peer, PEER4, 7);
    let mut client = Client::new(&world.here, HERE4);
    assert!(client.is_answered(echo.address));
    let before = Snapshot::take(world.here.as_fd()).unwrap();
    for order in every_fault() {
        let holder = Holder::start(&world.here, &order, LEASE);
        assert!(client.round_trip(echo.address, UNHINDERED).is_none());
        holder.signal(Signal::KILL);
        let after = free_after(&mut client, &echo);
        println!("free {after:?} after SIGKILL");
        drop(holder);
        assert_eq!(before.compare(&Snapshot::take(world.here.as_fd()).unwrap()), []);
    }
}

#[test]
fn the_lease_ends_a_fault_whose_process_is_stopped() {
    let Some(world) = World::new() else { return };
    let echo = Echo::start(&world.peer, PEER4, 7);
    let mut client = Client::new(&world.here, HERE4);
    assert!(client.is_answered(echo.address));
    let lease = Duration::from_millis(1_500);
    for order in every_fault() {
        let began = Instant::now();
        let holder = Holder::start(&world.here, &order, lease);
        let on = Instant::now();
        holder.signal(Signal::STOP);
        assert!(client.round_trip(echo.address, UNHINDERED).is_none());
        free_after(&mut client, &echo);
        println!("free {:?} after it was on", on.elapsed());
        assert!(began.elapsed() >= lease, "not before");
        assert!(on.elapsed() < lease + Duration::from_millis(500), "and not long after: {:?}", on.elapsed());
    }
}

#[test]
fn renewing_extends_without_a_gap_and_opens_again_after_the_end() {
    let Some(world) = World::new() else { return };
    let echo = Echo::start(&world.peer, PEER4, 7);
    let mut client = Client::new(&world.here, HERE4);
    assert!(client.is_answered(echo.address));
    let lease = Duration::from_millis(400);
    let order = partition();
    let mut fault = NetworkFault::inject(&FaultId::new("f"), &order, world.here.as_fd(), lease).unwrap();
    let began = Instant::now();
    while began.elapsed() < lease * 4 {
        assert!(client.round_trip(echo.address, Duration::from_millis(50)).is_none(), "a gap");
        fault.renew(lease).unwrap();
    }
    free_after(&mut client, &echo);
    fault.renew(lease).expect("the member is gone: it is only added");
    assert!(client.round_trip(echo.address, SILENCE).is_none());
    fault.revert().unwrap();
    assert!(fault.renew(lease).is_err(), "a fault that was reverted cannot come back");
    assert!(client.is_answered(echo.address));
}

#[test]
fn one_id_is_injected_once() {
    let Some(world) = World::new() else { return };
    let mut first = inject(&world.here, &partition());
    for order in [partition(), delay("10ms")] {
        let again = NetworkFault::inject(&FaultId::new("fault"), &order, world.here.as_fd(), LEASE);
        let refusal = Refusal::from(again.unwrap_err());
        assert_eq!(refusal.kind, RefusalKind::Overlap);
        assert!(refusal.reason.contains("already"), "{}", refusal.reason);
    }
    let echo = Echo::start(&world.peer, PEER4, 7);
    let mut client = Client::new(&world.here, HERE4);
    assert!(client.is_cut(echo.address), "the first one stands");
    first.revert().unwrap();
    assert!(client.is_answered(echo.address));
}

#[test]
fn two_faults_stand_and_end_apart() {
    let Some(world) = World::new() else { return };
    let echo = Echo::start(&world.peer, PEER4, 7);
    let mut client = Client::new(&world.here, HERE4);
    let [one, two, three] = ["one", "two", "three"].map(FaultId::new);
    let namespace = world.here.as_fd();
    let mut slow = NetworkFault::inject(&one, &delay("60ms"), namespace, LEASE).unwrap();
    let mut slower = NetworkFault::inject(&two, &delay("40ms"), namespace, LEASE).unwrap();
    let shortest =
        |client: &mut Client| (0..5).filter_map(|_| client.round_trip(echo.address, PATIENCE)).min().unwrap();
    assert!(shortest(&mut client) >= Duration::from_micros(99_800), "they add up");
    let both = Snapshot::take(namespace).unwrap();
    slow.revert().unwrap();
    assert_eq!(both.compare_for(&Snapshot::take(namespace).unwrap(), &FaultId::new("four")), []);
    let trip = shortest(&mut client);
    assert!((Duration::from_micros(39_900)..Duration::from_millis(60)).contains(&trip), "{trip:?}");
    let mut cut = NetworkFault::inject(&three, &partition(), namespace, LEASE).unwrap();
    assert!(client.is_cut(echo.address));
    slower.revert().unwrap();
    assert!(client.is_cut(echo.address));
    cut.revert().unwrap();
    assert!(client.is_answered(echo.address));
}

//! Two faults in one namespace: the end of one costs the other nothing.

use crate::orders::{LEASE, delay, only, partition};
use crate::packets::{PATIENCE, bound};
use crate::world::{HERE4, OTHER4, PEER4, World};
use squall_agent::faults::network::NetworkFault;
use squall_experiments::fault::NetworkOrder;
use squall_experiments::name::FaultId;
use std::net::UdpSocket;
use std::os::fd::AsFd;

const PACKETS: usize = 50;

fn inject(world: &World, id: &str, order: &NetworkOrder) -> NetworkFault {
    NetworkFault::inject(&FaultId::new(id), order, world.here.as_fd(), LEASE).unwrap()
}

/// Sends packets that a fault holds for long.
fn send_into_the_hold(world: &World) -> UdpSocket {
    let (from, to) = (bound(&world.peer, PEER4, 0), bound(&world.here, HERE4, 0));
    let target = to.local_addr().unwrap();
    for _ in 0..PACKETS {
        from.send_to(b"held", target).unwrap();
    }
    to.set_nonblocking(true).unwrap();
    assert!(to.recv(&mut [0; 9]).is_err(), "they are held");
    to.set_nonblocking(false).unwrap();
    to.set_read_timeout(Some(PATIENCE)).unwrap();
    to
}

fn all_come(to: &UdpSocket, when: &str) {
    for number in 0..PACKETS {
        // A wait that has a limit is not begun again by the kernel when a signal interrupts it.
        let received = loop {
            match to.recv(&mut [0; 9]) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        assert!(received.is_ok(), "{when}: only {number} of {PACKETS} came: {received:?}");
    }
}

fn tables(world: &World) -> usize {
    world.here.ruleset()["nftables"].as_array().unwrap().iter().filter(|one| one["table"].is_object()).count()
}

#[test]
fn the_end_of_another_fault_loses_none_of_what_a_delay_holds() {
    let Some(world) = World::new() else { return };
    let others = [
        ("a delay", NetworkOrder { peers: only(&[OTHER4]), ..delay("1s") }),
        ("a partition", NetworkOrder { peers: only(&[OTHER4]), ..partition() }),
    ];
    for (what, other) in &others {
        let mut held = inject(&world, "held", &NetworkOrder { peers: only(&[PEER4]), ..delay("2s") });
        let mut beside = inject(&world, "beside", other);
        let to = send_into_the_hold(&world);
        beside.revert().unwrap();
        beside.revert().expect("again: nothing to do");
        drop(beside);
        all_come(&to, what);
        held.revert().unwrap();
        assert_eq!(tables(&world), 0, "beside {what}: nothing is left once nobody holds anything");
    }
}

#[test]
fn what_a_delay_let_go_at_its_own_end_is_safe_from_the_end_of_another() {
    let Some(world) = World::new() else { return };
    let mut first = inject(&world, "first", &NetworkOrder { peers: only(&[PEER4]), ..delay("20s") });
    let mut second = inject(&world, "second", &NetworkOrder { peers: only(&[OTHER4]), ..delay("20s") });
    let to = send_into_the_hold(&world);
    first.revert().unwrap();
    all_come(&to, "reverted");
    second.revert().unwrap();
    assert_eq!(tables(&world), 0);
}

#[test]
fn what_was_left_standing_stops_nothing_and_goes_with_the_last() {
    let Some(world) = World::new() else { return };
    let mut held = inject(&world, "held", &NetworkOrder { peers: only(&[OTHER4]), ..delay("1s") });
    let mut cut = inject(&world, "cut", &NetworkOrder { peers: only(&[PEER4]), ..partition() });
    let (from, to) = (bound(&world.peer, PEER4, 0), bound(&world.here, HERE4, 0));
    to.set_read_timeout(Some(PATIENCE)).unwrap();
    cut.revert().unwrap();
    from.send_to(b"passes", to.local_addr().unwrap()).unwrap();
    assert!(to.recv(&mut [0; 9]).is_ok(), "its end is its end");
    assert!(cut.left_tables() && tables(&world) == 2, "its table stays, and does nothing");
    // Whoever comes meanwhile finds its own way.
    let mut third = inject(&world, "third", &NetworkOrder { peers: only(&[PEER4]), ..partition() });
    third.revert().unwrap();
    drop(held.revert());
    assert_eq!(tables(&world), 0);
}

//! `delay` and `jitter`: how long packets are held, and that none is lost by it.

use crate::orders::{delay, inject, only};
use crate::packets::{Client, Echo, PATIENCE, bound, soon};
use crate::world::{HERE4, HERE6, OTHER4, OTHER6, PEER4, PEER6, World};
use squall_agent::faults::network::{InjectError, NetworkFault};
use squall_experiments::fault::{DelaySeen, Direction, Evidence, NetworkOrder, Refusal, RefusalKind};
use squall_experiments::name::FaultId;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// What the reader saw, once it has seen so many: it counts a packet just after it has let it go.
fn seen_after(fault: &mut NetworkFault, count: u64) -> DelaySeen {
    let mut seen = None;
    assert!(soon(|| {
        let Evidence::Packets { delayed, delay, .. } = fault.evidence().unwrap() else { panic!("packets") };
        seen = delay;
        delayed == count
    }));
    seen.unwrap()
}

#[test]
fn delay_holds_what_comes_in_as_long_as_asked() {
    let Some(world) = World::new() else { return };
    for (here, peer) in [(HERE4, PEER4), (HERE6, PEER6)] {
        let echo = Echo::start(&world.peer, peer, 7);
        let mut client = Client::new(&world.here, here);
        assert!(client.is_answered(echo.address));
        let mut fault = inject(&world.here, &delay("50ms"));
        let trips: Vec<_> = (0..20).filter_map(|_| client.round_trip(echo.address, PATIENCE)).collect();
        assert_eq!(trips.len(), 20, "none is lost");
        let shortest = trips.iter().min().unwrap();
        assert!((Duration::from_micros(49_900)..Duration::from_millis(55)).contains(shortest), "{shortest:?}");
        let seen = seen_after(&mut fault, 20);
        assert!(seen.min >= Duration::from_micros(49_900) && seen.min < Duration::from_millis(52), "{seen:?}");
        assert!(seen.min <= seen.p50 && seen.p50 <= seen.p99 && seen.p99 <= seen.max);
    }
}

#[test]
fn delay_meets_only_the_named_peers() {
    let Some(world) = World::new() else { return };
    let _fault = inject(&world.here, &NetworkOrder { peers: only(&[PEER4, PEER6]), ..delay("80ms") });
    for (here, peer, other) in [(HERE4, PEER4, OTHER4), (HERE6, PEER6, OTHER6)] {
        let (slow, quick) = (Echo::start(&world.peer, peer, 7), Echo::start(&world.peer, other, 7));
        let mut client = Client::new(&world.here, here);
        let mut shortest = |to| (0..5).filter_map(|_| client.round_trip(to, PATIENCE)).min().unwrap();
        assert!(shortest(slow.address) >= Duration::from_micros(79_900));
        assert!(shortest(quick.address) < Duration::from_millis(70));
    }
    let own = Echo::start(&world.here, HERE4, 7);
    let trip = Client::new(&world.here, HERE4).round_trip(own.address, PATIENCE).unwrap();
    assert!(trip < Duration::from_millis(70), "loopback is never touched: {trip:?}");
}

#[test]
fn jitter_spreads_the_delay_both_ways() {
    let Some(world) = World::new() else { return };
    let echo = Echo::start(&world.peer, PEER4, 7);
    let mut client = Client::new(&world.here, HERE4);
    assert!(client.is_answered(echo.address));
    let order = NetworkOrder { jitter: Some("20ms".parse().unwrap()), ..delay("40ms") };
    let mut fault = inject(&world.here, &order);
    let mut trips: Vec<_> = (0..60).filter_map(|_| client.round_trip(echo.address, PATIENCE)).collect();
    assert_eq!(trips.len(), 60, "none is lost");
    trips.sort_unstable();
    assert!(trips[0] >= Duration::from_micros(19_900), "{:?}", trips[0]);
    // Of 60 evenly spread, none in a quarter of the range: one in 30 million.
    assert!(trips[0] < Duration::from_millis(32) && trips[59] > Duration::from_millis(48), "{trips:?}");
    let seen = seen_after(&mut fault, 60);
    assert!(seen.min >= Duration::from_micros(19_900) && seen.max > Duration::from_millis(48));
}

#[test]
fn drops_come_before_holds_in_one_fault() {
    let Some(world) = World::new() else { return };
    let (from, to) = (bound(&world.peer, PEER4, 0), bound(&world.here, HERE4, 0));
    let target = to.local_addr().unwrap();
    to.set_read_timeout(Some(PATIENCE)).unwrap();
    from.send_to(b"first", target).unwrap();
    to.recv(&mut [0; 9]).unwrap();
    let order = NetworkOrder { loss: Some("50%".parse().unwrap()), ..delay("20ms") };
    let mut fault = inject(&world.here, &order);
    assert_eq!(fault.backend(), "nftables owner table, netdev ingress; NFQUEUE, inet prerouting");
    for _ in 0..200 {
        from.send_to(b"12345678", target).unwrap();
    }
    let mut seen = None;
    assert!(
        soon(|| {
            let Evidence::Packets { dropped, delayed, bytes, .. } = fault.evidence().unwrap() else {
                panic!("packets")
            };
            seen = Some((dropped, delayed, bytes));
            dropped + delayed == 200
        }),
        "{seen:?}"
    );
    let (dropped, _, bytes) = seen.unwrap();
    assert!((60..=140).contains(&dropped), "{dropped} of 200 at 50 %");
    // Dropped: frames without their Ethernet header, as the hook sees them; held: packets. 20 + 8 + 8 bytes each.
    assert_eq!(bytes, 200 * 36);
}

#[test]
fn bulk_flows_on_through_a_delay() {
    let Some(world) = World::new() else { return };
    const LENGTH: usize = 32 << 20;
    let listener = world.here.inside(|| TcpListener::bind(SocketAddr::new(HERE4, 80)).unwrap());
    let server = listener.local_addr().unwrap();
    let mut fault = inject(&world.here, &delay("5ms"));
    let sender = std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut stream = world.peer.inside(|| TcpStream::connect(server).unwrap());
            stream.write_all(&vec![7; LENGTH]).unwrap();
        });
        let (mut stream, _) = listener.accept().unwrap();
        let (began, mut all) = (Instant::now(), Vec::with_capacity(LENGTH));
        stream.read_to_end(&mut all).unwrap();
        sender.join().unwrap();
        assert_eq!(all.len(), LENGTH);
        began.elapsed()
    });
    let Evidence::Packets { delayed: count, delay, .. } = fault.evidence().unwrap() else { panic!("packets") };
    println!("{} MiB through 5 ms in {sender:?}, {count} segments, {delay:?}", LENGTH >> 20);
    // 100 Mbit/s; a tenth of what a loaded machine does.
    assert!(sender < Duration::from_millis(2_700), "{sender:?}");
    assert!(count < 12_000, "segments stay joined: {count} for {} packets of 1448 bytes", LENGTH / 1448);
}

#[test]
fn a_revert_loses_none_of_what_is_held() {
    let Some(world) = World::new() else { return };
    for jitter in [None, Some("1s".parse().unwrap())] {
        let (from, to) = (bound(&world.peer, PEER4, 0), bound(&world.here, HERE4, 0));
        let target = to.local_addr().unwrap();
        to.set_read_timeout(Some(PATIENCE)).unwrap();
        from.send_to(b"first", target).unwrap();
        to.recv(&mut [0; 9]).unwrap();
        let mut fault = inject(&world.here, &NetworkOrder { jitter, ..delay("20s") });
        for _ in 0..100 {
            from.send_to(b"held", target).unwrap();
        }
        to.set_nonblocking(true).unwrap();
        assert!(to.recv(&mut [0; 9]).is_err());
        to.set_nonblocking(false).unwrap();
        let began = Instant::now();
        fault.revert().unwrap();
        println!("reverted in {:?}", began.elapsed());
        for number in 0..100 {
            assert!(to.recv(&mut [0; 9]).is_ok(), "only {number} of 100 came");
        }
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}

#[test]
fn holding_what_goes_out_is_refused_with_the_reason() {
    let Some(world) = World::new() else { return };
    for direction in [Direction::Egress, Direction::Both] {
        let order = NetworkOrder { direction, ..delay("50ms") };
        let result = NetworkFault::inject(&FaultId::new("f"), &order, world.here.as_fd(), PATIENCE);
        let refusal = Refusal::from(result.unwrap_err());
        assert_eq!(refusal.kind, RefusalKind::Unsupported);
        assert!(refusal.reason.contains("egress"), "{}", refusal.reason);
    }
    let order = NetworkOrder { partition: true, ..delay("50ms") };
    let result = NetworkFault::inject(&FaultId::new("f"), &order, world.here.as_fd(), PATIENCE);
    assert!(matches!(result, Err(InjectError::Refused(refusal)) if refusal.kind == RefusalKind::Unreadable));
    assert_eq!(world.here.ruleset()["nftables"].as_array().unwrap().len(), 1, "nothing but nft's own header");
}

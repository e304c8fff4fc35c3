//! `partition` and `loss`: who is cut off, and who is not.

use crate::orders::{dropped, inject, loss, of_protocol, on_ports, only, partition};
use crate::packets::{Client, Echo, PATIENCE, SILENCE, bound, pings, soon};
use crate::world::{HERE4, HERE6, OTHER4, OTHER6, PEER4, PEER6, World};
use squall_experiments::fault::{Direction, NetworkOrder, Peers, Protocol};
use squall_experiments::target::Cidr;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

const BOTH_VERSIONS: [(IpAddr, IpAddr, IpAddr); 2] = [(HERE4, PEER4, OTHER4), (HERE6, PEER6, OTHER6)];

#[test]
fn partition_cuts_both_versions_both_ways_and_back() {
    let Some(world) = World::new() else { return };
    for (here, peer, _) in BOTH_VERSIONS {
        let (outside, inside) = (Echo::start(&world.peer, peer, 7), Echo::start(&world.here, here, 7));
        let mut out = Client::new(&world.here, here);
        let mut into = Client::new(&world.peer, peer);
        assert!(out.is_answered(outside.address) && into.is_answered(inside.address));
        let (sent, came) = (outside.received(), inside.received());
        let mut fault = inject(&world.here, &partition());
        assert_eq!(fault.backend(), "nftables owner table, netdev egress and ingress");
        assert!(out.is_cut(outside.address) && into.is_cut(inside.address));
        assert_eq!((outside.received(), inside.received()), (sent, came), "not one datagram passed");
        assert!(dropped(&mut fault) >= 6);
        fault.revert().unwrap();
        assert!(out.is_answered(outside.address) && into.is_answered(inside.address));
        assert!(dropped(&mut fault) >= 6, "the totals stay after the revert");
    }
}

#[test]
fn partition_of_one_direction_leaves_the_other() {
    let Some(world) = World::new() else { return };
    for (here, peer, _) in BOTH_VERSIONS {
        for direction in [Direction::Egress, Direction::Ingress] {
            let (outside, inside) = (Echo::start(&world.peer, peer, 7), Echo::start(&world.here, here, 7));
            let (mut out, mut into) = (Client::new(&world.here, here), Client::new(&world.peer, peer));
            assert!(out.is_answered(outside.address) && into.is_answered(inside.address));
            let (sent, came) = (outside.received(), inside.received());
            let _fault = inject(&world.here, &NetworkOrder { direction, ..partition() });
            assert!(out.is_cut(outside.address) && into.is_cut(inside.address));
            let (sent, came) = (outside.received() - sent, inside.received() - came);
            match direction {
                Direction::Egress => assert_eq!((sent, came), (0, 3), "requests come in, answers do not leave"),
                _ => assert_eq!((sent, came), (3, 0), "requests leave, answers do not come in"),
            }
        }
    }
}

#[test]
fn only_the_named_peers_are_cut_or_all_but_them() {
    let Some(world) = World::new() else { return };
    for (here, peer, other) in BOTH_VERSIONS {
        let (first, second) = (Echo::start(&world.peer, peer, 7), Echo::start(&world.peer, other, 7));
        let mut client = Client::new(&world.here, here);
        let named = [peer];
        let Peers::Only(blocks) = only(&named) else { unreachable!() };
        let _fault = inject(&world.here, &NetworkOrder { peers: only(&named), ..partition() });
        assert!(client.is_cut(first.address) && client.is_answered(second.address));
        drop(_fault);
        let _fault = inject(&world.here, &NetworkOrder { peers: Peers::AllExcept(blocks), ..partition() });
        assert!(client.is_answered(first.address) && client.is_cut(second.address));
    }
}

#[test]
fn peers_of_one_version_leave_the_other_alone_and_exceptions_do_not() {
    let Some(world) = World::new() else { return };
    let (four, six) = (Echo::start(&world.peer, PEER4, 7), Echo::start(&world.peer, PEER6, 7));
    let (mut client4, mut client6) = (Client::new(&world.here, HERE4), Client::new(&world.here, HERE6));
    let fault = inject(&world.here, &NetworkOrder { peers: only(&[PEER4]), ..partition() });
    assert!(client4.is_cut(four.address) && client6.is_answered(six.address));
    drop(fault);
    let everything4 = vec!["0.0.0.0/0".parse().unwrap()];
    let _fault = inject(&world.here, &NetworkOrder { peers: Peers::AllExcept(everything4), ..partition() });
    assert!(client4.is_answered(four.address) && client6.is_cut(six.address), "IPv6 does not walk through");
}

#[test]
fn thousands_of_peers_are_matched_one_by_one() {
    let Some(world) = World::new() else { return };
    let mut blocks: Vec<_> = (0..2_500)
        .flat_map(|number: u32| {
            let [_, _, high, low] = (number * 2).to_be_bytes();
            [format!("10.50.{high}.{low}/32"), format!("fd50::{:x}:0/112", number * 2)]
        })
        .map(|text| text.parse().unwrap())
        .collect();
    blocks.extend(["10.99.0.2", "fd99::2"].map(|text| text.parse::<Cidr>().unwrap()));
    let _fault = inject(&world.here, &NetworkOrder { peers: Peers::Only(blocks), ..partition() });
    for (here, peer, other) in BOTH_VERSIONS {
        let (first, second) = (Echo::start(&world.peer, peer, 7), Echo::start(&world.peer, other, 7));
        let mut client = Client::new(&world.here, here);
        assert!(client.is_cut(first.address) && client.is_answered(second.address));
    }
    let ruleset = world.here.ruleset();
    let sets: Vec<_> = ruleset["nftables"].as_array().unwrap().iter().filter_map(|one| one.get("set")).collect();
    for name in ["peers4", "peers6"] {
        let set = sets.iter().find(|set| set["name"] == name).unwrap();
        assert_eq!(set["elem"].as_array().unwrap().len(), 2_501, "{name}");
        assert_eq!(set["flags"], serde_json::json!(["interval"]));
    }
}

#[test]
fn ports_count_on_either_end() {
    let Some(world) = World::new() else { return };
    for (here, peer, _) in BOTH_VERSIONS {
        let (cut, open) = (Echo::start(&world.peer, peer, 7001), Echo::start(&world.peer, peer, 7002));
        let _fault = inject(&world.here, &on_ports(&[7001, 7009]));
        let mut client = Client::new(&world.here, here);
        assert!(client.is_cut(cut.address) && client.is_answered(open.address));
        assert!(Client::from_port(&world.here, here, 7009).is_cut(open.address), "the instance's own port counts");
        assert!(pings(&world.here, peer, PATIENCE), "what has no ports is not meant");
    }
}

#[test]
fn a_datagram_in_fragments_is_matched_by_its_port() {
    let Some(world) = World::new() else { return };
    for (here, peer, _) in BOTH_VERSIONS {
        let sender = bound(&world.here, here, 0);
        let (cut, open) = (bound(&world.peer, peer, 7001), bound(&world.peer, peer, 7002));
        let datagram = [7; 6_000];
        let arrives = |receiver: &std::net::UdpSocket, patience| {
            receiver.set_read_timeout(Some(patience)).unwrap();
            (0..3).any(|_| {
                sender.send_to(&datagram, receiver.local_addr().unwrap()).unwrap();
                receiver.recv(&mut [0; 65_536]).is_ok_and(|length| length == datagram.len())
            })
        };
        assert!(arrives(&cut, PATIENCE) && arrives(&open, PATIENCE));
        let fault = inject(&world.here, &on_ports(&[7001]));
        assert!(!arrives(&cut, SILENCE) && arrives(&open, PATIENCE));
        drop(fault);
        let _fault = inject(&world.here, &partition());
        assert!(!arrives(&open, SILENCE), "every fragment is met where ports do not matter");
    }
}

#[test]
fn protocols_are_told_apart() {
    let Some(world) = World::new() else { return };
    for (here, peer, _) in BOTH_VERSIONS {
        let echo = Echo::start(&world.peer, peer, 7);
        let listener = world.peer.inside(|| TcpListener::bind(SocketAddr::new(peer, 80)).unwrap());
        let server = listener.local_addr().unwrap();
        let mut client = Client::new(&world.here, here);
        let mut open = |patience: Duration| {
            let tcp = world.here.inside(|| TcpStream::connect_timeout(&server, patience).is_ok());
            let udp = (0..2).any(|_| client.round_trip(echo.address, patience / 2).is_some());
            [tcp, udp, pings(&world.here, peer, patience)]
        };
        assert_eq!(open(PATIENCE), [true; 3]);
        for (protocol, expected) in [
            (Protocol::Tcp, [false, true, true]),
            (Protocol::Udp, [true, false, true]),
            (Protocol::Icmp, [true, true, false]),
        ] {
            let _fault = inject(&world.here, &of_protocol(protocol));
            assert_eq!(open(Duration::from_millis(600)), expected, "{protocol:?}");
        }
    }
}

#[test]
fn neighbours_are_still_found_while_everything_is_cut() {
    let Some(world) = World::new() else { return };
    let _fault = inject(&world.here, &partition());
    world.here.ip(&["neigh", "flush", "dev", "vA"]);
    for (here, peer, _) in BOTH_VERSIONS {
        let echo = Echo::start(&world.peer, peer, 7);
        let mut client = Client::new(&world.here, here);
        assert!(client.is_cut(echo.address));
        let known = || {
            let text = world.here.ip(&["-j", "neigh", "show", &peer.to_string()]);
            let table: serde_json::Value = serde_json::from_str(&text).unwrap();
            table[0].get("lladdr").is_some()
        };
        assert!(soon(known), "ARP and neighbour discovery go on");
    }
}

#[test]
fn loopback_is_never_touched() {
    let Some(world) = World::new() else { return };
    let _cut = inject(&world.here, &partition());
    for own in [HERE4, HERE6, "127.0.0.1".parse().unwrap(), "::1".parse().unwrap()] {
        let echo = Echo::start(&world.here, own, 7);
        assert!(Client::new(&world.here, own).is_answered(echo.address), "{own}");
    }
}

#[test]
fn loss_takes_its_share_and_counts_it_exactly() {
    let Some(world) = World::new() else { return };
    const SENT: u64 = 4_000;
    for (here, peer, _) in BOTH_VERSIONS {
        for direction in [Direction::Egress, Direction::Ingress] {
            let (from, to) = match direction {
                Direction::Ingress => (bound(&world.peer, peer, 0), bound(&world.here, here, 0)),
                _ => (bound(&world.here, here, 0), bound(&world.peer, peer, 0)),
            };
            let target = to.local_addr().unwrap();
            to.set_nonblocking(true).unwrap();
            // The neighbour is known and the way is open before it counts.
            assert!(soon(|| from.send_to(b"first", target).is_ok() && to.recv(&mut [0; 9]).is_ok()));
            assert!(soon(|| to.recv(&mut [0; 9]).is_err()));
            let mut fault = inject(&world.here, &loss("30%", direction));
            let mut came = 0;
            for number in 1..=SENT {
                from.send_to(&number.to_ne_bytes(), target).unwrap();
                while to.recv(&mut [0; 9]).is_ok_and(|length| length == 8) {
                    came += 1;
                }
            }
            let lost = dropped(&mut fault);
            assert!(
                soon(|| {
                    came += u64::from(to.recv(&mut [0; 9]).is_ok());
                    came + lost == SENT
                }),
                "{came} came, {lost} were lost"
            );
            // Four standard deviations of a binomial: sqrt(4000 * 0.3 * 0.7) is 29.
            assert!((1_084..=1_316).contains(&lost), "{lost} of {SENT} lost");
        }
    }
}

#[test]
fn tcp_backs_off_as_on_a_real_network_and_goes_on_after_it() {
    let Some(world) = World::new() else { return };
    for (here, peer, _) in BOTH_VERSIONS {
        let listener = world.peer.inside(|| TcpListener::bind(SocketAddr::new(peer, 80)).unwrap());
        let server = listener.local_addr().unwrap();
        let mut stream = world.here.inside(|| TcpStream::connect(server).unwrap());
        assert_eq!(stream.local_addr().unwrap().ip(), here);
        let (mut other, _) = listener.accept().unwrap();
        other.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut fault = inject(&world.here, &NetworkOrder { direction: Direction::Egress, ..partition() });
        stream.write_all(b"y").unwrap();
        let began = Instant::now();
        let mut tries = Vec::new();
        assert!(soon(|| {
            if dropped(&mut fault) > u64::try_from(tries.len()).unwrap() {
                tries.push(began.elapsed());
            }
            tries.len() == 6
        }));
        // Each wait is twice the one before. A sender that is told of the drop tries every 0.5 s instead.
        let waits: Vec<_> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(waits[4] > waits[3] * 3 / 2 && waits[3] > waits[2] * 3 / 2, "{waits:?}");
        fault.revert().unwrap();
        let mut byte = [0];
        other.read_exact(&mut byte).expect("it goes on");
        assert_eq!(&byte, b"y");
    }
}

/// Some senders ask to be told of errors: the DNS resolver does.
#[test]
fn no_sender_is_told_of_what_was_dropped() {
    let Some(world) = World::new() else { return };
    for (here, peer, _) in BOTH_VERSIONS {
        let (sender, receiver) = (bound(&world.here, here, 0), bound(&world.peer, peer, 0));
        let target = receiver.local_addr().unwrap();
        match here {
            IpAddr::V4(_) => nix::sys::socket::setsockopt(&sender, nix::sys::socket::sockopt::Ipv4RecvErr, &true),
            IpAddr::V6(_) => nix::sys::socket::setsockopt(&sender, nix::sys::socket::sockopt::Ipv6RecvErr, &true),
        }
        .unwrap();
        // Before the neighbour is known packets wait for it, and nobody is told anything anyhow.
        receiver.set_read_timeout(Some(PATIENCE)).unwrap();
        sender.send_to(b"first", target).unwrap();
        receiver.recv(&mut [0; 9]).unwrap();
        let mut fault = inject(&world.here, &NetworkOrder { direction: Direction::Egress, ..partition() });
        for _ in 0..20 {
            sender.send_to(b"lost", target).expect("no error");
        }
        assert_eq!(dropped(&mut fault), 20);
    }
}

#[test]
fn nft_reads_what_was_asked_for() {
    let Some(world) = World::new() else { return };
    let order = NetworkOrder { ports: vec![443], ..loss("12.5%", Direction::Egress) };
    let _fault = inject(&world.here, &order);
    let ruleset = world.here.ruleset();
    let all = ruleset["nftables"].as_array().unwrap();
    // nft 1.0.6 garbles a table's flags and a chain's device in its JSON, not in its text.
    let (text, _) = world.here.run(&["nft", "list", "ruleset"]);
    for words in ["table netdev squall_", "flags owner", "type filter hook egress device \"vA\" priority 500"] {
        assert!(text.contains(words), "no {words} in {text}");
    }
    let rules: Vec<_> = all.iter().filter_map(|one| one.get("rule")).collect();
    let strike = rules.iter().find(|rule| rule["chain"] == "egress_drop").unwrap();
    assert_eq!(strike["expr"][0]["match"]["left"]["numgen"]["mod"], 1_000_000_000);
    assert_eq!(strike["expr"][0]["match"]["right"], 125_000_000);
    assert_eq!(strike["expr"][1]["counter"], "egress_dropped");
    let port = rules.iter().filter(|rule| rule["expr"][0]["match"]["right"] == "@ports");
    assert_eq!(port.count(), 4, "source and destination, IPv4 and IPv6");
}

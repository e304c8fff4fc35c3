//! Who belongs to which multicast group is told all the time: that goes on, and is no proof that a fault bit.

use crate::orders::{delay, inject, partition};
use crate::packets::{bound, soon};
use crate::world::{HERE4, HERE6, Namespace, PEER4, PEER6, World};
use rustix::net::netdevice::name_to_index;
use rustix::net::sockopt::{Timeout, set_ip_add_membership, set_ipv6_add_membership, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SocketType, ipproto, recv, socket};
use squall_agent::faults::network::NetworkFault;
use squall_experiments::fault::Evidence;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// Where IGMP version 3 and MLD version 2 report memberships to: RFC 3376, RFC 3810.
const IGMP_REPORTS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 22);
const MLD_REPORTS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);
/// The types of those reports.
const IGMP_REPORT: u8 = 0x22;
const MLD_REPORT: u8 = 143;

/// Listens to what a namespace's neighbours report.
struct Ear {
    raw: OwnedFd,
    is_igmp: bool,
}

impl Ear {
    fn of(namespace: &Namespace, own: IpAddr) -> Self {
        let raw = namespace.inside(|| match own {
            IpAddr::V4(own) => {
                let raw = socket(AddressFamily::INET, SocketType::RAW, Some(ipproto::IGMP)).unwrap();
                set_ip_add_membership(&raw, &IGMP_REPORTS, &own).unwrap();
                raw
            }
            IpAddr::V6(_) => {
                let raw = socket(AddressFamily::INET6, SocketType::RAW, Some(ipproto::ICMPV6)).unwrap();
                set_ipv6_add_membership(&raw, &MLD_REPORTS, interface(&raw)).unwrap();
                raw
            }
        });
        set_socket_timeout(&raw, Timeout::Recv, Some(Duration::from_millis(20))).unwrap();
        Self { raw, is_igmp: own.is_ipv4() }
    }

    /// Whether somebody reports this group.
    fn hears_of(&self, group: IpAddr) -> bool {
        let group = match group {
            IpAddr::V4(group) => group.octets().to_vec(),
            IpAddr::V6(group) => group.octets().to_vec(),
        };
        soon(|| {
            let mut buffer = [0; 1500];
            let Ok((length, _)) = recv(&self.raw, &mut buffer[..], RecvFlags::empty()) else { return false };
            // A raw socket of IPv4 sees the header too.
            let header = if self.is_igmp { usize::from(buffer[0] & 15) * 4 } else { 0 };
            let report = &buffer[header..length];
            let is_report = report[0] == if self.is_igmp { IGMP_REPORT } else { MLD_REPORT };
            is_report && report.windows(group.len()).any(|bytes| bytes == group)
        })
    }
}

/// The end of the pair that is in a socket's namespace: `vA` or `vB`.
fn interface(socket: impl AsFd) -> u32 {
    ["vA", "vB"].iter().find_map(|name| name_to_index(&socket, name).ok()).expect("one of them is here")
}

/// Becomes a member for as long as the socket lives: the kernel reports it to the neighbours.
fn joins(namespace: &Namespace, own: IpAddr, group: IpAddr) -> UdpSocket {
    let member = bound(namespace, own, 0);
    namespace
        .inside(|| match (own, group) {
            (IpAddr::V4(own), IpAddr::V4(group)) => member.join_multicast_v4(&group, &own),
            (_, IpAddr::V6(group)) => member.join_multicast_v6(&group, interface(&member)),
            _ => unreachable!("of one version"),
        })
        .unwrap();
    member
}

fn counted(fault: &mut NetworkFault) -> u64 {
    let Evidence::Packets { dropped, delayed, .. } = fault.evidence().unwrap() else { panic!("packets") };
    dropped + delayed
}

#[test]
fn memberships_are_reported_through_every_fault_and_prove_none() {
    let Some(world) = World::new() else { return };
    let groups: [(IpAddr, IpAddr, [IpAddr; 2]); 2] = [
        (HERE4, PEER4, ["239.99.0.1", "239.99.0.2"].map(|group| group.parse().unwrap())),
        (HERE6, PEER6, ["ff15::99:1", "ff15::99:2"].map(|group| group.parse().unwrap())),
    ];
    for (here, peer, [of_here, of_peer]) in groups {
        let (inside, outside) = (Ear::of(&world.here, here), Ear::of(&world.peer, peer));
        for (what, order) in [("a partition", partition()), ("a delay", delay("200ms"))] {
            let mut fault = inject(&world.here, &order);
            let members = (joins(&world.here, here, of_here), joins(&world.peer, peer, of_peer));
            assert!(outside.hears_of(of_here), "{what}: a report leaves");
            assert!(inside.hears_of(of_peer), "{what}: a report comes in");
            assert_eq!(counted(&mut fault), 0, "{what}: and is no proof that it bit");
            // What is sent to a member counts.
            members.1.send_to(b"counts", members.0.local_addr().unwrap()).unwrap();
            assert!(soon(|| counted(&mut fault) == 1), "{what}: {} counted", counted(&mut fault));
            fault.revert().unwrap();
        }
    }
}

//! Which packets a fault meets, as rules.
//!
//! A base chain sends IPv4 and IPv6 each to a chain of its own. That one lets go, rule by rule, every packet that is
//! not meant; what is left goes to the chain that strikes. So `nft list ruleset` reads like the order.
//!
//! ARP never gets past the base chain; ND, MLD and IGMP are let go first: a fault must not unlearn who
//! the neighbours are, or it would outlive its end. Of a datagram in fragments only the first carries
//! ports; without it the rest is worthless, so the others are let go where ports are asked for.

use super::peers::{Range, Version, Who, elements};
use crate::netlink::nftables::{
    Chain, Comparison, Element, Expression, HeaderBase, KeyType, Lifetime, Meta, Rule, Set, Verdict,
};
use nix::libc;
use squall_experiments::fault::{NetworkOrder, Protocol};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The set whose one member opens the gate.
pub const LEASE: &str = "lease";
const PEERS4: &str = "peers4";
const PEERS6: &str = "peers6";
const PORTS: &str = "ports";
const PROTOCOLS: &str = "protocols";

/// One way through an interface, seen from the instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// What it sends.
    Out,
    /// What it receives.
    In,
}

impl Way {
    fn chain(self, version: Version) -> &'static str {
        match (self, version) {
            (Self::Out, Version::V4) => "egress4",
            (Self::Out, Version::V6) => "egress6",
            (Self::In, Version::V4) => "ingress4",
            (Self::In, Version::V6) => "ingress6",
        }
    }
}

/// Which packets a fault meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traffic {
    v4: Who,
    v6: Who,
    ports: Vec<u16>,
    /// Numbers of transport protocols; empty: all.
    protocols: Vec<u8>,
    /// The agent's own ends of its control channel.
    exempt: Vec<SocketAddr>,
}

impl Traffic {
    /// The packets an order means, but for the agent's own channel at `control`.
    pub fn of(order: &NetworkOrder, control: &[SocketAddr]) -> Self {
        let (tcp, udp) = (libc::IPPROTO_TCP, libc::IPPROTO_UDP);
        let protocols: &[libc::c_int] = match order.protocol {
            Some(Protocol::Tcp) => &[tcp],
            Some(Protocol::Udp) => &[udp],
            Some(Protocol::Icmp) => &[libc::IPPROTO_ICMP, libc::IPPROTO_ICMPV6],
            // Only these have ports where ports are.
            None if !order.ports.is_empty() => &[tcp, udp],
            None => &[],
        };
        let mut ports = order.ports.clone();
        ports.sort_unstable();
        ports.dedup();
        Self {
            v4: Who::of(&order.peers, Version::V4),
            v6: Who::of(&order.peers, Version::V6),
            ports,
            protocols: protocols.iter().map(|&number| byte(number)).collect(),
            exempt: if order.cut_control { Vec::new() } else { control.to_vec() },
        }
    }

    /// The sets its rules look into, and the gate, open for as long as the lease.
    pub fn sets(&self, lease: Duration) -> Vec<Set> {
        let named = |who: &Who, version| match who {
            Who::Within(ranges) | Who::Outside(ranges) => Some(peer_set(ranges, version)),
            Who::Everyone | Who::Nobody => None,
        };
        let ports = self.ports.iter().map(|port| Element::key(port.to_be_bytes().to_vec())).collect();
        let protocols = self.protocols.iter().map(|&number| Element::key(vec![number])).collect();
        [
            Some(Set { name: LEASE, key: KeyType::Gate, elements: vec![lease_element(lease)] }),
            named(&self.v4, Version::V4),
            named(&self.v6, Version::V6),
            (!self.ports.is_empty()).then_some(Set { name: PORTS, key: KeyType::Port, elements: ports }),
            (!self.protocols.is_empty()).then_some(Set {
                name: PROTOCOLS,
                key: KeyType::Protocol,
                elements: protocols,
            }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The rules of a base chain: the gate, then each IP version to its chain.
    pub fn entrance(&self, way: Way) -> Vec<Rule> {
        let shut = vec![
            Expression::LoadConstant(GATE_KEY.to_vec()),
            Expression::NotInSet(LEASE),
            Expression::Verdict(Verdict::Accept),
        ];
        let turnings = self.versions().map(|(version, _)| {
            let ethernet_type = match version {
                Version::V4 => libc::ETH_P_IP,
                Version::V6 => libc::ETH_P_IPV6,
            };
            let ethernet_type = u16::try_from(ethernet_type).expect("an Ethernet type has 16 bits");
            vec![
                Expression::LoadMeta(Meta::Protocol),
                equal(&ethernet_type.to_be_bytes()),
                Expression::Verdict(Verdict::Goto(way.chain(version))),
            ]
        });
        std::iter::once(shut).chain(turnings).collect()
    }

    /// The chains that let go what is not meant and send the rest to `strike`.
    pub fn chains(&self, way: Way, strike: &'static str) -> Vec<Chain> {
        self.versions()
            .map(|(version, who)| {
                let mut rules = neighbours(version);
                rules.extend(self.exempt.iter().filter_map(|own| exempted(*own, version, way)));
                rules.extend(peers_let_go(who, version, way));
                if !self.protocols.is_empty() {
                    rules.push(vec![
                        Expression::LoadMeta(Meta::Transport),
                        Expression::NotInSet(PROTOCOLS),
                        Expression::Verdict(Verdict::Accept),
                    ]);
                }
                let go = Expression::Verdict(Verdict::Goto(strike));
                if self.ports.is_empty() {
                    rules.push(vec![go]);
                } else {
                    let ends = [End::Source, End::Destination];
                    rules.extend(ends.map(|end| vec![end.port(), Expression::InSet(PORTS), go.clone()]));
                }
                Chain { name: way.chain(version).into(), hook: None, rules }
            })
            .collect()
    }

    fn versions(&self) -> impl Iterator<Item = (Version, &Who)> {
        [(Version::V4, &self.v4), (Version::V6, &self.v6)].into_iter().filter(|(_, who)| **who != Who::Nobody)
    }
}

/// The member that opens the gate for so long.
pub fn lease_element(lease: Duration) -> Element {
    Element { key: GATE_KEY.to_vec(), behind: None, lifetime: Lifetime::Bounded(lease) }
}

const GATE_KEY: [u8; 4] = 1u32.to_ne_bytes();

fn peer_set(ranges: &[Range], version: Version) -> Set {
    let (name, key) = match version {
        Version::V4 => (PEERS4, KeyType::Ipv4),
        Version::V6 => (PEERS6, KeyType::Ipv6),
    };
    Set { name, key, elements: elements(ranges, version) }
}

/// The sending or the receiving end, as headers have them.
#[derive(Debug, Clone, Copy)]
enum End {
    Source,
    Destination,
}

impl End {
    fn of_instance(way: Way) -> Self {
        match way {
            Way::Out => Self::Source,
            Way::In => Self::Destination,
        }
    }

    fn of_peer(way: Way) -> Self {
        match way {
            Way::Out => Self::Destination,
            Way::In => Self::Source,
        }
    }

    /// struct iphdr, struct ipv6hdr.
    fn address(self, version: Version) -> Expression {
        let offset = match (version, self) {
            (Version::V4, Self::Source) => 12,
            (Version::V4, Self::Destination) => 16,
            (Version::V6, Self::Source) => 8,
            (Version::V6, Self::Destination) => 24,
        };
        let length = u32::try_from(version.address_length()).expect("4 or 16");
        Expression::LoadHeader { base: HeaderBase::Network, offset, length }
    }

    /// The same place in TCP and UDP.
    fn port(self) -> Expression {
        let offset = match self {
            Self::Source => 0,
            Self::Destination => 2,
        };
        Expression::LoadHeader { base: HeaderBase::Transport, offset, length: 2 }
    }
}

/// Lets go what keeps neighbours and multicast groups known.
fn neighbours(version: Version) -> Vec<Rule> {
    let transport = |number| [Expression::LoadMeta(Meta::Transport), equal(&[byte(number)])];
    let accept = Expression::Verdict(Verdict::Accept);
    match version {
        Version::V4 => {
            let mut igmp = transport(libc::IPPROTO_IGMP).to_vec();
            igmp.push(accept);
            vec![igmp]
        }
        Version::V6 => {
            let icmp_type = Expression::LoadHeader { base: HeaderBase::Transport, offset: 0, length: 1 };
            // 130-132 MLD, 133-137 neighbour discovery, 143 MLD version 2: linux/icmpv6.h.
            let ranges = [
                vec![
                    Expression::Compare(Comparison::AtLeast, vec![130]),
                    Expression::Compare(Comparison::AtMost, vec![137]),
                ],
                vec![equal(&[143])],
            ];
            ranges
                .map(|range| {
                    let mut rule = transport(libc::IPPROTO_ICMPV6).to_vec();
                    rule.push(icmp_type.clone());
                    rule.extend(range);
                    rule.push(accept.clone());
                    rule
                })
                .to_vec()
        }
    }
}

fn peers_let_go(who: &Who, version: Version, way: Way) -> Option<Rule> {
    let set = match version {
        Version::V4 => PEERS4,
        Version::V6 => PEERS6,
    };
    let stranger = match who {
        Who::Within(_) => Expression::NotInSet(set),
        Who::Outside(_) => Expression::InSet(set),
        Who::Everyone | Who::Nobody => return None,
    };
    Some(vec![End::of_peer(way).address(version), stranger, Expression::Verdict(Verdict::Accept)])
}

/// Lets the agent's own channel go.
fn exempted(own: SocketAddr, version: Version, way: Way) -> Option<Rule> {
    let address = match (own.ip(), version) {
        (IpAddr::V4(address), Version::V4) => address.octets().to_vec(),
        (IpAddr::V6(address), Version::V6) => address.octets().to_vec(),
        _ => return None,
    };
    let end = End::of_instance(way);
    Some(vec![
        end.address(version),
        equal(&address),
        Expression::LoadMeta(Meta::Transport),
        equal(&[byte(libc::IPPROTO_TCP)]),
        end.port(),
        equal(&own.port().to_be_bytes()),
        Expression::Verdict(Verdict::Accept),
    ])
}

fn equal(value: &[u8]) -> Expression {
    Expression::Compare(Comparison::Equal, value.to_vec())
}

fn byte(protocol: libc::c_int) -> u8 {
    u8::try_from(protocol).expect("a transport protocol has 8 bits")
}

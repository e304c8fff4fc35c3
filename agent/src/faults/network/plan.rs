//! From an order to what shall stand in the kernel: pure.

use super::traffic::{Traffic, Way};
use crate::netlink::Link;
use crate::netlink::nftables::{Chain, Comparison, Expression, Family, Hook, HookPoint, Meta, Rule, Table, Verdict};
use squall_experiments::fault::{Direction, NetworkOrder, Peers, Protocol, Refusal, RefusalKind};
use squall_experiments::name::FaultId;
use std::net::SocketAddr;
use std::time::Duration;

/// What drops outgoing packets, as plan and evidence name it.
pub const DROP_EGRESS_BACKEND: &str = "nftables owner table, netdev egress";
/// What drops incoming packets, as plan and evidence name it.
pub const DROP_INGRESS_BACKEND: &str = "nftables owner table, netdev ingress";
/// What holds incoming packets, as plan and evidence name it.
pub const DELAY_BACKEND: &str = "NFQUEUE, inet prerouting";
/// Why outgoing packets are not held: measured, a held packet still counts against its sender's socket.
pub const NO_EGRESS_DELAY: &str =
    "packets cannot be held on egress here: NFQUEUE would stop the local senders, and no netem backend is built in";

/// Counts what was dropped on its way out.
pub const EGRESS_DROPPED: &str = "egress_dropped";
/// Counts what was dropped on its way in.
pub const INGRESS_DROPPED: &str = "ingress_dropped";
/// Counts what was handed to the queue.
pub const INGRESS_HELD: &str = "ingress_held";

/// Ours come first on the way in: the wire is outside of everything the namespace does itself.
const INGRESS_PRIORITY: i32 = -500;
/// And last on the way out.
const EGRESS_PRIORITY: i32 = 500;
/// `NF_IP_PRI_RAW`: after fragments are joined, before connections are tracked, because a tracked packet
/// that waits races with the next one of its connection. Drops at netdev ingress come earlier anyway.
const HOLD_PRIORITY: i32 = -300;
/// `NFT_NETDEVHOOK_MAX`: interfaces in one chain.
const INTERFACES_IN_A_CHAIN: usize = 256;
/// `ARPHRD_LOOPBACK`, linux/if_arp.h.
const ARPHRD_LOOPBACK: u16 = nix::libc::ARPHRD_LOOPBACK;
/// A share of packets is told to the kernel in parts of this.
const PARTS: u32 = 1_000_000_000;

/// What a fault puts into the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Drops.
    pub drops: Option<Table>,
    /// Holds.
    pub hold: Option<Hold>,
    /// The backends, as evidence names them.
    pub backend: String,
}

/// How incoming packets are held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// This long,
    pub delay: Duration,
    /// more or less by up to this.
    pub jitter: Duration,
    name: String,
    traffic: Traffic,
    lease: Duration,
}

/// The name of a fault's tables: derived from its id, so that two runs never collide.
pub fn table_name(id: &FaultId) -> String {
    // FNV-1a: stable between versions of the agent, which must find what an earlier one left.
    let hash = id
        .as_str()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("squall_{hash:016x}")
}

/// Decides what an order puts into the kernel of a namespace with these interfaces. `control` are the
/// agent's own ends of its channel to the runner, exempt unless the order cuts them too.
///
/// # Errors
/// When the order cannot be carried out, and why.
pub fn plan(
    id: &FaultId,
    order: &NetworkOrder,
    links: &[Link],
    control: &[SocketAddr],
    lease: Duration,
) -> Result<Plan, Refusal> {
    check(order)?;
    let interfaces = interfaces(links);
    if interfaces.is_empty() {
        return refuse(RefusalKind::NoTarget, "the network namespace has no interface but loopback");
    }
    let traffic = Traffic::of(order, control);
    let ways: &[Way] = match order.direction {
        Direction::Egress => &[Way::Out],
        Direction::Ingress => &[Way::In],
        Direction::Both => &[Way::Out, Way::In],
    };
    let share = if order.partition { None } else { order.loss.map(|loss| parts(loss.fraction())) };
    let drops = (order.partition || share.is_some()).then(|| Table {
        family: Family::Netdev,
        name: table_name(id),
        counters: ways.iter().map(|way| dropped_counter(*way)).collect(),
        sets: traffic.sets(lease),
        chains: ways.iter().flat_map(|way| drop_chains(&traffic, *way, share, &interfaces)).collect(),
    });
    let hold = (order.delay.is_some() || order.jitter.is_some()).then(|| Hold {
        delay: order.delay.unwrap_or_default().get(),
        jitter: order.jitter.unwrap_or_default().get(),
        name: table_name(id),
        traffic,
        lease,
    });
    let backends = [
        drops.as_ref().map(|_| match order.direction {
            Direction::Egress => DROP_EGRESS_BACKEND.to_owned(),
            Direction::Ingress => DROP_INGRESS_BACKEND.to_owned(),
            Direction::Both => format!("{DROP_EGRESS_BACKEND} and ingress"),
        }),
        hold.as_ref().map(|_| DELAY_BACKEND.to_owned()),
    ];
    let backend = backends.into_iter().flatten().collect::<Vec<_>>().join("; ");
    Ok(Plan { drops, hold, backend })
}

impl Hold {
    /// The table that hands packets to a queue by this expression.
    pub fn table(&self, queue: Expression) -> Table {
        const STRIKE: &str = "hold";
        let mut chains =
            vec![Chain { name: STRIKE.into(), hook: None, rules: vec![vec![Expression::Count(INGRESS_HELD), queue]] }];
        chains.extend(self.traffic.chains(Way::In, STRIKE));
        let mut rules: Vec<Rule> = vec![vec![
            Expression::LoadMeta(Meta::InputInterfaceType),
            Expression::Compare(Comparison::Equal, ARPHRD_LOOPBACK.to_ne_bytes().to_vec()),
            Expression::Verdict(Verdict::Accept),
        ]];
        rules.extend(self.traffic.entrance(Way::In));
        let hook = Hook { point: HookPoint::Prerouting, priority: HOLD_PRIORITY };
        chains.push(Chain { name: "ingress".into(), hook: Some(hook), rules });
        Table {
            family: Family::Inet,
            name: self.name.clone(),
            counters: vec![INGRESS_HELD],
            sets: self.traffic.sets(self.lease),
            chains,
        }
    }
}

fn check(order: &NetworkOrder) -> Result<(), Refusal> {
    let shapes = order.delay.is_some() || order.jitter.is_some() || order.loss.is_some();
    let holds = order.delay.is_some() || order.jitter.is_some();
    if order.partition && shapes {
        return refuse(RefusalKind::Unreadable, "`partition` stands alone: nothing is left to delay or to lose");
    }
    if !order.partition && !shapes {
        return refuse(RefusalKind::Unreadable, "the order does nothing to any packet");
    }
    if matches!(&order.peers, Peers::Only(blocks) if blocks.is_empty()) {
        return refuse(RefusalKind::Unreadable, "`peers` names nobody");
    }
    if order.protocol == Some(Protocol::Icmp) && !order.ports.is_empty() {
        return refuse(RefusalKind::Unreadable, "ICMP has no ports");
    }
    if holds && order.direction != Direction::Ingress {
        return refuse(RefusalKind::Unsupported, NO_EGRESS_DELAY);
    }
    Ok(())
}

fn refuse<T>(kind: RefusalKind, reason: &str) -> Result<T, Refusal> {
    Err(Refusal { kind, reason: reason.to_owned() })
}

/// All but loopback, and but those whose packets pass another one of them too, so that each packet
/// meets a fault once: members of a bridge or bond, and a VRF (whose members are met).
fn interfaces(links: &[Link]) -> Vec<String> {
    let is_vrf = |link: &Link| link.kind.as_deref() == Some("vrf");
    let enslaved = |link: &Link| {
        link.master.is_some_and(|master| links.iter().any(|other| other.index == master && !is_vrf(other)))
    };
    links
        .iter()
        .filter(|link| !link.loopback && !is_vrf(link) && !enslaved(link))
        .map(|link| link.name.clone())
        .collect()
}

fn drop_chains(traffic: &Traffic, way: Way, share: Option<u32>, interfaces: &[String]) -> Vec<Chain> {
    let (strike, base) = match way {
        Way::Out => ("egress_drop", "egress"),
        Way::In => ("ingress_drop", "ingress"),
    };
    let mut rule: Rule = share
        .map(|parts| {
            vec![
                Expression::LoadRandom { modulus: PARTS },
                Expression::Compare(Comparison::Less, parts.to_be_bytes().to_vec()),
            ]
        })
        .unwrap_or_default();
    rule.extend([Expression::Count(dropped_counter(way)), Expression::Verdict(Verdict::Drop)]);
    let mut chains = vec![Chain { name: strike.into(), hook: None, rules: vec![rule] }];
    chains.extend(traffic.chains(way, strike));
    for (number, some) in (1..).zip(interfaces.chunks(INTERFACES_IN_A_CHAIN)) {
        let (point, priority) = match way {
            Way::Out => (HookPoint::NetdevEgress(some.to_vec()), EGRESS_PRIORITY),
            Way::In => (HookPoint::NetdevIngress(some.to_vec()), INGRESS_PRIORITY),
        };
        let name = if number == 1 { base.into() } else { format!("{base}_{number}").into() };
        chains.push(Chain { name, hook: Some(Hook { point, priority }), rules: traffic.entrance(way) });
    }
    chains
}

fn dropped_counter(way: Way) -> &'static str {
    match way {
        Way::Out => EGRESS_DROPPED,
        Way::In => INGRESS_DROPPED,
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a fraction of at most one of PARTS")]
fn parts(fraction: f64) -> u32 {
    (fraction * f64::from(PARTS)).round() as u32
}

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
    rule.extend([
        Expression::Count(dropped_counter(way)),
        match way {
            // A verdict of drop would tell the sender: TCP takes it for congestion of its own host, retries twice a
            // second and counts nothing as lost; after the end it has been seen to stand still for good. UDP senders
            // that ask for errors (the DNS resolver) would get ENOBUFS. The wire tells nobody anything.
            Way::Out => Expression::Swallow,
            Way::In => Expression::Verdict(Verdict::Drop),
        },
    ]);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::nftables::{HeaderBase, Set};

    const LEASE: Duration = Duration::from_secs(15);

    fn partition() -> NetworkOrder {
        NetworkOrder { partition: true, ..NetworkOrder::about_all(Direction::Both) }
    }

    fn delay(direction: Direction) -> NetworkOrder {
        NetworkOrder { delay: Some("50ms".parse().unwrap()), partition: false, direction, ..partition() }
    }

    fn link(index: u32, name: &str, kind: Option<&str>, master: Option<u32>) -> Link {
        let kind = kind.map(str::to_owned);
        Link { index, name: name.into(), kind, loopback: name == "lo", up: true, mtu: 1500, master }
    }

    fn planned(order: &NetworkOrder) -> Result<Plan, Refusal> {
        let links = [link(1, "lo", None, None), link(2, "eth0", Some("veth"), None)];
        plan(&FaultId::new("f"), order, &links, &["10.0.0.1:7000".parse().unwrap()], LEASE)
    }

    fn names(table: &Table) -> Vec<&str> {
        table.chains.iter().map(|chain| chain.name.as_ref()).collect()
    }

    fn chain<'a>(table: &'a Table, name: &str) -> &'a Chain {
        table.chains.iter().find(|chain| chain.name == name).unwrap()
    }

    #[test]
    fn a_partition_is_one_table_with_both_ways_and_versions() {
        let plan = planned(&partition()).unwrap();
        assert_eq!(plan.hold, None);
        let table = plan.drops.unwrap();
        let all = ["egress_drop", "egress4", "egress6", "egress", "ingress_drop", "ingress4", "ingress6", "ingress"];
        assert_eq!(names(&table), all);
        let hooks: Vec<_> = table.chains.iter().filter_map(|chain| chain.hook.clone()).collect();
        let eth0 = || vec!["eth0".to_owned()];
        assert_eq!(hooks[0], Hook { point: HookPoint::NetdevEgress(eth0()), priority: 500 });
        assert_eq!(hooks[1], Hook { point: HookPoint::NetdevIngress(eth0()), priority: -500 });
    }

    #[test]
    fn every_base_chain_begins_at_the_gate() {
        let loss = NetworkOrder { loss: Some("1%".parse().unwrap()), ..delay(Direction::Ingress) };
        let plan = planned(&loss).unwrap();
        let hold = plan.hold.unwrap().table(Expression::Queue(7));
        for table in [plan.drops.unwrap(), hold] {
            let gate = table.sets.iter().find(|set| set.name == "lease").unwrap();
            assert_eq!(gate.elements.len(), 1);
            for base in table.chains.iter().filter(|chain| chain.hook.is_some()) {
                let rules = &base.rules;
                let gate = rules.iter().position(|rule| rule.contains(&Expression::NotInSet("lease"))).unwrap();
                let turning =
                    rules.iter().position(|rule| matches!(rule.last(), Some(Expression::Verdict(Verdict::Goto(_)))));
                assert!(gate < turning.unwrap());
                assert_eq!(rules[gate].last(), Some(&Expression::Verdict(Verdict::Accept)));
            }
        }
    }

    #[test]
    fn a_version_without_a_peer_has_no_chain() {
        let peers = Peers::Only(vec!["10.0.0.0/8".parse().unwrap()]);
        let table =
            planned(&NetworkOrder { peers, direction: Direction::Egress, ..partition() }).unwrap().drops.unwrap();
        assert_eq!(names(&table), ["egress_drop", "egress4", "egress"]);
        let sets: Vec<&Set> = table.sets.iter().filter(|set| set.name.starts_with("peers")).collect();
        assert_eq!(sets.len(), 1);
    }

    #[test]
    fn the_agents_own_channel_is_let_go_unless_it_is_cut_too() {
        let own = Expression::Compare(Comparison::Equal, vec![10, 0, 0, 1]);
        for (cut_control, exempt) in [(false, true), (true, false)] {
            let table = planned(&NetworkOrder { cut_control, ..partition() }).unwrap().drops.unwrap();
            // What it sends comes from its own end, what it receives goes there: offsets of struct iphdr.
            for (name, offset) in [("egress4", 12), ("ingress4", 16)] {
                let load = Expression::LoadHeader { base: HeaderBase::Network, offset, length: 4 };
                let rules = &chain(&table, name).rules;
                assert_eq!(rules.iter().any(|rule| rule.starts_with(&[load.clone(), own.clone()])), exempt, "{name}");
            }
            assert!(!chain(&table, "egress6").rules.iter().any(|rule| rule.contains(&own)));
        }
    }

    #[test]
    fn a_packet_meets_a_fault_once_where_interfaces_are_stacked() {
        let links = [
            link(1, "lo", None, None),
            link(2, "eth0", None, Some(4)),
            link(3, "eth1", None, Some(4)),
            link(4, "bond0", Some("bond"), None),
            link(5, "blue", Some("vrf"), None),
            link(6, "eth2", None, Some(5)),
            link(7, "eth3", None, Some(99)),
        ];
        assert_eq!(interfaces(&links), ["bond0", "eth2", "eth3"], "99 is in another namespace");
    }

    #[test]
    fn more_interfaces_than_a_chain_takes_get_another() {
        let links: Vec<_> = (2..302).map(|index| link(index, &format!("veth{index}"), Some("veth"), None)).collect();
        let order = NetworkOrder { direction: Direction::Egress, ..partition() };
        let table = plan(&FaultId::new("f"), &order, &links, &[], LEASE).unwrap().drops.unwrap();
        assert_eq!(names(&table), ["egress_drop", "egress4", "egress6", "egress", "egress_2"]);
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_kind() {
        let nothing = NetworkOrder { partition: false, ..partition() };
        let nobody = NetworkOrder { peers: Peers::Only(Vec::new()), ..partition() };
        let both = NetworkOrder { loss: Some("1%".parse().unwrap()), ..partition() };
        let ping = NetworkOrder { protocol: Some(Protocol::Icmp), ports: vec![80], ..partition() };
        for order in [nothing, nobody, both, ping] {
            assert_eq!(planned(&order).unwrap_err().kind, RefusalKind::Unreadable, "{order:?}");
        }
        for direction in [Direction::Egress, Direction::Both] {
            assert_eq!(planned(&delay(direction)).unwrap_err().kind, RefusalKind::Unsupported);
        }
        let only_loopback = plan(&FaultId::new("f"), &partition(), &[link(1, "lo", None, None)], &[], LEASE);
        assert_eq!(only_loopback.unwrap_err().kind, RefusalKind::NoTarget);
    }

    #[test]
    fn names_come_from_the_id_and_stay() {
        assert_eq!(table_name(&FaultId::new("a")), "squall_af63dc4c8601ec8c");
        assert_ne!(table_name(&FaultId::new("run-1/slow/0")), table_name(&FaultId::new("run-1/slow/1")));
    }

    #[test]
    fn a_share_becomes_parts_of_a_billion() {
        for (share, expected) in [("0%", 0), ("30%", 300_000_000), ("0.0001%", 1_000), ("100%", PARTS)] {
            assert_eq!(parts(share.parse::<squall_experiments::unit::Percent>().unwrap().fraction()), expected);
        }
    }
}

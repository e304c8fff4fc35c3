//! Two faults on one instance at one moment: they compose, or are refused with the reason.
//!
//! | | kill | pause | drop packets | hold packets |
//! |---|---|---|---|---|
//! | **kill** | other processes only | no: a dead process is no longer paused | yes, where the instance has a namespace of its own | the same |
//! | **pause** | | other processes only | yes | yes |
//! | **drop packets** | | | other packets only | yes |
//! | **hold packets** | | | | other packets only |

use crate::fault::{Direction, NetworkOrder, OrderFault, Peers};
use crate::target::{Cidr, Locator};

/// Why two faults cannot be on one instance at one moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Overlap {
    /// Both act on the same processes.
    #[error("both act on the same processes: one would change what the other has done")]
    Processes,
    /// A killed process is not paused any more.
    #[error("a process that is killed is no longer paused, so the pause would end before its time")]
    KillsThePaused,
    /// The namespace is held through the process that is killed.
    #[error(
        "the network fault takes hold of the namespace through the instance's process, which the kill ends; give the \
         instance a `netns`, or do one after the other"
    )]
    KillsTheNamespace,
    /// Both drop the same packets.
    #[error("both drop packets of the same peers and ports, so neither could say what it did")]
    Drops,
    /// Both hold the same packets.
    #[error("both hold packets of the same peers and ports, so the delays would add up")]
    Delays,
}

/// Whether two faults may be on one instance (or one network namespace) at one moment.
///
/// # Errors
/// With the reason why not.
pub fn overlap(one: &OrderFault, other: &OrderFault, locator: &Locator) -> Result<(), Overlap> {
    match (one, other) {
        (OrderFault::Kill { process: a, .. }, OrderFault::Kill { process: b, .. })
        | (OrderFault::Pause { process: a }, OrderFault::Pause { process: b }) => {
            if named_apart(a.as_deref(), b.as_deref()) { Ok(()) } else { Err(Overlap::Processes) }
        }
        (OrderFault::Kill { process: a, .. }, OrderFault::Pause { process: b })
        | (OrderFault::Pause { process: a }, OrderFault::Kill { process: b, .. }) => {
            if named_apart(a.as_deref(), b.as_deref()) { Ok(()) } else { Err(Overlap::KillsThePaused) }
        }
        (OrderFault::Kill { .. }, OrderFault::Network(_)) | (OrderFault::Network(_), OrderFault::Kill { .. }) => {
            if locator.netns.is_some() {
                Ok(())
            } else {
                Err(Overlap::KillsTheNamespace)
            }
        }
        (OrderFault::Pause { .. }, OrderFault::Network(_)) | (OrderFault::Network(_), OrderFault::Pause { .. }) => {
            Ok(())
        }
        (OrderFault::Network(a), OrderFault::Network(b)) => {
            if packets_apart(a, b) {
                Ok(())
            } else if drops(a) && drops(b) {
                Err(Overlap::Drops)
            } else if holds(a) && holds(b) {
                Err(Overlap::Delays)
            } else {
                Ok(())
            }
        }
    }
}

fn named_apart(one: Option<&str>, other: Option<&str>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if one != other)
}

/// Whether a network fault drops packets.
pub(crate) fn drops(network: &NetworkOrder) -> bool {
    network.partition || network.loss.is_some()
}

/// Whether a network fault holds packets.
pub(crate) fn holds(network: &NetworkOrder) -> bool {
    network.delay.is_some() || network.jitter.is_some()
}

fn packets_apart(one: &NetworkOrder, other: &NetworkOrder) -> bool {
    let ways = match (one.direction, other.direction) {
        (Direction::Both, _) | (_, Direction::Both) => false,
        (a, b) => a != b,
    };
    let ports =
        !one.ports.is_empty() && !other.ports.is_empty() && !one.ports.iter().any(|port| other.ports.contains(port));
    let protocols = matches!((one.protocol, other.protocol), (Some(a), Some(b)) if a != b);
    ways || ports || protocols || peers_apart(&one.peers, &other.peers)
}

fn peers_apart(one: &Peers, other: &Peers) -> bool {
    match (one, other) {
        (Peers::Only(blocks), _) | (_, Peers::Only(blocks)) if blocks.is_empty() => true,
        (Peers::Only(a), Peers::Only(b)) => {
            !a.iter().any(|a| b.iter().any(|b| a.contains(b.network()) || b.contains(a.network())))
        }
        (Peers::Only(only), Peers::AllExcept(except)) | (Peers::AllExcept(except), Peers::Only(only)) => {
            only.iter().all(|block| except.iter().any(|outer| is_inside(*block, *outer)))
        }
        (Peers::All, _) | (_, Peers::All) | (Peers::AllExcept(_), Peers::AllExcept(_)) => false,
    }
}

fn is_inside(inner: Cidr, outer: Cidr) -> bool {
    outer.prefix() <= inner.prefix() && outer.contains(inner.network())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Signal;
    use std::path::PathBuf;

    fn network(change: impl FnOnce(&mut NetworkOrder)) -> OrderFault {
        let mut network = NetworkOrder {
            delay: None,
            jitter: None,
            loss: None,
            partition: false,
            direction: Direction::Both,
            peers: Peers::All,
            ports: Vec::new(),
            protocol: None,
            cut_control: false,
        };
        change(&mut network);
        OrderFault::Network(network)
    }

    fn partition(peers: Peers) -> OrderFault {
        network(|network| {
            network.partition = true;
            network.peers = peers;
        })
    }

    fn delay(peers: Peers) -> OrderFault {
        network(|network| {
            network.delay = "100ms".parse().ok();
            network.peers = peers;
        })
    }

    fn only(blocks: &[&str]) -> Peers {
        Peers::Only(blocks.iter().map(|block| block.parse().unwrap()).collect())
    }

    fn except(blocks: &[&str]) -> Peers {
        Peers::AllExcept(blocks.iter().map(|block| block.parse().unwrap()).collect())
    }

    fn kill(process: Option<&str>) -> OrderFault {
        OrderFault::Kill { signal: Signal::KILL, process: process.map(str::to_owned), grace: None, hold_down: true }
    }

    fn pause() -> OrderFault {
        OrderFault::Pause { process: None }
    }

    fn own_namespace() -> Locator {
        Locator { process: None, netns: Some(PathBuf::from("/run/netns/z1")) }
    }

    #[track_caller]
    fn check(one: &OrderFault, other: &OrderFault, locator: &Locator, expected: Result<(), Overlap>) {
        assert_eq!(overlap(one, other, locator), expected);
        assert_eq!(overlap(other, one, locator), expected, "the order of two faults does not matter");
    }

    #[test]
    fn a_cut_and_a_kill_compose_where_the_namespace_stays() {
        check(&partition(Peers::All), &kill(None), &own_namespace(), Ok(()));
        check(&partition(Peers::All), &kill(None), &Locator::default(), Err(Overlap::KillsTheNamespace));
    }

    #[test]
    fn two_network_faults_compose_when_they_differ_in_kind_or_packets() {
        let locator = own_namespace();
        check(&partition(Peers::All), &delay(Peers::All), &locator, Ok(()));
        check(&partition(Peers::All), &partition(only(&["10.0.0.1"])), &locator, Err(Overlap::Drops));
        check(&delay(Peers::All), &delay(only(&["10.0.0.1"])), &locator, Err(Overlap::Delays));
        check(&delay(only(&["10.0.1.0/24"])), &delay(only(&["10.0.2.0/24"])), &locator, Ok(()));
        check(&delay(only(&["10.0.0.0/16"])), &delay(only(&["10.0.2.0/24"])), &locator, Err(Overlap::Delays));
        check(&partition(except(&["10.0.1.0/24"])), &partition(only(&["10.0.1.7"])), &locator, Ok(()));
        check(&partition(except(&["10.0.1.0/24"])), &partition(only(&["10.0.0.0/16"])), &locator, Err(Overlap::Drops));
        let port = |port| {
            network(|network| {
                network.partition = true;
                network.ports = vec![port];
            })
        };
        check(&port(80), &port(81), &locator, Ok(()));
        check(&port(80), &port(80), &locator, Err(Overlap::Drops));
    }

    #[test]
    fn one_way_leaves_the_other_alone() {
        let way = |direction| {
            network(|network| {
                network.delay = "1s".parse().ok();
                network.direction = direction;
            })
        };
        check(&way(Direction::Egress), &way(Direction::Ingress), &own_namespace(), Ok(()));
        check(&way(Direction::Egress), &way(Direction::Both), &own_namespace(), Err(Overlap::Delays));
    }

    #[test]
    fn a_process_is_not_killed_and_paused_at_once() {
        check(&kill(None), &pause(), &own_namespace(), Err(Overlap::KillsThePaused));
        check(&kill(Some("a")), &kill(Some("b")), &own_namespace(), Ok(()));
        check(&kill(Some("a")), &kill(None), &own_namespace(), Err(Overlap::Processes));
        check(&pause(), &pause(), &own_namespace(), Err(Overlap::Processes));
        check(&pause(), &delay(Peers::All), &Locator::default(), Ok(()));
    }
}

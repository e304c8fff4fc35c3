//! A fault as its author wrote it -> what each agent gets.
//!
//! One order for each thing that is taken hold of: an instance's processes, or a network namespace with
//! everyone who shares it. Peers become addresses, an open direction becomes the side the backend can do.

use crate::fault::{
    AgentDescription, Direction, Effect, Fault, Network, NetworkOrder, OrderFault, Peers, Support, ZoneLossMode,
};
use crate::name::{InstanceName, NodeName, PlatformName};
use crate::target::{Cidr, Instance, Locator, Peer, Pick, Selector, select};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// One order in the making.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wanted {
    /// Whom it names: of several that share a namespace, the first.
    pub instance: Instance,
    /// Everyone it takes hold of.
    pub hits: BTreeSet<InstanceName>,
    /// What is done.
    pub fault: OrderFault,
    /// By what; `None`: the agent has not been asked.
    pub backend: Option<String>,
}

/// Why a fault cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CompileError {
    /// File or inventory are at fault.
    #[error("{0}")]
    BadInput(String),
    /// A kernel cannot, or Squall cannot yet.
    #[error("{0}")]
    Unsupported(String),
}

/// What is known of the world when orders are made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ground<'a> {
    /// Every instance of the step's platform.
    pub instances: &'a [Instance],
    /// Addresses read just before, of those instances that list none.
    pub addresses: &'a BTreeMap<InstanceName, Vec<IpAddr>>,
    /// The instances of platforms that peers name, with their addresses as far as they are known.
    pub platforms: &'a BTreeMap<PlatformName, Vec<Instance>>,
    /// What each agent can do.
    pub agents: &'a BTreeMap<NodeName, AgentDescription>,
    /// The run's seed, for peers that are picked.
    pub seed: u64,
    /// Whether this is the real thing: then unknown addresses and agents are errors.
    pub certainty: Certainty,
}

/// How much must be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Certainty {
    /// A plan: what is read just before injection is not known yet.
    Planned,
    /// About to inject: everything must be known.
    Final,
}

/// Whom a fault's selector means: `zoneLoss` means every instance of its zone.
pub(crate) fn effective_selector(fault: &Fault, into: &Selector) -> Selector {
    match fault {
        Fault::ZoneLoss(_) => Selector { pick: Some(Pick::All), ..into.clone() },
        Fault::Kill(_) | Fault::Pause(_) | Fault::Network(_) => into.clone(),
    }
}

/// Makes the orders of one fault for its targets. `held`: a kill lasts, so that the instance stays down.
pub(crate) fn compile(
    fault: &Fault,
    held: bool,
    targets: &[&Instance],
    ground: Ground<'_>,
) -> Result<Vec<Wanted>, CompileError> {
    match fault {
        Fault::Kill(kill) => each_instance(targets, Effect::Kill, ground, || OrderFault::Kill {
            signal: kill.signal,
            process: kill.process.clone(),
            grace: kill.grace,
            hold_down: held,
        }),
        Fault::Pause(pause) => {
            each_instance(targets, Effect::Pause, ground, || OrderFault::Pause { process: pause.process.clone() })
        }
        Fault::Network(network) => {
            let peers = peers(network, ground)?;
            each_namespace(targets, ground, |agent| order_of(network, peers.clone(), agent))
        }
        Fault::ZoneLoss(zone) => match zone.mode {
            ZoneLossMode::Power => Err(CompileError::Unsupported("`mode: power` is not carried out yet".to_owned())),
            ZoneLossMode::Isolate => {
                let inside = addresses(targets, ground)?;
                let network = Network { partition: true, direction: Some(Direction::Both), ..Network::default() };
                each_namespace(targets, ground, |agent| {
                    let (mut order, backend) = order_of(&network, Peers::AllExcept(inside.clone()), agent)?;
                    order.cut_control = zone.control;
                    Ok((order, backend))
                })
            }
        },
    }
}

fn each_instance(
    targets: &[&Instance],
    effect: Effect,
    ground: Ground<'_>,
    order: impl Fn() -> OrderFault,
) -> Result<Vec<Wanted>, CompileError> {
    let wanted = targets.iter().map(|instance| {
        let backend = match agent_of(instance, ground)? {
            Some(agent) => {
                Some(backend_for(agent, effect, None).map_err(|reason| refused(instance, effect, None, &reason))?)
            }
            None => None,
        };
        let hits = BTreeSet::from([instance.name.clone()]);
        Ok(Wanted { instance: (*instance).clone(), hits, fault: order(), backend })
    });
    wanted.collect()
}

fn each_namespace(
    targets: &[&Instance],
    ground: Ground<'_>,
    order: impl Fn(Option<&AgentDescription>) -> Result<(NetworkOrder, Option<String>), String>,
) -> Result<Vec<Wanted>, CompileError> {
    let mut seen = BTreeSet::new();
    let mut wanted = Vec::new();
    for instance in targets {
        let namespace = namespace_of(instance);
        if !seen.insert(namespace.clone()) {
            continue;
        }
        let agent = agent_of(instance, ground)?;
        let (network, backend) =
            order(agent).map_err(|reason| CompileError::Unsupported(format!("{}: {reason}", instance.name)))?;
        let hits = ground
            .instances
            .iter()
            .filter(|other| namespace_of(other) == namespace)
            .map(|other| other.name.clone())
            .chain([instance.name.clone()])
            .collect();
        wanted.push(Wanted { instance: (*instance).clone(), hits, fault: OrderFault::Network(network), backend });
    }
    Ok(wanted)
}

/// What tells network namespaces apart: the node, and the namespace or the process that leads to it.
/// An instance with neither is its own.
pub(crate) fn namespace_of(instance: &Instance) -> (NodeName, Locator, Option<InstanceName>) {
    let locator = match &instance.locator.netns {
        Some(netns) => Locator { process: None, netns: Some(netns.clone()) },
        None => instance.locator.clone(),
    };
    let alone = (locator == Locator::default()).then(|| instance.name.clone());
    (instance.node.clone(), locator, alone)
}

fn agent_of<'a>(instance: &Instance, ground: Ground<'a>) -> Result<Option<&'a AgentDescription>, CompileError> {
    match (ground.agents.get(&instance.node), ground.certainty) {
        (None, Certainty::Final) => Err(CompileError::BadInput(format!(
            "{} has come to node {}, whose agent was not asked in preflight",
            instance.name, instance.node
        ))),
        (found, _) => Ok(found),
    }
}

fn backend_for(agent: &AgentDescription, effect: Effect, direction: Option<Direction>) -> Result<String, String> {
    match agent.support(effect, direction) {
        Some(Support::By { backend }) => Ok(backend.clone()),
        Some(Support::No { reason }) => Err(reason.clone()),
        None => Err(format!("its agent ({}) does not know how", agent.version)),
    }
}

fn refused(instance: &Instance, effect: Effect, direction: Option<Direction>, reason: &str) -> CompileError {
    let what = effect_in_words(effect);
    let way = direction.map(|way| format!(" on {}", way_in_words(way))).unwrap_or_default();
    CompileError::Unsupported(format!("node {} cannot {what}{way} for {}: {reason}", instance.node, instance.name))
}

fn effect_in_words(effect: Effect) -> &'static str {
    match effect {
        Effect::Kill => "send signals",
        Effect::Pause => "stop every thread",
        Effect::Drop => "drop packets",
        Effect::Delay => "hold packets",
    }
}

pub(super) fn way_in_words(direction: Direction) -> &'static str {
    match direction {
        Direction::Egress => "egress",
        Direction::Ingress => "ingress",
        Direction::Both => "egress and ingress",
    }
}

fn order_of(
    network: &Network,
    peers: Peers,
    agent: Option<&AgentDescription>,
) -> Result<(NetworkOrder, Option<String>), String> {
    let (direction, backend) = direction_for(network, agent)?;
    let order = NetworkOrder {
        delay: network.delay,
        jitter: network.jitter,
        loss: network.loss,
        partition: network.partition,
        direction,
        peers,
        ports: network.ports.clone(),
        protocol: network.protocol,
        cut_control: false,
    };
    Ok((order, backend))
}

/// Without a direction a fault acts once per round trip, on the side that the backend can do; a
/// partition on both. Ingress comes first: a sender notices what is lost on its own way out.
fn direction_for(network: &Network, agent: Option<&AgentDescription>) -> Result<(Direction, Option<String>), String> {
    let mut effects = Vec::new();
    if network.partition || network.loss.is_some() {
        effects.push(Effect::Drop);
    }
    if network.delay.is_some() || network.jitter.is_some() {
        effects.push(Effect::Delay);
    }
    let asked = match network.direction {
        Some(direction) => vec![direction],
        None if network.partition => vec![Direction::Both],
        None => vec![Direction::Ingress, Direction::Egress],
    };
    let Some(agent) = agent else { return Ok((asked[0], None)) };
    let mut reasons = Vec::new();
    for direction in asked {
        let sides = match direction {
            Direction::Both => vec![Direction::Egress, Direction::Ingress],
            one => vec![one],
        };
        let mut backends = BTreeSet::new();
        let mut missing = Vec::new();
        for (effect, side) in effects.iter().flat_map(|effect| sides.iter().map(move |side| (*effect, *side))) {
            match backend_for(agent, effect, Some(side)) {
                Ok(backend) => {
                    backends.insert(backend);
                }
                Err(reason) => {
                    missing.push(format!("cannot {} on {}: {reason}", effect_in_words(effect), way_in_words(side)));
                }
            }
        }
        if missing.is_empty() {
            let backends: Vec<String> = backends.into_iter().collect();
            return Ok((direction, Some(backends.join(" and "))));
        }
        reasons.extend(missing);
    }
    Err(format!("its node {}", reasons.join("; ")))
}

fn peers(network: &Network, ground: Ground<'_>) -> Result<Peers, CompileError> {
    let Some(entries) = &network.peers else { return Ok(Peers::All) };
    let mut blocks = BTreeSet::new();
    for entry in entries {
        match entry {
            Peer::Cidr(block) => {
                blocks.insert(*block);
            }
            Peer::Host(host) => {
                return Err(CompileError::Unsupported(format!("peers by host name ({host}) are not carried out yet")));
            }
            Peer::Instances(selector) => {
                if selector.r#where.is_some() {
                    return Err(CompileError::Unsupported("`where` in `peers` is not carried out yet".to_owned()));
                }
                let bad = |reason: String| CompileError::BadInput(format!("peers: {reason}"));
                // Without a word of their own they are where the targets are.
                let of = match &selector.platform {
                    None => ground,
                    // Of another platform nothing was read by name: its instances may be called as ours are.
                    Some(name) => {
                        let instances = ground.platforms.get(name);
                        let unknown = || bad(format!("there is no platform `{name}` in the settings"));
                        Ground { instances: instances.ok_or_else(unknown)?, addresses: &BTreeMap::new(), ..ground }
                    }
                };
                let found =
                    select(selector, of.instances, None, of.seed, None).map_err(|error| bad(error.to_string()))?;
                blocks.extend(addresses(&found.targets, of)?);
            }
        }
    }
    Ok(Peers::Only(blocks.into_iter().collect()))
}

/// The addresses of instances: as listed, or as read just before.
fn addresses(instances: &[&Instance], ground: Ground<'_>) -> Result<Vec<Cidr>, CompileError> {
    let mut blocks = BTreeSet::new();
    for instance in instances {
        let listed = if instance.addresses.is_empty() {
            ground.addresses.get(&instance.name)
        } else {
            Some(&instance.addresses)
        };
        match listed {
            Some(addresses) if !addresses.is_empty() => blocks.extend(addresses.iter().copied().map(Cidr::host)),
            _ if ground.certainty == Certainty::Planned => {}
            _ => {
                return Err(CompileError::BadInput(format!(
                    "{} lists no addresses, and none could be read from its namespace: nobody knows what to cut",
                    instance.name
                )));
            }
        }
    }
    Ok(blocks.into_iter().collect())
}

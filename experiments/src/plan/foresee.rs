//! The orders that the steps of an experiment would send, so that agents can be asked about them before
//! anybody waits for anything. Their ids and deadlines are not those of a run: they are never sent to be injected.

use super::compile::Certainty;
use super::make::{PlanRefusal, World, aim};
use crate::engine::bounds;
use crate::experiment::{Experiment, StepKind};
use crate::fault::{Fault, ORDER_VERSION, Order};
use crate::name::{FaultId, NodeName};
use crate::target::{Peer, Selector};
use crate::unit::Length;

/// An order as a step would send it if it began now.
#[derive(Debug, Clone, PartialEq)]
pub struct Foreseen {
    /// The step, by its name.
    pub step: String,
    /// Whose agent would get it.
    pub node: NodeName,
    /// The order.
    pub order: Order,
}

/// The orders of every step, as things are now. Everything must be known: whoever calls has asked all agents and
/// read the addresses of instances that list none.
///
/// # Errors
/// Every reason why an order could not be made.
pub fn foresee(experiment: &Experiment, world: &World, seed: u64) -> Result<Vec<Foreseen>, Vec<PlanRefusal>> {
    let mut all: Vec<Foreseen> = Vec::new();
    let mut refusals = Vec::new();
    for step in experiment.steps() {
        let (StepKind::Inject(inject), Some(name)) = (&step.kind, &step.name) else { continue };
        let aims = match aim(step, inject, world, seed, Certainty::Final) {
            Ok(aims) => aims,
            Err(error) => {
                refusals.push(PlanRefusal::of(step, error));
                continue;
            }
        };
        // Of the shots of an `every`, many are alike.
        let mut known = Vec::new();
        for wanted in aims.into_iter().flat_map(|aim| aim.wanted) {
            let what = (wanted.instance.name, wanted.fault);
            if known.contains(&what) {
                continue;
            }
            let order = Order {
                version: ORDER_VERSION,
                id: FaultId::new(format!("foreseen-{}", all.len() + 1)),
                step: name.clone(),
                instance: what.0.clone(),
                locator: wanted.instance.locator,
                fault: what.1.clone(),
                lease: Length::from(bounds::LEASE),
                deadline: Length::from(bounds::INJECT + bounds::GONE + bounds::DEADLINE_MARGIN),
            };
            all.push(Foreseen { step: step.label(), node: wanted.instance.node, order });
            known.push(what);
        }
    }
    if refusals.is_empty() { Ok(all) } else { Err(refusals) }
}

/// The peers of a fault that are instances: their addresses are read just before.
pub fn peers_of(fault: &Fault) -> Vec<Selector> {
    let listed = match fault {
        Fault::Network(network) => network.peers.as_deref().unwrap_or_default(),
        Fault::Kill(_) | Fault::Pause(_) | Fault::ZoneLoss(_) => &[],
    };
    let peers = listed.iter().filter_map(|peer| match peer {
        Peer::Instances(selector) => Some((**selector).clone()),
        Peer::Cidr(_) | Peer::Host(_) => None,
    });
    peers.collect()
}

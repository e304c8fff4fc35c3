//! Agents are asked about the orders of an experiment before anybody waits for anything: what one of them would
//! refuse is said before a baseline has been measured for nothing. Nothing is touched by it.

use super::ground::{add_addresses, read_addresses};
use crate::platform::AgentLink;
use futures::future::join_all;
use squall_experiments::experiment::{Experiment, StepKind};
use squall_experiments::fault::{Order, Refusal, RefusalKind};
use squall_experiments::name::{NodeName, RunId};
use squall_experiments::plan::{Foreseen, PlanRefusal, PlanRefusalKind, World, foresee, peers_of};
use squall_experiments::target::Selector;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything that an agent would refuse if its orders came now; empty: nothing. `run`: whose orders they are;
/// `None`: nobody's yet. The agents of `world` have been asked what they can do, and its addresses have been read.
pub(crate) async fn refusals(
    experiment: &Experiment,
    world: &World,
    seed: u64,
    run: Option<&RunId>,
    agent: impl Fn(&NodeName) -> Option<Arc<dyn AgentLink>>,
) -> Vec<PlanRefusal> {
    let foreseen = match foresee(experiment, world, seed) {
        Ok(foreseen) => foreseen,
        Err(refusals) => return refusals,
    };
    let mut by_node: BTreeMap<NodeName, Vec<Foreseen>> = BTreeMap::new();
    for one in foreseen {
        by_node.entry(one.node.clone()).or_default().push(one);
    }
    let asked = by_node.into_iter().map(|(node, foreseen)| {
        let link = agent(&node);
        async move {
            let orders: Vec<Order> = foreseen.iter().map(|one| one.order.clone()).collect();
            let answers = match link {
                Some(link) => link.consider(run.cloned(), orders).await.map_err(|error| error.to_string()),
                None => Err("no agent is known".to_owned()),
            };
            let refusals: Vec<PlanRefusal> = match answers {
                Ok(answers) => {
                    foreseen.iter().zip(answers).filter_map(|(one, answer)| refusal(one, answer.err()?)).collect()
                }
                Err(reason) => vec![PlanRefusal {
                    kind: PlanRefusalKind::Unsupported,
                    step: None,
                    sentence: format!("the agent of node `{node}` does not say whether it would inject: {reason}"),
                }],
            };
            refusals
        }
    });
    join_all(asked).await.into_iter().flatten().collect()
}

fn refusal(foreseen: &Foreseen, refusal: Refusal) -> Option<PlanRefusal> {
    let kind = match refusal.kind {
        // No target, or one that nobody may hit: file or inventory are at fault.
        RefusalKind::NoTarget | RefusalKind::Protected => PlanRefusalKind::BadInput,
        RefusalKind::Unreadable | RefusalKind::Overlap | RefusalKind::Unsupported | RefusalKind::Failed => {
            PlanRefusalKind::Unsupported
        }
        // Only of runs that go on.
        RefusalKind::Fenced => return None,
    };
    let (node, instance) = (&foreseen.node, &foreseen.order.instance);
    let sentence = format!("the agent of node `{node}` would refuse it on {instance}: {}", refusal.reason);
    Some(PlanRefusal { kind, step: Some(foreseen.step.clone()), sentence })
}

/// Adds the addresses of instances that list none, as far as a step of the experiment needs them.
pub(crate) async fn learn_addresses(experiment: &Experiment, world: &mut World) {
    let World { platforms, addresses, .. } = world;
    for step in experiment.steps() {
        let StepKind::Inject(inject) = &step.kind else { continue };
        let platform = inject.into.platform.as_ref().or_else(|| platforms.keys().next());
        let instances = platform.and_then(|name| platforms.get(name)).map(Vec::as_slice).unwrap_or_default();
        let peers = peers_of(&inject.fault);
        let own: Vec<Selector> = peers.iter().filter(|peers| peers.platform.is_none()).cloned().collect();
        addresses.extend(read_addresses(instances, &inject.into, &own).await);
        for (name, instances) in platforms.iter_mut() {
            add_addresses(name, instances, &peers).await;
        }
    }
}

/// As lines of a message.
pub(crate) fn in_lines(refusals: &[PlanRefusal]) -> String {
    refusals.iter().map(|refusal| format!("  {refusal}")).collect::<Vec<_>>().join("\n")
}

/// Whether file, inventory or settings are at fault for any of them; else something needed is not there.
pub(crate) fn is_bad_input(refusals: &[PlanRefusal]) -> bool {
    refusals.iter().any(|refusal| refusal.kind == PlanRefusalKind::BadInput)
}

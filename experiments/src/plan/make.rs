//! Experiment + instances + seed + what agents can do -> Plan, or every reason why not.

use super::compile::{Certainty, CompileError, Ground, Wanted, compile, effective_selector};
use super::moments::moments;
use super::overlap::overlap;
use super::refers::{steps_of_claim, steps_of_source};
use super::timeline::{Schedule, schedule};
use super::windows::{baseline_bounds, recovery_bounds};
use super::words::what_it_does;
use super::{Bounds, Plan, PlannedStep};
use crate::engine::{bounds, too_short};
use crate::experiment::{Experiment, Inject, Lasting, Step, StepId, StepKind, Undo};
use crate::fault::{AgentDescription, Fault};
use crate::judge::{Sampling, WatchName};
use crate::name::{InstanceName, NodeName, PlatformName};
use crate::target::{Hit, Instance, LimitCaps, Selector, check_limits, select};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

/// The world as it is when a plan is made.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// Every instance, by platform.
    pub platforms: BTreeMap<PlatformName, Vec<Instance>>,
    /// What each agent can do. An agent that is not here has not been asked.
    pub agents: BTreeMap<NodeName, AgentDescription>,
    /// By step: the instances that its `where` lets through.
    pub matching_where: BTreeMap<StepId, BTreeSet<InstanceName>>,
    /// Addresses read in the namespaces of instances that list none.
    pub addresses: BTreeMap<InstanceName, Vec<IpAddr>>,
    /// How watched sources are sampled, as far as that is known before preflight.
    pub sampling: BTreeMap<WatchName, Sampling>,
}

/// What settings allow.
#[derive(Debug, Clone, Default)]
pub struct Caps {
    /// Nobody of these is hit.
    pub protected: Vec<Selector>,
    /// Caps on what the file may say.
    pub limits: LimitCaps,
}

/// One reason why an experiment cannot be run as things are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRefusal {
    /// What kind of reason.
    pub kind: PlanRefusalKind,
    /// The step it is about, by its name or place.
    pub step: Option<String>,
    /// The reason.
    pub sentence: String,
}

/// Kinds of reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanRefusalKind {
    /// File, inventory or settings are at fault: exit 2.
    BadInput,
    /// A kernel cannot, or Squall cannot yet: something needed is not there, exit 4.
    Unsupported,
}

impl PlanRefusal {
    pub(super) fn of(step: &Step, error: CompileError) -> Self {
        let (kind, sentence) = match error {
            CompileError::BadInput(sentence) => (PlanRefusalKind::BadInput, sentence),
            CompileError::Unsupported(sentence) => (PlanRefusalKind::Unsupported, sentence),
        };
        Self { kind, step: Some(step.label()), sentence }
    }
}

impl fmt::Display for PlanRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.step {
            Some(step) => write!(f, "{step}: {}", self.sentence),
            None => f.write_str(&self.sentence),
        }
    }
}

/// What one shot of one step would do.
pub(super) struct Aim {
    hit: Hit,
    pub(super) wanted: Vec<Wanted>,
}

/// Makes the plan. Touches nothing.
///
/// # Errors
/// With every reason why the experiment cannot be run: nobody or too many would be hit, somebody who is
/// protected, two faults at once that do not compose, a kernel that cannot.
pub fn plan(experiment: &Experiment, world: &World, seed: u64, caps: &Caps) -> Result<Plan, Vec<PlanRefusal>> {
    let limits = experiment.limits.capped(caps.limits);
    let mut refusals = Vec::new();
    let mut notes = Vec::new();
    let mut aims: BTreeMap<StepId, Vec<Aim>> = BTreeMap::new();
    for step in experiment.steps() {
        if let StepKind::Inject(inject) = &step.kind {
            let mut refuse = |kind, sentence| refusals.push(PlanRefusal { kind, step: Some(step.label()), sentence });
            match aim(step, inject, world, seed, Certainty::Planned) {
                Ok(found) => {
                    for hit in found.iter().flat_map(|aim| &aim.hit.targets).collect::<BTreeSet<_>>() {
                        if is_protected(hit, &effective_selector(&inject.fault, &inject.into), world, &caps.protected) {
                            refuse(PlanRefusalKind::BadInput, format!("{hit} is protected by the settings"));
                        }
                    }
                    for aim in &found {
                        if let Err(error) = check_limits(&limits, std::slice::from_ref(&aim.hit)) {
                            refuse(PlanRefusalKind::BadInput, error.to_string());
                            break;
                        }
                    }
                    aims.insert(step.id, found);
                }
                Err(error) => refusals.push(PlanRefusal::of(step, error)),
            }
        }
        notes.extend(notes_on(step));
    }
    let brief = too_short(experiment, &world.sampling).into_iter();
    refusals.extend(brief.map(|sentence| PlanRefusal { kind: PlanRefusalKind::BadInput, step: None, sentence }));
    let mut most_targets = 0;
    if refusals.is_empty() {
        for moment in moments(&experiment.method) {
            most_targets = most_targets.max(refuse_moment(&moment, experiment, &aims, &limits, &mut refusals));
        }
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }
    notes.extend(notes_on_agents(&aims, world));
    let times = schedule(experiment);
    let baseline = baseline_bounds(experiment, &world.sampling, &mut notes);
    let recovery = recovery_bounds(experiment, baseline);
    let method = times.end;
    let whole = Bounds {
        earliest: baseline.earliest + method.earliest + recovery.earliest,
        latest: bounds::PREFLIGHT + baseline.latest + method.latest + recovery.latest,
    };
    let steps = planned_steps(experiment, &times, &aims);
    Ok(Plan {
        seed,
        baseline,
        steps,
        method,
        recovery,
        whole,
        most_targets,
        limits,
        protected: caps.protected.clone(),
        notes,
    })
}

/// The instances of a selector's platform.
pub(crate) fn instances_of<'a>(
    selector: &Selector,
    platforms: &'a BTreeMap<PlatformName, Vec<Instance>>,
) -> Result<&'a [Instance], String> {
    match (&selector.platform, platforms.len()) {
        (Some(name), _) => platforms
            .get(name)
            .map(Vec::as_slice)
            .ok_or_else(|| format!("there is no platform `{name}` in the settings")),
        (None, 0) => Err("no platform is known: write an inventory, or name one in the settings".to_owned()),
        (None, 1) => Ok(platforms.values().next().map_or(&[], Vec::as_slice)),
        (None, _) => {
            let names: Vec<String> = platforms.keys().map(ToString::to_string).collect();
            Err(format!("the settings name several platforms; say which with `platform:` ({})", names.join(", ")))
        }
    }
}

/// Whether an instance of a selector's platform is protected.
fn is_protected(name: &InstanceName, into: &Selector, world: &World, protected: &[Selector]) -> bool {
    let instances = instances_of(into, &world.platforms).unwrap_or_default();
    let platform =
        into.platform.as_ref().or_else(|| world.platforms.keys().next().filter(|_| world.platforms.len() == 1));
    instances.iter().filter(|instance| instance.name == *name).any(|instance| protects(protected, platform, instance))
}

/// Whether one of the selectors protects an instance.
pub(crate) fn protects(protected: &[Selector], platform: Option<&PlatformName>, instance: &Instance) -> bool {
    protected.iter().any(|selector| {
        // Protection that names no platform holds everywhere; so does any, where the platform has no name.
        let same = selector.platform.is_none() || platform.is_none() || selector.platform.as_ref() == platform;
        same && selector.matches(instance)
    })
}

/// How often a step shoots.
pub(crate) fn shots(inject: &Inject) -> u32 {
    match (&inject.every, &inject.lasting) {
        (Some(every), Lasting::For(length)) if !every.get().is_zero() => {
            u32::try_from(length.get().as_nanos().div_ceil(every.get().as_nanos())).unwrap_or(u32::MAX).max(1)
        }
        _ => 1,
    }
}

pub(super) fn aim(
    step: &Step,
    inject: &Inject,
    world: &World,
    seed: u64,
    certainty: Certainty,
) -> Result<Vec<Aim>, CompileError> {
    let into = effective_selector(&inject.fault, &inject.into);
    let instances = instances_of(&into, &world.platforms).map_err(CompileError::BadInput)?;
    let matching = world.matching_where.get(&step.id);
    if into.r#where.is_some() && matching.is_none() {
        return Err(CompileError::BadInput("`where` could not be asked, so nobody knows whom it means".to_owned()));
    }
    let ground = Ground {
        instances,
        addresses: &world.addresses,
        platforms: &world.platforms,
        agents: &world.agents,
        seed,
        certainty,
    };
    // A shot every 100 ms for an hour would be 36,000 picks that nobody reads.
    let shots = shots(inject).min(100);
    let aims = (0..shots).map(|shot| {
        let shot = inject.every.map(|_| shot);
        let found = select(&into, instances, matching, seed, shot)
            .map_err(|error| CompileError::BadInput(error.to_string()))?;
        let held = inject.lasting != Lasting::Once && inject.every.is_none();
        let wanted = compile(&inject.fault, held, &found.targets, ground)?;
        let targets = wanted.iter().flat_map(|one| one.hits.iter().cloned()).collect();
        Ok(Aim { hit: Hit { targets, population: population(&inject.fault, found.population, instances) }, wanted })
    });
    aims.collect()
}

/// Against whom a fault counts: `zoneLoss` against the whole platform.
pub(crate) fn population(
    fault: &Fault,
    matching: BTreeSet<InstanceName>,
    instances: &[Instance],
) -> BTreeSet<InstanceName> {
    match fault {
        Fault::ZoneLoss(_) => instances.iter().map(|instance| instance.name.clone()).collect(),
        Fault::Kill(_) | Fault::Pause(_) | Fault::Network(_) => matching,
    }
}

/// Checks the faults that may be on together; says how many instances they hit.
fn refuse_moment(
    moment: &BTreeSet<StepId>,
    experiment: &Experiment,
    aims: &BTreeMap<StepId, Vec<Aim>>,
    limits: &crate::experiment::Limits,
    refusals: &mut Vec<PlanRefusal>,
) -> usize {
    let label = |id: &StepId| {
        experiment.steps().into_iter().find(|step| step.id == *id).map_or_else(|| id.to_string(), Step::label)
    };
    let of = |id: &StepId| aims.get(id).map(Vec::as_slice).unwrap_or_default();
    // Of an `every`, any shot may be the one: its widest stands for all.
    let widest = |id: &StepId| of(id).iter().max_by_key(|aim| aim.hit.targets.len()).map(|aim| aim.hit.clone());
    let hits: Vec<Hit> = moment.iter().filter_map(widest).collect();
    if let Err(error) = check_limits(limits, &hits) {
        let names: Vec<String> = moment.iter().map(label).collect();
        let sentence = format!("{} together: {error}", names.join(" and "));
        push_once(refusals, PlanRefusal { kind: PlanRefusalKind::BadInput, step: None, sentence });
    }
    for (place, first) in moment.iter().enumerate() {
        for second in moment.iter().skip(place + 1) {
            for (one, other) in of(first).iter().flat_map(|one| of(second).iter().map(move |other| (one, other))) {
                if let Some((instance, reason)) = clash(&one.wanted, &other.wanted) {
                    let sentence = format!(
                        "{} and {} would both be on {instance} at one moment: {reason}",
                        label(first),
                        label(second)
                    );
                    push_once(refusals, PlanRefusal { kind: PlanRefusalKind::BadInput, step: None, sentence });
                }
            }
        }
    }
    hits.iter().flat_map(|hit| &hit.targets).collect::<BTreeSet<_>>().len()
}

fn push_once(refusals: &mut Vec<PlanRefusal>, refusal: PlanRefusal) {
    if !refusals.contains(&refusal) {
        refusals.push(refusal);
    }
}

fn clash(one: &[Wanted], other: &[Wanted]) -> Option<(InstanceName, String)> {
    one.iter().flat_map(|a| other.iter().map(move |b| (a, b))).find_map(|(a, b)| {
        let shared = a.hits.intersection(&b.hits).next()?;
        overlap(&a.fault, &b.fault, &a.instance.locator).err().map(|reason| (shared.clone(), reason.to_string()))
    })
}

fn notes_on(step: &Step) -> Option<String> {
    match &step.kind {
        StepKind::Inject(inject) => match (&inject.fault, &inject.lasting, inject.every) {
            (Fault::Kill(_), Lasting::For(_) | Lasting::Meanwhile(_), None) => Some(format!(
                "{}: whatever its supervisor starts is killed again until the end. A supervisor with a start limit \
                 (systemd: 5 starts in 10 s) gives up and leaves it down; Squall does not start it",
                step.label()
            )),
            (Fault::ZoneLoss(zone), _, _) if zone.control => Some(format!(
                "{}: `control: true` changes nothing yet: the runner and its agent talk through a Unix socket, which \
                 no network fault cuts",
                step.label()
            )),
            _ => None,
        },
        StepKind::Perform(perform) if perform.undo == Undo::Irreversible => {
            Some(format!("{}: cannot be undone", step.label()))
        }
        StepKind::Perform(_) | StepKind::Wait(_) | StepKind::WaitFor(_) | StepKind::Parallel(_) => None,
    }
}

fn notes_on_agents(aims: &BTreeMap<StepId, Vec<Aim>>, world: &World) -> Option<String> {
    let unasked: BTreeSet<&NodeName> = aims
        .values()
        .flatten()
        .flat_map(|aim| &aim.wanted)
        .map(|wanted| &wanted.instance.node)
        .filter(|node| !world.agents.contains_key(*node))
        .collect();
    let nodes: Vec<String> = unasked.into_iter().map(ToString::to_string).collect();
    (!nodes.is_empty())
        .then(|| format!("no agent was asked what it can do on {}: preflight will ask", nodes.join(", ")))
}

fn planned_steps(experiment: &Experiment, times: &Schedule, aims: &BTreeMap<StepId, Vec<Aim>>) -> Vec<PlannedStep> {
    fn walk<'a>(steps: &'a [Step], depth: usize, found: &mut Vec<(&'a Step, usize)>) {
        for step in steps {
            found.push((step, depth));
            walk(step.children(), depth + 1, found);
        }
    }
    let mut steps = Vec::new();
    walk(&experiment.method, 0, &mut steps);
    steps
        .into_iter()
        .filter_map(|(step, depth)| {
            let (starts, ends) = *times.steps.get(&step.id)?;
            let aims = aims.get(&step.id).map(Vec::as_slice).unwrap_or_default();
            Some(planned_step(experiment, step, depth, (starts, ends), aims))
        })
        .collect()
}

fn planned_step(
    experiment: &Experiment,
    step: &Step,
    depth: usize,
    (starts, ends): (Bounds, Bounds),
    aims: &[Aim],
) -> PlannedStep {
    let mut by_node: BTreeMap<NodeName, BTreeSet<InstanceName>> = BTreeMap::new();
    for wanted in aims.iter().flat_map(|aim| &aim.wanted) {
        by_node.entry(wanted.instance.node.clone()).or_default().extend(wanted.hits.iter().cloned());
    }
    let backends: BTreeSet<&String> =
        aims.iter().flat_map(|aim| &aim.wanted).filter_map(|one| one.backend.as_ref()).collect();
    let backends: Vec<String> = backends.into_iter().cloned().collect();
    let watched_by = match &step.name {
        Some(name) => experiment
            .claims()
            .filter(|claim| steps_of_claim(claim).contains(name) || steps_of_source(&claim.source).contains(name))
            .map(|claim| claim.name.clone())
            .collect(),
        None => Vec::new(),
    };
    PlannedStep {
        step: step.id,
        label: step.label(),
        depth,
        what: what_it_does(step),
        starts,
        ends,
        targets: by_node.into_iter().map(|(node, names)| (node, names.into_iter().collect())).collect(),
        population: aims.iter().map(|aim| aim.hit.population.len()).max().unwrap_or(0),
        backend: (!backends.is_empty()).then(|| backends.join(", ")),
        watched_by,
    }
}

//! Whom a shot hits: targets are resolved just before it, limits, overlaps and protection are checked
//! again, and orders go out.

use super::engine::Engine;
use super::faults::{FaultRun, State};
use super::fill::values_of;
use super::steps::Stage;
use super::{Command, bounds};
use crate::experiment::{Inject, Lasting, Step, StepId};
use crate::fault::{Fault, ORDER_VERSION, Order};
use crate::history::{RefusedTargets, ResolvedTargets};
use crate::name::InstanceName;
use crate::plan::{
    Certainty, Ground, Wanted, compile, effective_selector, grace, longest_lasting, overlap, peers_of, population,
    protects,
};
use crate::target::{Hit, Instance, check_limits, select};
use crate::unit::Length;
use std::collections::BTreeSet;
use std::sync::Arc;

impl Engine {
    /// Asks for the targets of a shot.
    pub(super) fn resolve(&mut self, step: &Step, inject: &Inject, shot: u32) {
        let peers = peers_of(&inject.fault);
        let into = Box::new(effective_selector(&inject.fault, &inject.into));
        self.set_stage(step.id, Stage::Resolving { shot, asked: self.now });
        self.outbox.push(Command::Resolve { step: step.id, shot, into, peers });
    }

    /// The targets of a shot: limits, overlaps and protection are checked again, then it goes out.
    pub(super) fn take_targets(&mut self, id: StepId, shot: u32, found: &ResolvedTargets) {
        let waits = self
            .steps
            .get(&id)
            .is_some_and(|run| matches!(run.stage, Stage::Resolving { shot: asked, .. } if asked == shot));
        if !waits || self.ending.is_set() {
            return;
        }
        let Some((step, inject)) = self.inject_of(id) else { return };
        if let Err(reason) = self.inject_shot(&step, &inject, shot, found) {
            self.ending.error(format!("{}: {reason}", step.label()));
        }
    }

    /// There are no targets to be had.
    pub(super) fn take_no_targets(&mut self, id: StepId, shot: u32, refused: &RefusedTargets) {
        let waits = self
            .steps
            .get(&id)
            .is_some_and(|run| matches!(run.stage, Stage::Resolving { shot: asked, .. } if asked == shot));
        if waits && !self.ending.is_set() {
            let label = self.inject_of(id).map_or_else(|| id.to_string(), |(step, _)| step.label());
            self.ending.error(format!("{label}: its targets could not be found: {}", refused.reason));
        }
    }

    fn inject_shot(&mut self, step: &Step, inject: &Inject, shot: u32, found: &ResolvedTargets) -> Result<(), String> {
        let given = Arc::clone(&self.given);
        let into = effective_selector(&inject.fault, &inject.into);
        if into.r#where.is_some() && found.matching_where.is_none() {
            return Err("`where` was not asked, so nobody knows whom it means".to_owned());
        }
        let counted = inject.every.map(|_| shot);
        let selection = select(&into, &found.instances, found.matching_where.as_ref(), given.seed, counted)
            .map_err(|error| error.to_string())?;
        if given.placebo {
            self.remember_targets(step, inject, &selection.targets);
            self.set_stage(step.id, Stage::Injecting { shot, first: self.now });
            return Ok(());
        }
        let none = std::collections::BTreeMap::new();
        let agents = self.preflight.as_ref().map_or(&none, |preflight| &preflight.agents);
        let ground = Ground {
            instances: &found.instances,
            addresses: &found.addresses,
            platforms: &found.peers,
            agents,
            seed: given.seed,
            certainty: Certainty::Final,
        };
        let held = inject.lasting != Lasting::Once && inject.every.is_none();
        let wanted = compile(&inject.fault, held, &selection.targets, ground).map_err(|error| error.to_string())?;
        let population = population(&inject.fault, selection.population, &found.instances);
        let hits: BTreeSet<InstanceName> = wanted.iter().flat_map(|one| one.hits.iter().cloned()).collect();
        let hit: Vec<&Instance> = found.instances.iter().filter(|instance| hits.contains(&instance.name)).collect();
        if let Some(one) = hit.iter().find(|one| protects(&given.plan.protected, into.platform.as_ref(), one)) {
            return Err(format!("{} is protected by the settings", one.name));
        }
        self.check_together(&wanted, Hit { targets: hits.clone(), population: population.clone() })?;
        self.note_changes(step, inject, &hits);
        self.remember_targets(step, inject, &hit);
        self.set_stage(step.id, Stage::Injecting { shot, first: self.now });
        for one in wanted {
            self.send_order(step, inject, shot, one, &population)?;
        }
        self.declare_losses(step);
        Ok(())
    }

    /// Limits and overlaps, over everything that may be on now.
    fn check_together(&self, wanted: &[Wanted], new: Hit) -> Result<(), String> {
        let mut hits: Vec<Hit> = self.faults.active().map(|fault| fault.hit.clone()).collect();
        hits.push(new);
        check_limits(&self.given.plan.limits, &hits).map_err(|error| format!("over the limits now: {error}"))?;
        for one in wanted {
            for fault in self.faults.active().filter(|fault| !fault.hit.targets.is_disjoint(&one.hits)) {
                overlap(&fault.order.fault, &one.fault, &one.instance.locator)
                    .map_err(|reason| format!("{} is on {} still: {reason}", fault.order.step, fault.order.instance))?;
            }
        }
        Ok(())
    }

    /// Targets are shown when planned; what has changed since is said.
    fn note_changes(&mut self, step: &Step, inject: &Inject, hits: &BTreeSet<InstanceName>) {
        let planned: BTreeSet<InstanceName> = self
            .given
            .plan
            .steps
            .iter()
            .filter(|planned| planned.step == step.id)
            .flat_map(|planned| planned.targets.values().flatten().cloned())
            .collect();
        // The shots of an `every` are planned all together.
        let same = if inject.every.is_some() { hits.is_subset(&planned) } else { *hits == planned };
        if !same {
            let list = |names: &BTreeSet<InstanceName>| {
                let names: Vec<&str> = names.iter().map(InstanceName::as_str).collect();
                if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
            };
            let note = format!(
                "{}: targets have changed since the plan: {} instead of {}",
                step.label(),
                list(hits),
                list(&planned)
            );
            self.ending.note(note);
        }
    }

    fn remember_targets(&mut self, step: &Step, inject: &Inject, hit: &[&Instance]) {
        let Some(name) = &step.name else { return };
        for (key, new) in values_of(name, hit) {
            let known = self.targets.entry(key).or_default();
            let all: BTreeSet<String> = known.drain(..).chain(new).collect();
            known.extend(all);
        }
        if !takes_series_away(&inject.fault) {
            return;
        }
        let series = hit.iter().map(|instance| instance.series.clone()).filter(|series| !series.is_empty());
        self.watches.lost.entry(name.clone()).or_default().extend(series);
    }

    fn send_order(
        &mut self,
        step: &Step,
        inject: &Inject,
        shot: u32,
        wanted: Wanted,
        population: &BTreeSet<InstanceName>,
    ) -> Result<(), String> {
        let name = step.name.clone().ok_or_else(|| "a fault needs a name".to_owned())?;
        let id = self.faults.next_id(&self.given.run);
        let grace = grace(&inject.fault);
        let one_shot = inject.fault.is_one_shot() && (inject.lasting == Lasting::Once || inject.every.is_some());
        let patience = bounds::INJECT + grace;
        let lasts = if one_shot { bounds::GONE } else { longest_lasting(&self.given.experiment, &inject.lasting) };
        let order = Order {
            version: ORDER_VERSION,
            id: id.clone(),
            step: name,
            instance: wanted.instance.name.clone(),
            locator: wanted.instance.locator.clone(),
            fault: wanted.fault,
            lease: Length::from(bounds::LEASE),
            deadline: Length::from(patience + lasts + bounds::DEADLINE_MARGIN),
        };
        let node = wanted.instance.node.clone();
        self.outbox.push(Command::Inject { node: node.clone(), order: Box::new(order.clone()) });
        let fault = FaultRun {
            step: step.id,
            shot,
            node,
            order,
            hit: Hit { targets: wanted.hits, population: population.clone() },
            patience,
            sent: self.now,
            state: State::Sent,
            was_on: false,
            asked: None,
            over: None,
            backend: wanted.backend,
            evidence: None,
            complaints: Vec::new(),
        };
        self.faults.all.insert(id, fault);
        Ok(())
    }

    /// The series of instances that a step hit are lost while it lasts: judging.md rule 5.
    pub(super) fn declare_losses(&mut self, step: &Step) {
        let Some(name) = &step.name else { return };
        let (Some(series), Some(run)) = (self.watches.lost.get(name), self.steps.get(&step.id)) else { return };
        if self.given.placebo {
            return;
        }
        let from = match (run.start, &run.stage) {
            (Some(start), _) => start.first,
            (None, Stage::Injecting { first, .. }) => *first,
            (None, _) => run.begun,
        };
        let to = matches!(run.stage, Stage::Ended).then_some(run.end).flatten().map(|end| end.last);
        self.timeline.declare_loss(name, series.clone(), from, to);
    }
}

/// Whether a fault takes the instance's series away: nobody answers a scrape any more. What is only slow
/// or lossy should still be scraped, and a loss of its series is not declared.
fn takes_series_away(fault: &Fault) -> bool {
    match fault {
        Fault::Kill(_) | Fault::Pause(_) | Fault::ZoneLoss(_) => true,
        Fault::Network(network) => network.partition,
    }
}

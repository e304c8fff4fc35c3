//! A fault step: targets, orders, the agents' word, its time, the revert.
//!
//! ```text
//! Resolving -> Injecting -> Lasting -> Ending -> Ended
//!     ^            |-> Ended (one-shot)
//!     '- Between <-'   (every)
//! ```

use super::engine::Engine;
use super::faults::{FaultRun, State};
use super::fill::values_of;
use super::steps::Stage;
use super::{Command, bounds};
use crate::experiment::{Inject, Lasting, Step, StepId};
use crate::fault::{AgentEvent, Fault, ORDER_VERSION, Order};
use crate::history::{RefusedTargets, ResolvedTargets};
use crate::moment::{Interval, Moment};
use crate::name::{FaultId, InstanceName, NodeName};
use crate::plan::{
    Certainty, Ground, Wanted, compile, effective_selector, grace, longest_lasting, overlap, population, protects,
    shots,
};
use crate::target::{Hit, Instance, Peer, check_limits, select};
use crate::unit::Length;
use std::collections::BTreeSet;
use std::sync::Arc;

impl Engine {
    /// Asks for the targets of a shot.
    pub(super) fn resolve(&mut self, step: &Step, inject: &Inject, shot: u32) {
        let listed = match &inject.fault {
            Fault::Network(network) => network.peers.as_deref().unwrap_or_default(),
            Fault::Kill(_) | Fault::Pause(_) | Fault::ZoneLoss(_) => &[],
        };
        let peers = listed.iter().filter_map(|peer| match peer {
            Peer::Instances(selector) => Some((**selector).clone()),
            Peer::Cidr(_) | Peer::Host(_) => None,
        });
        let peers = peers.collect();
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
            self.remember_targets(step, &selection.targets);
            self.set_stage(step.id, Stage::Injecting { shot, first: self.now });
            return Ok(());
        }
        let none = std::collections::BTreeMap::new();
        let agents = self.preflight.as_ref().map_or(&none, |preflight| &preflight.agents);
        let ground = Ground {
            instances: &found.instances,
            addresses: &found.addresses,
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
        self.remember_targets(step, &hit);
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

    fn remember_targets(&mut self, step: &Step, hit: &[&Instance]) {
        let Some(name) = &step.name else { return };
        for (key, new) in values_of(name, hit) {
            let known = self.targets.entry(key).or_default();
            let all: BTreeSet<String> = known.drain(..).chain(new).collect();
            known.extend(all);
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
            asked: None,
            over: None,
            backend: wanted.backend,
            evidence: None,
            complaints: Vec::new(),
        };
        self.faults.all.insert(id, fault);
        Ok(())
    }

    /// Lets a fault step go on.
    pub(super) fn run_inject(&mut self, step: &Step, inject: &Inject) {
        let Some(run) = self.steps.get(&step.id) else { return };
        match run.stage.clone() {
            Stage::Resolving { asked, .. } => {
                if self.passed(asked, bounds::RESOLVE) {
                    let seconds = bounds::RESOLVE.as_secs();
                    self.ending.error(format!("{}: its targets were not found in {seconds} s", step.label()));
                }
            }
            Stage::Injecting { shot, first } => self.run_injecting(step, inject, shot, first),
            Stage::Between { next } => self.run_between(step, inject, next),
            Stage::Lasting => {
                let since = run.start.map_or(run.begun, |start| start.last);
                let over = match &inject.lasting {
                    Lasting::Once => true,
                    Lasting::For(length) => self.passed(since, length.get()),
                    Lasting::Meanwhile(steps) => self.run_sequence(steps),
                };
                if over && !self.ending.is_set() {
                    self.set_stage(step.id, Stage::Ending { asked: self.now });
                    let reverts = self.faults.revert(self.now, |fault| fault.step == step.id);
                    self.outbox.extend(reverts);
                    self.run_inject(step, inject);
                }
            }
            Stage::Ending { asked } => self.run_ending(step, asked),
            Stage::Waiting | Stage::Ended => {}
        }
    }

    fn run_injecting(&mut self, step: &Step, inject: &Inject, shot: u32, first: Moment) {
        let of_shot: Vec<(FaultId, FaultRun)> = self
            .faults
            .all
            .iter()
            .filter(|(_, fault)| fault.step == step.id && fault.shot == shot)
            .map(|(id, fault)| (id.clone(), fault.clone()))
            .collect();
        for (_, fault) in of_shot.iter().filter(|(_, fault)| fault.state == State::Sent) {
            if self.passed(fault.sent, fault.patience) {
                self.ending.error(format!(
                    "{}: the agent of node {} did not say in {} s whether the fault on {} is on",
                    step.label(),
                    fault.node,
                    fault.patience.as_secs(),
                    fault.order.instance
                ));
                return;
            }
        }
        if of_shot.iter().any(|(_, fault)| fault.state == State::Sent) {
            return;
        }
        let begins = self.steps.get(&step.id).is_some_and(|run| run.start.is_none());
        if begins {
            self.start_step(step, self.since_then(first));
        }
        if !matches!((&inject.lasting, inject.every), (Lasting::Once, _) | (Lasting::For(_), Some(_))) {
            self.set_stage(step.id, Stage::Lasting);
            self.run_inject(step, inject);
            return;
        }
        if self.wait_until_gone(step, &of_shot) {
            self.end_shot(step, inject, shot, first);
        }
    }

    /// Whether the one-shot faults of a shot are over. One whose end nobody sees is reverted, so that its
    /// agent looks no longer; its evidence then says that it did not bite.
    fn wait_until_gone(&mut self, step: &Step, of_shot: &[(FaultId, FaultRun)]) -> bool {
        for (id, fault) in of_shot.iter().filter(|(_, fault)| fault.state == State::On) {
            if self.passed(fault.sent, fault.patience + bounds::GONE) {
                let note = format!("{}: {} was not seen to go", step.label(), fault.order.instance);
                self.ending.note(note);
                let reverts = self.faults.revert(self.now, |other| other.order.id == *id);
                self.outbox.extend(reverts);
            }
        }
        if let Some(due) = self.faults.give_up(self.now) {
            self.wake_at(due);
        }
        self.fail_on_remaining(step.id);
        of_shot.iter().all(|(id, _)| self.faults.all.get(id).is_none_or(FaultRun::is_settled))
    }

    fn end_shot(&mut self, step: &Step, inject: &Inject, shot: u32, first: Moment) {
        let end = self.since_then(first);
        let next = shot + 1;
        match &inject.lasting {
            Lasting::For(_) => {
                if let Some(run) = self.steps.get_mut(&step.id) {
                    run.end = Some(end);
                    run.stage = Stage::Between { next };
                }
                self.run_inject(step, inject);
            }
            Lasting::Once | Lasting::Meanwhile(_) => self.end_step(step, end),
        }
    }

    fn run_between(&mut self, step: &Step, inject: &Inject, next: u32) {
        let Some(run) = self.steps.get(&step.id) else { return };
        let (Lasting::For(length), Some(every)) = (&inject.lasting, inject.every) else { return };
        let begun = run.start.map_or(run.begun, |start| start.first);
        let end = run.end.unwrap_or(Interval::at(self.now));
        let due = every.get().saturating_mul(next);
        if next < shots(inject) && begun.elapsed + length.get() > self.now.elapsed {
            if self.passed(begun, due) {
                self.resolve(step, inject, next);
            }
            return;
        }
        if next < shots(inject) {
            let (planned, label) = (shots(inject), step.label());
            self.ending.note(format!("{label}: only {next} of {planned} shots fitted into its time"));
        }
        if self.passed(begun, length.get()) {
            self.end_step(step, end);
        }
    }

    fn run_ending(&mut self, step: &Step, asked: Moment) {
        if let Some(due) = self.faults.give_up(self.now) {
            self.wake_at(due);
        }
        self.fail_on_remaining(step.id);
        if self.faults.of(step.id).all(FaultRun::is_gone) {
            self.end_step(step, self.since_then(asked));
        }
    }

    /// A fault that is not known to be gone ends the method.
    fn fail_on_remaining(&mut self, step: StepId) {
        let left: Vec<String> = self
            .faults
            .of(step)
            .filter_map(|fault| match &fault.state {
                State::MayRemain(reason) => Some(format!("{} on {}: {reason}", fault.order.step, fault.order.instance)),
                _ => None,
            })
            .collect();
        for reason in left {
            self.ending.error(reason);
        }
    }

    pub(super) fn take_agent_event(&mut self, id: &FaultId, event: AgentEvent) {
        use super::faults::Trouble;
        match self.faults.take(self.now, id, event) {
            None => {}
            Some(Trouble::Error(reason)) => self.ending.error(reason),
            Some(Trouble::Person(reason)) => self.ending.abort(reason),
            Some(Trouble::Note(note)) => self.ending.note(note),
        }
    }

    /// An agent that is gone: its faults are not known to be on or gone, so the run cannot go on.
    pub(super) fn take_lost_agent(&mut self, node: &NodeName, faults: &BTreeSet<FaultId>, reason: &str) {
        let holds =
            self.faults.all.iter().any(|(id, fault)| !fault.is_gone() && (fault.node == *node || faults.contains(id)));
        if holds {
            self.ending.error(format!("the agent of node {node} does not answer any more: {reason}"));
        } else {
            self.ending.note(format!("the agent of node {node} did not answer for a while: {reason}"));
        }
    }

    /// The series of instances that a step hit are lost while it lasts: judging.md rule 5.
    pub(super) fn declare_losses(&mut self, step: &Step) {
        let Some(name) = &step.name else { return };
        let (Some(series), Some(run)) = (self.watches.lost.get(name), self.steps.get(&step.id)) else { return };
        if self.given.placebo {
            return;
        }
        let from = run.start.map_or(run.begun, |start| start.first);
        let to = matches!(run.stage, Stage::Ended).then_some(run.end).flatten().map(|end| end.last);
        self.timeline.declare_loss(name, series.clone(), from, to);
    }
}

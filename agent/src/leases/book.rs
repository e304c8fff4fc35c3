//! The state of every fault, and the one function that moves it.

use super::message::{Act, End, Event, Hold};
use crate::clock::BootTime;
use jiff::Timestamp;
use squall_experiments::fault::{
    AgentEvent, EndCause, FaultState, FaultStatus, Fence, ORDER_VERSION, Order, Refusal, RefusalKind,
};
use squall_experiments::name::{FaultId, InstanceName, RunId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// An agent that has not begun to undo a fault this long after its end hangs, and must die.
const HUNG_AFTER: Duration = Duration::from_secs(2);
/// How long undoing may take before the agent counts as hung: longer than any revert takes.
const REVERT_TAKES: Duration = Duration::from_secs(5);
/// Ended faults that are remembered for late retries.
const REMEMBERED: usize = 1024;
/// Runs whose epoch is remembered: more than can be going on, so that what is forgotten is long over.
const RUNS: usize = 4096;
/// Faults that are held at most: each costs a thread.
const MOST_FAULTS: usize = 512;

/// All faults of an agent.
#[derive(Debug, Default)]
pub struct Leases {
    faults: BTreeMap<FaultId, Lease>,
    epochs: BTreeMap<RunId, u64>,
    /// The runs in `epochs`, the oldest first.
    runs: VecDeque<RunId>,
    /// Ended faults, the oldest first.
    ended: VecDeque<FaultId>,
    /// Reverted before they arrived: refused if they come after all.
    revoked: VecDeque<FaultId>,
}

#[derive(Debug)]
struct Lease {
    fence: Fence,
    order: Order,
    since: Timestamp,
    lease_end: BootTime,
    deadline: BootTime,
    holds: BTreeSet<Hold>,
    state: State,
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    Resolving,
    Recording,
    Injecting,
    On,
    Reverting { cause: EndCause, hung_at: BootTime },
    Ended(End),
}

impl Lease {
    fn end(&self) -> (BootTime, EndCause) {
        if self.deadline <= self.lease_end {
            (self.deadline, EndCause::Deadline)
        } else {
            (self.lease_end, EndCause::Lease)
        }
    }

    fn is_over(&self) -> bool {
        matches!(self.state, State::Ended(_))
    }
}

impl Leases {
    /// Takes in what an earlier life left in the ledger: epochs, and faults that are undone by now.
    pub fn restore(
        epochs: BTreeMap<RunId, u64>,
        undone: impl IntoIterator<Item = (Fence, Order, Timestamp)>,
        now: BootTime,
    ) -> Self {
        let runs = epochs.keys().cloned().collect();
        let mut leases = Self { epochs, runs, ..Self::default() };
        for (fence, order, since) in undone {
            let fault = order.id.clone();
            let state = State::Ended(End::Reverted(EndCause::AgentRestart));
            let lease = Lease { fence, order, since, lease_end: now, deadline: now, holds: BTreeSet::new(), state };
            leases.faults.insert(fault.clone(), lease);
            leases.remember(fault);
        }
        leases
    }

    /// Moves on: what is to be done about an event.
    pub fn step(&mut self, now: BootTime, event: Event) -> Vec<Act> {
        // What is due ends first, so that no event can revive it.
        let mut acts = self.end_what_is_due(now);
        match event {
            Event::Ordered { fence, order, at } => self.ordered(now, fence, *order, at, &mut acts),
            Event::Resolved { fault, holds } => self.resolved(&fault, holds, &mut acts),
            Event::Recorded { fault } => self.recorded(now, &fault, &mut acts),
            Event::Injected { fault, backend } => self.injected(&fault, backend, &mut acts),
            Event::Refused { fault, refusal } => self.refused(&fault, refusal, &mut acts),
            Event::Done { fault, evidence } => {
                if self.is_in(&fault, |state| matches!(state, State::On | State::Reverting { .. })) {
                    self.end(&fault, End::Done, AgentEvent::Done { evidence }, &mut acts);
                }
            }
            Event::TargetGone { fault } => self.revert(now, &fault, EndCause::TargetGone, &mut acts),
            Event::Broke { fault } => self.broke(now, &fault, &mut acts),
            Event::GateLost { fault } => self.revert(now, &fault, EndCause::Lease, &mut acts),
            Event::RenewAsked { fence, faults } => self.renew(now, fence, &faults, &mut acts),
            Event::RevertAsked { fence, fault } => self.revert_asked(now, fence, &fault, &mut acts),
            Event::EndAll { cause } => {
                let all: Vec<FaultId> = self.faults.keys().cloned().collect();
                for fault in all {
                    self.revert(now, &fault, cause, &mut acts);
                }
            }
            Event::Reverted { fault, evidence, differences } => {
                if let Some(State::Reverting { cause, .. }) = self.faults.get(&fault).map(|lease| lease.state.clone()) {
                    let event = AgentEvent::Reverted { cause, evidence, differences };
                    self.end(&fault, End::Reverted(cause), event, &mut acts);
                }
            }
            Event::RevertFailed { fault, errors } => {
                if let Some(Lease { state: State::Reverting { hung_at, .. }, .. }) = self.faults.get_mut(&fault) {
                    // It answers, so it does not hang; it tries again.
                    *hung_at = now + REVERT_TAKES;
                    acts.push(Act::Report { fault, event: AgentEvent::RevertFailed { errors } });
                }
            }
            Event::TimePassed => {}
        }
        acts
    }

    /// When something is due.
    pub fn next_deadline(&self) -> Option<BootTime> {
        let waiting = |lease: &&Lease| !matches!(lease.state, State::Reverting { .. } | State::Ended(_));
        self.faults.values().filter(waiting).map(|lease| lease.end().0).min()
    }

    /// When the agent counts as hung unless this has moved by then.
    pub fn hung_at(&self) -> Option<BootTime> {
        let at = |lease: &Lease| match lease.state {
            State::Resolving | State::Recording | State::Ended(_) => None,
            State::Injecting | State::On => Some(lease.end().0 + HUNG_AFTER),
            State::Reverting { hung_at, .. } => Some(hung_at),
        };
        self.faults.values().filter_map(at).min()
    }

    /// How many faults are not over.
    pub fn active(&self) -> usize {
        self.faults.values().filter(|lease| !lease.is_over()).count()
    }

    /// The highest epoch seen of each run.
    pub fn epochs(&self) -> impl Iterator<Item = Fence> {
        self.epochs.iter().map(|(run, epoch)| Fence { run: run.clone(), epoch: *epoch })
    }

    /// The order of a fault, and who gave it when.
    pub fn order(&self, fault: &FaultId) -> Option<(&Fence, &Order, Timestamp)> {
        self.faults.get(fault).map(|lease| (&lease.fence, &lease.order, lease.since))
    }

    /// How a fault ended, if it has.
    pub fn end_of(&self, fault: &FaultId) -> Option<&End> {
        match &self.faults.get(fault)?.state {
            State::Ended(end) => Some(end),
            _ => None,
        }
    }

    /// Where a fault stands.
    pub fn status(&self, now: BootTime, fault: &FaultId) -> Option<FaultStatus> {
        let lease = self.faults.get(fault)?;
        let state = match lease.state {
            State::Resolving | State::Recording | State::Injecting => FaultState::Injecting,
            State::On => FaultState::On,
            State::Reverting { .. } => FaultState::Reverting,
            State::Ended(_) => FaultState::Reverted,
        };
        let ends_within = if lease.is_over() { Duration::ZERO } else { lease.end().0.within(now) };
        Some(FaultStatus {
            fence: lease.fence.clone(),
            order: lease.order.clone(),
            state,
            since: lease.since,
            ends_within,
        })
    }

    /// Every fault that is held or remembered.
    pub fn statuses(&self, now: BootTime) -> Vec<FaultStatus> {
        self.faults.keys().filter_map(|fault| self.status(now, fault)).collect()
    }

    /// Whether a fault of this run on this instance would find it free, and room beside the others.
    ///
    /// # Errors
    /// Who holds it, or how many faults there are.
    pub fn may_take(
        &self,
        run: Option<&RunId>,
        instance: &InstanceName,
        holds: &BTreeSet<Hold>,
    ) -> Result<(), Refusal> {
        self.has_room()?;
        self.is_free(run, instance, holds)
    }

    fn has_room(&self) -> Result<(), Refusal> {
        if self.active() < MOST_FAULTS {
            return Ok(());
        }
        Err(Refusal { kind: RefusalKind::Failed, reason: format!("{MOST_FAULTS} faults are held already") })
    }

    fn is_free(&self, run: Option<&RunId>, instance: &InstanceName, holds: &BTreeSet<Hold>) -> Result<(), Refusal> {
        let other = self.faults.values().find(|other| {
            !other.is_over() && Some(&other.fence.run) != run && other.holds.intersection(holds).next().is_some()
        });
        let Some(other) = other else { return Ok(()) };
        let reason = format!("`{instance}` is held by fault `{}` of run `{}`", other.order.id, other.fence.run);
        Err(Refusal { kind: RefusalKind::Overlap, reason })
    }

    fn ordered(&mut self, now: BootTime, fence: Fence, order: Order, at: Timestamp, acts: &mut Vec<Act>) {
        let refuse = |kind, reason: String| Act::Refuse(Refusal { kind, reason });
        if let Err(refusal) = check_version(&order) {
            return acts.push(Act::Refuse(refusal));
        }
        if let Err(refusal) = self.pass_fence(&fence, acts) {
            return acts.push(Act::Refuse(refusal));
        }
        if let Some(known) = self.faults.get(&order.id) {
            match &known.state {
                _ if known.order != order || known.fence.run != fence.run => {
                    let reason = format!("fault `{}` is known here with another order", order.id);
                    acts.push(refuse(RefusalKind::Unreadable, reason));
                }
                State::Ended(End::Refused(refusal)) => acts.push(Act::Refuse(refusal.clone())),
                _ => {}
            }
            return;
        }
        if self.revoked.contains(&order.id) {
            let reason = format!("fault `{}` was reverted before it arrived", order.id);
            return acts.push(refuse(RefusalKind::Fenced, reason));
        }
        if let Err(refusal) = self.has_room() {
            return acts.push(Act::Refuse(refusal));
        }
        let fault = order.id.clone();
        let lease_end = now + order.lease.get();
        let deadline = now + order.deadline.get();
        let state = State::Resolving;
        let lease = Lease { fence, order, since: at, lease_end, deadline, holds: BTreeSet::new(), state };
        self.faults.insert(fault.clone(), lease);
        acts.push(Act::Resolve(fault));
    }

    fn resolved(&mut self, fault: &FaultId, holds: BTreeSet<Hold>, acts: &mut Vec<Act>) {
        let Some(lease) = self.faults.get(fault).filter(|lease| lease.state == State::Resolving) else { return };
        if let Err(refusal) = self.is_free(Some(&lease.fence.run), &lease.order.instance, &holds) {
            self.end(fault, End::Refused(refusal.clone()), AgentEvent::Refused { refusal }, acts);
        } else if let Some(lease) = self.faults.get_mut(fault) {
            lease.holds = holds;
            lease.state = State::Recording;
            acts.push(Act::Record(fault.clone()));
        }
    }

    fn recorded(&mut self, now: BootTime, fault: &FaultId, acts: &mut Vec<Act>) {
        if let Some(lease) = self.faults.get_mut(fault).filter(|lease| lease.state == State::Recording) {
            lease.state = State::Injecting;
            acts.push(Act::Inject { fault: fault.clone(), lease: lease.end().0.within(now) });
        }
    }

    fn injected(&mut self, fault: &FaultId, backend: String, acts: &mut Vec<Act>) {
        if let Some(lease) = self.faults.get_mut(fault).filter(|lease| lease.state == State::Injecting) {
            lease.state = State::On;
            acts.push(Act::Report { fault: fault.clone(), event: AgentEvent::On { backend } });
        }
    }

    fn refused(&mut self, fault: &FaultId, refusal: Refusal, acts: &mut Vec<Act>) {
        match self.faults.get(fault).map(|lease| lease.state.clone()) {
            Some(State::Resolving | State::Recording | State::Injecting) => {
                self.end(fault, End::Refused(refusal.clone()), AgentEvent::Refused { refusal }, acts);
            }
            Some(State::Reverting { cause, .. }) => {
                let event = AgentEvent::Reverted { cause, evidence: None, differences: Vec::new() };
                self.end(fault, End::Reverted(cause), event, acts);
            }
            Some(State::On | State::Ended(_)) | None => {}
        }
    }

    fn renew(&mut self, now: BootTime, fence: Fence, faults: &[FaultId], acts: &mut Vec<Act>) {
        if let Err(refusal) = self.pass_fence(&fence, acts) {
            return acts.push(Act::Refuse(refusal));
        }
        for fault in faults {
            let Some(lease) = self.faults.get_mut(fault).filter(|lease| lease.fence.run == fence.run) else { continue };
            match lease.state {
                State::Resolving | State::Recording | State::Injecting | State::On => {
                    lease.lease_end = now + lease.order.lease.get();
                    // While it is being injected the kernel's gate follows in the same queue.
                    if matches!(lease.state, State::Injecting | State::On) {
                        acts.push(Act::Renew { fault: fault.clone(), lease: lease.end().0.within(now) });
                    }
                }
                State::Reverting { .. } | State::Ended(_) => {}
            }
        }
    }

    /// Putting a target back is never refused, not even to a coordinator that has been replaced.
    fn revert_asked(&mut self, now: BootTime, fence: Option<Fence>, fault: &FaultId, acts: &mut Vec<Act>) {
        let cause = if fence.is_some() { EndCause::Asked } else { EndCause::Person };
        if let Some(fence) = fence {
            let _stale = self.pass_fence(&fence, acts);
        }
        if self.faults.contains_key(fault) {
            self.revert(now, fault, cause, acts);
        } else if !self.revoked.contains(fault) {
            self.revoked.push_back(fault.clone());
            if self.revoked.len() > REMEMBERED {
                self.revoked.pop_front();
            }
        }
    }

    /// Also of a revert that has begun it is the cause to tell: the fault broke before it was reverted.
    fn broke(&mut self, now: BootTime, fault: &FaultId, acts: &mut Vec<Act>) {
        if let Some(Lease { state: State::Reverting { cause, .. }, .. }) = self.faults.get_mut(fault) {
            *cause = EndCause::Broke;
        }
        self.revert(now, fault, EndCause::Broke, acts);
    }

    fn revert(&mut self, now: BootTime, fault: &FaultId, cause: EndCause, acts: &mut Vec<Act>) {
        match self.faults.get(fault).map(|lease| lease.state.clone()) {
            Some(State::Resolving | State::Recording) => {
                let event = AgentEvent::Reverted { cause, evidence: None, differences: Vec::new() };
                self.end(fault, End::Reverted(cause), event, acts);
            }
            Some(State::Injecting | State::On) => {
                if let Some(lease) = self.faults.get_mut(fault) {
                    lease.state = State::Reverting { cause, hung_at: now + REVERT_TAKES };
                }
                acts.push(Act::Revert(fault.clone()));
            }
            Some(State::Reverting { .. } | State::Ended(_)) | None => {}
        }
    }

    fn end_what_is_due(&mut self, now: BootTime) -> Vec<Act> {
        let mut due: Vec<(BootTime, EndCause, FaultId)> = Vec::new();
        for (fault, lease) in &self.faults {
            let (end, cause) = lease.end();
            if end <= now && !matches!(lease.state, State::Reverting { .. } | State::Ended(_)) {
                due.push((end, cause, fault.clone()));
            }
        }
        due.sort_by_key(|(end, _, _)| *end);
        let mut acts = Vec::new();
        for (_, cause, fault) in due {
            self.revert(now, &fault, cause, &mut acts);
        }
        acts
    }

    fn end(&mut self, fault: &FaultId, end: End, event: AgentEvent, acts: &mut Vec<Act>) {
        let Some(lease) = self.faults.get_mut(fault) else { return };
        // Before `Recording` the ledger has never heard of it.
        if lease.state != State::Resolving {
            acts.push(Act::RecordEnd(fault.clone()));
        }
        lease.state = State::Ended(end);
        lease.holds.clear();
        acts.push(Act::Report { fault: fault.clone(), event });
        self.remember(fault.clone());
    }

    fn remember(&mut self, fault: FaultId) {
        self.ended.push_back(fault);
        if self.ended.len() > REMEMBERED
            && let Some(oldest) = self.ended.pop_front()
        {
            self.faults.remove(&oldest);
        }
    }

    fn pass_fence(&mut self, fence: &Fence, acts: &mut Vec<Act>) -> Result<(), Refusal> {
        match self.epochs.get(&fence.run) {
            Some(highest) if *highest > fence.epoch => Err(Refusal {
                kind: RefusalKind::Fenced,
                reason: format!(
                    "run `{}` has been taken over: epoch {} is older than {highest}",
                    fence.run, fence.epoch
                ),
            }),
            Some(highest) if *highest == fence.epoch => Ok(()),
            _ => {
                if self.epochs.insert(fence.run.clone(), fence.epoch).is_none() {
                    self.runs.push_back(fence.run.clone());
                }
                if self.runs.len() > RUNS
                    && let Some(oldest) = self.runs.pop_front()
                {
                    self.epochs.remove(&oldest);
                }
                acts.push(Act::RecordEpoch(fence.clone()));
                Ok(())
            }
        }
    }

    fn is_in(&self, fault: &FaultId, states: impl Fn(&State) -> bool) -> bool {
        self.faults.get(fault).is_some_and(|lease| states(&lease.state))
    }
}

/// An order of another version means something else.
///
/// # Errors
/// Which version it has, and which is read.
pub fn check_version(order: &Order) -> Result<(), Refusal> {
    if order.version == ORDER_VERSION {
        return Ok(());
    }
    let reason = format!("order has version {}, this agent reads version {ORDER_VERSION}", order.version);
    Err(Refusal { kind: RefusalKind::Unreadable, reason })
}

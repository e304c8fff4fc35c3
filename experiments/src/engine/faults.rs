//! Each fault at its agent: sent, on, reverting, over or maybe still there.
//!
//! ```text
//! Sent -> On -> Reverting -> Reverted
//!   |      |        |
//!   |      |        '-> MayRemain (not confirmed in time, or something differs) -> Reverted, if that comes late
//!   |      '-> Done (one-shot), or Reverted before its time
//!   '-> Refused
//! ```
//!
//! Unknown counts as possibly injected: an order that was sent is reverted, whether or not its agent
//! ever said a word.

use super::{Command, bounds};
use crate::experiment::StepId;
use crate::fault::{AgentEvent, Difference, EndCause, Evidence, Order, Refusal};
use crate::moment::Moment;
use crate::name::{FaultId, NodeName, RunId};
use crate::target::Hit;
use std::collections::BTreeMap;
use std::time::Duration;

/// Where a fault stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// Its order is out.
    Sent,
    /// Its agent says it is on.
    On,
    /// One-shot, and over.
    Done,
    /// Its agent refused it, or undid what it had begun.
    Refused,
    /// It has been asked to be reverted.
    Reverting,
    /// Its agent says it is gone, and everything is as before.
    Reverted,
    /// It is not known to be gone; why.
    MayRemain(String),
}

/// One order and what became of it.
#[derive(Debug, Clone)]
pub(super) struct FaultRun {
    pub(super) step: StepId,
    pub(super) shot: u32,
    pub(super) node: NodeName,
    pub(super) order: Order,
    pub(super) hit: Hit,
    /// How long its agent may take to say a word, and a one-shot to be over.
    pub(super) patience: Duration,
    pub(super) sent: Moment,
    pub(super) state: State,
    /// Whether its agent ever said that it is on.
    pub(super) was_on: bool,
    /// When the first revert was asked for.
    pub(super) asked: Option<Moment>,
    /// When it was over.
    pub(super) over: Option<Moment>,
    /// Which backend carries it.
    pub(super) backend: Option<String>,
    /// What its agent saw last.
    pub(super) evidence: Option<Evidence>,
    /// What its agent said went wrong when reverting.
    pub(super) complaints: Vec<String>,
}

impl FaultRun {
    /// Whether nothing of it is left, for all that is known.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self.state, State::Done | State::Refused | State::Reverted)
    }

    /// Whether it is waited for no longer.
    pub(super) fn is_settled(&self) -> bool {
        self.is_gone() || matches!(self.state, State::MayRemain(_))
    }

    /// How long its agent held a packet, where that is far longer than asked.
    pub(super) fn held_too_long(&self) -> Option<Duration> {
        self.evidence.as_ref().and_then(|seen| seen.held_too_long(&self.order.fault))
    }

    /// Whether it bites, by its agent's own evidence.
    pub(super) fn bites(&self) -> bool {
        self.evidence.as_ref().is_some_and(|seen| seen.bites(&self.order.fault))
    }
}

/// What an agent's word means for the run.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The run cannot go on as planned.
    Error(String),
    /// A person ended it at the agent.
    Person(String),
    /// Worth knowing.
    Note(String),
}

/// Every fault of the run.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) all: BTreeMap<FaultId, FaultRun>,
    counter: u32,
}

impl Faults {
    /// The id of the next fault: from the run's own and a counter, so that a replay gives the same.
    pub(super) fn next_id(&mut self, run: &RunId) -> FaultId {
        self.counter += 1;
        FaultId::new(format!("{run}-{}", self.counter))
    }

    /// The faults of a step.
    pub(super) fn of(&self, step: StepId) -> impl Iterator<Item = &FaultRun> {
        self.all.values().filter(move |fault| fault.step == step)
    }

    /// The faults that may be on now.
    pub(super) fn active(&self) -> impl Iterator<Item = &FaultRun> {
        self.all.values().filter(|fault| !fault.is_gone())
    }

    /// Asks for the revert of every fault that `which` chooses and that may be on.
    pub(super) fn revert(&mut self, now: Moment, which: impl Fn(&FaultRun) -> bool) -> Vec<Command> {
        let mut commands = Vec::new();
        for (id, fault) in &mut self.all {
            if matches!(fault.state, State::Sent | State::On) && which(fault) {
                fault.state = State::Reverting;
                fault.asked.get_or_insert(now);
                commands.push(Command::Revert { node: fault.node.clone(), fault: id.clone() });
            }
        }
        commands
    }

    /// Gives up waiting for reverts that have had their time; says when the next one has.
    pub(super) fn give_up(&mut self, now: Moment) -> Option<Duration> {
        let mut next = None;
        for fault in self.all.values_mut().filter(|fault| fault.state == State::Reverting) {
            let due = fault.asked.unwrap_or(now).elapsed + bounds::REVERT;
            if now.elapsed >= due {
                fault.state = State::MayRemain(match fault.complaints.last() {
                    Some(complaint) => format!("its agent tries to revert it and cannot: {complaint}"),
                    None => format!("its agent did not confirm the revert in {} s", bounds::REVERT.as_secs()),
                });
            } else {
                next = Some(next.map_or(due, |known: Duration| known.min(due)));
            }
        }
        next
    }

    /// Takes an agent's word on a fault.
    pub(super) fn take(&mut self, now: Moment, id: &FaultId, event: AgentEvent) -> Option<Trouble> {
        let fault = self.all.get_mut(id)?;
        let who = format!("{} on {}", fault.order.step, fault.order.instance);
        match event {
            AgentEvent::On { backend } => {
                fault.backend = Some(backend);
                fault.was_on = true;
                if fault.state == State::Sent {
                    fault.state = State::On;
                }
                None
            }
            AgentEvent::Seen { evidence } => {
                fault.evidence = Some(evidence);
                None
            }
            AgentEvent::Done { evidence } => {
                fault.evidence = Some(evidence);
                // What lasts is gone when it is reverted, whatever it has done so far.
                if fault.order.fault.is_one_shot() {
                    fault.finish(State::Done, now);
                }
                None
            }
            AgentEvent::Refused { refusal } if fault.was_on => {
                // Another runner's fence, say: what is on stays on until its agent says that it is gone.
                Some(Trouble::Error(refused(&who, &fault.node, &refusal)))
            }
            AgentEvent::Refused { refusal } => {
                let asked = fault.asked.is_some();
                fault.finish(State::Refused, now);
                (!asked).then(|| Trouble::Error(refused(&who, &fault.node, &refusal)))
            }
            AgentEvent::RevertFailed { errors } => {
                fault.complaints.push(errors.join("; "));
                Some(Trouble::Note(format!("{who}: reverting failed at first: {}", errors.join("; "))))
            }
            AgentEvent::Reverted { cause, evidence, differences } => {
                fault.evidence = evidence.or(fault.evidence.take());
                fault.take_revert(now, cause, &differences, &who)
            }
        }
    }
}

impl FaultRun {
    fn finish(&mut self, state: State, now: Moment) {
        if !self.is_gone() {
            self.state = state;
            self.over = Some(now);
        }
    }

    fn take_revert(&mut self, now: Moment, cause: EndCause, differences: &[Difference], who: &str) -> Option<Trouble> {
        if self.is_gone() {
            return None;
        }
        let early = self.asked.is_none();
        self.asked.get_or_insert(now);
        if differences.is_empty() {
            self.finish(State::Reverted, now);
        } else {
            let list: Vec<String> = differences
                .iter()
                .map(|difference| format!("{} was {}, is {}", difference.what, difference.before, difference.after))
                .collect();
            self.state = State::MayRemain(format!("after the revert not all is as before: {}", list.join("; ")));
            self.over = Some(now);
        }
        // What broke before it was asked to end was counted as on while it may not have been. An agent that ended before
        // it could undo it may have hung while it was on, and then its target met something else than was asked.
        if !early && !matches!(cause, EndCause::Broke | EndCause::AgentRestart) {
            return None;
        }
        match cause {
            EndCause::Person => Some(Trouble::Person(format!("somebody reverted {who} at its agent"))),
            EndCause::Asked => Some(Trouble::Error(format!("{who} was reverted before its time, by another runner"))),
            EndCause::Lease => Some(Trouble::Error(format!(
                "{who} ended before its time: its lease was not renewed, so agent and runner could not talk"
            ))),
            EndCause::Deadline => Some(Trouble::Error(format!(
                "{who} ended before its time: its deadline came, so something took longer than its bound"
            ))),
            EndCause::TargetGone => {
                Some(Trouble::Error(format!("{who} ended before its time: the target vanished under it")))
            }
            EndCause::AgentRestart if early => {
                Some(Trouble::Error(format!("{who} ended before its time: its agent ended")))
            }
            EndCause::AgentRestart => Some(Trouble::Error(format!(
                "{who} ended with its agent, which hung or was killed before it had undone it: for how long the fault was \
                 what was asked, nobody knows"
            ))),
            EndCause::Broke => Some(Trouble::Error(format!(
                "{who} ended before its time: what carried it at its agent broke, see the agent's log"
            ))),
        }
    }
}

fn refused(who: &str, node: &NodeName, refusal: &Refusal) -> String {
    format!("{who}: the agent of node {node} refused it: {}", refusal.reason)
}

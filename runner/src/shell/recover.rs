//! A run whose runner died is closed by the next start: reverted by its recorded orders, judged as aborted.
//! It never goes on. A run that ended while faults might remain is reverted again, by the same orders, until
//! nothing is left.

use super::{ActionNews, ActionRequest, Actions, Agents, Left, WasOn, end_leftover};
use crate::clock::RunClock;
use crate::history::{LiveRun, StateFolder, StillLeft, Store, StoreError};
use crate::platform::AgentLink;
use jiff::Timestamp;
use squall_experiments::engine::{Command, LeftFault, Leftovers, Reverted, close, leftovers, undo_failure};
use squall_experiments::fault::{AgentEvent, Fence};
use squall_experiments::history::{AbortCause, ActionEnd, Entry, Event, Record, What};
use squall_experiments::judge::{RemainingFault, Verdict};
use squall_experiments::name::{FaultId, NodeName, RunId};
use squall_experiments::unit::Length;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::Instant;

/// Beyond the end of the last lease: agents have had their time to say so.
const PATIENCE: Duration = Duration::from_secs(5);

/// The epoch of a takeover that cannot be counted: above the runner's own.
const FIRST_TAKEOVER: u64 = 2;

/// A run that was reverted.
pub struct Recovered {
    /// The run.
    pub run: RunId,
    /// What was made of it, if its runner had died before it was judged.
    pub closed: Option<Verdict>,
    /// What may still be there.
    pub remaining: Vec<RemainingFault>,
}

/// Why unfinished runs could not be looked for.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The history cannot be used.
    #[error("close unfinished runs")]
    Store(#[from] StoreError),
    /// Locks cannot be used.
    #[error("close unfinished runs")]
    Lock(#[from] crate::history::LockError),
}

/// Reverts those of `runs` that are unfinished and whose runner is dead, or that ended while faults might remain.
/// `link` finds the agent of a node, `actions` makes what carries out recorded undos, `tell` hears what is done.
///
/// # Errors
/// The history or the locks cannot be used.
pub async fn recover(
    store: &mut Store,
    folder: &StateFolder,
    runs: Vec<RunId>,
    link: impl Fn(&Record, &NodeName) -> Option<Arc<dyn AgentLink>>,
    actions: impl Fn(tokio::sync::mpsc::UnboundedSender<ActionNews>) -> Actions,
    mut tell: impl FnMut(&str),
) -> Result<Vec<Recovered>, RecoverError> {
    let mut recovered = Vec::new();
    let mut failed = None;
    for run in runs {
        // What cannot be stored of one keeps no other from being reverted.
        match recover_one(store, folder, run, &link, &actions, &mut tell).await {
            Ok(one) => recovered.extend(one),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    failed.map_or(Ok(recovered), Err)
}

async fn recover_one(
    store: &mut Store,
    folder: &StateFolder,
    run: RunId,
    link: &impl Fn(&Record, &NodeName) -> Option<Arc<dyn AgentLink>>,
    actions: &impl Fn(tokio::sync::mpsc::UnboundedSender<ActionNews>) -> Actions,
    tell: &mut impl FnMut(&str),
) -> Result<Option<Recovered>, RecoverError> {
    // Held until the run is closed: two starts must not both do it.
    let Some(_lock) = LiveRun::take(folder, &run)? else { return Ok(None) };
    let Some(record) = store.record(&run)? else { return Ok(None) };
    let mut left = leftovers(&record);
    if let Some(still) = store.still_left(&run)? {
        still.narrow(&mut left);
    }
    let why = match record.judgement.as_ref().map(|judgement| judgement.verdict) {
        None => "was never finished",
        Some(Verdict::FaultsMayRemain) => "may have left faults",
        // It may have been closed between the question and the lock.
        Some(_) => return Ok(None),
    };
    // Faults are reverted whether or not this can be stored; that it cannot is said at the end.
    let epoch = store.take_over(&run);
    tell(&format!("run {run} {why}; {}", in_words(&left)));
    for process in store.processes(&run)? {
        end_leftover(&process);
    }
    let mut takeover = Takeover::of(&record);
    revert(&record, &left, link, *epoch.as_ref().unwrap_or(&FIRST_TAKEOVER), &mut takeover).await;
    undo(&left, actions, &mut takeover).await;
    epoch?;
    let Takeover { outcome, entries, .. } = takeover;
    let judgement = close(&record, &outcome);
    // First what is left: a run that is closed without it would be undone twice.
    store.leave(&run, &StillLeft::from(&outcome))?;
    let unfinished = record.judgement.is_none();
    if unfinished {
        store.append(&run, &entries, true)?;
        store.finish(&run, Timestamp::now(), &judgement)?;
    }
    let closed = unfinished.then_some(judgement.verdict);
    Ok(Some(Recovered { run, closed, remaining: judgement.remaining }))
}

/// What is heard and done while a run is taken over, as its record has it.
struct Takeover {
    clock: RunClock,
    last: u64,
    entries: Vec<Entry>,
    outcome: Reverted,
}

impl Takeover {
    fn of(record: &Record) -> Self {
        let elapsed = record.entries.last().map_or(Duration::ZERO, |entry| entry.at.elapsed);
        let clock = RunClock::resume(record.header.began, elapsed);
        let last = record.entries.last().map_or(0, |entry| entry.number);
        let mut takeover = Self { clock, last, entries: Vec::new(), outcome: Reverted::default() };
        takeover.note(What::Event(Event::AbortRequested(AbortCause::RunnerDied)));
        takeover
    }

    fn note(&mut self, what: What) {
        self.last += 1;
        self.entries.push(Entry { number: self.last, at: self.clock.now(), what });
    }
}

fn in_words(left: &Leftovers) -> String {
    if left.is_empty() {
        return "it had left nothing".to_owned();
    }
    let plural = |count: usize, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    let faults = plural(left.faults.len(), "fault", "faults");
    let actions = plural(left.undos.len() + left.running.len(), "action", "actions");
    // Who waits at night wants to know for how long.
    let bound = match patience(left) {
        Duration::ZERO => String::new(),
        bound => format!(" (at most {} for the faults)", Length::from(bound)),
    };
    format!("reverting {faults}, ending and undoing {actions}{bound}")
}

fn what_is_known(fault: &LeftFault) -> Left {
    let was_on = if fault.was_on { WasOn::Yes } else { WasOn::NotKnown };
    Left { lease: fault.order.lease.get(), was_on }
}

/// How long agents are waited for; zero: nothing is asked of them.
fn patience(left: &Leftovers) -> Duration {
    left.faults.iter().map(|fault| what_is_known(fault).over_within() + PATIENCE).max().unwrap_or_default()
}

/// Reverts by the recorded orders, through the agents' sessions of a run.
async fn revert(
    record: &Record,
    left: &Leftovers,
    link: &impl Fn(&Record, &NodeName) -> Option<Arc<dyn AgentLink>>,
    epoch: u64,
    takeover: &mut Takeover,
) {
    let (events, mut inbox) = unbounded_channel();
    // The late words of the dead runner, and of a recovery that died, are refused from now on.
    let fence = Fence { run: record.header.run.clone(), epoch };
    let mut agents = Agents::new(fence, events);
    let mut open: BTreeMap<FaultId, String> = BTreeMap::new();
    let mut asked: BTreeSet<FaultId> = BTreeSet::new();
    for fault in &left.faults {
        let id = fault.order.id.clone();
        open.insert(id.clone(), "its agent has not said that it is gone".to_owned());
        takeover.note(What::Command(Command::Revert { node: fault.node.clone(), fault: id.clone() }));
        if let Some(link) = link(record, &fault.node) {
            agents.connect(fault.node.clone(), link);
            asked.insert(id.clone());
        }
        agents.revert_left(&fault.node, id, what_is_known(fault));
    }
    let until = Instant::now() + patience(left);
    // Of those whose agent nobody knows there is no more to hear than that.
    while open.keys().any(|fault| asked.contains(fault)) || !inbox.is_empty() {
        match tokio::time::timeout_at(until, inbox.recv()).await {
            Ok(Some(event)) => {
                if is_news(&event, left) {
                    takeover.note(What::Event(event.clone()));
                }
                hear(event, left, &mut open);
            }
            Ok(None) | Err(_) => break,
        }
    }
    takeover.outcome.faults = open;
}

/// Whether the record lacks it: an agent tells everything it remembers of a run.
fn is_news(event: &Event, left: &Leftovers) -> bool {
    let left_fault = |id: &FaultId| left.faults.iter().find(|left| left.order.id == *id);
    match event {
        Event::Agent { fault, event: AgentEvent::On { .. }, .. } => left_fault(fault).is_some_and(|left| !left.was_on),
        Event::Agent { fault, .. } => left_fault(fault).is_some(),
        Event::AgentLost { .. } => true,
        _ => false,
    }
}

fn hear(event: Event, left: &Leftovers, open: &mut BTreeMap<FaultId, String>) {
    match event {
        Event::Agent { fault, event, .. } => match event {
            AgentEvent::Done { .. } | AgentEvent::Refused { .. } => {
                let Some(left) = left.faults.iter().find(|left| left.order.id == fault) else { return };
                // What lasts is gone when it is reverted; what was on stays on whatever its agent refuses.
                let is_over = match event {
                    AgentEvent::Done { .. } => left.order.fault.is_one_shot(),
                    _ => !left.was_on,
                };
                if is_over {
                    open.remove(&fault);
                }
            }
            AgentEvent::Reverted { differences, .. } if differences.is_empty() => drop(open.remove(&fault)),
            AgentEvent::Reverted { differences, .. } => {
                let what: Vec<&str> = differences.iter().map(|difference| difference.what.as_str()).collect();
                open.entry(fault).and_modify(|reason| *reason = format!("not as before: {}", what.join(", ")));
            }
            AgentEvent::RevertFailed { errors } => {
                open.entry(fault).and_modify(|reason| *reason = errors.join("; "));
            }
            AgentEvent::On { .. } | AgentEvent::Seen { .. } => {}
        },
        Event::AgentLost { faults, reason, .. } => {
            let known: BTreeSet<FaultId> = faults.into_iter().filter(|fault| open.contains_key(fault)).collect();
            for fault in known {
                open.insert(fault, format!("its agent is lost: {reason}"));
            }
        }
        _ => {}
    }
}

/// Runs the recorded undos, one after another.
async fn undo(
    left: &Leftovers,
    actions: &impl Fn(tokio::sync::mpsc::UnboundedSender<ActionNews>) -> Actions,
    takeover: &mut Takeover,
) {
    let (news, mut inbox) = unbounded_channel();
    let mut actions = actions(news);
    for owed in &left.undos {
        let failure = match &owed.action {
            Err(reason) => Some(reason.clone()),
            Ok(action) => {
                let (activity, timeout) = (owed.activity, Some(owed.timeout.get()));
                actions.begin(ActionRequest { activity, action: action.clone(), timeout });
                let end = ended(&mut inbox).await;
                if let Some(end) = &end {
                    takeover.note(What::Event(Event::ActionEnded { activity: owed.activity, end: end.clone() }));
                }
                end.and_then(|end| undo_failure(&end))
            }
        };
        if let Some(reason) = failure {
            takeover.outcome.activities.insert(owed.activity, reason);
        }
    }
}

/// How the one action that runs ended. Its timeout bounds this.
async fn ended(inbox: &mut UnboundedReceiver<ActionNews>) -> Option<ActionEnd> {
    loop {
        match inbox.recv().await? {
            ActionNews::Started(_) => {}
            ActionNews::Ended(_, end) => return Some(end),
        }
    }
}

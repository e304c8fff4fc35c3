//! The desk's task: a message in, a step of the leases, their acts carried out.

use super::handle::{DeskHandle, Found, Message, Target, take_hold};
use super::reports::{Life, Reports};
use crate::clock::BootTime;
use crate::holder::{Holder, Told};
use crate::last_resort::LastResort;
use crate::leases::{Act, End, Event, Leases};
use crate::ledger::{Entry, LedgerWriter, Ordered};
use jiff::Timestamp;
use squall_experiments::fault::{AgentEvent, Difference, EndCause, FaultState, FaultStatus, Refusal, RefusalKind};
use squall_experiments::name::{FaultId, RunId};
use std::collections::{BTreeMap, HashMap};
use std::thread;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// The desk looks at its clock at least this often while a fault is on: the runtime's own timers do
/// not count time in suspend.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long an ending agent waits for its reverts.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// What the sweep found and undid before this life began.
#[derive(Debug, Default)]
pub struct Swept {
    /// The highest epoch of each run.
    pub epochs: BTreeMap<RunId, u64>,
    /// Faults of an earlier life, and what is not as it was before them.
    pub faults: Vec<(Ordered, Vec<Difference>)>,
}

/// The one task that owns all faults.
#[derive(Debug)]
pub struct Desk {
    inbox: mpsc::UnboundedReceiver<Message>,
    handle: DeskHandle,
    leases: Leases,
    ledger: LedgerWriter,
    started: Entry,
    /// Orders of an earlier life that the sweep could not make sure of: they stay for the next one.
    unclean: Vec<Entry>,
    targets: HashMap<FaultId, Box<Target>>,
    holders: HashMap<FaultId, Holder>,
    reports: Reports,
    last_resort: LastResort,
    waiting: Vec<(FaultId, Waiting)>,
    idle_after: Option<Duration>,
    last_call: BootTime,
    ends_at: Option<BootTime>,
}

#[derive(Debug)]
enum Waiting {
    ForInjection(oneshot::Sender<Result<FaultStatus, Refusal>>),
    ForRevert(oneshot::Sender<Result<Option<FaultStatus>, Refusal>>),
}

impl Desk {
    /// A desk that goes on from what the sweep left. With `idle_after` it ends when it is empty and
    /// nobody has called for that long.
    pub fn new(
        swept: Swept,
        started: Entry,
        ledger: LedgerWriter,
        life: Life,
        idle_after: Option<Duration>,
    ) -> std::io::Result<Self> {
        let (desk, inbox) = mpsc::unbounded_channel();
        let now = BootTime::now();
        let mut reports = Reports::new(life);
        let Swept { epochs, faults } = swept;
        let mut undone = Vec::new();
        let mut unclean = Vec::new();
        for (ordered, differences) in faults {
            if !differences.is_empty() {
                unclean.push(Entry::Ordered(Box::new(ordered.clone())));
            }
            let Ordered { fence, order, since, .. } = ordered;
            let event = AgentEvent::Reverted { cause: EndCause::AgentRestart, evidence: None, differences };
            reports.tell(order.id.clone(), fence.run.clone(), event);
            undone.push((fence, order, since));
        }
        Ok(Self {
            inbox,
            handle: DeskHandle { desk },
            leases: Leases::restore(epochs, undone, now),
            ledger,
            started,
            unclean,
            targets: HashMap::new(),
            holders: HashMap::new(),
            reports,
            last_resort: LastResort::new()?,
            waiting: Vec::new(),
            idle_after,
            last_call: now,
            ends_at: None,
        })
    }

    /// How others talk to it.
    pub fn handle(&self) -> DeskHandle {
        self.handle.clone()
    }

    /// Works until it is told to end, or is empty and idle. Everything is reverted by then.
    pub async fn run(mut self) {
        while !self.is_over() {
            match self.wakes_within() {
                None => {
                    if let Some(message) = self.inbox.recv().await {
                        self.take(message);
                    }
                }
                Some(within) => match tokio::time::timeout(within, self.inbox.recv()).await {
                    Ok(Some(message)) => self.take(message),
                    Ok(None) | Err(_) => self.step(Event::TimePassed),
                },
            }
        }
        self.ledger.finish();
    }

    fn is_over(&mut self) -> bool {
        if self.leases.active() > 0 {
            return self.ends_at.is_some_and(|at| at <= BootTime::now());
        }
        self.ends_at.is_some()
            || self
                .idle_after
                .is_some_and(|after| !self.reports.is_watched() && self.last_call + after <= BootTime::now())
    }

    fn wakes_within(&self) -> Option<Duration> {
        let now = BootTime::now();
        if self.leases.active() > 0 {
            let due = self.leases.next_deadline().map_or(LOOK_EVERY, |at| at.within(now));
            return Some(due.min(LOOK_EVERY));
        }
        // Watchers leave without a word, so an idle agent looks up now and then.
        self.idle_after.map(|after| (self.last_call + after).within(now).clamp(LOOK_EVERY, after.max(LOOK_EVERY)))
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Inject { fence, order, answer } => {
                self.last_call = BootTime::now();
                let fault = order.id.clone();
                match self.call(Event::Ordered { fence, order, at: Timestamp::now() }) {
                    Err(refusal) => drop(answer.send(Err(refusal))),
                    Ok(()) => self.waiting.push((fault, Waiting::ForInjection(answer))),
                }
            }
            Message::Renew { fence, faults, answer } => {
                self.last_call = BootTime::now();
                let result = self.call(Event::RenewAsked { fence, faults: faults.clone() });
                let now = BootTime::now();
                let statuses = || faults.iter().filter_map(|fault| self.leases.status(now, fault)).collect();
                drop(answer.send(result.map(|()| statuses())));
            }
            Message::Revert { fence, fault, answer } => {
                self.last_call = BootTime::now();
                self.step(Event::RevertAsked { fence, fault: fault.clone() });
                if self.leases.order(&fault).is_some() {
                    self.waiting.push((fault, Waiting::ForRevert(answer)));
                } else {
                    drop(answer.send(Ok(None)));
                }
            }
            Message::List { answer } => {
                self.last_call = BootTime::now();
                drop(answer.send(self.leases.statuses(BootTime::now())));
            }
            Message::Watch { life, after, answer } => {
                self.last_call = BootTime::now();
                drop(answer.send(self.reports.watch(&life, after)));
            }
            Message::Consider { run, found, answer } => {
                self.last_call = BootTime::now();
                let free = |found: Found| {
                    self.leases.may_take(run.as_ref(), &found.instance, &found.holds)?;
                    found.backend
                };
                drop(answer.send(found.into_iter().map(|found| found.and_then(free)).collect()));
            }
            Message::Active { answer } => drop(answer.send(self.leases.active())),
            Message::Resolved { fault, found: Ok(target) } => {
                let holds = target.holds.clone();
                self.targets.insert(fault.clone(), target);
                self.step(Event::Resolved { fault, holds });
            }
            Message::Resolved { fault, found: Err(refusal) } => self.step(Event::Refused { fault, refusal }),
            Message::Recorded { fault, result: Ok(()) } => self.step(Event::Recorded { fault }),
            Message::Recorded { fault, result: Err(reason) } => {
                let refusal = Refusal { kind: RefusalKind::Failed, reason };
                self.step(Event::Refused { fault, refusal });
            }
            Message::Told { fault, told } => self.told(fault, told),
            Message::End => {
                self.ends_at.get_or_insert(BootTime::now() + ENDS_WITHIN);
                self.step(Event::EndAll { cause: EndCause::AgentRestart });
            }
        }
        self.settle();
    }

    fn told(&mut self, fault: FaultId, told: Told) {
        match told {
            Told::Injected { backend } => self.step(Event::Injected { fault, backend }),
            Told::Refused(refusal) => self.step(Event::Refused { fault, refusal }),
            Told::Seen(evidence) => self.report(fault, AgentEvent::Seen { evidence }),
            Told::Done(evidence) => self.step(Event::Done { fault, evidence }),
            Told::TargetGone => self.step(Event::TargetGone { fault }),
            Told::Broke => self.step(Event::Broke { fault }),
            Told::GateLost => self.step(Event::GateLost { fault }),
            Told::RevertFailed(errors) => {
                for (_, waiting) in self.waiting.extract_if(.., |(waited, _)| *waited == fault) {
                    let refusal = Refusal { kind: RefusalKind::Failed, reason: errors.join("; ") };
                    match waiting {
                        Waiting::ForInjection(answer) => drop(answer.send(Err(refusal))),
                        Waiting::ForRevert(answer) => drop(answer.send(Err(refusal))),
                    }
                }
                self.step(Event::RevertFailed { fault, errors });
            }
            Told::Reverted { evidence, differences } => self.step(Event::Reverted { fault, evidence, differences }),
        }
    }

    /// A step that may be refused as a call.
    fn call(&mut self, event: Event) -> Result<(), Refusal> {
        let mut acts = self.leases.step(BootTime::now(), event);
        let refusals = acts.extract_if(.., |act| matches!(act, Act::Refuse(_)));
        let refusal = refusals.last();
        self.perform(acts);
        match refusal {
            Some(Act::Refuse(refusal)) => Err(refusal),
            _ => Ok(()),
        }
    }

    fn step(&mut self, event: Event) {
        let acts = self.leases.step(BootTime::now(), event);
        self.perform(acts);
    }

    fn perform(&mut self, acts: Vec<Act>) {
        // Before anything is touched, and after everything that moves an end.
        self.last_resort.arm(self.leases.hung_at());
        for act in acts {
            match act {
                Act::Refuse(refusal) => tracing::warn!(reason = refusal.reason, "refused"),
                Act::RecordEpoch(fence) => self.ledger.note(Entry::Epoch(fence)),
                Act::Resolve(fault) => self.resolve(fault),
                Act::Record(fault) => self.record(fault),
                Act::Inject { fault, lease } => self.inject(fault, lease),
                Act::Renew { fault, lease } => {
                    if let Some(holder) = self.holders.get(&fault) {
                        holder.renew(lease);
                    }
                }
                Act::Revert(fault) => {
                    if let Some(holder) = self.holders.get(&fault) {
                        holder.revert();
                    }
                }
                Act::RecordEnd(fault) => {
                    self.holders.remove(&fault);
                    self.ledger.note(Entry::Ended(fault));
                }
                Act::Report { fault, event } => self.report(fault, event),
            }
        }
        if self.leases.active() == 0 {
            let epochs = self.leases.epochs().map(Entry::Epoch);
            let kept = std::iter::once(self.started.clone()).chain(epochs).chain(self.unclean.iter().cloned());
            self.ledger.compact(kept.collect());
        }
        self.settle();
    }

    fn resolve(&mut self, fault: FaultId) {
        let Some((_, order, _)) = self.leases.order(&fault) else { return };
        let order = order.clone();
        let desk = self.handle.desk.clone();
        let name = fault.clone();
        let spawned = thread::Builder::new().name(format!("find {fault}")).spawn(move || {
            let found = take_hold(&order).map(Box::new);
            let _ended = desk.send(Message::Resolved { fault, found });
        });
        if let Err(error) = spawned {
            self.refuse(name, format!("start a thread: {error}"));
        }
    }

    fn record(&mut self, fault: FaultId) {
        let Some((fence, order, since)) = self.leases.order(&fault) else { return };
        let target = self.targets.get(&fault);
        let entry = Entry::Ordered(Box::new(Ordered {
            fence: fence.clone(),
            order: order.clone(),
            since,
            holds: target.map(|target| target.holds.clone()).unwrap_or_default(),
            before: target.and_then(|target| target.before.clone()),
        }));
        let desk = self.handle.desk.clone();
        self.ledger.sync(entry, move |result| {
            let _ended = desk.send(Message::Recorded { fault, result });
        });
    }

    fn inject(&mut self, fault: FaultId, lease: Duration) {
        let Some((_, order, _)) = self.leases.order(&fault) else { return };
        let order = order.clone();
        let Some(target) = self.targets.remove(&fault) else {
            return self.refuse(fault, "its target was let go".to_owned());
        };
        let desk = self.handle.desk.clone();
        let name = fault.clone();
        let started = Holder::start(order, target.instance, target.before, lease, move |told| {
            let _ended = desk.send(Message::Told { fault: fault.clone(), told });
        });
        match started {
            Ok(holder) => drop(self.holders.insert(name, holder)),
            Err(error) => self.refuse(name, format!("start a thread: {error}")),
        }
    }

    /// Through the inbox, so that the acts of one step are all performed before the next step.
    fn refuse(&self, fault: FaultId, reason: String) {
        let refusal = Refusal { kind: RefusalKind::Failed, reason };
        let _ended = self.handle.desk.send(Message::Told { fault, told: Told::Refused(refusal) });
    }

    fn report(&mut self, fault: FaultId, event: AgentEvent) {
        let Some((fence, _, _)) = self.leases.order(&fault) else { return };
        let run = fence.run.clone();
        if !matches!(event, AgentEvent::Seen { .. }) {
            tracing::info!(%fault, %run, event = serde_json::to_string(&event).unwrap_or_default(), "report");
        }
        self.reports.tell(fault, run, event);
    }

    /// Answers the calls whose outcome is known by now.
    fn settle(&mut self) {
        let now = BootTime::now();
        let leases = &self.leases;
        self.targets.retain(|fault, _| leases.end_of(fault).is_none());
        let is_known = |fault: &FaultId, waiting: &Waiting| match waiting {
            Waiting::ForInjection(_) => {
                leases.status(now, fault).is_none_or(|status| status.state != FaultState::Injecting)
            }
            Waiting::ForRevert(_) => {
                leases.status(now, fault).is_none_or(|status| status.state == FaultState::Reverted)
            }
        };
        for (fault, waiting) in self.waiting.extract_if(.., |(fault, waiting)| is_known(fault, waiting)) {
            let status = leases.status(now, &fault);
            match waiting {
                Waiting::ForRevert(answer) => drop(answer.send(Ok(status))),
                Waiting::ForInjection(answer) => {
                    let forgotten = || Refusal { kind: RefusalKind::Failed, reason: "it is over and forgotten".into() };
                    let result = match leases.end_of(&fault) {
                        Some(End::Refused(refusal)) => Err(refusal.clone()),
                        Some(End::Done | End::Reverted(_)) | None => status.ok_or_else(forgotten),
                    };
                    drop(answer.send(result));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Ledger, Replay};
    use squall_experiments::fault::{Fence, Order};
    use std::fs;

    #[tokio::test]
    async fn a_ledger_written_anew_keeps_what_the_sweep_could_not_make_sure_of() {
        let golden = Replay::read(include_bytes!("../../tests/golden/ledger-1.jsonl"));
        let ordered = golden.pending.into_iter().next().unwrap().ordered;
        let unclean = Difference { what: "table".into(), before: "none".into(), after: "there".into() };
        let clean = Ordered { order: Order { id: FaultId::new("clean"), ..ordered.order.clone() }, ..ordered.clone() };
        let fault = ordered.order.id.clone();
        let faults = vec![(ordered, vec![unclean]), (clean, Vec::new())];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.jsonl");
        let ledger = LedgerWriter::start(Ledger::begin_anew(&path, &[]).unwrap()).unwrap();
        ledger.note(Entry::Ended(FaultId::new("x".repeat(300_000))));
        let started = Entry::Started { boot: "b".into(), pid: 1, agent: "0".into() };
        let swept = Swept { epochs: BTreeMap::new(), faults };
        let mut desk = Desk::new(swept, started, ledger, Life::begin(), None).unwrap();
        desk.call(Event::RenewAsked { fence: Fence { run: RunId::new("r"), epoch: 9 }, faults: Vec::new() }).unwrap();
        desk.ledger.finish();
        assert!(fs::metadata(&path).unwrap().len() < 300_000, "it was written anew");
        let replay = Ledger::read(&path).unwrap();
        assert_eq!(replay.epochs.get(&RunId::new("r")), Some(&9));
        let pending: Vec<_> = replay.pending.iter().map(|pending| pending.ordered.order.id.clone()).collect();
        assert_eq!(pending, [fault]);
    }
}

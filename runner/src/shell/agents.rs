//! A session for each agent: delivers orders, keeps leases, reverts; tells success, refusal and loss.
//!
//! Every call is repeated by the fault's id until it is answered, so a connection that breaks changes
//! nothing but the time. What happened to a fault comes from the agent's own reports, resumed at the
//! last position; answers to calls only close the gaps that reports leave.

use crate::platform::{AgentLink, Position};
use futures::StreamExt as _;
use squall_experiments::fault::{AgentEvent, EndCause, Fence, Order, Refusal, RefusalKind};
use squall_experiments::history::Event;
use squall_experiments::name::{FaultId, NodeName};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

/// The first pause before a call is repeated; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Beyond the lease: only then is a fault of a silent agent counted as lost.
const BEYOND_LEASE: Duration = Duration::from_secs(10);
/// A renewal that takes longer is repeated: the next one is due anyway.
const RENEWAL_PATIENCE: Duration = Duration::from_secs(2);

/// All sessions of a run.
pub struct Agents {
    fence: Fence,
    events: UnboundedSender<Event>,
    sessions: BTreeMap<NodeName, UnboundedSender<Message>>,
    tasks: JoinSet<()>,
}

impl Agents {
    /// Nobody is spoken with yet.
    pub fn new(fence: Fence, events: UnboundedSender<Event>) -> Self {
        Self { fence, events, sessions: BTreeMap::new(), tasks: JoinSet::new() }
    }

    /// Begins a session, unless there is one.
    pub fn connect(&mut self, node: NodeName, link: Arc<dyn AgentLink>) {
        if self.sessions.contains_key(&node) {
            return;
        }
        let (send, inbox) = unbounded_channel();
        let session = Session {
            node: node.clone(),
            link,
            fence: self.fence.clone(),
            events: self.events.clone(),
            own: send.clone(),
            faults: HashMap::new(),
            ours: BTreeSet::new(),
            contact: Instant::now(),
            renew_at: Instant::now(),
            lost: false,
            tasks: JoinSet::new(),
        };
        self.tasks.spawn(session.run(inbox));
        self.sessions.insert(node, send);
    }

    /// Delivers an order and keeps its lease until it is reverted.
    pub fn inject(&self, node: &NodeName, order: Order) {
        let fault = order.id.clone();
        if !self.tell(node, Message::Inject(Box::new(order))) {
            let reason = format!("no agent is known for node `{node}`");
            let refusal = Refusal { kind: RefusalKind::NoTarget, reason };
            self.report(node, fault, AgentEvent::Refused { refusal });
        }
    }

    /// Reverts a fault, and goes on trying until the agent confirms.
    pub fn revert(&self, node: &NodeName, fault: FaultId) {
        self.ask_revert(node, fault, None);
    }

    /// Reverts a fault of a runner that died. An agent that does not know it may be another one than had it, so it
    /// counts as gone only when its lease has ended wherever it was.
    pub fn revert_left(&self, node: &NodeName, fault: FaultId, left: Left) {
        self.ask_revert(node, fault, Some(left));
    }

    fn ask_revert(&self, node: &NodeName, fault: FaultId, left: Option<Left>) {
        if !self.tell(node, Message::Revert(fault.clone(), left)) {
            let reason = format!("no agent is known for node `{node}`");
            let lost = Event::AgentLost { node: node.clone(), faults: BTreeSet::from([fault]), reason };
            let _unheard = self.events.send(lost);
        }
    }

    fn tell(&self, node: &NodeName, message: Message) -> bool {
        self.sessions.get(node).is_some_and(|session| session.send(message).is_ok())
    }

    fn report(&self, node: &NodeName, fault: FaultId, event: AgentEvent) {
        let _unheard = self.events.send(Event::Agent { node: node.clone(), fault, event });
    }
}

/// What the record of a runner that died says of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// Its lease.
    pub lease: Duration,
    /// Whether its agent had told that runner that it was on.
    pub was_on: WasOn,
}

impl Left {
    /// By then its lease has ended at whichever agent had it, if nobody renews it any more.
    pub(super) fn over_within(self) -> Duration {
        self.lease + BEYOND_LEASE
    }
}

/// Whether an agent is known to have had a fault on: one that has forgotten it since has ended meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WasOn {
    /// It said so.
    Yes,
    /// It never said so, as far as is known here.
    NotKnown,
}

/// What a session hears.
enum Message {
    Inject(Box<Order>),
    Revert(FaultId, Option<Left>),
    /// The agent reported.
    Report(FaultId, AgentEvent),
    /// It answered an injection with a refusal.
    Refused(FaultId, Refusal),
    /// It knows no such fault, so there is nothing to undo.
    Unknown(FaultId),
    /// It answered a renewal with the faults it knows.
    Renewed(BTreeSet<FaultId>, Vec<FaultId>),
    /// It has the fault.
    Known(FaultId),
    /// It did not.
    Silence(String),
}

/// A fault as its session sees it.
struct Held {
    lease: Duration,
    /// The agent has said that it has it.
    known: bool,
    /// Its delivery, while that is repeated.
    delivery: Option<AbortHandle>,
    reverting: bool,
    /// Of a runner that died: when it is over even at an agent that nobody asks any more.
    over_at: Option<Instant>,
}

struct Session {
    node: NodeName,
    link: Arc<dyn AgentLink>,
    fence: Fence,
    events: UnboundedSender<Event>,
    own: UnboundedSender<Message>,
    /// Only faults that are not known to be gone.
    faults: HashMap<FaultId, Held>,
    /// Every fault that was asked for here. Nodes may share one agent, and each session hears all its reports.
    ours: BTreeSet<FaultId>,
    contact: Instant,
    renew_at: Instant,
    lost: bool,
    tasks: JoinSet<()>,
}

impl Session {
    async fn run(mut self, mut inbox: UnboundedReceiver<Message>) {
        self.tasks.spawn(follow(Arc::clone(&self.link), self.fence.clone(), self.own.clone()));
        let mut silence = String::new();
        loop {
            let lease = self.shortest_lease();
            let due = self.contact + lease.unwrap_or_default() + BEYOND_LEASE;
            tokio::select! {
                message = inbox.recv() => match message {
                    Some(Message::Silence(reason)) => silence = reason,
                    Some(message) => self.hear(message),
                    None => return,
                },
                () = sleep_until(self.renew_at), if lease.is_some() => self.renew(),
                () = sleep_until(due), if lease.is_some() && !self.lost => self.lose(&silence),
            }
        }
    }

    fn hear(&mut self, message: Message) {
        match message {
            Message::Inject(order) => self.inject(*order),
            Message::Revert(fault, left) => self.revert(fault, left),
            Message::Report(fault, event) => {
                self.touch();
                if !self.ours.contains(&fault) {
                    return;
                }
                match &event {
                    AgentEvent::On { .. } | AgentEvent::Seen { .. } | AgentEvent::RevertFailed { .. } => {
                        if let Some(held) = self.faults.get_mut(&fault) {
                            held.known = true;
                        }
                    }
                    AgentEvent::Refused { .. } | AgentEvent::Done { .. } | AgentEvent::Reverted { .. } => {
                        self.faults.remove(&fault);
                    }
                }
                self.report(fault, event);
            }
            Message::Refused(fault, refusal) => {
                self.touch();
                // The agent reports refusals too, and either may come first.
                if self.faults.remove(&fault).is_some() {
                    self.report(fault, AgentEvent::Refused { refusal });
                }
            }
            Message::Unknown(fault) => {
                self.touch();
                if let Some(over_at) = self.not_over_before(&fault) {
                    let own = self.own.clone();
                    self.tasks.spawn(async move {
                        sleep_until(over_at).await;
                        send(&own, Message::Unknown(fault));
                    });
                } else if let Some(held) = self.faults.remove(&fault) {
                    let cause = if held.known { EndCause::AgentRestart } else { EndCause::Asked };
                    self.report(fault, AgentEvent::Reverted { cause, evidence: None, differences: Vec::new() });
                }
            }
            Message::Renewed(known, asked) => {
                self.touch();
                for fault in asked.into_iter().filter(|fault| !known.contains(fault)) {
                    // It had it and has it no longer: its report, if there is one, is on its way. Asking for a
                    // revert is certain either way.
                    if self.faults.get(&fault).is_some_and(|held| held.known) {
                        self.revert(fault, None);
                    }
                }
            }
            Message::Known(fault) => {
                self.touch();
                if let Some(held) = self.faults.get_mut(&fault) {
                    held.known = true;
                }
            }
            Message::Silence(_) => {}
        }
    }

    /// When a fault is over that this agent does not know, if that is still to come.
    fn not_over_before(&self, fault: &FaultId) -> Option<Instant> {
        self.faults.get(fault)?.over_at.filter(|over_at| *over_at > Instant::now())
    }

    fn shortest_lease(&self) -> Option<Duration> {
        self.faults.values().map(|held| held.lease).min()
    }

    /// The first of several faults: nothing was asked before, so nothing proves that the agent is silent.
    fn wake(&mut self, lease: Duration) {
        if self.faults.is_empty() {
            self.touch();
            self.renew_at = Instant::now() + lease / 3;
        }
    }

    fn touch(&mut self) {
        self.contact = Instant::now();
        self.lost = false;
    }

    fn report(&self, fault: FaultId, event: AgentEvent) {
        let _unheard = self.events.send(Event::Agent { node: self.node.clone(), fault, event });
    }

    fn inject(&mut self, order: Order) {
        let lease = order.lease.get();
        self.wake(lease);
        let (link, fence, own) = (Arc::clone(&self.link), self.fence.clone(), self.own.clone());
        let fault = order.id.clone();
        self.ours.insert(fault.clone());
        let delivery = self.tasks.spawn(async move {
            let mut pause = FIRST_PAUSE;
            loop {
                match link.inject(fence.clone(), order.clone()).await {
                    Ok(Ok(_)) => return send(&own, Message::Known(order.id)),
                    Ok(Err(refusal)) => return send(&own, Message::Refused(order.id, refusal)),
                    Err(error) => send(&own, Message::Silence(error.0)),
                }
                wait(&mut pause).await;
            }
        });
        self.faults
            .insert(fault, Held { lease, known: false, delivery: Some(delivery), reverting: false, over_at: None });
    }

    fn revert(&mut self, fault: FaultId, left: Option<Left>) {
        let lease = left.map(|left| left.lease).or(self.shortest_lease()).unwrap_or_default();
        self.wake(lease);
        self.ours.insert(fault.clone());
        // Its runner is dead by now, so nobody has renewed it since.
        let over_at = left.map(|left| Instant::now() + left.over_within());
        let new = Held { lease, known: false, delivery: None, reverting: false, over_at };
        let held = self.faults.entry(fault.clone()).or_insert(new);
        held.known |= left.is_some_and(|left| left.was_on == WasOn::Yes);
        if std::mem::replace(&mut held.reverting, true) {
            return;
        }
        if let Some(delivery) = held.delivery.take() {
            delivery.abort();
        }
        let (link, fence, own) = (Arc::clone(&self.link), self.fence.clone(), self.own.clone());
        self.tasks.spawn(async move {
            let mut pause = FIRST_PAUSE;
            loop {
                match link.revert(fence.clone(), fault.clone()).await {
                    // Its report says how it went, and is on its way.
                    Ok(Ok(Some(_))) => return send(&own, Message::Known(fault)),
                    // An injection that is still on its way will be refused: the agent remembers this revert.
                    Ok(Ok(None)) => return send(&own, Message::Unknown(fault)),
                    Ok(Err(refusal)) => send(&own, Message::Silence(refusal.reason)),
                    Err(error) => send(&own, Message::Silence(error.0)),
                }
                wait(&mut pause).await;
            }
        });
    }

    fn renew(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        self.renew_at = Instant::now() + (self.shortest_lease().unwrap_or_default() / 3).max(FIRST_PAUSE);
        let asked: Vec<FaultId> = self.faults.keys().cloned().collect();
        let (link, fence, own) = (Arc::clone(&self.link), self.fence.clone(), self.own.clone());
        self.tasks.spawn(async move {
            let renewal = link.renew(fence, asked.clone());
            match tokio::time::timeout(RENEWAL_PATIENCE, renewal).await {
                Ok(Ok(Ok(known))) => {
                    let known = known.into_iter().map(|status| status.order.id).collect();
                    send(&own, Message::Renewed(known, asked));
                }
                Ok(Ok(Err(refusal))) => send(&own, Message::Silence(refusal.reason)),
                Ok(Err(error)) => send(&own, Message::Silence(error.0)),
                Err(_) => send(&own, Message::Silence("it did not answer in time".to_owned())),
            }
        });
    }

    fn lose(&mut self, reason: &str) {
        self.lost = true;
        let faults = self.faults.keys().cloned().collect();
        let lost = Event::AgentLost { node: self.node.clone(), faults, reason: reason.to_owned() };
        let _unheard = self.events.send(lost);
    }
}

/// Passes on the reports of our run, for ever.
async fn follow(link: Arc<dyn AgentLink>, fence: Fence, own: UnboundedSender<Message>) {
    let mut position = Position::default();
    let mut pause = FIRST_PAUSE;
    loop {
        match link.watch(position.clone()).await {
            Err(error) => send(&own, Message::Silence(error.0)),
            Ok(mut reports) => {
                while let Some(report) = reports.next().await {
                    match report {
                        Ok((next, report)) => {
                            position = next;
                            pause = FIRST_PAUSE;
                            if report.run == fence.run {
                                send(&own, Message::Report(report.fault, report.event));
                            }
                        }
                        Err(error) => {
                            send(&own, Message::Silence(error.0));
                            break;
                        }
                    }
                }
            }
        }
        wait(&mut pause).await;
    }
}

fn send(own: &UnboundedSender<Message>, message: Message) {
    // The session is over.
    let _unheard = own.send(message);
}

async fn wait(pause: &mut Duration) {
    tokio::time::sleep(*pause).await;
    *pause = (*pause * 2).min(LONGEST_PAUSE);
}

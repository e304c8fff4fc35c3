//! How others talk to the desk.

use crate::explain;
use crate::faults::fault::Fault;
use crate::holder::Told;
use crate::instance::Instance;
use crate::leases::{Hold, check_version};
use crate::snapshot::Snapshot;
use squall_experiments::fault::{AgentReport, FaultStatus, Fence, Order, Refusal, RefusalKind};
use squall_experiments::name::{FaultId, InstanceName, RunId};
use std::collections::BTreeSet;
use std::fmt;
use std::os::fd::AsFd;
use tokio::sync::{mpsc, oneshot};

/// Everything that reaches the desk.
#[derive(Debug)]
pub(super) enum Message {
    Inject { fence: Fence, order: Box<Order>, answer: oneshot::Sender<Result<FaultStatus, Refusal>> },
    Renew { fence: Fence, faults: Vec<FaultId>, answer: oneshot::Sender<Result<Vec<FaultStatus>, Refusal>> },
    Revert { fence: Option<Fence>, fault: FaultId, answer: oneshot::Sender<Result<Option<FaultStatus>, Refusal>> },
    List { answer: oneshot::Sender<Vec<FaultStatus>> },
    Watch { life: String, after: u64, answer: oneshot::Sender<mpsc::Receiver<AgentReport>> },
    Consider { run: Option<RunId>, found: Vec<Result<Found, Refusal>>, answer: oneshot::Sender<Vec<Considered>> },
    Active { answer: oneshot::Sender<usize> },
    Resolved { fault: FaultId, found: Result<Box<Target>, Refusal> },
    Recorded { fault: FaultId, result: Result<(), String> },
    Told { fault: FaultId, told: Told },
    End,
}

/// A target that is held, and what it looked like before.
#[derive(Debug)]
pub(super) struct Target {
    pub instance: Instance,
    pub holds: BTreeSet<Hold>,
    pub before: Option<Snapshot>,
}

/// By what an order would be carried out, or why not.
type Considered = Result<String, Refusal>;

/// What an order would take hold of.
#[derive(Debug)]
pub(super) struct Found {
    pub instance: InstanceName,
    pub holds: BTreeSet<Hold>,
    /// By what; or why not, if nobody else holds it.
    pub backend: Considered,
}

/// Who calls, for the audit line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// User number.
    pub uid: u32,
    /// Process number, if the kernel says.
    pub pid: Option<i32>,
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "uid {} pid {pid}", self.uid),
            None => write!(f, "uid {}", self.uid),
        }
    }
}

/// Talks to the desk.
#[derive(Debug, Clone)]
pub struct DeskHandle {
    pub(super) desk: mpsc::UnboundedSender<Message>,
}

impl DeskHandle {
    /// Says of each order whether it would be injected now, by what or why not. Touches nothing.
    pub async fn consider(
        &self,
        run: Option<RunId>,
        orders: Vec<Result<Order, Refusal>>,
    ) -> Result<Vec<Result<String, Refusal>>, Refusal> {
        // Reads much of `/proc`: the desk goes on with its leases meanwhile.
        let looking =
            tokio::task::spawn_blocking(move || orders.into_iter().map(|order| look(&order?)).collect::<Vec<_>>());
        let found = looking.await.map_err(|error| Refusal { kind: RefusalKind::Failed, reason: error.to_string() })?;
        self.ask(|answer| Message::Consider { run, found, answer }).await
    }

    /// Injects; answered once it is on, over, or refused.
    pub async fn inject(&self, fence: Fence, order: Order) -> Result<FaultStatus, Refusal> {
        self.ask(|answer| Message::Inject { fence, order: Box::new(order), answer }).await?
    }

    /// Renews leases; answered with the faults that are known.
    pub async fn renew(&self, fence: Fence, faults: Vec<FaultId>) -> Result<Vec<FaultStatus>, Refusal> {
        self.ask(|answer| Message::Renew { fence, faults, answer }).await?
    }

    /// Reverts; answered once it is undone, with `None` where no such fault is known.
    pub async fn revert(&self, fence: Option<Fence>, fault: FaultId) -> Result<Option<FaultStatus>, Refusal> {
        self.ask(|answer| Message::Revert { fence, fault, answer }).await?
    }

    /// Every fault that is held or remembered.
    pub async fn list(&self) -> Result<Vec<FaultStatus>, Refusal> {
        self.ask(|answer| Message::List { answer }).await
    }

    /// How many faults are held.
    pub async fn active(&self) -> Result<usize, Refusal> {
        self.ask(|answer| Message::Active { answer }).await
    }

    /// Reports, from a position on.
    pub async fn watch(&self, life: String, after: u64) -> Result<mpsc::Receiver<AgentReport>, Refusal> {
        self.ask(|answer| Message::Watch { life, after, answer }).await
    }

    /// Reverts everything and ends the desk.
    pub fn end(&self) {
        let _ended = self.desk.send(Message::End);
    }

    async fn ask<T>(&self, message: impl FnOnce(oneshot::Sender<T>) -> Message) -> Result<T, Refusal> {
        let (answer, answered) = oneshot::channel();
        let ending = || Refusal { kind: RefusalKind::Failed, reason: "the agent is ending".to_owned() };
        self.desk.send(message(answer)).map_err(|_| ending())?;
        answered.await.map_err(|_| ending())
    }
}

/// What an order would take hold of, as things are now.
fn look(order: &Order) -> Result<Found, Refusal> {
    check_version(order)?;
    let Target { instance, holds, before: _ } = take_hold(order)?;
    let backend = Fault::foresee(order, &instance);
    Ok(Found { instance: order.instance.clone(), holds, backend })
}

/// Finds the target and notes what it looks like. Reads much, changes nothing.
pub(super) fn take_hold(order: &Order) -> Result<Target, Refusal> {
    let instance = Instance::take_hold(order)?;
    let holds = instance.holds(&order.locator);
    let before = match &instance.namespace {
        Some(namespace) => Some(Snapshot::take(namespace.as_fd()).map_err(|error| Refusal {
            kind: RefusalKind::Failed,
            reason: format!("look at the network namespace before the fault: {}", explain(&error)),
        })?),
        None => None,
    };
    Ok(Target { instance, holds, before })
}

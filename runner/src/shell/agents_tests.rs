//! Sessions against an agent that is made of a script: it fails, forgets, restarts and falls silent.

use super::{Agents, Left, WasOn};
use crate::platform::{AgentLink, LinkError, Position, Reports};
use futures::FutureExt as _;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use jiff::Timestamp;
use squall_experiments::fault::{
    AgentDescription, AgentEvent, AgentReport, EndCause, FaultState, FaultStatus, Fence, ORDER_VERSION, Order,
    OrderFault, Refusal, RefusalKind,
};
use squall_experiments::history::Event;
use squall_experiments::name::{FaultId, InstanceName, NodeName, RunId};
use squall_experiments::target::Locator;
use squall_experiments::unit::Length;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;

/// What the agent has been asked, and how it answers.
#[derive(Default)]
struct Script {
    asked: Vec<String>,
    /// How many more calls fail.
    failures: u32,
    /// Never answers again.
    silent: bool,
    refusal: Option<Refusal>,
    known: Vec<Order>,
    watchers: Vec<mpsc::UnboundedSender<AgentReport>>,
}

#[derive(Clone, Default)]
pub(super) struct Scripted(Arc<Mutex<Script>>);

impl Scripted {
    /// That has these orders.
    pub(super) fn knowing(orders: Vec<Order>) -> Self {
        Self(Arc::new(Mutex::new(Script { known: orders, ..Script::default() })))
    }

    /// Whether somebody watches its reports.
    pub(super) fn is_watched(&self) -> bool {
        !self.0.lock().unwrap().watchers.is_empty()
    }

    pub(super) fn tell(&self, fault: &str, run: &str, event: AgentEvent) {
        let report = AgentReport {
            number: 1,
            at: Timestamp::UNIX_EPOCH,
            fault: FaultId::new(fault),
            run: RunId::new(run),
            event,
        };
        let mut script = self.0.lock().unwrap();
        script.watchers.retain(|watcher| watcher.send(report.clone()).is_ok());
    }

    fn asked(&self, what: &str) -> usize {
        self.0.lock().unwrap().asked.iter().filter(|asked| *asked == what).count()
    }

    async fn call(&self, what: &str) -> Result<(), LinkError> {
        let silent = {
            let mut script = self.0.lock().unwrap();
            script.asked.push(what.to_owned());
            if script.failures > 0 {
                script.failures -= 1;
                return Err(LinkError("connection refused".to_owned()));
            }
            script.silent
        };
        if silent { std::future::pending().await } else { Ok(()) }
    }
}

fn status(order: &Order) -> FaultStatus {
    FaultStatus {
        fence: fence(),
        order: order.clone(),
        state: FaultState::On,
        since: Timestamp::UNIX_EPOCH,
        ends_within: Duration::ZERO,
    }
}

impl AgentLink for Scripted {
    fn describe(&self) -> BoxFuture<'_, Result<AgentDescription, LinkError>> {
        async { Err(LinkError("it is a script".to_owned())) }.boxed()
    }

    fn consider(
        &self,
        _: Option<RunId>,
        _: Vec<Order>,
    ) -> BoxFuture<'_, Result<Vec<Result<String, Refusal>>, LinkError>> {
        async { Err(LinkError("it is a script".to_owned())) }.boxed()
    }

    fn inject(&self, _: Fence, order: Order) -> BoxFuture<'_, Result<Result<FaultStatus, Refusal>, LinkError>> {
        async move {
            self.call("inject").await?;
            let mut script = self.0.lock().unwrap();
            if let Some(refusal) = script.refusal.clone() {
                return Ok(Err(refusal));
            }
            script.known.push(order.clone());
            Ok(Ok(status(&order)))
        }
        .boxed()
    }

    fn renew(&self, _: Fence, _: Vec<FaultId>) -> BoxFuture<'_, Result<Result<Vec<FaultStatus>, Refusal>, LinkError>> {
        async {
            self.call("renew").await?;
            Ok(Ok(self.0.lock().unwrap().known.iter().map(status).collect()))
        }
        .boxed()
    }

    fn revert(
        &self,
        _: Fence,
        fault: FaultId,
    ) -> BoxFuture<'_, Result<Result<Option<FaultStatus>, Refusal>, LinkError>> {
        async move {
            self.call("revert").await?;
            Ok(Ok(self.0.lock().unwrap().known.iter().find(|order| order.id == fault).map(status)))
        }
        .boxed()
    }

    fn watch(&self, _: Position) -> BoxFuture<'_, Result<Reports, LinkError>> {
        async {
            self.call("watch").await?;
            let (watcher, reports) = mpsc::unbounded_channel();
            self.0.lock().unwrap().watchers.push(watcher);
            let reports = tokio_stream::wrappers::UnboundedReceiverStream::new(reports);
            Ok(reports.map(|report| Ok((Position { life: "1".into(), after: report.number }, report))).boxed())
        }
        .boxed()
    }
}

fn fence() -> Fence {
    Fence { run: RunId::new("r1"), epoch: 1 }
}

pub(super) fn order(id: &str) -> Order {
    Order {
        version: ORDER_VERSION,
        id: FaultId::new(id),
        step: "stop".parse().unwrap(),
        instance: InstanceName::new("i"),
        locator: Locator::default(),
        fault: OrderFault::Pause { process: None },
        lease: Length::from_secs(15),
        deadline: Length::from_secs(60),
    }
}

fn session(script: &Scripted) -> (Agents, mpsc::UnboundedReceiver<Event>) {
    let (events, inbox) = mpsc::unbounded_channel();
    let mut agents = Agents::new(fence(), events);
    agents.connect(NodeName::new("n1"), Arc::new(script.clone()));
    (agents, inbox)
}

fn of_agent(event: Event) -> AgentEvent {
    match event {
        Event::Agent { event, .. } => event,
        other => panic!("not of an agent: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn delivery_is_repeated_and_the_history_hears_only_of_success() {
    let script = Scripted::default();
    script.0.lock().unwrap().failures = 5;
    let (agents, mut inbox) = session(&script);
    agents.inject(&NodeName::new("n1"), order("f1"));
    while script.0.lock().unwrap().known.is_empty() || script.0.lock().unwrap().watchers.is_empty() {
        tokio::time::advance(Duration::from_millis(50)).await;
    }
    script.tell("of another", "r2", AgentEvent::On { backend: "no".into() });
    script.tell("f1", "r1", AgentEvent::On { backend: "ptrace".into() });
    assert_eq!(of_agent(inbox.recv().await.unwrap()), AgentEvent::On { backend: "ptrace".into() });
    assert!(script.asked("inject") >= 2);
    assert!(inbox.is_empty());
}

#[tokio::test(start_paused = true)]
async fn nodes_that_share_an_agent_hear_each_of_its_reports_once() {
    let script = Scripted::default();
    let (mut agents, mut inbox) = session(&script);
    agents.connect(NodeName::new("n2"), Arc::new(script.clone()));
    agents.inject(&NodeName::new("n1"), order("f1"));
    while script.asked("watch") < 2 || script.asked("inject") < 1 {
        tokio::time::advance(Duration::from_millis(50)).await;
    }
    script.tell("f1", "r1", AgentEvent::On { backend: "ptrace".into() });
    let Some(Event::Agent { node, .. }) = inbox.recv().await else { panic!("not of an agent") };
    assert_eq!(node, NodeName::new("n1"));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(inbox.is_empty(), "the other node has no such fault");
}

#[tokio::test(start_paused = true)]
async fn leases_are_renewed_at_a_third_until_the_fault_is_over() {
    let script = Scripted::default();
    let (agents, mut inbox) = session(&script);
    agents.inject(&NodeName::new("n1"), order("f1"));
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!(script.asked("renew"), 6);
    let over = AgentEvent::Reverted { cause: EndCause::Deadline, evidence: None, differences: vec![] };
    script.tell("f1", "r1", over.clone());
    assert_eq!(of_agent(inbox.recv().await.unwrap()), over);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(script.asked("renew"), 6, "nothing is left to renew");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_once() {
    let script = Scripted::default();
    let refusal = Refusal { kind: RefusalKind::Overlap, reason: "another fault holds it".into() };
    script.0.lock().unwrap().refusal = Some(refusal.clone());
    let (agents, mut inbox) = session(&script);
    agents.inject(&NodeName::new("n1"), order("f1"));
    assert_eq!(of_agent(inbox.recv().await.unwrap()), AgentEvent::Refused { refusal });
    agents.inject(&NodeName::new("elsewhere"), order("f2"));
    assert!(matches!(of_agent(inbox.recv().await.unwrap()), AgentEvent::Refused { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_the_agent_never_heard_of_is_reverted() {
    let script = Scripted::default();
    script.0.lock().unwrap().failures = u32::MAX;
    let (agents, mut inbox) = session(&script);
    agents.inject(&NodeName::new("n1"), order("f1"));
    agents.revert(&NodeName::new("n1"), FaultId::new("f1"));
    tokio::time::sleep(Duration::from_secs(3)).await;
    let delivered = script.asked("inject");
    script.0.lock().unwrap().failures = 0;
    let event = of_agent(inbox.recv().await.unwrap());
    assert!(matches!(event, AgentEvent::Reverted { cause: EndCause::Asked, .. }), "{event:?}");
    assert_eq!(script.asked("inject"), delivered, "once a revert is asked for nothing is delivered any more");
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_never_saw_a_fault_of_a_dead_runner_is_not_believed_before_its_lease_has_ended() {
    for (was_on, told) in [(WasOn::Yes, EndCause::AgentRestart), (WasOn::NotKnown, EndCause::Asked)] {
        let (agents, mut inbox) = session(&Scripted::default());
        let began = tokio::time::Instant::now();
        let left = Left { lease: Duration::from_secs(15), was_on };
        agents.revert_left(&NodeName::new("n1"), FaultId::new("f1"), left);
        let AgentEvent::Reverted { cause, .. } = of_agent(inbox.recv().await.unwrap()) else { panic!("not reverted") };
        assert_eq!((cause, began.elapsed().as_secs()), (told, 25), "lease and ten seconds");
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_has_a_fault_of_a_dead_runner_is_believed_at_once() {
    let script = Scripted::default();
    script.0.lock().unwrap().known.push(order("f1"));
    let (agents, mut inbox) = session(&script);
    let left = Left { lease: Duration::from_secs(15), was_on: WasOn::Yes };
    agents.revert_left(&NodeName::new("n1"), FaultId::new("f1"), left);
    while script.asked("revert") == 0 || script.0.lock().unwrap().watchers.is_empty() {
        tokio::time::advance(Duration::from_millis(50)).await;
    }
    let over = AgentEvent::Reverted { cause: EndCause::Asked, evidence: None, differences: vec![] };
    script.tell("f1", "r1", over.clone());
    assert_eq!(of_agent(inbox.recv().await.unwrap()), over);
}

#[tokio::test(start_paused = true)]
async fn a_restarted_agent_that_knows_nothing_ended_the_fault_before_its_time() {
    let script = Scripted::default();
    let (agents, mut inbox) = session(&script);
    agents.inject(&NodeName::new("n1"), order("f1"));
    tokio::time::sleep(Duration::from_secs(6)).await;
    script.0.lock().unwrap().known.clear();
    let event = of_agent(inbox.recv().await.unwrap());
    assert!(matches!(event, AgentEvent::Reverted { cause: EndCause::AgentRestart, .. }), "{event:?}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_agent_is_lost_after_lease_and_ten_seconds_and_not_before() {
    let script = Scripted::default();
    let (agents, mut inbox) = session(&script);
    let began = tokio::time::Instant::now();
    script.0.lock().unwrap().silent = true;
    agents.inject(&NodeName::new("n1"), order("f1"));
    let Event::AgentLost { faults, reason, .. } = inbox.recv().await.unwrap() else { panic!("something else") };
    assert_eq!(began.elapsed().as_secs(), 25);
    assert_eq!(faults.len(), 1);
    assert_eq!(reason, "it did not answer in time");
}

//! How the coordinator speaks with one agent.

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use squall_experiments::fault::{AgentDescription, AgentReport, FaultStatus, Fence, Order, Refusal};
use squall_experiments::name::{FaultId, RunId};

/// The agent could not be asked, or its answer could not be read. Whether it did what it was asked is unknown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LinkError(pub String);

/// Where a watcher stands: the agent's life, and the number of its last report.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Position {
    /// Names one life of the agent; empty: none yet.
    pub life: String,
    /// The last report of that life.
    pub after: u64,
}

/// Reports, each with the position after it.
pub type Reports = BoxStream<'static, Result<(Position, AgentReport), LinkError>>;

/// What an agent answers: yes, or why not.
type Answer<'a, T> = BoxFuture<'a, Result<Result<T, Refusal>, LinkError>>;

/// One agent. Every call is idempotent and may be repeated.
pub trait AgentLink: Send + Sync {
    /// What it is and can do.
    fn describe(&self) -> BoxFuture<'_, Result<AgentDescription, LinkError>>;
    /// Whether it would inject each of these now, in their order: by what, or why not. Touches nothing.
    fn consider(
        &self,
        run: Option<RunId>,
        orders: Vec<Order>,
    ) -> BoxFuture<'_, Result<Vec<Result<String, Refusal>>, LinkError>>;
    /// Injects; answered once the fault is on, over or refused.
    fn inject(&self, fence: Fence, order: Order) -> Answer<'_, FaultStatus>;
    /// Renews leases; answers with the faults it knows.
    fn renew(&self, fence: Fence, faults: Vec<FaultId>) -> Answer<'_, Vec<FaultStatus>>;
    /// Reverts; answered once it is undone; `None`: it knows no such fault.
    fn revert(&self, fence: Fence, fault: FaultId) -> Answer<'_, Option<FaultStatus>>;
    /// What happens to faults, after a position.
    fn watch(&self, position: Position) -> BoxFuture<'_, Result<Reports, LinkError>>;
}

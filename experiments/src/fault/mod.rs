//! Faults as authored, orders as sent to an agent, and the evidence that comes back.
mod authored;
mod capability;
mod evidence;
mod order;

pub use authored::{Direction, Fault, Kill, Network, Pause, Protocol, Signal, ZoneLoss, ZoneLossMode};
pub use capability::{AgentDescription, Capability, Effect, Support};
pub use evidence::{
    AgentEvent, AgentReport, DelaySeen, Difference, EndCause, Evidence, FaultState, FaultStatus, ProcessSeen, Refusal,
    RefusalKind,
};
pub use order::{Fence, NetworkOrder, ORDER_VERSION, Order, OrderFault, Peers};

//! Network faults: packets dropped by nftables, packets held by NFQUEUE.
//!
//! ```text
//!   wire -> [netdev ingress: drop] -> [inet prerouting: hold] -> the instance -> [netdev egress: drop] -> wire
//! ```
//!
//! - [`plan`](plan::plan) decides purely what stands in the kernel; [`NetworkFault`] puts it there and takes it away.
//! - Every table is *owned* by the fault's socket: when the agent dies, the kernel removes it.
//! - Every chain begins at a *gate*: a member of a set that the kernel itself removes when the lease ends, so
//!   a stopped or hung agent's fault ends too.
//! - Drops are at the outermost hooks because a drop further in makes `sendto` fail with EPERM, which no real network does.
//! - Interfaces are those there at injection; one that appears later is not met.
//!
//! An interface's queueing disciplines are never touched.
mod evidence;
mod fault;
mod hold;
mod peers;
mod plan;
mod traffic;

pub use fault::{InjectError, NetworkFault, RevertErrors, try_here};
pub use plan::{NO_EGRESS_DELAY, table_name};

//! Network faults: packets dropped by nftables, packets held by NFQUEUE.
//!
//! ```text
//!   wire -> [netdev ingress: drop] -> [inet prerouting: hold] -> the instance -> [netdev egress: drop] -> wire
//! ```
//!
//! - `plan` decides purely what stands in the kernel; [`NetworkFault`] puts it there and takes it away.
//! - Every table is *owned* by the fault's socket: when the agent dies, the kernel removes it.
//! - Every chain begins at a *gate*: a member of a set that the kernel itself removes when the lease ends, so
//!   a stopped or hung agent's fault ends too.
//! - Drops are at the outermost hooks and silent, because a sender must not learn of them: a drop in `inet output` makes
//!   `sendto` fail with EPERM, which no real network does.
//! - When any netfilter hook of a namespace goes, the kernel drops what waits in its queues at that moment. A fault lets go
//!   what it holds before its own hooks go; the end of *another* fault beside it costs it the packets it holds just then.
//! - Where interfaces are stacked, members of bridges and bonds are left out, so that a packet meets a fault once; a
//!   VLAN's or tunnel's packets pass two interfaces and meet it twice (which matters only to `loss`).
//! - Interfaces are those there at injection; one that appears later is not met.
//!
//! An interface's queueing disciplines are never touched.
mod evidence;
mod fault;
mod hold;
mod peers;
mod plan;
mod traffic;

#[cfg(test)]
pub(crate) use fault::testing;
pub use fault::{InjectError, NetworkFault, RevertErrors, foresee, try_here};
pub use plan::{DROP_EGRESS_BACKEND, DROP_INGRESS_BACKEND, Hold, NO_EGRESS_DELAY, Plan, plan, table_name};

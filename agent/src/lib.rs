//! The node agent: carries faults out through the kernel, and ends every one of them.
//!
//! ```text
//!  coordinator --gRPC on a 0600 socket--> service --> desk --> holders (one thread a fault)
//!                                                      |  \--> ledger (synced before the first change)
//!                                                      \-----> leases (pure: who, what, until when)
//! ```
//!
//! The agent trusts nobody to come back. A fault ends by its lease, by its deadline, when its target
//! vanishes, when its coordinator or a person asks, and when the agent dies: whatever it does is bound
//! to the agent's own life by the kernel, and if the agent hangs the kernel kills it
//! ([`last_resort`]). What an earlier life left is swept at the start of the next.
//!
//! A coordinator uses [`client`]; a person uses [`cli`]; neither needs the other.
mod clean_up;
pub mod cli;
pub mod client;
pub mod clock;
pub mod desk;
pub mod doctor;
mod explain;
pub mod faults;
pub mod holder;
pub mod instance;
pub mod kernel;
pub mod last_resort;
pub mod leases;
pub mod ledger;
pub mod listen;
pub mod netlink;
#[cfg(test)]
#[path = "../tests/network/privilege.rs"]
mod privilege;
pub mod process;
pub mod serve;
pub mod service;
pub mod snapshot;
pub mod state;
pub mod sweep;
pub mod unsafe_calls;
mod wire;

pub use client::{Client, ClientError, Position, Reports};
pub use explain::explain;

//! Platforms: where instances live, and how orders get to their agents.
//!
//! [`Hosts`] lists instances; [`AgentLink`] speaks with one agent. Both are narrow and in our words;
//! `hosts` is the first real platform, Kubernetes will be the second.
mod addresses;
mod hosts;
mod link;
mod local_agent;

pub use hosts::{Hosts, locate};
pub use link::{AgentLink, LinkError, Position, Reports};
pub use local_agent::SocketAgent;

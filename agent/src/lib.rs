//! The node agent.
pub mod faults;
pub mod kernel;
pub mod netlink;
pub mod unsafe_calls;

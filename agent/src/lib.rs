//! The node agent.
pub mod doctor;
pub mod faults;
pub mod kernel;
pub mod netlink;
pub mod snapshot;
pub mod unsafe_calls;

//! What an agent can do to an instance. Every fault is a pair, inject and revert, side by side, both idempotent.
pub mod fault;
pub mod kill;
pub mod network;
pub mod pause;

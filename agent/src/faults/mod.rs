//! What an agent can do to an instance. Every fault is a pair, inject and revert, side by side, both idempotent.
pub mod fault;
pub mod kill;
#[cfg(test)]
mod kill_tests;
pub mod network;
pub mod pause;

//! The engine against a simulated world: fake agents, actions and sources answer its commands.
mod aborts;
mod actions;
pub(crate) mod build;
mod crash;
mod faults;
mod golden;
mod oracle;
mod pace;
mod phases;
mod properties;
mod random;
mod targets;
mod whims;
mod world;

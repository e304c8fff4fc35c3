//! The engine against a simulated world: fake agents, actions and sources answer its commands.
mod aborts;
mod actions;
mod build;
mod crash;
mod faults;
mod phases;
mod properties;
mod world;

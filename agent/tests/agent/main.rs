//! The real agent, as a process of its own, on the real kernel: what happens when it is killed or
//! stopped mid-fault, when its coordinator is gone, when its disk is full.
mod bad_days;
mod contract;
mod deaths;
mod places;
#[path = "../network/world.rs"]
#[expect(dead_code, reason = "the network tests use the rest of it")]
mod world;

//! The real agent, as a process of its own, on the real kernel: what happens when it is killed or
//! stopped mid-fault, when its coordinator is gone, when its disk is full.
#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]
mod bad_days;
mod contract;
mod deaths;
mod foresight;
mod places;
#[path = "../network/world.rs"]
#[expect(dead_code, reason = "the network tests use the rest of it")]
mod world;

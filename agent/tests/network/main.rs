//! Network faults on the real kernel: judged by `nft` and `ip`, and by real packets.
#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]
mod cut;
mod doctor;
mod held;
mod lifetime;
mod multicast;
mod neighbours;
mod orders;
mod packets;
#[expect(dead_code, reason = "a user namespace will do here, so nobody asks for root")]
mod privilege;
mod world;

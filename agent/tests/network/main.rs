//! Network faults on the real kernel: judged by `nft` and `ip`, and by real packets.
#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]
mod cut;
mod doctor;
mod held;
mod lifetime;
mod neighbours;
mod orders;
mod packets;
mod world;

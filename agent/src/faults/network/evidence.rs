//! What a fault did: the kernel's counters of drops, the queue reader's own count of holds.
//!
//! Packets are counted as the kernel carries them: segments that travel joined count as one.

use super::hold::Seen;
use super::plan::INGRESS_HELD;
use crate::netlink::nftables::CounterTotals;
use squall_experiments::fault::{DelaySeen, Evidence};
use std::time::Duration;

/// Adds it up.
pub fn evidence(counters: &[CounterTotals], held: Option<&Seen>) -> Evidence {
    Evidence::Packets {
        dropped: counters.iter().filter(|counter| counter.name != INGRESS_HELD).map(|counter| counter.packets).sum(),
        delayed: held.map_or(0, Seen::released),
        bytes: counters.iter().map(|counter| counter.bytes).sum(),
        delay: held.and_then(delay),
    }
}

fn delay(seen: &Seen) -> Option<DelaySeen> {
    let held = seen.held();
    (!held.is_empty()).then(|| DelaySeen {
        min: Duration::from_micros(held.min()),
        p50: Duration::from_micros(held.value_at_quantile(0.5)),
        p99: Duration::from_micros(held.value_at_quantile(0.99)),
        max: Duration::from_micros(held.max()),
    })
}

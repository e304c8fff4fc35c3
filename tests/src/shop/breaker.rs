//! The breaker in front of an upstream: the `failsafe` crate's state machine, its state as metrics, and one rule more.
//!
//! ```text
//!   closed --N failures in a row--> open --1 s--> half open --success--> closed
//!                                     ^----failure----'
//! ```
//!
//! `failsafe` lets every call through while half open; like most breakers in production, this one lets a single
//! probe through at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use failsafe::failure_policy::{ConsecutiveFailures, consecutive_failures};
use failsafe::{Config, Instrument, StateMachine, backoff};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// How long it stays open before it lets a probe through.
const STAYS_OPEN: Duration = Duration::from_secs(1);

/// A breaker in front of one upstream.
pub struct Breaker {
    machine: StateMachine<ConsecutiveFailures<backoff::Constant>, Shown>,
    half_open: Arc<AtomicBool>,
    probing: AtomicBool,
}

/// The right to make one call. Tell it how the call went; dropped untold, the call counts as never made.
pub struct Permit<'a> {
    breaker: &'a Breaker,
    is_probe: bool,
}

impl Breaker {
    /// A closed breaker that opens after so many failures in a row, with its metrics registered and at zero.
    pub fn new(upstream: &str, opens_after: u32, registry: &mut Registry) -> Self {
        let half_open = Arc::new(AtomicBool::new(false));
        let shown = Shown::register(upstream, registry, half_open.clone());
        let policy = consecutive_failures(opens_after, backoff::constant(STAYS_OPEN));
        let machine = Config::new().failure_policy(policy).instrument(shown).build();
        Self { machine, half_open, probing: AtomicBool::new(false) }
    }

    /// May a call be made? `None`: the breaker is open, or a probe is already on its way.
    pub fn permit(&self) -> Option<Permit<'_>> {
        if !self.machine.is_call_permitted() {
            return None;
        }
        let is_probe = self.half_open.load(Ordering::Relaxed);
        if is_probe && self.probing.swap(true, Ordering::Relaxed) {
            return None;
        }
        Some(Permit { breaker: self, is_probe })
    }
}

impl Permit<'_> {
    /// The call was answered in time.
    pub fn succeeded(self) {
        self.breaker.machine.on_success();
    }

    /// The call failed, or took too long.
    pub fn failed(self) {
        self.breaker.machine.on_error();
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            self.breaker.probing.store(false, Ordering::Relaxed);
        }
    }
}

/// The breaker's state as Prometheus sees it. `shop_breaker_open` is 1 unless closed: half open, customers still get
/// the fallback.
struct Shown {
    open: Gauge,
    states: [(&'static str, Gauge); 3],
    opened: Counter,
    rejected: Counter,
    half_open: Arc<AtomicBool>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Upstream {
    upstream: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct UpstreamState {
    upstream: String,
    state: &'static str,
}

impl Shown {
    fn register(upstream: &str, registry: &mut Registry, half_open: Arc<AtomicBool>) -> Self {
        let open = Family::<Upstream, Gauge>::default();
        let state = Family::<UpstreamState, Gauge>::default();
        let opened = Family::<Upstream, Counter>::default();
        let rejected = Family::<Upstream, Counter>::default();
        registry.register("shop_breaker_open", "1 unless the breaker is closed", open.clone());
        registry.register("shop_breaker_state", "1 for the state the breaker is in", state.clone());
        registry.register("shop_breaker_opened", "how often the breaker opened", opened.clone());
        registry.register("shop_breaker_rejected", "calls the breaker did not let through", rejected.clone());
        let label = Upstream { upstream: upstream.to_owned() };
        let gauge =
            |name| (name, state.get_or_create_owned(&UpstreamState { upstream: upstream.to_owned(), state: name }));
        Self {
            open: open.get_or_create_owned(&label),
            states: ["closed", "half_open", "open"].map(gauge),
            opened: opened.get_or_create_owned(&label),
            rejected: rejected.get_or_create_owned(&label),
            half_open,
        }
    }

    fn show(&self, now: &str) {
        self.open.set(i64::from(now != "closed"));
        for (name, gauge) in &self.states {
            gauge.set(i64::from(*name == now));
        }
        self.half_open.store(now == "half_open", Ordering::Relaxed);
    }
}

impl Instrument for Shown {
    fn on_call_rejected(&self) {
        self.rejected.inc();
    }

    fn on_open(&self) {
        self.opened.inc();
        self.show("open");
    }

    fn on_half_open(&self) {
        self.show("half_open");
    }

    fn on_closed(&self) {
        self.show("closed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaker_opens_after_failures_in_a_row() {
        let breaker = Breaker::new("payments", 3, &mut Registry::default());
        for _ in 0..3 {
            breaker.permit().unwrap().failed();
        }
        assert!(breaker.permit().is_none());
    }

    #[test]
    fn a_success_between_failures_starts_the_count_again() {
        let breaker = Breaker::new("payments", 3, &mut Registry::default());
        for _ in 0..10 {
            breaker.permit().unwrap().failed();
            breaker.permit().unwrap().failed();
            breaker.permit().unwrap().succeeded();
        }
        assert!(breaker.permit().is_some());
    }

    #[test]
    fn half_open_breaker_lets_one_probe_through() {
        let breaker = Breaker::new("payments", 1, &mut Registry::default());
        breaker.permit().unwrap().failed();
        let deadline = std::time::Instant::now() + 3 * STAYS_OPEN;
        let probe = loop {
            if let Some(probe) = breaker.permit() {
                break probe;
            }
            assert!(std::time::Instant::now() < deadline);
            std::thread::yield_now();
        };
        assert!(breaker.permit().is_none());
        probe.succeeded();
        assert!(breaker.permit().is_some());
    }
}

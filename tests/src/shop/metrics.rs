//! The shop's metrics. Every series is created at zero, so that the first error is an increase, not a birth.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Bounds in seconds. Far above any timeout, so that a slow day never hides in the last bucket.
const BUCKETS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 1.0, 2.5, 5.0, 10.0];
/// The status codes the shop may answer with.
const CODES: [u16; 5] = [200, 404, 500, 502, 503];

/// What a customer was answered.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Code {
    code: u16,
}

/// How a call to an upstream ended.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Attempt {
    upstream: String,
    result: &'static str,
}

/// Requests answered.
#[derive(Clone)]
pub struct Requests {
    answered: Family<Code, Counter>,
    duration: Histogram,
}

impl Requests {
    /// Registers the counters at zero.
    pub fn register(registry: &mut Registry) -> Self {
        let answered = Family::<Code, Counter>::default();
        for code in CODES {
            drop(answered.get_or_create(&Code { code }));
        }
        let duration = Histogram::new(BUCKETS);
        registry.register("shop_requests", "requests answered, by status code", answered.clone());
        registry.register("shop_request_duration_seconds", "time to answer", duration.clone());
        Self { answered, duration }
    }

    /// Counts an answer.
    pub fn count(&self, code: u16, seconds: f64) {
        self.answered.get_or_create(&Code { code }).inc();
        self.duration.observe(seconds);
    }
}

/// Calls to one upstream.
pub struct Attempts {
    /// Answered in time, and well.
    pub answered: Counter,
    /// Answered with an error, or not reached.
    pub failed: Counter,
    /// Not answered in time.
    pub late: Counter,
    /// Customers served without it.
    pub fallback: Counter,
}

impl Attempts {
    /// Registers the counters at zero.
    pub fn register(upstream: &str, registry: &mut Registry) -> Self {
        let attempts = Family::<Attempt, Counter>::default();
        let fallback = Counter::default();
        registry.register("shop_upstream_attempts", "calls made to an upstream, by result", attempts.clone());
        registry.register("shop_fallback", "customers served without the upstream", fallback.clone());
        let of = |result| attempts.get_or_create_owned(&Attempt { upstream: upstream.to_owned(), result });
        Self { answered: of("answered"), failed: of("failed"), late: of("late"), fallback }
    }
}

//! Customers: an open-loop load generator.
//!
//! Request n leaves at `start + n / rate`, whether or not the ones before it were answered, and its time is counted
//! from the moment it *should* have left. So a system that stalls is seen to stall, by every customer of that time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use crate::client::{Client, Connections};

/// Bounds in seconds; the last is above the customers' patience.
const BUCKETS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0];
/// What a request may end in: a status code, no answer in time, no connection or a broken one.
const CODES: [&str; 7] = ["200", "500", "502", "503", "504", "timeout", "error"];
/// How long a customer waits.
const PATIENCE: Duration = Duration::from_secs(4);

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    route: String,
    code: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Route {
    route: String,
}

/// What customers got.
#[derive(Clone)]
pub struct Customers {
    requests: Family<Outcome, Counter>,
    sent: Family<Route, Counter>,
    duration: Family<Route, Histogram, fn() -> Histogram>,
    client: Client,
}

impl Customers {
    /// Registers the metrics of these routes, all at zero.
    pub fn register(routes: &BTreeMap<String, String>, registry: &mut Registry) -> Self {
        let requests = Family::<Outcome, Counter>::default();
        let sent = Family::<Route, Counter>::default();
        let duration = Family::new_with_constructor((|| Histogram::new(BUCKETS)) as fn() -> Histogram);
        for route in routes.keys() {
            for code in CODES {
                drop(requests.get_or_create(&Outcome { route: route.clone(), code: code.to_owned() }));
            }
            drop(sent.get_or_create(&Route { route: route.clone() }));
            drop(duration.get_or_create(&Route { route: route.clone() }));
        }
        registry.register(
            "client_requests",
            "requests that ended, by status code, `timeout` or `error`",
            requests.clone(),
        );
        registry.register("client_requests_sent", "requests sent", sent.clone());
        registry.register("client_request_duration_seconds", "time from when it was due to its end", duration.clone());
        Self { requests, sent, duration, client: Client::new(Connections::Kept) }
    }

    /// Sends requests to one route for ever.
    pub async fn shop(self: Arc<Self>, route: String, url: String, rate: u32) {
        let start = Instant::now();
        for number in 0_u64.. {
            // Nanoseconds in 64 bits last for 584 years.
            let due = start + Duration::from_nanos(number * 1_000_000_000 / u64::from(rate));
            tokio::time::sleep_until(due).await;
            tokio::spawn(self.clone().request(route.clone(), url.clone(), due));
        }
    }

    async fn request(self: Arc<Self>, route: String, url: String, due: Instant) {
        let label = Route { route: route.clone() };
        self.sent.get_or_create(&label).inc();
        let code = match tokio::time::timeout(PATIENCE, self.client.get(&url)).await {
            Ok(Ok(code)) => code.as_u16().to_string(),
            Ok(Err(_)) => "error".to_owned(),
            Err(_) => "timeout".to_owned(),
        };
        self.duration.get_or_create(&label).observe(due.elapsed().as_secs_f64());
        self.requests.get_or_create(&Outcome { route, code }).inc();
    }
}

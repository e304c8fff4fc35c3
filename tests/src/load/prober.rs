//! A blackbox prober: asks every target five times a second, each time by a new connection, from outside.
//!
//! It is the witness of experiments, so it must not flatter: while an answer is outstanding, the duration shown grows
//! with the waiting.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use crate::client::{Client, Connections};

/// How often each target is asked.
const INTERVAL: Duration = Duration::from_millis(200);
/// How long an answer may take; then the probe has failed.
const PATIENCE: Duration = Duration::from_secs(1);

type Seconds = Gauge<f64, std::sync::atomic::AtomicU64>;

/// What is probed.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Probed {
    /// The app it belongs to.
    pub target: String,
    /// Its instance.
    pub name: String,
    /// The zone it lives in.
    pub zone: String,
}

/// The prober's eyes on its targets.
#[derive(Clone)]
pub struct Prober {
    duration: Family<Probed, Seconds>,
    success: Family<Probed, Gauge>,
    code: Family<Probed, Gauge>,
}

impl Prober {
    /// Registers the prober's metrics.
    pub fn register(registry: &mut Registry) -> Self {
        let prober = Self { duration: Family::default(), success: Family::default(), code: Family::default() };
        registry.register("probe_duration_seconds", "how long the answer took, or takes", prober.duration.clone());
        registry.register("probe_success", "1 if the last probe was answered with 2xx", prober.success.clone());
        registry.register("probe_status_code", "the last answer's code; 0 is no answer", prober.code.clone());
        prober
    }

    /// Probes one target for ever.
    pub async fn watch(self, probed: Probed, url: String) {
        let duration = self.duration.get_or_create_owned(&probed);
        let success = self.success.get_or_create_owned(&probed);
        let code = self.code.get_or_create_owned(&probed);
        // The last full duration; while a probe is out, the larger of the two is shown.
        let mut last = 0.0_f64;
        let client = Client::new(Connections::Fresh);
        loop {
            let start = Instant::now();
            let probe = ask(&client, &url);
            tokio::pin!(probe);
            let seen = loop {
                tokio::select! {
                    seen = &mut probe => break seen,
                    () = tokio::time::sleep(Duration::from_millis(50)) => {

                        duration.set(start.elapsed().as_secs_f64().max(last));
                    }
                }
            };
            let seconds = start.elapsed().as_secs_f64();
            last = seconds;
            duration.set(seconds);
            success.set(i64::from((200..300).contains(&seen)));
            code.set(i64::from(seen));
            tokio::time::sleep_until(start + INTERVAL).await;
        }
    }
}

/// The status code, or 0.
async fn ask(client: &Client, url: &str) -> u16 {
    match tokio::time::timeout(PATIENCE, client.get(url)).await {
        Ok(Ok(code)) => code.as_u16(),
        _ => 0,
    }
}

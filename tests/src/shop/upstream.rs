//! Calling an upstream: round robin over its addresses, a timeout, and a breaker if there is one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use prometheus_client::registry::Registry;

use super::breaker::Breaker;
use super::metrics::Attempts;
use crate::client::{Client, Connections};

/// Another service that this one asks.
pub struct Upstream {
    urls: Vec<String>,
    next: AtomicUsize,
    timeout: Duration,
    client: Client,
    breaker: Option<Breaker>,
    attempts: Attempts,
}

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// It answered well.
    Answered,
    /// It did not, or was not asked.
    Fallback,
}

impl Upstream {
    /// An upstream at one or more addresses. `opens_after` failures in a row open its breaker.
    pub fn new(
        name: &str,
        urls: Vec<String>,
        timeout: Duration,
        opens_after: Option<u32>,
        registry: &mut Registry,
    ) -> Self {
        let breaker = opens_after.map(|failures| Breaker::new(name, failures, registry));
        let attempts = Attempts::register(name, registry);
        Self { urls, next: AtomicUsize::new(0), timeout, client: Client::new(Connections::Kept), breaker, attempts }
    }

    /// Asks it, unless its breaker is open.
    pub async fn ask(&self) -> Asked {
        let permit = match self.breaker.as_ref().map(Breaker::permit) {
            None => None,
            Some(Some(permit)) => Some(permit),
            Some(None) => return self.fall_back(),
        };
        let answered = self.call().await;
        if let Some(permit) = permit {
            if answered { permit.succeeded() } else { permit.failed() }
        }
        if answered { Asked::Answered } else { self.fall_back() }
    }

    async fn call(&self) -> bool {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.urls.len();
        let call = self.client.get(&self.urls[turn]);
        match tokio::time::timeout(self.timeout, call).await {
            Ok(Ok(code)) if code.is_success() => {
                self.attempts.answered.inc();
                true
            }
            Ok(_) => {
                self.attempts.failed.inc();
                false
            }
            Err(_) => {
                self.attempts.late.inc();
                false
            }
        }
    }

    fn fall_back(&self) -> Asked {
        self.attempts.fallback.inc();
        Asked::Fallback
    }
}

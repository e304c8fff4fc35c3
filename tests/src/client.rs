//! The HTTP client of the parts: plain HTTP/1.1, with or without connections kept for the next request.

use std::time::Duration;

use anyhow::{Context, Result};
use axum::body::{Body, to_bytes};
use hyper::{Request, StatusCode};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

/// No answer in the lab is longer.
const LONGEST_ANSWER: usize = 1 << 20;

/// Asks `http://` addresses.
#[derive(Debug, Clone)]
pub struct Client(legacy::Client<HttpConnector, Body>);

/// What happens to a connection when its answer has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connections {
    /// The next request uses it.
    Kept,
    /// It is closed: each request shows what a newcomer meets.
    Fresh,
}

impl Client {
    /// A client without a connection yet.
    pub fn new(connections: Connections) -> Self {
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new()).pool_idle_timeout(Duration::from_secs(30));
        if connections == Connections::Fresh {
            builder.pool_max_idle_per_host(0);
        }
        Self(builder.build_http())
    }

    /// Asks once, and reads the whole answer. Has no timeout of its own: dropping the future gives up.
    pub async fn get(&self, url: &str) -> Result<StatusCode> {
        let request = Request::get(url).body(Body::empty()).with_context(|| format!("`{url}` is no address"))?;
        let answer = self.0.request(request).await.with_context(|| format!("ask {url}"))?;
        let code = answer.status();
        to_bytes(Body::new(answer.into_body()), LONGEST_ANSWER).await.with_context(|| format!("read {url}"))?;
        Ok(code)
    }
}

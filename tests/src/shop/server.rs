//! The shop's two ports: customers on one, the admin's knobs on the other.
//!
//! | port | path | |
//! |---|---|---|
//! | 8080 | `/` | a customer's request |
//! | 8080 | `/healthz` | always 200: the process is well, whatever its customers see |
//! | 8080 | `/metrics` | for Prometheus |
//! | 9901 | `POST /fail?status=500` | answer customers with an error from now on |
//! | 9901 | `POST /slow?delay=400ms` | answer customers late from now on |
//! | 9901 | `POST /heal` | be well again |

use std::net::{Ipv6Addr, SocketAddr};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use clap::Args;
use prometheus_client::registry::Registry;
use serde::Deserialize;
use tokio::net::TcpListener;

use super::metrics::Requests;
use super::upstream::{Asked, Upstream};
use crate::blueprint::{ADMIN_PORT, SERVICE_PORT};
use crate::duration;
use crate::exposition::exposition;

/// `lab shop`: one server of the shop.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Its name, as it signs its answers.
    #[arg(long)]
    pub name: String,
    /// The zone it lives in, as it signs its answers.
    #[arg(long)]
    pub zone: String,
    /// The service it asks for every customer.
    #[arg(long, requires = "upstream_url")]
    pub upstream: Option<String>,
    /// Where that service is; several are asked in turn.
    #[arg(long)]
    pub upstream_url: Vec<String>,
    /// How long it waits for that service.
    #[arg(long, default_value = "1s", value_parser = duration::parse)]
    pub upstream_timeout: Duration,
    /// So many failures in a row open the breaker in front of that service.
    #[arg(long)]
    pub breaker_opens_after: Option<u32>,
}

/// How the admin wants customers to be answered.
#[derive(Debug, Clone, Copy)]
struct Mood {
    status: StatusCode,
    delay: Duration,
}

const WELL: Mood = Mood { status: StatusCode::OK, delay: Duration::ZERO };

struct Shop {
    signature: String,
    mood: RwLock<Mood>,
    upstream: Option<Upstream>,
    requests: Requests,
}

#[derive(Deserialize)]
struct Fail {
    status: u16,
}

#[derive(Deserialize)]
struct Slow {
    delay: String,
}

/// Serves customers until killed.
pub async fn serve(options: Options) -> Result<()> {
    let mut registry = Registry::default();
    let requests = Requests::register(&mut registry);
    let Options { name, zone, upstream, upstream_url, upstream_timeout, breaker_opens_after } = options;
    let upstream = upstream
        .map(|upstream| Upstream::new(&upstream, upstream_url, upstream_timeout, breaker_opens_after, &mut registry));
    let signature = format!("{name} in {zone}");
    let shop = Arc::new(Shop { signature, mood: RwLock::new(WELL), upstream, requests });
    let customers = Router::new()
        .route("/", get(answer).post(answer))
        .with_state(shop.clone())
        .route("/healthz", get(|| async { "well\n" }))
        .merge(exposition(registry));
    let admin =
        Router::new().route("/fail", post(fail)).route("/slow", post(slow)).route("/heal", post(heal)).with_state(shop);
    tokio::try_join!(listen(SERVICE_PORT, customers), listen(ADMIN_PORT, admin))?;
    Ok(())
}

async fn listen(port: u16, router: Router) -> Result<()> {
    // The unspecified IPv6 address takes IPv4 too.
    let address = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let listener = TcpListener::bind(address).await.with_context(|| format!("listen on {address}"))?;
    axum::serve(listener, router).await.with_context(|| format!("serve on {address}"))
}

async fn answer(State(shop): State<Arc<Shop>>) -> (StatusCode, String) {
    let start = Instant::now();
    let mood = *shop.mood.read().expect("nobody panics while holding the mood");
    if mood.delay > Duration::ZERO {
        tokio::time::sleep(mood.delay).await;
    }
    let paid = match &shop.upstream {
        Some(upstream) if mood.status.is_success() => upstream.ask().await,
        _ => Asked::Answered,
    };
    shop.requests.count(mood.status.as_u16(), start.elapsed().as_secs_f64());
    let words = match paid {
        Asked::Answered => "thank you",
        Asked::Fallback => "thank you, to be paid later",
    };
    (mood.status, format!("{words}: {}\n", shop.signature))
}

async fn fail(State(shop): State<Arc<Shop>>, Query(Fail { status }): Query<Fail>) -> Result<(), StatusCode> {
    let status = StatusCode::from_u16(status).map_err(|_| StatusCode::BAD_REQUEST)?;
    shop.mood.write().expect("nobody panics while holding the mood").status = status;
    Ok(())
}

async fn slow(State(shop): State<Arc<Shop>>, Query(Slow { delay }): Query<Slow>) -> Result<(), StatusCode> {
    let delay = duration::parse(&delay).map_err(|_| StatusCode::BAD_REQUEST)?;
    shop.mood.write().expect("nobody panics while holding the mood").delay = delay;
    Ok(())
}

async fn heal(State(shop): State<Arc<Shop>>) {
    *shop.mood.write().expect("nobody panics while holding the mood") = WELL;
}

//! `lab middleman`: stands between Squall and Prometheus, and can be told to spoil the answers.
//!
//! | path | |
//! |---|---|
//! | `POST /be/well` | pass everything on (so it begins) |
//! | `POST /be/closed` | 401 |
//! | `POST /be/hasty` | half of each answer, then hang up |
//! | `POST /be/worried` | each answer with a warning |
//! | `POST /be/slow` | each answer after [`STALL`] |
//! | everything else | what Prometheus says, so spoilt |

use std::net::SocketAddr;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use clap::{Args, ValueEnum};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;

use crate::blueprint::PROMETHEUS;

/// How long a slow answer takes.
pub const STALL: Duration = Duration::from_secs(10);
/// No answer in the lab is longer.
const LONGEST: usize = 64 << 20;

/// `lab middleman`: where it listens.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Where Squall finds it.
    #[arg(long)]
    pub listen: SocketAddr,
    /// How it begins.
    #[arg(long, value_enum, default_value_t = Manner::Well)]
    pub manner: Manner,
}

/// What it makes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Manner {
    /// Nothing.
    Well,
    /// It lets nobody in.
    Closed,
    /// It hangs up in the middle.
    Hasty,
    /// It warns.
    Worried,
    /// It is late.
    Slow,
}

struct Middleman {
    manner: RwLock<Manner>,
    client: legacy::Client<HttpConnector, Body>,
}

/// Serves until killed.
pub async fn serve(options: Options) -> Result<()> {
    let client = legacy::Client::builder(TokioExecutor::new()).build_http();
    let middleman = Arc::new(Middleman { manner: RwLock::new(options.manner), client });
    let router = Router::new().route("/be/{manner}", post(be)).fallback(pass_on).with_state(middleman);
    let listener = TcpListener::bind(options.listen).await.with_context(|| format!("listen on {}", options.listen))?;
    axum::serve(listener, router).await.context("serve between Squall and Prometheus")
}

async fn be(State(middleman): State<Arc<Middleman>>, Path(manner): Path<String>) -> StatusCode {
    let Ok(manner) = Manner::from_str(&manner, true) else { return StatusCode::NOT_FOUND };
    *middleman.manner.write().expect("nobody panics while holding the manner") = manner;
    StatusCode::OK
}

async fn pass_on(State(middleman): State<Arc<Middleman>>, request: Request) -> Response {
    let manner = *middleman.manner.read().expect("nobody panics while holding the manner");
    if manner == Manner::Closed {
        return (StatusCode::UNAUTHORIZED, "Unauthorized\n").into_response();
    }
    if manner == Manner::Slow {
        tokio::time::sleep(STALL).await;
    }
    match middleman.ask(request).await {
        Ok((status, body)) => spoilt(manner, status, body),
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}\n")).into_response(),
    }
}

impl Middleman {
    async fn ask(&self, mut request: Request) -> Result<(StatusCode, Bytes)> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = format!("http://{PROMETHEUS}{path}").parse::<Uri>().context("compose an address")?;
        // A packed answer could not be spoilt in its words.
        request.headers_mut().remove("accept-encoding");
        let answer = self.client.request(request).await.context("ask Prometheus")?;
        let status = answer.status();
        let body = to_bytes(Body::new(answer.into_body()), LONGEST).await.context("read Prometheus' answer")?;
        Ok((status, body))
    }
}

fn spoilt(manner: Manner, status: StatusCode, body: Bytes) -> Response {
    match manner {
        Manner::Hasty => {
            let half = futures::stream::iter([
                Ok(body.slice(..body.len() / 2)),
                Err(std::io::Error::other("it hangs up in the middle")),
            ]);
            (status, [(CONTENT_LENGTH, body.len())], Body::from_stream(half)).into_response()
        }
        Manner::Worried => {
            let text = String::from_utf8_lossy(&body);
            let warned = text.replacen('{', "{\"warnings\":[\"half of the blocks could not be read\"],", 1);
            (status, warned).into_response()
        }
        Manner::Well | Manner::Closed | Manner::Slow => (status, body).into_response(),
    }
}

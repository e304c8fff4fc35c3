//! The web: HAProxy outside, over one backend a zone. What it makes of errors and of silence is its policy.

use std::path::PathBuf;

use super::piece::{FAST, ORDINARY, Piece, leaf};
use crate::blueprint::{OnDeath, Part, SERVICE_PORT, Target, Zone};
use crate::programs::Programs;

/// Requests a second from customers: 15 a second for each backend, so five errors in a row take a third of a second.
const RATE: u32 = 45;
/// The last part of every backend's address.
const HOST: u8 = 10;
/// The port of HAProxy's metrics.
const METRICS_PORT: u16 = 8404;

/// How HAProxy deals with a backend in trouble, in its own words.
pub(super) struct Policy {
    /// `timeout server`: how long an answer may take.
    pub answer_within: &'static str,
    /// `retry-on`: after what a request is sent again, to the next server.
    pub retry_on: &'static str,
    /// `check` and all that follows: when a server is out, and when it is in again.
    pub check: &'static str,
}

pub(super) fn piece(policy: &Policy, programs: &Programs) -> Piece {
    let instances = Zone::ALL.map(|zone| leaf("web", "backend", zone, HOST)).to_vec();
    let mut targets: Vec<Target> = instances.iter().map(|instance| Target::of(instance, ORDINARY)).collect();
    targets.push(Target::outside("haproxy", METRICS_PORT, FAST));
    let servers = instances.iter().map(|instance| format!("server {} {}", instance.name, instance.service()));
    Piece {
        service: "web",
        front: format!("http://127.0.0.1:{SERVICE_PORT}/"),
        rate: RATE,
        probed: "backend",
        outside: vec![haproxy(programs)],
        targets,
        files: vec![(PathBuf::from("haproxy.cfg"), configuration(policy, servers))],
        ready_when: vec!["haproxy_backend_active_servers{proxy=\"backends\"} == 3".to_owned()],
        instances,
    }
}

fn haproxy(programs: &Programs) -> Part {
    Part {
        name: "haproxy".to_owned(),
        program: programs.haproxy.clone(),
        arguments: ["-db", "-f", "haproxy.cfg"].map(str::to_owned).into(),
        namespace: None,
        on_death: OnDeath::FailTheWorld,
    }
}

/// HAProxy's configuration.
///
/// All servers are checked in the first half second. HAProxy would spread the first checks over a whole interval, and
/// takes a server that was never checked out at its first failure, whatever `fall` says: no twin would be reliable.
fn configuration(policy: &Policy, servers: impl Iterator<Item = String>) -> String {
    let Policy { answer_within, retry_on, check } = policy;
    let servers: String = servers.map(|server| format!("    {server} {check}\n")).collect();
    format!(
        "global
    maxconn 2000
    max-spread-checks 500
defaults
    mode http
    timeout connect 300ms
    timeout client 10s
    timeout check 2s
    option redispatch 1
    retries 3
frontend metrics
    bind 0.0.0.0:{METRICS_PORT}
    http-request use-service prometheus-exporter if {{ path /metrics }}
frontend front
    bind 0.0.0.0:{SERVICE_PORT}
    default_backend backends
backend backends
    balance roundrobin
    timeout server {answer_within}
    option httpchk GET /healthz
    retry-on {retry_on}
{servers}"
    )
}

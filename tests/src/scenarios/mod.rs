//! What runs in a world: one module per scenario, each with a good build and a **broken twin**.
//!
//! A twin differs in one setting that a busy engineer could get wrong, and its steady state is as perfect as the
//! good system's: only an experiment can tell them apart, and it must fail on the claim that names the mechanism.

mod breaker;
mod settings;
mod shop;
mod zones;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use clap::ValueEnum;

use crate::blueprint::{Blueprint, Instance, OnDeath, Part, SERVICE_PORT, Target, Zone};
use crate::programs::{Program, Programs};

pub use settings::write_documents;

/// How often what shows a breaker is scraped.
const FAST: Duration = Duration::from_millis(200);
/// How often everything else is scraped.
const ORDINARY: Duration = Duration::from_millis(500);
/// The port of the load generator's metrics.
const LOAD_PORT: u16 = 9100;
/// The port of HAProxy's metrics.
const HAPROXY_METRICS_PORT: u16 = 8404;

/// What runs in a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Scenario {
    /// HAProxy over one backend a zone, with a breaker on errors.
    Breaker,
    /// storefront -> checkout -> payments, with a breaker in checkout.
    Shop,
    /// HAProxy over one backend a zone, with health checks.
    Zones,
}

/// Which build of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twin {
    /// The mechanism works.
    Good,
    /// The mechanism is there, and does not work.
    Broken,
}

impl Scenario {
    /// Every scenario.
    pub const ALL: [Self; 3] = [Self::Breaker, Self::Shop, Self::Zones];

    /// Everything this scenario's world consists of.
    pub fn blueprint(self, twin: Twin, programs: &Programs, lab: &Program) -> Blueprint {
        match self {
            Self::Breaker => breaker::blueprint(twin, programs, lab),
            Self::Shop => shop::blueprint(twin, lab),
            Self::Zones => zones::blueprint(twin, programs, lab),
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Breaker => "breaker",
            Self::Shop => "shop",
            Self::Zones => "zones",
        })
    }
}

/// An instance of the shop's server, without upstream.
fn leaf(app: &str, zone: Zone) -> Instance {
    let name = format!("{app}-{}", zone.name());
    let arguments = ["shop", "--name", &name, "--zone", &zone.name()].map(str::to_owned).into();
    Instance { name, app: app.to_owned(), zone, host: 10, arguments }
}

/// HAProxy, outside every zone, with its generated configuration.
fn haproxy(programs: &Programs) -> Part {
    Part {
        name: "haproxy".to_owned(),
        program: programs.haproxy.clone(),
        arguments: ["-db", "-f", "haproxy.cfg"].map(str::to_owned).into(),
        namespace: None,
        on_death: OnDeath::FailTheWorld,
    }
}

/// The customers, and a prober that watches every instance of `probed` from outside.
fn load(lab: &Program, url: &str, rate: u32, probed: &[Instance]) -> Part {
    let mut arguments = vec!["load".to_owned(), "--listen".to_owned(), format!("0.0.0.0:{LOAD_PORT}")];
    arguments.extend(["--route".to_owned(), format!("front={url}"), "--rate".to_owned(), rate.to_string()]);
    for instance in probed {
        let labels = format!("{}/{}/{}", instance.app, instance.name, instance.zone.name());
        arguments.extend(["--probe".to_owned(), format!("{labels}=http://{}/", instance.service())]);
    }
    Part { name: "load".to_owned(), program: lab.clone(), arguments, namespace: None, on_death: OnDeath::FailTheWorld }
}

fn load_target() -> Target {
    Target::outside("load", LOAD_PORT, FAST)
}

fn haproxy_target() -> Target {
    Target::outside("haproxy", HAPROXY_METRICS_PORT, FAST)
}

/// Queries that hold in any world that is up: everything is scraped, customers are served, probes succeed.
fn ready_when(targets: &[Target]) -> Vec<String> {
    vec![
        format!("count(up == 1) == {}", targets.len()),
        "sum(rate(client_requests_total{code=\"200\"}[2s])) > 10".to_owned(),
        "min(probe_success) == 1".to_owned(),
    ]
}

/// The head of every HAProxy configuration, and the listener with its metrics.
///
/// All servers are checked in the first half second. HAProxy would spread the first checks over a whole interval, and
/// takes a server that was never checked out at its first failure, whatever `fall` says: no twin would be reliable.
fn haproxy_head() -> String {
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
    bind 0.0.0.0:{HAPROXY_METRICS_PORT}
    http-request use-service prometheus-exporter if {{ path /metrics }}
frontend front
    bind 0.0.0.0:{SERVICE_PORT}
    default_backend backends
"
    )
}

/// Prometheus' configuration: one job per target, because each may have an interval of its own.
fn prometheus_configuration(targets: &[Target]) -> String {
    let mut text = "global:\n  scrape_interval: 500ms\n  evaluation_interval: 500ms\nscrape_configs:\n".to_owned();
    let mut jobs: BTreeMap<(&str, Duration), Vec<&Target>> = BTreeMap::new();
    for target in targets {
        jobs.entry((&target.job, target.interval)).or_default().push(target);
    }
    for ((job, interval), targets) in jobs {
        let interval = format!("{}ms", interval.as_millis());
        text += &format!("  - job_name: {job}\n    scrape_interval: {interval}\n    scrape_timeout: {interval}\n");
        text += "    static_configs:\n";
        for target in targets {
            let labels = serde_json::to_string(&target.labels).expect("a map of text is JSON");
            text += &format!("      - targets: [\"{}\"]\n        labels: {labels}\n", target.address);
        }
    }
    text
}

/// Prometheus itself, outside every zone.
pub fn prometheus(programs: &Programs, directory: &Path) -> Part {
    let flags = [
        "--config.file=prometheus.yml".to_owned(),
        format!("--storage.tsdb.path={}", directory.join("prometheus").display()),
        "--web.listen-address=0.0.0.0:9090".to_owned(),
        // Short, so that what vanished is not believed for another five minutes.
        "--query.lookback-delta=3s".to_owned(),
        "--log.level=warn".to_owned(),
    ];
    Part {
        name: "prometheus".to_owned(),
        program: programs.prometheus.clone(),
        arguments: flags.into(),
        namespace: None,
        on_death: OnDeath::FailTheWorld,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_scrapes_each_target_at_its_own_pace_under_its_own_name() {
        let targets = [Target::of(&leaf("payments", Zone::Z2), ORDINARY), load_target()];
        insta::assert_snapshot!(prometheus_configuration(&targets), @r#"
        global:
          scrape_interval: 500ms
          evaluation_interval: 500ms
        scrape_configs:
          - job_name: load
            scrape_interval: 200ms
            scrape_timeout: 200ms
            static_configs:
              - targets: ["10.0.0.2:9100"]
                labels: {"instance":"load"}
          - job_name: payments
            scrape_interval: 500ms
            scrape_timeout: 500ms
            static_configs:
              - targets: ["10.0.2.10:8080"]
                labels: {"app":"payments","instance":"payments-z2","zone":"z2"}
        "#);
    }
}

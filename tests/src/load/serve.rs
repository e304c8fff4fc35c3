//! `lab load`: starts the customers and the prober, and shows what they see.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

use super::customers::{Customers, Service};
use super::prober::{Probed, Prober};
use crate::exposition::exposition;

/// `lab load`: customers and probes.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Where to show the metrics.
    #[arg(long)]
    pub listen: SocketAddr,
    /// What customers use, and how many requests they send a second.
    #[arg(long, value_name = "NAME=RATE@URL", value_parser = service)]
    pub service: Vec<Service>,
    /// What to probe from outside.
    #[arg(long, value_name = "APP/INSTANCE/ZONE=URL", value_parser = pair)]
    pub probe: Vec<(String, String)>,
}

/// Runs until killed.
pub async fn serve(options: Options) -> Result<()> {
    let mut registry = Registry::default();
    let names = options.service.iter().map(|service| service.name.as_str());
    let customers = Arc::new(Customers::register(names, &mut registry));
    let prober = Prober::register(&mut registry);
    for service in options.service {
        tokio::spawn(customers.clone().shop(service));
    }
    for (labels, url) in options.probe {
        tokio::spawn(prober.clone().watch(probed(&labels)?, url));
    }
    let listener = TcpListener::bind(options.listen).await.with_context(|| format!("listen on {}", options.listen))?;
    axum::serve(listener, exposition(registry)).await.context("serve the metrics")
}

fn probed(labels: &str) -> Result<Probed> {
    let mut words = labels.splitn(3, '/').map(str::to_owned);
    let mut next = || words.next().with_context(|| format!("`{labels}` is not APP/INSTANCE/ZONE"));
    Ok(Probed { target: next()?, name: next()?, zone: next()? })
}

fn service(text: &str) -> Result<Service, String> {
    let split = || {
        let (name, (rate, url)) = text.split_once('=').and_then(|(name, rest)| Some((name, rest.split_once('@')?)))?;
        let rate = rate.parse().ok().filter(|rate| (1..=10_000).contains(rate))?;
        Some(Service { name: name.to_owned(), rate, url: url.to_owned() })
    };
    split().ok_or_else(|| format!("`{text}` is not NAME=RATE@URL"))
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, url) = text.split_once('=').ok_or_else(|| format!("`{text}` is not NAME=URL"))?;
    Ok((name.to_owned(), url.to_owned()))
}

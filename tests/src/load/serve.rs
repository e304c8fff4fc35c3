//! `lab load`: starts the customers and the prober, and shows what they see.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

use super::customers::Customers;
use super::prober::{Probed, Prober};
use crate::exposition::exposition;

/// `lab load`: customers and probes.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Where to show the metrics.
    #[arg(long)]
    pub listen: SocketAddr,
    /// What customers ask for.
    #[arg(long, value_name = "NAME=URL", value_parser = pair)]
    pub route: Vec<(String, String)>,
    /// Requests a second, for each route.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rate: u32,
    /// What to probe from outside.
    #[arg(long, value_name = "APP/INSTANCE/ZONE=URL", value_parser = pair)]
    pub probe: Vec<(String, String)>,
}

/// Runs until killed.
pub async fn serve(options: Options) -> Result<()> {
    let mut registry = Registry::default();
    let routes: BTreeMap<String, String> = options.route.into_iter().collect();
    let customers = Arc::new(Customers::register(&routes, &mut registry));
    let prober = Prober::register(&mut registry);
    for (route, url) in routes {
        tokio::spawn(customers.clone().shop(route, url, options.rate));
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

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, url) = text.split_once('=').ok_or_else(|| format!("`{text}` is not NAME=URL"))?;
    Ok((name.to_owned(), url.to_owned()))
}

//! `lab demo`: every ready experiment, one after another, in one town, with an HTML report of each.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};

use crate::catalog::CATALOG;
use crate::programs::sibling_binary;
use crate::scenarios::{Scenario, Twin};
use crate::world::World;

/// Runs the catalogue on the good town. The exit code is `squall`'s: the worst of the runs.
///
/// Ctrl-C is for `squall`, which reverts and reports; then the town is torn down.
pub fn run(reports: &Path) -> Result<ExitCode> {
    sibling_binary("squall")?;
    fs::create_dir_all(reports).with_context(|| format!("create {}", reports.display()))?;
    let reports = reports.canonicalize().with_context(|| format!("find {}", reports.display()))?;
    let start = SystemTime::now();

    eprintln!("lab: starting a town of three zones: HAProxy over three backends, a shop, customers, Prometheus");
    let town = World::start(Scenario::Town, Twin::Good)?;
    eprintln!("lab: running {} experiments on it, about three quarters of a minute each", CATALOG.len());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().context("start a runtime")?;
    let _guard = runtime.enter();
    // Listening is enough: a Ctrl-C no longer ends this process, and reaches `squall` by the terminal.
    let _interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;

    let mut squall = town.command(["squall", "run", "--settings", "squall.yaml", "--report"])?;
    squall.arg(&reports).args(CATALOG.map(|ready| ready.file()));
    let status = squall.status().context("run squall in the town")?;
    town.finish()?;

    let index = reports.join("index.html");
    if index.metadata().and_then(|facts| facts.modified()).is_ok_and(|modified| modified >= start) {
        eprintln!("lab: open in a browser: {}", index.display());
    }
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)))
}

//! `lab demo`: every ready experiment, each on a world of its own, with an HTML report of each.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};

use crate::catalog::CATALOG;
use crate::programs::sibling_binary;
use crate::scenarios::Twin;
use crate::world::World;

/// Runs the catalogue on good systems; the exit code is the first that is not 0.
pub fn run(reports: &Path) -> Result<ExitCode> {
    sibling_binary("squall")?;
    fs::create_dir_all(reports).with_context(|| format!("create {}", reports.display()))?;
    let reports = reports.canonicalize().with_context(|| format!("find {}", reports.display()))?;
    let mut worst = 0;
    for ready in CATALOG {
        eprintln!("lab: starting world `{}` for {}", ready.scenario, ready.name);
        let world = World::start(ready.scenario, Twin::Good)?;
        let page = reports.join(format!("{}.html", ready.name));
        let mut squall = world.command(["squall", "run", "--settings", "squall.yaml", "--html"])?;
        let status = squall.arg(&page).arg(ready.file()).status().context("run squall in the world")?;
        world.finish()?;
        ensure!(page.exists() || !status.success(), "squall left no report in {}", page.display());
        eprintln!("lab: {}: {status}; report: {}", ready.name, page.display());
        if worst == 0 {
            worst = status.code().unwrap_or(i32::from(u8::MAX));
        }
    }
    Ok(ExitCode::from(u8::try_from(worst).unwrap_or(u8::MAX)))
}

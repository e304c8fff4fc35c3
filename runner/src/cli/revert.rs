//! `squall revert`, and what every `run` does first: runs whose runner died are reverted and closed.

use super::exit::{Exit, Stop};
use super::setup::{Setup, agent_state};
use crate::history::Store;
use crate::platform::{AgentLink, SocketAgent};
use crate::settings::Settings;
use crate::shell::{Actions, recover};
use squall_experiments::judge::Verdict;
use std::path::Path;
use std::sync::Arc;

/// Reverts and closes.
pub(super) async fn revert(settings: Option<&Path>) -> Result<Exit, Stop> {
    let settings = Settings::load(settings).map_err(Stop::bad_input)?;
    let setup = Setup::new(settings, &[])?;
    if !setup.folder.history().exists() {
        eprintln!("no runs yet, so nothing to revert; `squall agent revert --all` undoes every fault on this node");
        return Ok(Exit::Passed);
    }
    let worst = close_unfinished(&setup).await?;
    if worst.is_none() {
        eprintln!("every run is finished; `squall agent list` shows the faults on this node");
    }
    Ok(if worst == Some(Verdict::FaultsMayRemain) { Exit::FaultsMayRemain } else { Exit::Passed })
}

/// Closes every run whose runner died; the worst of their verdicts.
pub(super) async fn close_unfinished(setup: &Setup) -> Result<Option<Verdict>, Stop> {
    let mut store = Store::open(&setup.folder.history()).map_err(|error| Stop::failed(&error))?;
    let closed = recover(
        &mut store,
        &setup.folder,
        |_, node| {
            // Its inventory may be gone; on hosts every node without an address of its own is this one.
            let local = || -> Arc<dyn AgentLink> { Arc::new(SocketAgent::local(setup.squall.clone(), &agent_state())) };
            Some(setup.agents.get(node).cloned().unwrap_or_else(local))
        },
        |news| Actions::new(setup.squall.clone(), setup.client.clone(), Arc::clone(&setup.secrets), news),
        |line| eprintln!("{line}"),
    )
    .await
    .map_err(|error| Stop::failed(&error))?;
    for one in &closed {
        eprintln!("run {} is closed: {}", one.run, one.judgement.verdict);
        for remaining in &one.judgement.remaining {
            eprintln!("  {} may remain: {}; {}", remaining.step, remaining.reason, remaining.remedy);
        }
    }
    Ok(closed.iter().map(|one| one.judgement.verdict).min())
}

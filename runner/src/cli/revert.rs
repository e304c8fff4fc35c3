//! `squall revert`, and what every `run` does first: runs whose runner died are reverted and closed, and nothing
//! begins while an earlier run may have left faults.

use super::exit::{Exit, Stop};
use super::past::find_run;
use super::setup::{LocalAgent, Setup};
use crate::history::{LiveRun, StillLeft, Store};
use crate::settings::Settings;
use crate::shell::{Actions, recover};
use squall_experiments::name::RunId;
use std::path::Path;
use std::sync::Arc;

/// Removes what one run, or every run, has left.
pub(super) async fn revert(wanted: Option<&str>, by_hand: bool, settings: Option<&Path>) -> Result<Exit, Stop> {
    let settings = Settings::load(settings).map_err(Stop::bad_input)?;
    let setup = Setup::new(settings, &[], LocalAgent::Started)?;
    let found = Store::open_to_read(&setup.folder.history()).map_err(|error| Stop::failed(&error))?;
    let Some(mut store) = found else {
        let message = "no runs yet, so nothing to revert; `squall agent revert --all` undoes every fault on this node";
        if let Some(wanted) = wanted {
            return Err(Stop::bad_input(format!("there is no run `{wanted}`: {message}")));
        }
        eprintln!("{message}");
        return Ok(Exit::Passed);
    };
    let wanted = wanted.map(|wanted| find_run(&store, wanted)).transpose()?;
    if let Some(run) = &wanted {
        refuse_the_live(&setup, run)?;
    }
    let owing = owing(&store)?;
    let runs: Vec<RunId> = owing.into_iter().filter(|run| wanted.as_ref().is_none_or(|one| one == run)).collect();
    if let (true, Some(run)) = (by_hand, &wanted)
        && !runs.is_empty()
    {
        // Its agents and commands are not asked; one that died is closed like any other, with nothing owed.
        store.leave(run, &StillLeft::default()).map_err(|error| Stop::failed(&error))?;
    }
    let none = runs.is_empty();
    recover_in_words(&setup, &mut store, runs).await?;
    let mut unclean = store.unclean().map_err(|error| Stop::failed(&error))?;
    unclean.retain(|run| wanted.as_ref().is_none_or(|one| one == run));
    if let Some(run) = unclean.first() {
        eprintln!("something may still be there: run `squall revert {run}` again once that is mended");
        eprintln!("if you remove it yourself, say so: `squall revert {run} --by-hand`");
        return Ok(Exit::FaultsMayRemain);
    }
    match wanted {
        Some(run) if none => eprintln!("run {run} has left nothing"),
        None if none => eprintln!("no run has left anything; `squall agent list` shows the faults on this node"),
        Some(_) | None => eprintln!("nothing is left"),
    }
    Ok(Exit::Passed)
}

/// Runs that are unfinished, or ended while faults might remain.
fn owing(store: &Store) -> Result<Vec<RunId>, Stop> {
    let unfinished = store.unfinished().map_err(|error| Stop::failed(&error))?;
    let unclean = store.unclean().map_err(|error| Stop::failed(&error))?;
    Ok(unfinished.into_iter().chain(unclean).collect())
}

fn refuse_the_live(setup: &Setup, run: &RunId) -> Result<(), Stop> {
    match LiveRun::take(&setup.folder, run).map_err(|error| Stop::failed(&error))? {
        Some(_free_again) => Ok(()),
        None => Err(Stop::bad_input(format!("run {run} goes on: `squall halt` ends it, and it reverts by itself"))),
    }
}

/// Closes every run whose runner died, and refuses to go on while any run may have left something.
pub(super) async fn leave_nothing_behind(setup: &Setup) -> Result<(), Stop> {
    let mut store = Store::open(&setup.folder.history()).map_err(|error| Stop::failed(&error))?;
    let unfinished = store.unfinished().map_err(|error| Stop::failed(&error))?;
    recover_in_words(setup, &mut store, unfinished).await?;
    refuse_while_unclean(setup)
}

/// Nothing may begin on a target that is still disturbed.
///
/// # Errors
/// An earlier run may have left faults: exit 6.
pub(super) fn refuse_while_unclean(setup: &Setup) -> Result<(), Stop> {
    let store = Store::open_to_read(&setup.folder.history()).map_err(|error| Stop::failed(&error))?;
    let unclean = store.map_or(Ok(Vec::new()), |store| store.unclean()).map_err(|error| Stop::failed(&error))?;
    let Some(run) = unclean.first() else { return Ok(()) };
    let message = format!("run {run} may have left faults: remove them first with `squall revert {run}`");
    Err(Stop { exit: Exit::FaultsMayRemain, message })
}

async fn recover_in_words(setup: &Setup, store: &mut Store, runs: Vec<RunId>) -> Result<(), Stop> {
    let recovered = recover(
        store,
        &setup.folder,
        runs,
        |record, node| {
            // Where the run had it: the settings here may be others, and their agents know no such fault.
            let recorded = record.header.agents.get(node).map(|place| setup.link(place));
            recorded.or_else(|| setup.agents.get(node).cloned())
        },
        |news| Actions::new(setup.squall.clone(), setup.client.clone(), Arc::clone(&setup.secrets), news),
        |line| eprintln!("{line}"),
    )
    .await
    .map_err(|error| Stop::failed(&error))?;
    for one in &recovered {
        if let Some(verdict) = one.closed {
            eprintln!("run {} is closed: {verdict}", one.run);
        }
        for remaining in &one.remaining {
            eprintln!("  {} may remain: {}; {}", remaining.step, remaining.reason, remaining.remedy);
        }
    }
    Ok(())
}

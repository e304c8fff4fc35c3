//! `squall plan`: whom, when, by what, and whether the agents would. Touches nothing.

use super::arguments::PlanArguments;
use super::exit::{Exit, Stop};
use super::files::read_to_run;
use super::past::tell_of_halt;
use super::plan_text::plan_text;
use super::revert::refuse_while_unclean;
use super::setup::{Known, LocalAgent, Setup, refused, set_up};
use crate::settings::Settings;
use crate::shell::foresight;
use squall_experiments::experiment::Experiment;
use squall_experiments::plan::Plan;
use std::fmt::Write as _;
use std::io::Write as _;

/// Shows the plan of every experiment in the files.
pub(super) async fn plan(arguments: &PlanArguments) -> Result<Exit, Stop> {
    let settings = Settings::load(arguments.environment.settings().as_deref()).map_err(Stop::bad_input)?;
    let what = read_to_run(&arguments.what, &settings)?;
    let local = if rustix::process::geteuid().is_root() { LocalAgent::Started } else { LocalAgent::LeftAlone };
    let setup = set_up(settings, &what, local)?;
    let seed = arguments.what.seed.unwrap_or_else(rand::random);
    let mut stops: Vec<Stop> = Vec::new();
    for read in &what.documents.experiments {
        let Some(experiment) = &read.experiment else { continue };
        let known = setup.look_around(experiment, seed).await?;
        let plan = setup.plan(experiment, &known.world, seed)?;
        let text = plan_text(experiment, &plan) + &unasked(&plan, &known, local);
        let _closed = std::io::stdout().write_all(text.as_bytes());
        let place = what.files[read.place.file].place(read.place.span.start);
        if let Err(stop) = ask_agents(&setup, experiment, &plan, known, &place).await {
            stops.push(stop);
        }
    }
    tell_of_halt(&setup.folder);
    // Last: the plan is worth reading even where it may not be run yet.
    refuse_while_unclean(&setup)?;
    let Some(worst) = stops.iter().map(|stop| stop.exit).min_by_key(|exit| exit.code()) else {
        return Ok(Exit::Passed);
    };
    let messages: Vec<String> = stops.into_iter().map(|stop| stop.message).collect();
    Err(Stop { exit: worst, message: messages.join("\n") })
}

/// Says which agents and metric sources were not asked, and why not.
fn unasked(plan: &Plan, known: &Known, local: LocalAgent) -> String {
    let mut text = String::new();
    for node in plan.steps.iter().flat_map(|step| step.targets.keys()).collect::<std::collections::BTreeSet<_>>() {
        let Some(reason) = known.unasked.get(node) else { continue };
        let hint = match local {
            LocalAgent::Started => "",
            LocalAgent::LeftAlone => " (without root none is started: run `squall plan` as whoever will run it)",
        };
        writeln!(text, "NOT ASKED: whether the agent of node {node} would inject this; {reason}{hint}")
            .expect("writing to a string cannot fail");
    }
    for what in &known.unknown {
        writeln!(text, "NOT ASKED: {what}").expect("writing to a string cannot fail");
    }
    text
}

/// Asks whether the agents would refuse anything of a plan. One that could not be asked has been named.
async fn ask_agents(
    setup: &Setup,
    experiment: &Experiment,
    plan: &Plan,
    known: Known,
    place: &str,
) -> Result<(), Stop> {
    let mut nodes = plan.steps.iter().flat_map(|step| step.targets.keys());
    if nodes.any(|node| known.unasked.contains_key(node)) {
        return Ok(());
    }
    let mut world = known.world;
    foresight::learn_addresses(experiment, &mut world).await;
    let refusals =
        foresight::refusals(experiment, &world, plan.seed, None, |node| setup.agents.get(node).cloned()).await;
    if refusals.is_empty() {
        return Ok(());
    }
    Err(refused(&format!("{place}: `{}` cannot be run as things are", experiment.name), &refusals))
}

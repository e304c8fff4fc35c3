//! `squall plan`: whom, when, by what. Touches nothing.

use super::arguments::PlanArguments;
use super::exit::{Exit, Stop};
use super::files::read_to_run;
use super::past::tell_of_halt;
use super::plan_text::plan_text;
use super::revert::refuse_while_unclean;
use super::setup::set_up;
use crate::settings::Settings;
use std::io::Write as _;

/// Shows the plan of every experiment in the files.
pub(super) async fn plan(arguments: &PlanArguments) -> Result<Exit, Stop> {
    let settings = Settings::load(arguments.environment.settings().as_deref()).map_err(Stop::bad_input)?;
    let what = read_to_run(&arguments.what, &settings)?;
    let setup = set_up(settings, &what)?;
    let seed = arguments.what.seed.unwrap_or_else(rand::random);
    for experiment in what.documents.experiments.iter().filter_map(|read| read.experiment.as_ref()) {
        let plan = setup.plan(experiment, seed).await?;
        let _closed = std::io::stdout().write_all(plan_text(experiment, &plan).as_bytes());
    }
    tell_of_halt(&setup.folder);
    // Last: the plan is worth reading even where it may not be run yet.
    refuse_while_unclean(&setup)?;
    Ok(Exit::Passed)
}

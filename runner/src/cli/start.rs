//! From `main` to a command.

use super::arguments::{Arguments, Command};
use super::exit::{Exit, Stop};
use super::{files, past, plan, revert, run};
use crate::history::StateFolder;
use crate::settings::Settings;
use crate::shell::{LAUNCH_WORD, launch};
use clap::Parser as _;
use squall_experiments::written::Purpose;
use std::path::Path;
use std::process::ExitCode;

/// The command line.
pub fn main() -> ExitCode {
    let mut words = std::env::args_os();
    let program = words.next().unwrap_or_else(|| "squall".into());
    // Before clap: a load generator's own arguments are not ours to read, and beginning must be fast.
    let mut rest = words.peekable();
    if rest.peek().is_some_and(|word| word == LAUNCH_WORD) {
        return ExitCode::from(launch(rest.skip(1).collect()));
    }
    if rest.peek().is_some_and(|word| word == "agent") {
        return squall_agent::cli::run(std::iter::once("squall agent".into()).chain(rest.skip(1)));
    }
    let arguments = match Arguments::try_parse_from(std::iter::once(program).chain(rest)) {
        Ok(arguments) => arguments,
        Err(error) => {
            let _closed = error.print();
            return ExitCode::from(if error.use_stderr() { Exit::BadInput } else { Exit::Passed });
        }
    };
    log_to_stderr();
    match perform(arguments.command) {
        Ok(exit) => exit.into(),
        Err(Stop { exit, message }) => {
            if !message.is_empty() {
                eprintln!("squall: {}", message.trim_end());
            }
            exit.into()
        }
    }
}

/// Only what `SQUALL_LOG` asks for: a run tells people what they need to know by itself.
fn log_to_stderr() {
    if let Ok(filter) = tracing_subscriber::EnvFilter::try_from_env("SQUALL_LOG") {
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    }
}

fn perform(command: Command) -> Result<Exit, Stop> {
    match command {
        Command::Check(arguments) => files::check(&arguments),
        Command::Explain { code } => files::explain(&code),
        Command::Schema { of } => files::schema(of),
        Command::Plan(arguments) => runtime()?.block_on(plan::plan(&arguments)),
        Command::Run(arguments) => {
            let runtime = runtime()?;
            let exit = runtime.block_on(run::run(&arguments));
            // A reader of `/proc` that hangs must not hold up the end.
            runtime.shutdown_background();
            exit
        }
        Command::Runs { environment, json } => past::runs(&folder(environment.settings().as_deref())?, json),
        Command::Report { run, outputs, environment } => {
            past::report(&folder(environment.settings().as_deref())?, &run, &outputs)
        }
        Command::Halt { reason, environment } => past::halt(&folder(environment.settings().as_deref())?, &reason),
        Command::Resume { environment } => past::resume(&folder(environment.settings().as_deref())?),
        Command::Revert { run, by_hand, environment } => {
            runtime()?.block_on(revert::revert(run.as_deref(), by_hand, environment.settings().as_deref()))
        }
        // Taken before clap, and here for `squall --help` only.
        Command::Agent { arguments } => {
            let words = std::iter::once("squall agent".into()).chain(arguments);
            let _code = squall_agent::cli::run(words);
            Ok(Exit::Passed)
        }
    }
}

fn folder(settings: Option<&Path>) -> Result<StateFolder, Stop> {
    let settings = Settings::load(settings, Purpose::Check).map_err(Stop::bad_input)?;
    Ok(StateFolder::of(settings.history().as_deref()))
}

fn runtime() -> Result<tokio::runtime::Runtime, Stop> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|error| Stop::error(format!("failed to begin: {error}")))
}

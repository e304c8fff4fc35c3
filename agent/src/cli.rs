//! `squall-agent ...`, and `squall agent ...`, which is the same.
//!
//! `list`, `revert` and `doctor` need no coordinator; `revert --all` needs no agent either.

use crate::clean_up::{self, Outcome};
use crate::client::{Client, ClientError};
use crate::serve::{Serving, serve};
use crate::state::StateFolder;
use crate::{doctor, explain};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use squall_experiments::fault::{Capability, FaultState, FaultStatus, Support};
use squall_experiments::name::FaultId;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// As a program of its own; `squall agent` is the other name.
const ALONE: &str = "squall-agent";
const WITHIN_SQUALL: &str = "squall agent";

/// What stands below each help, `CALLED` for the name it was called by.
const EXAMPLES: &str = "\
Examples:
  CALLED serve           serve in the foreground, until SIGTERM
  CALLED list            what is on, whose it is, when it ends
  CALLED revert --all    put everything back, with or without a living agent
  CALLED doctor          what this node's kernel can do, and by what

The state directory is /run/squall-agent for root, else $XDG_RUNTIME_DIR/squall-agent. In it:
  agent.sock    where the agent listens (mode 0600)
  ledger.jsonl  what may be on, one readable line each; replayed after a crash
  agent.log     what happened, and who called";
const OF_COMMANDS: [(&str, &str); 4] = [
    (
        "serve",
        "\
Examples:
  CALLED serve                        in the foreground, until SIGTERM
  CALLED serve --detach --idle 60     in the background, while it is needed; `squall run` does this",
    ),
    (
        "list",
        "\
Examples:
  CALLED list                         what is on, whose it is, when it ends
  CALLED list --ended --json          also what is over, for a script",
    ),
    (
        "revert",
        "\
Examples:
  CALLED revert --all                     everything on this node, whosever it is
  CALLED revert 20261122-070352-1f9a-1    one fault, by its id as `CALLED list` shows it

Exit code: 0 everything asked for is undone; 1 something may remain, and it says what;
2 the command line is at fault.",
    ),
    (
        "doctor",
        "\
Examples:
  CALLED doctor                       each effect, and what carries it or why it cannot be had
  CALLED doctor --json                the same, for a script",
    ),
];

/// Carries faults out on this node, and ends every one of them.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve coordinators on a Unix socket, after undoing whatever an earlier life left.
    Serve {
        #[command(flatten)]
        place: Place,
        /// End when no fault is held and nobody has called for this many seconds.
        #[arg(long, value_name = "SECONDS")]
        idle: Option<u64>,
        /// Serve in a session of its own; let go of standard input, output and error once it listens.
        #[arg(long)]
        detach: bool,
    },
    /// Show the faults that are held here.
    List {
        #[command(flatten)]
        place: Place,
        /// Show those that are over, too.
        #[arg(long)]
        ended: bool,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Undo one fault, or all of them. Works without an agent, and ends an agent that hangs.
    Revert {
        #[command(flatten)]
        place: Place,
        /// Everything.
        #[arg(long, required_unless_present = "fault", conflicts_with = "fault")]
        all: bool,
        /// This fault, by its id as `list` shows it.
        fault: Option<String>,
    },
    /// Probe what this node's kernel can do, and by what.
    Doctor {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
struct Place {
    /// The state directory.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// The socket, if it is not in the state directory.
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

impl Place {
    fn state(&self) -> StateFolder {
        self.state.clone().map_or_else(StateFolder::by_default, StateFolder::at)
    }

    /// What was said of this place, unless root's agent is there too and was not asked: then "no faults" is not the
    /// whole truth.
    fn said_whole(&self, said: ExitCode) -> ExitCode {
        let is_told = self.state.is_some() || self.socket.is_some();
        if !is_told && StateFolder::of_root_beside().is_some_and(|of_root| of_root.path().exists()) {
            eprintln!(
                "this is about `{}` alone; root's agent has `{}` and may hold faults too: ask again as root (`sudo`)",
                self.state().path().display(),
                StateFolder::OF_ROOT
            );
            return ExitCode::FAILURE;
        }
        said
    }

    fn socket(&self) -> PathBuf {
        self.socket.clone().unwrap_or_else(|| self.state().socket())
    }
}

/// Runs the agent's command line: the first argument is the program's name.
pub fn run(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let is_within = arguments.first().is_some_and(|name| name == WITHIN_SQUALL);
    let called = if is_within { WITHIN_SQUALL } else { ALONE };
    let parsed =
        explained(called).try_get_matches_from(arguments).and_then(|matches| Arguments::from_arg_matches(&matches));
    let arguments = match parsed {
        Ok(arguments) => arguments,
        // Only `revert` needs to be told something: clap would name the placeholders, and not what to put there.
        Err(error) if error.kind() == ErrorKind::MissingRequiredArgument => {
            eprintln!("{called}: say what to revert:");
            eprintln!("  {called} revert --all      every fault on this node");
            eprintln!("  {called} revert FAULT      one of them, by its id as `{called} list` shows it");
            return ExitCode::from(2);
        }
        Err(error) => {
            let _unwritable = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    match perform(arguments.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{called}: failed to {}", explain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

/// The command line with its examples, as it was called.
fn explained(called: &'static str) -> clap::Command {
    let named = |text: &str| text.replace("CALLED", called);
    let command = Arguments::command().bin_name(called).after_help(named(EXAMPLES));
    OF_COMMANDS.into_iter().fold(command, |command, (name, examples)| {
        command.mut_subcommand(name, |inner| inner.after_help(named(examples)))
    })
}

fn perform(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve { place, idle, detach } => {
            let idle = idle.map(Duration::from_secs);
            serve(&Serving { state: place.state(), socket: place.socket(), idle, detach })?;
            Ok(ExitCode::SUCCESS)
        }
        Command::List { place, ended, json } => Ok(place.said_whole(list(&place, ended, json)?)),
        Command::Revert { place, all: _, fault } => Ok(place.said_whole(revert(&place, fault.map(FaultId::new))?)),
        Command::Doctor { json } => doctor(json),
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

fn list(place: &Place, ended: bool, json: bool) -> anyhow::Result<ExitCode> {
    let listed = runtime()?.block_on(async { Client::connect(place.socket()).await?.list().await });
    let mut statuses = match listed {
        Ok(statuses) => statuses,
        Err(ClientError::Unreachable { .. }) => {
            let pending = clean_up::pending(&place.state())?;
            eprintln!("no agent answers at {}; from its ledger:", place.socket().display());
            if pending.is_empty() {
                println!("no faults");
            }
            for ordered in &pending {
                println!("{}  may be on  {}  run {}", ordered.order.id, ordered.order.instance, ordered.fence.run);
            }
            return Ok(ExitCode::SUCCESS);
        }
        Err(error) => return Err(error.into()),
    };
    statuses.retain(|status| ended || status.state != FaultState::Reverted);
    if json {
        println!("{}", serde_json::to_string_pretty(&statuses)?);
    } else if statuses.is_empty() {
        println!("no faults");
    } else {
        statuses.iter().for_each(|status| println!("{}", line(status)));
    }
    Ok(ExitCode::SUCCESS)
}

fn line(status: &FaultStatus) -> String {
    let state = match status.state {
        FaultState::Injecting => "injecting",
        FaultState::On => "on",
        FaultState::Reverting => "reverting",
        FaultState::Reverted => "over",
    };
    let FaultStatus { order, fence, since, ends_within, .. } = status;
    let ends = ends_within.as_secs_f64();
    format!(
        "{}  {state}  {}  step {}  run {}  since {since:.0}  ends within {ends:.1}s",
        order.id, order.instance, order.step, fence.run
    )
}

fn revert(place: &Place, fault: Option<FaultId>) -> anyhow::Result<ExitCode> {
    let outcomes = runtime()?.block_on(clean_up::revert(&place.state(), &place.socket(), fault.as_ref()))?;
    if outcomes.is_empty() {
        println!("{}", fault.map_or("no faults".to_owned(), |fault| format!("{fault}  unknown here: nothing to undo")));
    }
    let mut code = ExitCode::SUCCESS;
    for (fault, outcome) in outcomes {
        match outcome {
            Outcome::Undone => println!("{fault}  undone"),
            Outcome::MayRemain(why) => {
                println!("{fault}  may remain: {why}");
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

fn doctor(json: bool) -> anyhow::Result<ExitCode> {
    let capabilities = doctor::probe();
    if json {
        println!("{}", serde_json::to_string_pretty(&capabilities)?);
        return Ok(ExitCode::SUCCESS);
    }
    for Capability { effect, direction, support } in capabilities {
        let mut effect = format!("{effect:?}").to_lowercase();
        if let Some(direction) = direction {
            effect.push_str(&format!(" {direction:?}").to_lowercase());
        }
        match support {
            Support::By { backend } => println!("{effect:<15} by {backend}"),
            Support::No { reason } => println!("{effect:<15} NOT HERE: {reason}"),
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_help_has_examples_by_the_name_it_was_called() {
        for (called, other) in [(ALONE, WITHIN_SQUALL), (WITHIN_SQUALL, ALONE)] {
            for name in [None, Some("serve"), Some("list"), Some("revert"), Some("doctor")] {
                let words = [called].into_iter().chain(name).chain(["--help"]);
                let help = explained(called).try_get_matches_from(words).unwrap_err().to_string();
                let command = name.unwrap_or("list");
                assert!(help.contains("Examples:") && help.contains(&format!("  {called} {command} ")), "{help}");
                assert!(help.contains(&format!("Usage: {called} ")) && !help.contains("CALLED"), "{help}");
                assert!(!help.contains(&format!("{other} {command}")), "{help}");
            }
        }
        explained(ALONE).debug_assert();
    }
}

//! What can be written on the command line.

use super::output::Outputs;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Chaos experiments that end by themselves and pass only with proof.
#[derive(Debug, Parser)]
#[command(
    name = "squall",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = "\
Examples:
  squall check experiments/*.yaml       what is wrong with these files, all at once
  squall plan breaker.yaml              whom it would hit, when, by what; touches nothing
  squall run breaker.yaml --report out  run it, judge it, write out/index.html
  squall halt 'the site is down'        end every live run now, let none begin

Exit codes of `run` and `report`:
  0 passed   1 failed   2 bad input, nothing was touched   3 inconclusive
  4 error, reverted   5 aborted, reverted   6 faults may remain: it says where"
)]
pub(super) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Say everything that is wrong with files, at once
    #[command(after_help = "\
Examples:
  squall check breaker.yaml
  squall check experiments/             every .yaml file in it, squall.yaml as settings
  helm template shop | squall check -
  squall check --format json experiments/*.yaml

Exit code: 0 nothing is wrong (there may be warnings, and notes of what this version does not
carry out yet, which `plan` and `run` refuse), 2 there are errors, or a file cannot be read")]
    Check(CheckArguments),
    /// Explain the code of a problem
    #[command(after_help = "Example: squall explain SQ0012")]
    Explain {
        /// The code, as `check` prints it
        code: String,
    },
    /// Print the JSON Schema of the files, for editors
    #[command(after_help = "\
Examples:
  squall schema > squall.schema.json                     experiments, inventories, every kind
  squall schema settings > squall-settings.schema.json   squall.yaml

With the YAML language server, the first line of a file may name it:
  # yaml-language-server: $schema=squall.schema.json")]
    Schema {
        /// Which files
        #[arg(value_enum, value_name = "OF", default_value_t = SchemaOf::Documents)]
        of: SchemaOf,
    },
    /// Show whom an experiment would hit, when, and by what; touches nothing
    #[command(after_help = "\
Examples:
  squall plan breaker.yaml --seed 7
  squall plan breaker.yaml --set upstream=payments --settings staging.yaml")]
    Plan(PlanArguments),
    /// Run experiments, one after another, and judge them
    #[command(after_help = "\
Examples:
  squall run breaker.yaml                            ask, run, judge
  squall run *.yaml --yes --report out --json        as a gate: the worst verdict is the exit code
  squall run breaker.yaml --placebo                  the same without the fault: what still passes proves nothing

A report ends with the command that runs it again. SQUALL_AGAIN says how that command calls squall,
where something else starts it: SQUALL_AGAIN='ssh gate squall'.

Exit codes:
  0 passed   1 failed   2 bad input, nothing was touched   3 inconclusive
  4 error, reverted   5 aborted, reverted   6 faults may remain: it says where")]
    Run(RunArguments),
    /// List the runs that have been, newest first
    #[command(after_help = "Example: squall runs --json | head -3")]
    Runs {
        #[command(flatten)]
        environment: Environment,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Show a run again; exits with its code
    #[command(after_help = "\
Examples:
  squall report last
  squall report 20261122-070352-1f9a --html run.html")]
    Report {
        /// Its id, the beginning of it, or `last`
        run: String,
        #[command(flatten)]
        outputs: Outputs,
        #[command(flatten)]
        environment: Environment,
    },
    /// End every live run now and let none begin
    #[command(after_help = "Example: squall halt 'the site is down'")]
    Halt {
        /// Why, for those whose runs end
        #[arg(default_value = "no reason was given")]
        reason: String,
        #[command(flatten)]
        environment: Environment,
    },
    /// Let runs begin again after `halt`
    #[command(after_help = "Example: squall resume")]
    Resume {
        #[command(flatten)]
        environment: Environment,
    },
    /// Remove what runs have left behind
    #[command(after_help = "\
Examples:
  squall revert                                    every run that has left something
  squall revert 20261122-070352-1f9a               that run
  squall revert 20261122-070352-1f9a --by-hand     you have removed it yourself: never ask again

It closes runs whose runner died, and tries again what could not be reverted or undone.
No `run` begins before nothing is left. Without a history, `squall agent revert --all` undoes
every fault on this node.
Exit code: 0 nothing is left, 6 something may remain")]
    Revert {
        /// Its id, the beginning of it, or `last`; every run that has left something if not given
        run: Option<String>,
        /// Take your word that nothing of it is left, when reverting cannot succeed
        #[arg(long, requires = "run")]
        by_hand: bool,
        #[command(flatten)]
        environment: Environment,
    },
    /// This node's agent: serve, list, revert, doctor (`squall agent --help`)
    #[command(disable_help_flag = true)]
    Agent {
        /// Passed on
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<std::ffi::OsString>,
    },
}

#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    /// Files or folders; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// How problems are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// For editors and pipelines
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum SchemaOf {
    /// Everything that has a `kind`
    Documents,
    /// The settings, squall.yaml
    Settings,
}

#[derive(Debug, Args)]
pub(super) struct PlanArguments {
    #[command(flatten)]
    pub(super) what: What,
    #[command(flatten)]
    pub(super) environment: Environment,
}

#[derive(Debug, Args)]
pub(super) struct RunArguments {
    #[command(flatten)]
    pub(super) what: What,
    /// Replace faults and the method's actions by waiting
    #[arg(long)]
    pub(super) placebo: bool,
    /// Do not ask
    #[arg(long)]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(super) outputs: Outputs,
    #[command(flatten)]
    pub(super) environment: Environment,
}

#[derive(Debug, Args)]
pub(super) struct What {
    /// Files with experiments, and with an Inventory if it is not in the settings; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// The seed of every choice; drawn and printed if not given
    #[arg(long, value_parser = seed, allow_negative_numbers = true)]
    pub(super) seed: Option<u64>,
    /// Give a parameter a value
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = assignment)]
    pub(super) set: Vec<(String, String)>,
}

#[derive(Debug, Args)]
pub(super) struct Environment {
    /// The settings; else what SQUALL_SETTINGS names, else squall.yaml in this folder if there is one
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
}

impl Environment {
    /// The settings' file, if one is named. An empty variable names none, as with every other variable.
    pub(super) fn settings(&self) -> Option<PathBuf> {
        let variable = || std::env::var_os("SQUALL_SETTINGS").filter(|path| !path.is_empty());
        self.settings.clone().or_else(|| variable().map(PathBuf::from))
    }
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE, such as `--set upstream=payments`".to_owned()),
    }
}

fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("a seed is a whole number from 0 to {}, as a run prints it", u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory as _;
        Arguments::command().debug_assert();
    }
}

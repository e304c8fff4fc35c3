//! `lab`: starts worlds, and plays every part in them.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use squall_tests::init::Directory;
use squall_tests::programs::Programs;
use squall_tests::{Scenario, Twin, World, demo, enter, init, load, middleman, promql, shop};

/// Squall's lab: small real systems in namespaces, to be hurt.
#[derive(Debug, Parser)]
#[command(name = "lab", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a world, run a command in it, and end it
    Up {
        /// What runs in it
        #[arg(long)]
        scenario: Scenario,
        /// The broken twin instead of the good system
        #[arg(long)]
        twin: bool,
        /// Where to keep inventory.yaml, squall.yaml, pidfiles and logs (default: a temporary directory)
        #[arg(long)]
        dir: Option<PathBuf>,
        /// What to run in it, in its directory; a relative path with a `/` that is there from here is this folder's.
        /// Without a command the world stays up until Ctrl-C
        #[arg(last = true)]
        command: Vec<String>,
    },
    /// Run every ready experiment, one after another, on one town
    Demo {
        /// Where to put the HTML reports
        #[arg(long, default_value = "target/demo")]
        reports: PathBuf,
    },
    /// Run a command in a world that is up
    Enter {
        /// The pid of the world's first process, as `lab up` prints it
        #[arg(long)]
        world: u32,
        /// The working directory
        #[arg(long, default_value = "/")]
        dir: PathBuf,
        /// What to run
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Fetch the programs a world needs
    Fetch,
    /// In a world: ask its Prometheus; prints a JSON object for each series
    Query {
        /// What to ask
        promql: String,
    },
    /// In a world: send one HTTP request; prints the body, and fails unless the answer is 2xx
    Http {
        /// GET, POST, ...
        method: String,
        /// http://HOST:PORT/PATH
        url: String,
    },
    /// Play the first process of a world
    #[command(hide = true)]
    Init {
        #[arg(long)]
        scenario: Scenario,
        #[arg(long)]
        twin: bool,
        #[arg(long)]
        dir: PathBuf,
        #[arg(long)]
        remove: bool,
    },
    /// Play a server of the shop
    #[command(hide = true)]
    Shop(shop::Options),
    /// Play the customers
    #[command(hide = true)]
    Load(load::Options),
    /// Stand between Squall and Prometheus, and spoil the answers
    #[command(hide = true)]
    Middleman(middleman::Options),
}

fn main() -> Result<ExitCode> {
    match Arguments::parse().command {
        Command::Up { scenario, twin, dir, command } => up(scenario, twin_of(twin), dir.as_deref(), &command),
        Command::Demo { reports } => demo::run(&reports),
        Command::Enter { world, dir, command } => enter::enter(world, &dir, &command),
        Command::Fetch => {
            let programs = Programs::fetch()?;
            println!("{}\n{}", programs.prometheus.path.display(), programs.haproxy.path.display());
            Ok(ExitCode::SUCCESS)
        }
        Command::Query { promql } => {
            for sample in promql::query(&promql)? {
                println!("{}", serde_json::to_string(&sample).context("show a sample")?);
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Http { method, url } => {
            let (code, body) = squall_tests::request(&method, &url)?;
            print!("{body}");
            ensure!((200..300).contains(&code), "{url} answered {code}");
            Ok(ExitCode::SUCCESS)
        }
        Command::Init { scenario, twin, dir, remove } => {
            let kept = if remove { Directory::Remove } else { Directory::Keep };
            init::run(scenario, twin_of(twin), &dir, kept);
            Ok(ExitCode::FAILURE)
        }
        Command::Shop(options) => runtime()?.block_on(shop::serve(options)).map(|()| ExitCode::SUCCESS),
        Command::Middleman(options) => runtime()?.block_on(middleman::serve(options)).map(|()| ExitCode::SUCCESS),
        Command::Load(options) => runtime()?.block_on(load::serve(options)).map(|()| ExitCode::SUCCESS),
    }
}

fn up(scenario: Scenario, twin: Twin, directory: Option<&Path>, command: &[String]) -> Result<ExitCode> {
    eprintln!("lab: starting world `{scenario}`");
    let world = match directory {
        Some(directory) => World::start_in(scenario, twin, directory)?,
        None => World::start(scenario, twin)?,
    };
    let runtime = runtime()?;
    if command.is_empty() {
        let (pid, directory) = (world.first_process(), world.directory().display());
        eprintln!("lab: ready in {directory}; enter it with `lab enter --world {pid} --dir {directory} -- bash`");
        runtime.block_on(tokio::signal::ctrl_c()).context("wait for Ctrl-C")?;
        world.finish()?;
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("lab: ready in {}", world.directory().display());
    // Ctrl-C is for the command; the world stays up while the command makes up its mind.
    let _guard = runtime.enter();
    let interrupt = tokio::signal::unix::SignalKind::interrupt();
    let _interrupt = tokio::signal::unix::signal(interrupt).context("listen for SIGINT")?;
    let command = command.iter().map(|word| from_here(word));
    let status = world.command(command)?.status().context("run the command in the world")?;
    world.finish()?;
    let code = status.code().unwrap_or(i32::from(u8::MAX));
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)))
}

/// The command runs in the world's directory, and paths are typed in this one.
fn from_here(word: &str) -> String {
    let path = Path::new(word);
    let is_ours = word.contains('/') && path.is_relative() && path.exists();
    let whole = std::path::absolute(path).ok().filter(|_| is_ours);
    whole.map_or_else(|| word.to_owned(), |whole| whole.to_string_lossy().into_owned())
}

/// One thread is enough for any part, and a world has a dozen of them.
fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")
}

fn twin_of(is_twin: bool) -> Twin {
    if is_twin { Twin::Broken } else { Twin::Good }
}

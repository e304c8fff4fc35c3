//! Squall against Chaos Toolkit, and the agent at rest: whole processes, measured by the kernel.
//!
//! `just bench`. Every ratio comes from pairs of runs in this one process, so that a machine that is
//! slow today is slow for both. Chaos Toolkit comes from PyPI, into `target/`.

use anyhow::{Context, Result, bail, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Pairs of runs; the median is quoted.
const PAIRS: usize = 9;
/// How long a run without steady state watches before it begins: no work, so its own time is what goes beyond.
const BASELINE: Duration = Duration::from_secs(10);
/// Nothing but success.
const WELL: i32 = 0;
/// Not enough evidence. Squall says so of a run without any fault; the peer never asks, and does the same work.
const INCONCLUSIVE: i32 = 3;
/// MiB, of an agent that holds nothing.
const IDLE_MEMORY: f64 = 12.0;
/// How long the idle agent is watched.
const IDLE: Duration = Duration::from_secs(10);

/// What one finished process cost.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
struct Cost {
    cpu: f64,
    wall: f64,
    /// KiB
    peak: f64,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, code, command @ ..] = arguments.as_slice()
        && word == "measure"
    {
        return measure_here(code.parse().context("read the exit code")?, command);
    }
    // `cargo test` runs this too, with no word of its own; `cargo bench` says so.
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("benchmarks run with `just bench`");
        return Ok(());
    }
    let scratch = tempfile::tempdir().context("make a scratch folder")?;
    println!("| what | Squall | Chaos Toolkit | ratio | goal |\n|---|---|---|---|---|");
    against_chaos_toolkit(scratch.path())?;
    idle_agent(scratch.path())
}

/// Runs the command as this process' only child, and prints what the kernel says it cost.
fn measure_here(code: i32, command: &[String]) -> Result<()> {
    let (program, arguments) = command.split_first().context("measure what?")?;
    let began = Instant::now();
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("run {program}"))?;
    let wall = began.elapsed().as_secs_f64();
    ensure!(
        output.status.code() == Some(code),
        "{program} ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).context("ask what the child cost")?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    let cpu = Duration::from_micros(u64::try_from(micros).unwrap_or(0)).as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "kibibytes of one process fit a float")]
    let cost = Cost { cpu, wall, peak: usage.max_rss() as f64 };
    println!("{}", serde_json::to_string(&cost)?);
    Ok(())
}

/// Measures in a fresh process: RUSAGE_CHILDREN keeps the largest child it ever had.
fn measure((code, command): (i32, &[&str]), folder: &Path) -> Result<Cost> {
    let mut measuring = Command::new(std::env::current_exe()?);
    let output = measuring.args(["measure", &code.to_string()]).args(command).current_dir(folder).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("read the cost")
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// The same work, done by Squall and by its peer.
struct Contest<'a> {
    what: &'a str,
    /// A command, and the exit code that it must have.
    ours: (i32, &'a [&'a str]),
    theirs: (i32, &'a [&'a str]),
    /// How long ours only waits.
    waits: Duration,
    /// So many times less processor time and, beyond the waits, time.
    goal: f64,
    pairs: usize,
}

impl Contest<'_> {
    /// Runs both in turn and prints the medians, the ratio taken pair by pair.
    fn hold(&self, folder: &Path) -> Result<()> {
        let ours = || measure(self.ours, folder);
        let theirs = || measure(self.theirs, folder);
        let (mut left, mut right) = (Vec::new(), Vec::new());
        ours()?;
        theirs()?;
        for _ in 0..self.pairs {
            let cost = ours()?;
            left.push(Cost { wall: cost.wall - self.waits.as_secs_f64(), ..cost });
            right.push(theirs()?);
        }
        let row = |of_what: &str, of: fn(&Cost) -> f64, unit: &str, goal: Option<f64>| {
            let middle = |costs: &[Cost]| median(costs.iter().map(of).collect());
            let ratio = median(left.iter().zip(&right).map(|(a, b)| of(b) / of(a).max(1e-6)).collect());
            let goal = goal.map_or_else(String::new, |goal| {
                let result = if ratio >= goal { "met" } else { "missed" };
                format!("{goal:.0}x: {result}")
            });
            let (ours, theirs) = (middle(&left), middle(&right));
            println!("| {}: {of_what} | {ours:.1} {unit} | {theirs:.1} {unit} | {ratio:.0}x | {goal} |", self.what);
        };
        let time = match self.waits.as_secs() {
            0 => "time".to_owned(),
            seconds => format!("time beyond the {seconds} s of baseline"),
        };
        row("CPU", |cost| cost.cpu * 1e3, "ms", Some(self.goal));
        row(&time, |cost| cost.wall * 1e3, "ms", Some(self.goal));
        row("peak memory", |cost| cost.peak / 1024.0, "MiB", None);
        Ok(())
    }
}

const TRIVIAL: &str = r#"apiVersion: squall.dev/v1
kind: Experiment
metadata: {name: trivial}
spec:
  title: A command that succeeds, succeeds
  method:
    - name: action
      perform: {exec: {command: ["true"]}}
      undo: []
  expect:
    - name: it-succeeds
      step: action
      is: 0
      at: action.end
"#;

const TRIVIAL_PEER: &str = r#"{"title": "trivial", "description": "a command that succeeds, succeeds",
"steady-state-hypothesis": {"title": "none", "probes": []},
"method": [{"type": "action", "name": "action", "provider": {"type": "process", "path": "true"}}]}"#;

/// `check` against `validate`, and `run` against `run`.
fn against_chaos_toolkit(scratch: &Path) -> Result<()> {
    let chaos = chaos_toolkit()?;
    let chaos = chaos.to_str().context("a path in UTF-8")?;
    let squall = program("squall")?;
    let squall = squall.to_str().context("a path in UTF-8")?;
    std::fs::write(scratch.join("trivial.yaml"), TRIVIAL)?;
    std::fs::write(scratch.join("trivial.json"), TRIVIAL_PEER)?;
    std::fs::write(scratch.join("squall.yaml"), format!("history: {}\n", scratch.join("history").display()))?;
    let check = Contest {
        what: "check a file",
        ours: (WELL, &[squall, "check", "trivial.yaml"]),
        theirs: (WELL, &[chaos, "validate", "trivial.json"]),
        waits: Duration::ZERO,
        goal: 100.0,
        pairs: PAIRS,
    };
    check.hold(scratch)?;
    let run = Contest {
        what: "run it",
        ours: (INCONCLUSIVE, &[squall, "run", "trivial.yaml", "--yes"]),
        theirs: (WELL, &[chaos, "run", "trivial.json"]),
        waits: BASELINE,
        goal: 50.0,
        pairs: 3,
    };
    run.hold(scratch)
}

/// Chaos Toolkit in a virtual environment below `target/`, fetched once.
fn chaos_toolkit() -> Result<PathBuf> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("chaostoolkit");
    let chaos = home.join("bin/chaos");
    if !chaos.exists() {
        eprintln!("fetching chaostoolkit from PyPI into {}", home.display());
        let made = Command::new("python3").args(["-m", "venv"]).arg(&home).status().context("run python3")?;
        ensure!(made.success(), "python3 -m venv failed: on Debian, install python3-venv");
        let fetched = Command::new(home.join("bin/pip")).args(["install", "--quiet", "chaostoolkit"]).status()?;
        ensure!(fetched.success(), "pip could not install chaostoolkit");
    }
    Ok(chaos)
}

/// A program of the workspace, built beside this one.
fn program(name: &str) -> Result<PathBuf> {
    let path = Path::new(env!("CARGO_BIN_EXE_lab")).with_file_name(name);
    if !path.exists() {
        bail!("{} is not built: run `just build` first", path.display());
    }
    Ok(path)
}

/// A process that ends with its handle.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Memory and CPU of an agent that holds no fault.
fn idle_agent(scratch: &Path) -> Result<()> {
    let state = scratch.join("agent");
    let mut command = Command::new(program("squall-agent")?);
    command.arg("serve").arg("--state").arg(&state).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let agent = Running(command.spawn().context("start the agent")?);
    let list = || {
        Command::new(program("squall-agent")?)
            .arg("list")
            .arg("--state")
            .arg(&state)
            .output()
            .map_err(anyhow::Error::from)
    };
    let deadline = Instant::now() + Duration::from_secs(10);
    while !list()?.status.success() {
        ensure!(Instant::now() < deadline, "the agent does not answer");
        std::thread::yield_now();
    }
    let before = cpu_ticks(agent.0.id())?;
    // Idling is what is measured: there is no condition to wait for.
    std::thread::sleep(IDLE);
    let ticks = cpu_ticks(agent.0.id())? - before;
    let status = std::fs::read_to_string(format!("/proc/{}/status", agent.0.id()))?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS stands in status")?;
    let resident: f64 = resident.trim().trim_end_matches("kB").trim().parse()?;
    let result = if resident / 1024.0 <= IDLE_MEMORY { "met" } else { "missed" };
    println!("\n| an agent at rest | | goal |\n|---|---|---|");
    println!("| resident memory | {:.1} MiB | {IDLE_MEMORY:.0} MiB: {result} |", resident / 1024.0);
    println!("| CPU in {} s | {} ms | |", IDLE.as_secs(), ticks * 10);
    Ok(())
}

/// User and system time in ticks of 10 ms: proc(5), fields 14 and 15 of `stat`.
fn cpu_ticks(pid: u32) -> Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after_name = stat.rsplit(") ").next().context("stat has a command name")?;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    Ok(fields[11].parse::<u64>()? + fields[12].parse::<u64>()?)
}

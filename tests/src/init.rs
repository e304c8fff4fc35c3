//! The first process of a world: builds it, says when it is ready, keeps it alive, and ends it.
//!
//! It is PID 1 of the world's pid namespace. When it ends, the kernel kills every process in the world; with the last
//! of them the network and mount namespaces vanish too. It ends when its stdin does, see `control.rs`.

use std::io::{BufRead, Write};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::mount::{MsFlags, mount};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::control::{Reply, Request};
use crate::http;
use crate::network;
use crate::programs::{Program, Programs, lab_binary};
use crate::promql;
use crate::scenarios::{Scenario, Twin, prometheus, write_documents};
use crate::supervisor::Supervisor;

/// How long a world may take until it is ready. Prometheus alone takes six seconds to its first sample.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How often the supervisor looks for ended processes.
const TURN: Duration = Duration::from_millis(20);
/// How long the end tries to remove the world's directory.
const REMOVED_WITHIN: Duration = Duration::from_secs(5);
/// How often readiness is asked for.
const READY_POLL: Duration = Duration::from_millis(100);

/// What to do with the world's directory at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Directory {
    /// It belongs to the user.
    Keep,
    /// It goes with the world.
    Remove,
}

/// Runs the world until its holder is gone. Never returns an error: it is told to the holder.
pub fn run(scenario: Scenario, twin: Twin, directory: &Path, kept: Directory) {
    let ending = Arc::new(Mutex::new(()));
    if let Err(error) = build_and_serve(scenario, twin, directory, kept, &ending) {
        say(&Reply::Failed(format!("{error:#}")));
    }
    // Supervising fails once the end has begun; whoever returned then would leave the directory half removed.
    drop(ending.lock());
}

fn build_and_serve(
    scenario: Scenario,
    twin: Twin,
    directory: &Path,
    kept: Directory,
    ending: &Arc<Mutex<()>>,
) -> Result<()> {
    ensure!(std::process::id() == 1, "`lab init` is only started by `lab up`, in namespaces of its own");
    let (sender, requests) = channel();
    let (of_world, ending) = (directory.to_owned(), Arc::clone(ending));
    std::thread::spawn(move || read_requests(&sender, &of_world, kept, &ending));

    // A /run of its own: `ip netns` keeps its names there, and the agent its socket.
    mount(Some("lab"), "/run", Some("tmpfs"), MsFlags::empty(), Some("mode=755")).context("mount a private /run")?;
    let programs = Programs::fetch()?;
    let lab = Program { path: lab_binary()?, libraries: None };
    let blueprint = scenario.blueprint(twin, &programs, &lab);
    write_documents(&blueprint, directory)?;
    network::build(&programs.ip, &blueprint.instances)?;

    let mut supervisor = Supervisor::new(directory)?;
    supervisor.start(prometheus(&programs, directory))?;
    for instance in &blueprint.instances {
        supervisor.start(instance.part(&lab))?;
    }
    // What stands in front comes last, as in any deployment: a balancer's first check would take a server out that
    // is only late.
    wait_until(&mut supervisor, "an instance does not answer", || {
        let well = |url: String| http::request("GET", &url).is_ok_and(|(code, _)| code == 200);
        blueprint.instances.iter().map(|instance| format!("http://{}/healthz", instance.service())).all(well)
    })?;
    for part in blueprint.outside {
        supervisor.start(part)?;
    }
    for query in &blueprint.ready_when {
        let has_result = || promql::query(query).is_ok_and(|series| !series.is_empty());
        wait_until(&mut supervisor, &format!("no result for `{query}`"), has_result)?;
    }
    std::fs::write(directory.join("ready"), "").context("write the ready marker")?;
    say(&Reply::Ready);
    serve(&mut supervisor, &requests)
}

/// Turns input lines into requests, and ends the world when the input ends.
fn read_requests(sender: &Sender<Request>, directory: &Path, mut kept: Directory, ending: &Mutex<()>) {
    for line in std::io::stdin().lock().lines().map_while(std::io::Result::ok) {
        match serde_json::from_str(&line) {
            Ok(Request::Keep) => kept = Directory::Keep,
            Ok(request) => drop(sender.send(request)),
            Err(error) => eprintln!("lab: not a request: {line}: {error}"),
        }
    }
    let _until_the_end = ending.lock();
    // Nobody shall write into the directory any more; but who is killed dies a moment later, and the supervisor may
    // have started a part again. (-1 spares the caller.)
    let deadline = Instant::now() + REMOVED_WITHIN;
    loop {
        let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
        let is_over = kept == Directory::Keep || std::fs::remove_dir_all(directory).is_ok() || !directory.exists();
        if is_over || Instant::now() >= deadline {
            std::process::exit(0);
        }
        std::thread::sleep(TURN);
    }
}

/// Keeps the supervisor going until a condition holds. A part that ends meanwhile ends the waiting.
fn wait_until(supervisor: &mut Supervisor, otherwise: &str, condition: impl Fn() -> bool) -> Result<()> {
    let deadline = Instant::now() + READY_WITHIN;
    let mut next_look = Instant::now();
    loop {
        let now = Instant::now();
        supervisor.turn(now)?;
        if let Some(death) = supervisor.deaths().first() {
            bail!("part `{}` {} before the world was ready:\n{}", death.part, death.how, death.last_words);
        }
        if now >= next_look {
            next_look = now + READY_POLL;
            if condition() {
                return Ok(());
            }
            ensure!(now < deadline, "the world was not ready in {READY_WITHIN:?}: {otherwise}");
        }
        std::thread::sleep(TURN);
    }
}

fn serve(supervisor: &mut Supervisor, requests: &Receiver<Request>) -> Result<()> {
    loop {
        supervisor.turn(Instant::now())?;
        match requests.recv_timeout(TURN) {
            Ok(request) => {
                supervisor.turn(Instant::now())?;
                say(&answer(supervisor, request).unwrap_or_else(|error| Reply::Failed(format!("{error:#}"))));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

fn answer(supervisor: &mut Supervisor, request: Request) -> Result<Reply> {
    match request {
        Request::Freeze(part) => supervisor.signal(&part, Signal::SIGSTOP)?,
        Request::Thaw(part) => supervisor.signal(&part, Signal::SIGCONT)?,
        Request::Stop(part) => supervisor.stop(&part)?,
        Request::Start(part) => supervisor.start_again(&part)?,
        Request::Keep => {} // Minded by the reader: it concerns the end.
        Request::Deaths => return Ok(Reply::Deaths(supervisor.deaths().to_vec())),
    }
    Ok(Reply::Done)
}

/// One line to the holder. A holder that is gone is noticed by the end of stdin, not here.
fn say(reply: &Reply) {
    let line = serde_json::to_string(reply).expect("replies are plain data");
    let mut stdout = std::io::stdout().lock();
    drop(writeln!(stdout, "{line}").and_then(|()| stdout.flush()));
}

/// The command that starts a world's first process in namespaces of its own.
pub fn command(scenario: Scenario, twin: Twin, directory: &Path, kept: Directory) -> Result<Command> {
    let mut command = Command::new("unshare");
    if !nix::unistd::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--net", "--pid", "--mount", "--fork", "--mount-proc", "--kill-child"]);
    command.arg(lab_binary()?).args(["init", "--scenario", &scenario.to_string(), "--dir"]).arg(directory);
    if twin == Twin::Broken {
        command.arg("--twin");
    }
    if kept == Directory::Remove {
        command.arg("--remove");
    }
    Ok(command)
}

//! `serve`: an agent's life from its lock to its end.

use crate::clock::boot_id;
use crate::desk::{Desk, Life};
use crate::doctor;
use crate::ledger::{Entry, Ledger, LedgerWriter};
use crate::listen::Listener;
use crate::service::{Facts, Service};
use crate::state::StateFolder;
use crate::sweep::sweep;
use crate::wire::agent_server::AgentServer;
use anyhow::Context;
use squall_experiments::fault::Fence;
use std::fs::{self, File, OpenOptions};
use std::io::IsTerminal;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::fmt::writer::MakeWriterExt;

/// A log that has grown beyond this when an agent starts is put aside.
const LONGEST_LOG: u64 = 8 * 1024 * 1024;
const KEEPALIVE: Duration = Duration::from_secs(10);

/// How an agent serves.
#[derive(Debug, Clone)]
pub struct Serving {
    /// Its state.
    pub state: StateFolder,
    /// Where it listens.
    pub socket: PathBuf,
    /// Ends when it is empty and nobody has called for this long.
    pub idle: Option<Duration>,
    /// A session of its own, and nobody's terminal, pipe or file held open.
    pub detach: bool,
}

/// Serves until it is told to end, or is empty and idle.
pub fn serve(serving: &Serving) -> anyhow::Result<()> {
    if std::process::id() == 1 {
        return serve_below_the_first_process();
    }
    if serving.detach {
        // A group's leader cannot leave it; whoever starts one so has seen to it already.
        let _is_leader = rustix::process::setsid();
    }
    let _lock = serving.state.take()?;
    log_to(&serving.state.log())?;
    abort_on_panic();
    let ledger_path = serving.state.ledger();
    let swept = sweep(&ledger_path)?;
    let started =
        Entry::Started { boot: boot_id(), pid: std::process::id(), agent: env!("CARGO_PKG_VERSION").to_owned() };
    let mut entries = vec![started.clone()];
    entries.extend(swept.epochs.iter().map(|(run, epoch)| Entry::Epoch(Fence { run: run.clone(), epoch: *epoch })));
    // What is not yet as it was stays pending for the next sweep.
    let unclean = swept.faults.iter().filter(|(_, differences)| !differences.is_empty());
    entries.extend(unclean.map(|(ordered, _)| Entry::Ordered(Box::new(ordered.clone()))));
    let ledger = Ledger::begin_anew(&ledger_path, &entries)?;
    if let Some(aside) = ledger.kept_aside() {
        tracing::error!(kept = %aside.display(), "the ledger's lines that could not be read are kept");
    }
    let ledger = LedgerWriter::start(ledger)?;
    let facts = Facts {
        kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
        boot_id: boot_id(),
        capabilities: doctor::probe(),
    };
    let life = Life::begin();
    let desk = Desk::new(swept, started, ledger, life.clone(), serving.idle)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = Listener::bind(&serving.socket)?;
        let ending = desk.handle();
        let mut signals = Vec::new();
        for kind in [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()] {
            signals.push(signal(kind)?);
        }
        for mut signal in signals {
            let ending = ending.clone();
            tokio::spawn(async move {
                while signal.recv().await.is_some() {
                    tracing::info!("told to end");
                    ending.end();
                }
            });
        }
        let service = AgentServer::new(Service::new(desk.handle(), life, facts));
        let server = tonic::transport::Server::builder()
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE))
            .add_service(service)
            .serve_with_incoming(listener);
        let server = tokio::spawn(server);
        tracing::info!(socket = %serving.socket.display(), pid = std::process::id(), "serving");
        if serving.detach {
            // Only now: until here whoever started it could read why it did not come up.
            let nowhere = OpenOptions::new().read(true).write(true).open("/dev/null")?;
            rustix::stdio::dup2_stdin(&nowhere)?;
            rustix::stdio::dup2_stdout(&nowhere)?;
            rustix::stdio::dup2_stderr(&nowhere)?;
        }
        desk.run().await;
        // Callers that still listen need not be waited for: everything is undone.
        server.abort();
        let _aborted = server.await;
        tracing::info!("ended");
        anyhow::Ok(())
    })
}

/// The kernel protects the first process of a namespace from SIGKILL, the last resort's included. So
/// the agent runs as its child, and the first process only reaps.
fn serve_below_the_first_process() -> anyhow::Result<()> {
    let program = std::env::current_exe().context("find the agent's own program")?;
    let agent = Command::new(program).args(std::env::args_os().skip(1)).spawn().context("start the agent")?;
    let agent_pid = nix::unistd::Pid::from_raw(i32::try_from(agent.id()).context("read the agent's process number")?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let code = runtime.block_on(async {
        let mut children = signal(SignalKind::child())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        loop {
            while let Some((pid, code)) = reap() {
                if pid == agent_pid {
                    return anyhow::Ok(code);
                }
            }
            tokio::select! {
                _ = children.recv() => {}
                _ = terminate.recv() => pass_on(agent_pid),
                _ = interrupt.recv() => pass_on(agent_pid),
            }
        }
    })?;
    anyhow::ensure!(code == 0, "the agent ended with {code}");
    Ok(())
}

fn reap() -> Option<(nix::unistd::Pid, i32)> {
    use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
    match waitpid(nix::unistd::Pid::from_raw(-1), Some(WaitPidFlag::WNOHANG)).ok()? {
        WaitStatus::Exited(pid, code) => Some((pid, code)),
        WaitStatus::Signaled(pid, signal, _) => Some((pid, 128 + signal as i32)),
        _ => None,
    }
}

fn pass_on(agent: nix::unistd::Pid) {
    let _ended = nix::sys::signal::kill(agent, nix::sys::signal::Signal::SIGTERM);
}

fn log_to(path: &Path) -> anyhow::Result<()> {
    if fs::metadata(path).is_ok_and(|facts| facts.len() > LONGEST_LOG) {
        fs::rename(path, path.with_extension("log.1")).context("put the old log aside")?;
    }
    let file = open_log(path).with_context(|| format!("open the log `{}`", path.display()))?;
    let file = Mutex::new(file);
    let log =
        tracing_subscriber::fmt().with_ansi(false).log_internal_errors(false).with_max_level(tracing::Level::INFO);
    let result = if std::io::stderr().is_terminal() {
        log.with_writer(file.and(std::io::stderr)).try_init()
    } else {
        log.with_writer(file).try_init()
    };
    // A program that serves inside another one keeps that one's log.
    if let Err(error) = result {
        eprintln!("the log goes elsewhere: {error}");
    }
    Ok(())
}

fn open_log(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// An agent that has lost its mind must not hold faults: its death reverts them, and the next start sweeps.
fn abort_on_panic() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tell(panic);
        tracing::error!(%panic, "the agent ends itself");
        std::process::abort();
    }));
}

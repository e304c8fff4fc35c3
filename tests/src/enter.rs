//! Entering a world that runs: `lab enter --world PID -- COMMAND`.
//!
//! The command runs outside the zones, with the world's network, mounts and pids. This process stays its parent, at
//! the user's terminal: a Ctrl-C reaches the command, and we wait for what it makes of it.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use nix::sched::{CloneFlags, setns};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::signal::unix::{SignalKind, signal};

use crate::programs::{lab_binary, tools_folder};

/// Runs `command` in the world whose first process is `world`, with `directory` as its working directory.
///
/// Must be called before this process starts a thread: a user namespace is only joined alone, and a process whose
/// children belong to another pid namespace cannot start threads any more.
pub fn enter(world: u32, directory: &Path, command: &[String]) -> Result<ExitCode> {
    let path = path_with_our_binaries()?; // Before we leave the mounts in which this program has a name.
    let pid = Pid::from_raw(world.cast_signed()).context("a world's pid is positive")?;
    let first_process = pidfd_open(pid, PidfdFlags::empty()).context("find the world's first process")?;
    let mut namespaces = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID;
    if user_namespace("self")? != user_namespace(&world.to_string())? {
        namespaces |= CloneFlags::CLONE_NEWUSER;
    }
    setns(first_process, namespaces).context("join the world's namespaces")?;

    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().context("start a runtime")?;
    let _guard = runtime.enter();
    // Listening is enough: the signals no longer end this process before the command has ended.
    let _interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let _terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;

    let (program, arguments) = command.split_first().context("no command given")?;
    let mut entered = Command::new(program);
    entered.args(arguments).current_dir(directory).env("PATH", path);
    // What the tools under test remember stays in the world's directory.
    entered.env("HOME", directory.join("home")).env("XDG_STATE_HOME", directory.join("state"));
    let status = entered.status().with_context(|| format!("start `{program}` in the world"))?;
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)))
}

/// PATH with `squall` and `lab` as built beside this program, and the folders of `ip` and `nft`: those that an ordinary
/// user's lacks, and the one with those that were unpacked.
fn path_with_our_binaries() -> Result<OsString> {
    let binaries = lab_binary()?.parent().context("find the folder of the lab binary")?.to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    let folders = [binaries].into_iter().chain(std::env::split_paths(&path)).chain(system).chain([tools_folder()?]);
    std::env::join_paths(folders).context("compose PATH")
}

fn user_namespace(process: &str) -> Result<u64> {
    let path = format!("/proc/{process}/ns/user");
    Ok(fs::metadata(&path).with_context(|| format!("look at {path}"))?.ino())
}

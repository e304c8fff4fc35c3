//! How commands of an experiment begin: `squall` executes itself under [`LAUNCH_WORD`], gives the process a
//! session and a parent-death signal of its own, and becomes the command.
//!
//! A session: Ctrl-C at the runner's terminal must not reach a load generator before its time, and everything
//! the command starts can be ended together. A parent-death signal: a runner that is killed leaves nothing.

use rustix::process::{Pid, Signal};
use squall_agent::clock::boot_id;
use squall_agent::process::{ProcessFacts, all_processes};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;

/// The hidden first argument. Followed by the runner's process number and the command.
pub const LAUNCH_WORD: &str = "__launch";

/// What a command that cannot be executed exits with, as shells have it.
const NOT_FOUND: u8 = 127;

/// Becomes the command. Returns only when it cannot, with the exit code.
pub fn launch(arguments: Vec<OsString>) -> u8 {
    let mut arguments = arguments.into_iter();
    let parent = arguments.next().and_then(|text| text.to_str()?.parse().ok()).and_then(Pid::from_raw);
    let Some(program) = arguments.next() else { return NOT_FOUND };
    let own =
        rustix::process::setsid().and_then(|_| rustix::process::set_parent_process_death_signal(Some(Signal::KILL)));
    if let Err(errno) = own {
        eprintln!("squall: get a session of its own for `{}`: {errno}", program.display());
        return NOT_FOUND;
    }
    // The runner may have died before the signal was armed; then nobody would send it.
    if rustix::process::getppid() != parent {
        return NOT_FOUND;
    }
    let error = std::process::Command::new(&program).args(arguments).exec();
    eprintln!("squall: start `{}`: {error}", program.display());
    NOT_FOUND
}

/// A command of an experiment, to be started: nothing on stdin, both its outputs read, killed when nobody waits.
pub(super) fn launched(squall: &Path, words: &[String], environment: BTreeMap<String, String>) -> Command {
    let mut command = Command::new(squall);
    command.arg(LAUNCH_WORD).arg(std::process::id().to_string()).args(words).envs(environment);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// When a process started, in ticks since boot; `None`: there is none of that number.
pub(crate) fn start_time(pid: u32) -> Option<u64> {
    ProcessFacts::of(pid).map(|facts| facts.start)
}

/// Signals every process of a session.
pub(crate) fn signal_session(session: u32, signal: Signal) {
    let processes = all_processes().unwrap_or_default().into_iter();
    for (pid, _) in processes.filter(|(_, facts)| facts.session == session) {
        if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
            // Gone in between is what was wanted.
            let _gone = rustix::process::kill_process(pid, signal);
        }
    }
}

/// Ends every process of a session when it is dropped, whatever the reason.
pub(super) struct Session(pub(super) u32);

impl Drop for Session {
    fn drop(&mut self) {
        signal_session(self.0, Signal::KILL);
    }
}

/// Ends what a dead runner left of a command. A session number is not reused while a process is in it, but
/// its leader's number is once all are gone: the leader's start time tells, and where the leader is gone, only
/// processes of this boot that still carry the session are ended.
pub fn end_leftover(process: &crate::history::StartedProcess) {
    if process.boot != boot_id() {
        return;
    }
    match start_time(process.pid) {
        // The number belongs to somebody else now, so the session is long empty.
        Some(started) if started != process.started => {}
        Some(_) | None => signal_session(process.pid, Signal::KILL),
    }
}

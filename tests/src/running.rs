//! A command that runs in a world while the test goes on.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::world::only_child;

/// How long a command may take to appear in the world.
const APPEAR_WITHIN: Duration = Duration::from_secs(5);

/// A command in the background. Dropping it kills it.
///
/// Its output goes to files without a name, so it never waits for a reader, and what it has said so far can be read.
#[derive(Debug)]
pub struct Running {
    enter: Child,
    pid: Option<Pid>,
    stdout: File,
    stderr: File,
    status: Option<ExitStatus>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Result<Self> {
        let file = || tempfile::tempfile().context("create a file for a command's output");
        let (stdout, stderr) = (file()?, file()?);
        let share = |file: &File| file.try_clone().map(Stdio::from).context("share a command's output");
        command.stdin(Stdio::null()).stdout(share(&stdout)?).stderr(share(&stderr)?);
        let enter = command.spawn().context("start a command in the world")?;
        let mut running = Self { enter, pid: None, stdout, stderr, status: None };
        let deadline = Instant::now() + APPEAR_WITHIN;
        while !running.is_over()? {
            if let Ok(pid) = only_child(running.enter.id()) {
                running.pid = Some(Pid::from_raw(pid.cast_signed()));
                break;
            }
            ensure!(Instant::now() < deadline, "the command did not appear in the world in {APPEAR_WITHIN:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(running)
    }

    /// Sends the command itself (not its descendants) a signal.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        ensure!(!self.is_over()?, "the command is over");
        kill(self.pid.context("the command never appeared")?, signal).with_context(|| format!("send {signal}"))
    }

    /// Kills the command, as a power cut would: no signal handler, no farewell. Its descendants live on.
    pub fn kill(&mut self) -> Result<()> {
        self.signal(Signal::SIGKILL)
    }

    /// Has it ended?
    pub fn is_over(&mut self) -> Result<bool> {
        if self.status.is_none() {
            self.status = self.enter.try_wait().context("look at a command in the world")?;
        }
        Ok(self.status.is_some())
    }

    /// What it has printed so far.
    pub fn stdout(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&contents(&self.stdout)?).into_owned())
    }

    /// What it has said on stderr so far.
    pub fn stderr(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&contents(&self.stderr)?).into_owned())
    }

    /// Waits for its end. An exit code of 128 + N means killed by signal N.
    pub fn wait(&mut self, within: Duration) -> Result<Output> {
        let deadline = Instant::now() + within;
        while !self.is_over()? {
            ensure!(Instant::now() < deadline, "the command did not end in {within:?}; it said: {}", self.stderr()?);
            std::thread::sleep(Duration::from_millis(10));
        }
        let status = self.status.expect("it is over: asked above");
        Ok(Output { status, stdout: contents(&self.stdout)?, stderr: contents(&self.stderr)? })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.kill().is_ok() {
            drop(self.enter.wait());
        }
    }
}

fn contents(file: &File) -> Result<Vec<u8>> {
    // The offset is shared with the writer, so it is read by a handle of its own, opened anew.
    let mut bytes = Vec::new();
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(file));
    let mut file = File::open(path).context("open a command's output")?;
    file.seek(SeekFrom::Start(0)).context("rewind a command's output")?;
    file.read_to_end(&mut bytes).context("read a command's output")?;
    Ok(bytes)
}

//! The supervisor inside a world: starts parts, restarts the victims of experiments, and reports every other end.
//!
//! It runs in the world's first process, so it also reaps orphans (a runner's agent, for one, outlives the runner).
//!
//! ```text
//!             start                 killed by an experiment
//!   [waiting] -----> [running pid] -----------------------> [waiting until now + 300 ms]
//!                        |   \ stopped on request            ---> [stopped]
//!                        |     anything else                 ---> [broken]: the world has failed
//! ```

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::blueprint::{OnDeath, Part};

/// How long a killed instance stays away: systemd's `RestartSec=` of a hurried unit.
const RESTART_AFTER: Duration = Duration::from_millis(300);
/// How much of a broken part's log is quoted.
const LOG_TAIL: u64 = 2_000;

/// The end of a part that nobody asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Death {
    /// Which part.
    pub part: String,
    /// How it ended.
    pub how: String,
    /// The end of its log.
    pub last_words: String,
}

enum State {
    Waiting { until: Instant },
    Running { pid: Pid },
    Stopped,
    Broken,
}

/// Owns every part's process.
pub struct Supervisor {
    directory: PathBuf,
    parts: BTreeMap<String, (Part, State)>,
    deaths: Vec<Death>,
}

impl Supervisor {
    /// A supervisor of nothing yet, with its pidfiles and logs under `directory`.
    pub fn new(directory: &Path) -> Result<Self> {
        for folder in ["run", "logs"] {
            fs::create_dir_all(directory.join(folder)).with_context(|| format!("create {folder} of the world"))?;
        }
        Ok(Self { directory: directory.to_owned(), parts: BTreeMap::new(), deaths: Vec::new() })
    }

    /// Starts a part and supervises it from now on.
    pub fn start(&mut self, part: Part) -> Result<()> {
        let pid = self.spawn(&part)?;
        self.parts.insert(part.name.clone(), (part, State::Running { pid }));
        Ok(())
    }

    /// Deaths nobody asked for, up to now.
    pub fn deaths(&self) -> &[Death] {
        &self.deaths
    }

    /// Ends a part on request: it stays down, and its end is no failure.
    pub fn stop(&mut self, name: &str) -> Result<()> {
        self.signal(name, Signal::SIGKILL)?;
        self.parts.get_mut(name).expect("known: it was signalled").1 = State::Stopped;
        self.remove_pidfile(name)
    }

    /// Starts a part again that was stopped on request.
    pub fn start_again(&mut self, name: &str) -> Result<()> {
        let (part, state) = self.parts.get(name).with_context(|| format!("no part is called `{name}`"))?;
        ensure!(matches!(state, State::Stopped), "`{name}` was not stopped");
        let part = part.clone();
        self.start(part)
    }

    /// Sends a running part a signal.
    pub fn signal(&self, name: &str, signal: Signal) -> Result<()> {
        match self.parts.get(name) {
            Some((_, State::Running { pid })) => {
                kill(*pid, signal).with_context(|| format!("send {signal} to `{name}`"))
            }
            Some(_) => anyhow::bail!("`{name}` is not running"),
            None => anyhow::bail!("no part is called `{name}`"),
        }
    }

    /// Reaps whoever ended, and restarts what is due.
    pub fn turn(&mut self, now: Instant) -> Result<()> {
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => break,
                Ok(status) => self.note_end(status, now)?,
                Err(errno) => return Err(errno).context("wait for the world's processes"),
            }
        }
        let due = |(part, state): &(Part, State)| match state {
            State::Waiting { until } if *until <= now => Some(part.clone()),
            _ => None,
        };
        for part in self.parts.values().filter_map(due).collect::<Vec<_>>() {
            self.start(part)?;
        }
        Ok(())
    }

    fn note_end(&mut self, status: WaitStatus, now: Instant) -> Result<()> {
        let how = match status {
            WaitStatus::Exited(_, code) => format!("ended with exit code {code}"),
            WaitStatus::Signaled(_, signal, _) => format!("was killed by {signal}"),
            _ => return Ok(()),
        };
        let is_it = |state: &State| matches!(state, State::Running { pid } if Some(*pid) == status.pid());
        let Some((part, state)) = self.parts.values_mut().find(|(_, state)| is_it(state)) else {
            return Ok(()); // An orphan, or a part that was stopped on request.
        };
        let was_killed = matches!(status, WaitStatus::Signaled(_, Signal::SIGKILL | Signal::SIGTERM, _));
        let name = part.name.clone();
        if was_killed && part.on_death == OnDeath::RestartIfKilled {
            *state = State::Waiting { until: now + RESTART_AFTER };
        } else {
            *state = State::Broken;
            let last_words = self.last_words(&name);
            self.deaths.push(Death { part: name.clone(), how, last_words });
        }
        self.remove_pidfile(&name)
    }

    fn spawn(&self, part: &Part) -> Result<Pid> {
        let log = OpenOptions::new().create(true).append(true).open(self.log(&part.name));
        let log = log.with_context(|| format!("open the log of `{}`", part.name))?;
        let mut command = match &part.namespace {
            None => Command::new(&part.program.path),
            Some(namespace) => {
                // nsenter executes the program in its own place, so the pid is the program's.
                let mut nsenter = Command::new("nsenter");
                nsenter.arg(format!("--net=/run/netns/{namespace}")).arg(&part.program.path);
                nsenter
            }
        };
        if let Some(libraries) = &part.program.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command.args(&part.arguments).current_dir(&self.directory).stdin(Stdio::null());
        command.stdout(log.try_clone().context("share the log")?).stderr(log);
        // A process group of its own: a Ctrl-C at the user's terminal is not for the parts.
        let child = command.process_group(0).spawn().with_context(|| format!("start part `{}`", part.name))?;
        let pid = Pid::from_raw(child.id().cast_signed());
        // Renamed into place: a reader sees the old pid, none, or the new one, never half a number.
        let (pidfile, draft) = (self.pidfile(&part.name), self.pidfile(&part.name).with_extension("new"));
        fs::write(&draft, format!("{pid}\n")).with_context(|| format!("write {}", draft.display()))?;
        fs::rename(&draft, &pidfile).with_context(|| format!("write {}", pidfile.display()))?;
        Ok(pid)
    }

    fn pidfile(&self, name: &str) -> PathBuf {
        self.directory.join("run").join(format!("{name}.pid"))
    }

    fn log(&self, name: &str) -> PathBuf {
        self.directory.join("logs").join(format!("{name}.log"))
    }

    fn remove_pidfile(&self, name: &str) -> Result<()> {
        fs::remove_file(self.pidfile(name)).with_context(|| format!("remove the pidfile of `{name}`"))
    }

    fn last_words(&self, name: &str) -> String {
        let read = || -> std::io::Result<String> {
            let mut log = fs::File::open(self.log(name))?;
            let length = log.metadata()?.len();
            log.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL)))?;
            let mut bytes = Vec::new();
            log.read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        read().unwrap_or_else(|error| format!("(its log could not be read: {error})"))
    }
}

//! A world: real systems in namespaces of their own, held by the process that started it.
//!
//! One child in new pid, mount and network namespaces (and a user namespace when not root). Ports are fixed, so many
//! worlds run side by side. Everything in a world dies with its holder, also when the holder is SIGKILLed: the first
//! process of the world sees the end of its input (`control.rs`) and ends, and the kernel ends the rest.
//!
//! ```no_run
//! use squall_tests::{Scenario, Twin, World};
//!
//! let world = World::start(Scenario::Shop, Twin::Good)?;
//! let output = world.run(["squall", "run", "experiment.yaml", "--settings", "squall.yaml"])?;
//! assert!(output.status.success());
//! world.finish()?; // fails if a part died that nobody was asked to kill
//! # anyhow::Ok(())
//! ```

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::control::{Reply, Request};
use crate::init::{self, Directory};
use crate::programs::{Programs, lab_binary};
use crate::promql::Sample;
use crate::running::Running;
use crate::scenarios::{Scenario, Twin};

/// How long a world may take to start; its own limit ends sooner and says more.
const START_WITHIN: Duration = Duration::from_secs(90);
/// How long the first process may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How long a world may take to end.
const END_WITHIN: Duration = Duration::from_secs(10);

/// A running world. Dropping it ends it.
#[derive(Debug)]
pub struct World {
    scenario: Scenario,
    twin: Twin,
    directory: PathBuf,
    temporary: Option<TempDir>,
    unshare: Child,
    first_process: u32,
    line: Mutex<Line>,
}

/// The line to the world's first process. One request at a time, so an answer is the answer to the last.
#[derive(Debug)]
struct Line {
    /// `None` once the world was told to end.
    requests: Option<ChildStdin>,
    replies: Receiver<Reply>,
}

impl World {
    /// Starts a world in a temporary directory, and waits until everything in it is ready.
    pub fn start(scenario: Scenario, twin: Twin) -> Result<Self> {
        let temporary = tempfile::Builder::new().prefix("squall-lab-").tempdir();
        let temporary = temporary.context("create a directory for the world")?;
        let directory = temporary.path().to_owned();
        Self::start_at(scenario, twin, directory, Some(temporary))
    }

    /// Starts a world in a directory of the caller's, which must be new or empty, and stays.
    pub fn start_in(scenario: Scenario, twin: Twin, directory: &Path) -> Result<Self> {
        fs::create_dir_all(directory).with_context(|| format!("create {}", directory.display()))?;
        let is_empty = fs::read_dir(directory).context("look into the world's directory")?.next().is_none();
        ensure!(is_empty, "{} is not empty: an older world's samples would count in this one", directory.display());
        let directory = directory.canonicalize().with_context(|| format!("find {}", directory.display()))?;
        Self::start_at(scenario, twin, directory, None)
    }

    fn start_at(scenario: Scenario, twin: Twin, directory: PathBuf, temporary: Option<TempDir>) -> Result<Self> {
        Programs::fetch()?; // Here, where there is a network.
        for folder in ["home", "state"] {
            fs::create_dir_all(directory.join(folder)).context("create the world's folders")?;
        }
        let kept = if temporary.is_some() { Directory::Remove } else { Directory::Keep };
        let mut command = init::command(scenario, twin, &directory, kept)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut unshare = command.spawn().context("start unshare (package util-linux)")?;
        let requests = unshare.stdin.take();
        let replies = read_replies(unshare.stdout.take().expect("stdout is piped: asked for above"));
        let line = Mutex::new(Line { requests, replies });
        let mut world = Self { scenario, twin, directory, temporary, unshare, first_process: 0, line };
        match world.line().reply(START_WITHIN).context("wait for the world to be ready")? {
            Reply::Ready => {}
            Reply::Failed(why) => bail!("build world `{scenario}`: {why}"),
            other => bail!("the world began with {other:?}"),
        }
        world.first_process = only_child(world.unshare.id())?;
        Ok(world)
    }

    /// Where the world keeps `inventory.yaml`, `squall.yaml`, `run/NAME.pid`, `logs/NAME.log`.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Writes a file into the world's directory: an experiment, say.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.directory.join(name);
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        Ok(path)
    }

    /// The pid of the world's first process, seen from here.
    pub fn first_process(&self) -> u32 {
        self.first_process
    }

    /// A command that will run in the world, outside the zones, in the world's directory. `squall` and `lab` are on
    /// its PATH as built beside this program. Its exit code is the command's; 128 + N means killed by signal N.
    pub fn command<S: AsRef<str>>(&self, words: impl IntoIterator<Item = S>) -> Result<Command> {
        let mut command = Command::new(lab_binary()?);
        command.args(["enter", "--world", &self.first_process.to_string(), "--dir"]).arg(&self.directory).arg("--");
        command.args(words.into_iter().map(|word| word.as_ref().to_owned()));
        command.env("SQUALL_AGAIN", self.again()?);
        Ok(command)
    }

    /// How `squall` is called again from outside, in a new world like this one: this one is gone by then.
    fn again(&self) -> Result<String> {
        let twin = if self.twin == Twin::Broken { " --twin" } else { "" };
        Ok(format!("{} up --scenario {}{twin} -- squall", lab_binary()?.display(), self.scenario))
    }

    /// Runs a command in the world to its end.
    pub fn run<S: AsRef<str>>(&self, words: impl IntoIterator<Item = S>) -> Result<Output> {
        self.command(words)?.stdin(Stdio::null()).output().context("run a command in the world")
    }

    /// Starts a command in the world and goes on; dropping the handle kills it.
    pub fn spawn<S: AsRef<str>>(&self, words: impl IntoIterator<Item = S>) -> Result<Running> {
        Running::start(self.command(words)?)
    }

    /// Runs a command and returns what it printed; it must succeed.
    pub fn read<S: AsRef<str>>(&self, words: impl IntoIterator<Item = S>) -> Result<String> {
        let output = self.run(words)?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "a command in the world ended with {}: {}", output.status, stderr.trim());
        String::from_utf8(output.stdout).context("the command printed no text")
    }

    /// Asks the world's Prometheus.
    pub fn query(&self, promql: &str) -> Result<Vec<Sample>> {
        let text = self.read(["lab", "query", promql])?;
        text.lines().map(|line| serde_json::from_str(line).context("read a sample")).collect()
    }

    /// Asks the world's Prometheus for one number; `None` if there is no series, or more than one.
    pub fn value(&self, promql: &str) -> Result<Option<f64>> {
        Ok(match self.query(promql)?.as_slice() {
            [sample] => Some(sample.value),
            _ => None,
        })
    }

    /// Polls until a query has one series and its value satisfies `condition`; returns how long that took.
    pub fn wait_for(&self, promql: &str, condition: impl Fn(f64) -> bool, within: Duration) -> Result<Duration> {
        let start = Instant::now();
        loop {
            let value = self.value(promql)?;
            if value.is_some_and(&condition) {
                return Ok(start.elapsed());
            }
            ensure!(start.elapsed() < within, "`{promql}` is {value:?} after {within:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends a part; it stays down, and its end is no failure.
    pub fn stop_part(&self, name: &str) -> Result<()> {
        self.line().ask(&Request::Stop(name.to_owned())).map(drop)
    }

    /// Starts a part again that was stopped with [`World::stop_part`].
    pub fn start_part(&self, name: &str) -> Result<()> {
        self.line().ask(&Request::Start(name.to_owned())).map(drop)
    }

    /// Freezes a part (SIGSTOP): it is there, and does nothing.
    pub fn freeze_part(&self, name: &str) -> Result<()> {
        self.line().ask(&Request::Freeze(name.to_owned())).map(drop)
    }

    /// Lets a frozen part go on.
    pub fn thaw_part(&self, name: &str) -> Result<()> {
        self.line().ask(&Request::Thaw(name.to_owned())).map(drop)
    }

    /// The pid of a part as the world counts, from its pidfile; `None` while it is down.
    pub fn pid_of(&self, name: &str) -> Option<u32> {
        let text = fs::read_to_string(self.directory.join("run").join(format!("{name}.pid"))).ok()?;
        text.trim().parse().ok()
    }

    /// Ends the world. Fails if a part died that nobody was asked to kill, with its last words.
    pub fn finish(mut self) -> Result<()> {
        let deaths = match self.line().ask(&Request::Deaths)? {
            Reply::Deaths(deaths) => deaths,
            other => bail!("the world answered {other:?} when asked for deaths"),
        };
        self.end()?;
        let told = deaths.iter().map(|death| format!("part `{}` {}:\n{}", death.part, death.how, death.last_words));
        let told: Vec<String> = told.collect();
        ensure!(told.is_empty(), "died unasked in the world:\n{}", told.join("\n"));
        Ok(())
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&mut self) -> Result<()> {
        drop(self.line().requests.take());
        let deadline = Instant::now() + END_WITHIN;
        while self.unshare.try_wait().context("wait for the world's end")?.is_none() {
            if Instant::now() > deadline {
                self.unshare.kill().context("kill the world")?; // Its child dies with it: --kill-child.
                self.unshare.wait().context("wait for the world's end")?;
                bail!("the world did not end in {END_WITHIN:?} and was killed");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Line {
    fn ask(&mut self, request: &Request) -> Result<Reply> {
        let line = serde_json::to_string(request).context("write a request")?;
        let pipe = self.requests.as_mut().context("the world has ended")?;
        writeln!(pipe, "{line}").and_then(|()| pipe.flush()).context("ask the world's first process")?;
        match self.reply(ANSWER_WITHIN)? {
            Reply::Failed(why) => bail!("{why}"),
            reply => Ok(reply),
        }
    }

    fn reply(&mut self, within: Duration) -> Result<Reply> {
        match self.replies.recv_timeout(within) {
            Ok(reply) => Ok(reply),
            Err(RecvTimeoutError::Timeout) => bail!("no answer from the world in {within:?}"),
            Err(RecvTimeoutError::Disconnected) => {
                bail!("the world ended without a word: may namespaces be made here?")
            }
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(temporary) = self.temporary.take()
        {
            // Whoever looks into the failure wants the logs.
            let keep = serde_json::to_string(&Request::Keep).expect("requests are plain data");
            drop(self.line().requests.as_mut().map(|pipe| writeln!(pipe, "{keep}")));
            eprintln!("lab: the world's files are kept in {}", temporary.keep().display());
        }
        if let Err(error) = self.end() {
            eprintln!("lab: {error:#}");
        }
    }
}

/// A thread that turns the first process' lines into replies.
fn read_replies(pipe: impl std::io::Read + Send + 'static) -> Receiver<Reply> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(std::io::Result::ok) {
            match serde_json::from_str(&line) {
                Ok(reply) => drop(sender.send(reply)),
                Err(error) => eprintln!("lab: not a reply: {line}: {error}"),
            }
        }
    });
    receiver
}

/// The one child of a process, seen from here.
pub(crate) fn only_child(parent: u32) -> Result<u32> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let text = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    let child = text.split_whitespace().next().with_context(|| format!("process {parent} has no child"))?;
    child.parse().with_context(|| format!("`{child}` in {path} is no pid"))
}

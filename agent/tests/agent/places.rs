//! An agent and its targets, which end with their test.

use squall_agent::{Client, Position, Reports};
use squall_experiments::fault::{
    AgentEvent, Direction, Fence, NetworkOrder, ORDER_VERSION, Order, OrderFault, Peers, Signal,
};
use squall_experiments::name::{FaultId, InstanceName, RunId};
use squall_experiments::target::{Locator, ProcessLocator};
use squall_experiments::unit::Length;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Longer than anything here takes on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until a condition holds.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "not in {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A process that ends with its test.
pub struct Doomed(pub Child);

impl Doomed {
    pub fn spawn(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap())
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    pub fn signal(&self, name: &str) {
        assert!(Command::new("kill").args(["-s", name, &self.id().to_string()]).status().unwrap().success());
    }

    pub fn is_running(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    pub fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("the process ends", || {
            status = self.0.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for Doomed {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// An agent on a state directory.
pub struct Agent {
    pub process: Doomed,
    pub state: PathBuf,
}

pub fn agent_program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_squall-agent"))
}

impl Agent {
    pub fn start(state: &Path) -> Self {
        Self::start_by(agent_program(), state)
    }

    /// As another user, who may not be able to reach the folder in which the program was built.
    pub fn start_as(state: &Path, user: u32) -> Self {
        use std::os::unix::process::CommandExt;
        let program = state.join("agent");
        fs::copy(agent_program().get_program(), &program).unwrap();
        let mut command = Command::new(program);
        command.uid(user).gid(user).current_dir(state);
        Self::start_by(command, state)
    }

    fn start_by(mut command: Command, state: &Path) -> Self {
        let process = Doomed::spawn(command.arg("serve").arg("--state").arg(state).stderr(Stdio::inherit()));
        let agent = Self { process, state: state.to_owned() };
        agent.wait_until_it_answers();
        agent
    }

    pub fn wait_until_it_answers(&self) {
        let socket = self.socket();
        eventually("the agent answers", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
    }

    pub fn socket(&self) -> PathBuf {
        self.state.join("agent.sock")
    }

    pub async fn client(&self) -> Client {
        Client::connect(self.socket()).await.unwrap()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.state.join("agent.log")).unwrap()
    }
}

/// What the command line says and how it ends.
pub fn ask(state: &Path, words: &[&str]) -> (String, Option<i32>) {
    let output = agent_program().args(words).arg("--state").arg(state).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (text.into_owned(), output.status.code())
}

/// A process behind a pidfile, started again when told to.
pub struct Target {
    pub process: Doomed,
    pub pidfile: PathBuf,
}

impl Target {
    pub fn start(folder: &Path) -> Self {
        let pidfile = folder.join("target.pid");
        Self { process: start_behind(&pidfile), pidfile }
    }

    pub fn restart(&mut self) {
        self.process = start_behind(&self.pidfile);
    }

    pub fn locator(&self) -> Locator {
        Locator { process: Some(ProcessLocator::Pidfile(self.pidfile.clone())), netns: None }
    }

    pub fn is_held(&self) -> bool {
        self.status("State").starts_with('t')
    }

    /// It stays alive for several polls of a fault that would hold it down.
    pub fn is_left_alone(&mut self) -> bool {
        let until = Instant::now() + Duration::from_millis(400);
        while Instant::now() < until {
            if !self.process.is_running() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        true
    }

    fn status(&self, key: &str) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        line.unwrap_or_default().trim().to_owned()
    }
}

fn start_behind(pidfile: &Path) -> Doomed {
    let process = Doomed::spawn(Command::new("sleep").arg("1000"));
    let beside = pidfile.with_extension("new");
    fs::write(&beside, process.id().to_string()).unwrap();
    fs::rename(beside, pidfile).unwrap();
    process
}

pub fn fence(run: &str, epoch: u64) -> Fence {
    Fence { run: RunId::new(run), epoch }
}

/// An order with a lease and a deadline in milliseconds.
pub fn order(id: &str, locator: Locator, fault: OrderFault, lease: u64, deadline: u64) -> Order {
    Order {
        version: ORDER_VERSION,
        id: FaultId::new(id),
        step: "step".parse().unwrap(),
        instance: InstanceName::new("target"),
        locator,
        fault,
        lease: Length::from_millis(lease),
        deadline: Length::from_millis(deadline),
    }
}

pub fn pause() -> OrderFault {
    OrderFault::Pause { process: None }
}

pub fn kill(hold_down: bool) -> OrderFault {
    OrderFault::Kill { signal: Signal::KILL, process: None, grace: None, hold_down }
}

pub fn partition(peers: Peers) -> OrderFault {
    OrderFault::Network(NetworkOrder {
        delay: None,
        jitter: None,
        loss: None,
        partition: true,
        direction: Direction::Both,
        peers,
        ports: Vec::new(),
        protocol: None,
        cut_control: false,
    })
}

/// The next report that satisfies a condition.
pub async fn next(reports: &mut Reports, is_it: impl Fn(&AgentEvent) -> bool) -> AgentEvent {
    tokio::time::timeout(PATIENCE, async {
        loop {
            let (report, _) = reports.next().await.unwrap().expect("the stream goes on");
            if is_it(&report.event) {
                return report.event;
            }
        }
    })
    .await
    .expect("the report comes")
}

pub async fn watch(client: &Client) -> Reports {
    client.watch(&Position::default()).await.unwrap()
}

/// Only root can make namespaces here.
pub fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        eprintln!("skipped: needs root");
    }
    is_root
}

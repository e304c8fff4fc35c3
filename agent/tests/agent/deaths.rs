//! The agent is killed or stopped while a fault is on: the target is free again, and the next start
//! sweeps clean.

use super::places::{
    Agent, Doomed, PATIENCE, Target, agent_program, ask, eventually, fence, is_root, kill, next, order, partition,
    pause, watch,
};
use super::world::World;
use squall_experiments::fault::{AgentEvent, EndCause, FaultState, OrderFault, Peers};
use squall_experiments::target::Locator;
use std::net::UdpSocket;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const SIGKILL: i32 = 9;
/// A lease that a test can outwait; the kernel acts 2 s after its end.
const LEASE: u64 = 1000;

/// How the agent ends mid-fault.
#[derive(Clone, Copy)]
enum Death {
    /// SIGKILL.
    Killed,
    /// SIGSTOP: the kernel kills it.
    Stopped,
}

impl Death {
    fn befall(self, agent: &mut Agent) {
        let began = Instant::now();
        match self {
            Self::Killed => agent.process.signal("KILL"),
            Self::Stopped => agent.process.signal("STOP"),
        }
        assert_eq!(agent.process.wait().signal(), Some(SIGKILL));
        if let Self::Stopped = self {
            assert!(began.elapsed() < Duration::from_secs(10), "the timer took {:?}", began.elapsed());
        }
    }
}

/// The next life reports the fault as swept, and clean.
async fn sweeps_clean(state: &std::path::Path) {
    let agent = Agent::start(state);
    let client = agent.client().await;
    let event = next(&mut watch(&client).await, |_| true).await;
    assert_eq!(event, AgentEvent::Reverted { cause: EndCause::AgentRestart, evidence: None, differences: Vec::new() });
    assert_eq!(client.list().await.unwrap()[0].state, FaultState::Reverted);
    assert_eq!(client.describe().await.unwrap().faults, 0);
}

async fn pause_ends_with_the_agent(death: Death) {
    let folder = tempfile::tempdir().unwrap();
    let mut agent = Agent::start(folder.path());
    let mut target = Target::start(folder.path());
    let order = order("f", target.locator(), pause(), LEASE, 60_000);
    assert_eq!(agent.client().await.inject(&fence("r", 1), &order).await.unwrap().state, FaultState::On);
    assert!(target.is_held());
    death.befall(&mut agent);
    eventually("the target runs again", || !target.is_held());
    assert!(target.process.is_running());
    sweeps_clean(folder.path()).await;
}

#[tokio::test]
async fn a_killed_agent_lets_a_paused_process_go() {
    pause_ends_with_the_agent(Death::Killed).await;
}

#[tokio::test]
async fn a_stopped_agent_lets_a_paused_process_go() {
    pause_ends_with_the_agent(Death::Stopped).await;
}

async fn holding_down_ends_with_the_agent(death: Death) {
    let folder = tempfile::tempdir().unwrap();
    let mut agent = Agent::start(folder.path());
    let mut target = Target::start(folder.path());
    let order = order("f", target.locator(), kill(true), LEASE, 60_000);
    agent.client().await.inject(&fence("r", 1), &order).await.unwrap();
    target.process.wait();
    target.restart();
    target.process.wait();
    death.befall(&mut agent);
    target.restart();
    assert!(target.is_left_alone());
    sweeps_clean(folder.path()).await;
}

#[tokio::test]
async fn a_killed_agent_holds_nothing_down() {
    holding_down_ends_with_the_agent(Death::Killed).await;
}

#[tokio::test]
async fn a_stopped_agent_holds_nothing_down() {
    holding_down_ends_with_the_agent(Death::Stopped).await;
}

/// What [`lossy_and_slow`] holds a packet for, its jitter at its best.
const HELD_AT_LEAST: Duration = Duration::from_millis(40);

/// How long a packet takes to the peer and its answer back.
fn takes(world: &World) -> Option<Duration> {
    let peer = world.peer.inside(|| UdpSocket::bind("10.99.0.2:0").unwrap());
    let here = world.here.inside(|| UdpSocket::bind("10.99.0.1:0").unwrap());
    let wait = Some(Duration::from_millis(500));
    peer.set_read_timeout(wait).unwrap();
    here.set_read_timeout(wait).unwrap();
    here.connect(peer.local_addr().unwrap()).unwrap();
    let began = Instant::now();
    here.send(b"there").unwrap();
    let mut bytes = [0; 8];
    let (_, from) = peer.recv_from(&mut bytes).ok()?;
    peer.send_to(b"back", from).unwrap();
    here.recv(&mut bytes).is_ok().then(|| began.elapsed())
}

/// Whether a packet goes to the peer and an answer comes back.
fn reaches(world: &World) -> bool {
    takes(world).is_some()
}

async fn a_network_fault_ends_with_the_agent(death: Death, fault: OrderFault) {
    let folder = tempfile::tempdir().unwrap();
    let Some(world) = World::new() else { return };
    let mut agent = Agent::start(folder.path());
    let netns = Some(PathBuf::from(format!("/run/netns/{}", world.here.name)));
    assert!(reaches(&world));
    let OrderFault::Network(network) = fault.clone() else { unreachable!("a network fault") };
    let order = order("f", Locator { process: None, netns }, fault, LEASE, 60_000);
    agent.client().await.inject(&fence("r", 1), &order).await.unwrap();
    assert!(world.here.run(&["nft", "list", "ruleset"]).0.contains("squall_"));
    if network.partition {
        assert!(!reaches(&world));
    } else {
        eventually("packets are held", || takes(&world).is_some_and(|took| took >= HELD_AT_LEAST));
    }
    death.befall(&mut agent);
    eventually("its tables are gone", || world.here.run(&["nft", "list", "ruleset"]).0.is_empty());
    assert!(reaches(&world));
    eventually("nothing is held", || takes(&world).is_some_and(|took| took < HELD_AT_LEAST));
    sweeps_clean(folder.path()).await;
}

#[tokio::test]
async fn a_killed_agent_leaves_no_partition() {
    a_network_fault_ends_with_the_agent(Death::Killed, partition(Peers::All)).await;
}

#[tokio::test]
async fn a_stopped_agent_leaves_no_partition() {
    a_network_fault_ends_with_the_agent(Death::Stopped, partition(Peers::All)).await;
}

#[tokio::test]
async fn an_isolated_zone_is_reached_again_after_its_agent_is_killed_or_stopped() {
    let zone = || partition(Peers::AllExcept(vec!["10.99.0.1".parse().unwrap(), "fd99::1".parse().unwrap()]));
    a_network_fault_ends_with_the_agent(Death::Killed, zone()).await;
    a_network_fault_ends_with_the_agent(Death::Stopped, zone()).await;
}

/// Loss, delay and jitter at once: owner tables and a packet queue.
fn lossy_and_slow() -> OrderFault {
    let OrderFault::Network(mut network) = partition(Peers::All) else { unreachable!("it is one") };
    network.partition = false;
    network.delay = Some("50ms".parse().unwrap());
    network.jitter = Some("10ms".parse().unwrap());
    network.loss = Some("1%".parse().unwrap());
    network.direction = squall_experiments::fault::Direction::Ingress;
    OrderFault::Network(network)
}

#[tokio::test]
async fn a_killed_or_stopped_agent_leaves_no_loss_and_no_delay() {
    a_network_fault_ends_with_the_agent(Death::Killed, lossy_and_slow()).await;
    a_network_fault_ends_with_the_agent(Death::Stopped, lossy_and_slow()).await;
}

#[tokio::test]
async fn a_person_reverts_without_a_living_agent() {
    let folder = tempfile::tempdir().unwrap();
    let mut agent = Agent::start(folder.path());
    let target = Target::start(folder.path());
    let order = order("f", target.locator(), pause(), LEASE, 60_000);
    agent.client().await.inject(&fence("r", 1), &order).await.unwrap();
    Death::Killed.befall(&mut agent);
    let (text, code) = ask(folder.path(), &["list"]);
    assert!(text.contains("f  may be on  target  run r") && code == Some(0), "{text}");
    assert_eq!(ask(folder.path(), &["revert", "--all"]), ("f  undone\n".to_owned(), Some(0)));
    assert_eq!(ask(folder.path(), &["revert", "--all"]), ("no faults\n".to_owned(), Some(0)));
    assert!(!target.is_held());
}

#[tokio::test]
async fn a_person_reverts_with_an_agent_that_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let mut agent = Agent::start(folder.path());
    let target = Target::start(folder.path());
    // A lease so long that the timer does not come first.
    let order = order("f", target.locator(), pause(), 60_000, 60_000);
    agent.client().await.inject(&fence("r", 1), &order).await.unwrap();
    agent.process.signal("STOP");
    let (text, code) = ask(folder.path(), &["revert", "--all"]);
    assert!(text.contains("f  undone") && text.contains("its death reverts") && code == Some(0), "{text}");
    assert_eq!(agent.process.wait().signal(), Some(SIGKILL));
    assert!(!target.is_held());
}

/// The kernel protects a namespace's first process even from the timer: the agent must not be it.
#[tokio::test]
async fn an_agent_that_is_the_first_process_of_a_namespace_dies_by_the_timer_too() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = agent_program().get_program().to_owned();
    let mut first = Doomed::spawn(
        Command::new("unshare")
            .args(["--fork", "--pid", "--mount-proc", "--kill-child"])
            .arg(program)
            .arg("serve")
            .arg("--state")
            .arg(folder.path())
            .stderr(Stdio::null()),
    );
    let socket = folder.path().join("agent.sock");
    eventually("the agent answers", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
    let own = std::fs::read_to_string(folder.path().join("lock")).unwrap();
    assert!(!own.starts_with("1 "), "it serves below the first process: {own}");
    // Its target lives in the same pid namespace, entered through the first process' child.
    let inner = child_of(child_of(first.id()));
    let pidfile = folder.path().join("target.pid");
    let script = format!("echo $$ > {}; exec sleep 1000", pidfile.display());
    let mut target =
        Doomed::spawn(Command::new("nsenter").args(["-t", &inner.to_string(), "-p", "-m", "sh", "-c", &script]));
    eventually("the target begins", || std::fs::read_to_string(&pidfile).is_ok_and(|text| text.ends_with('\n')));
    let locator = Locator { process: Some(squall_experiments::target::ProcessLocator::Pidfile(pidfile)), netns: None };
    let client = squall_agent::Client::connect(&socket).await.unwrap();
    client.inject(&fence("r", 1), &order("f", locator, pause(), LEASE, 60_000)).await.unwrap();
    assert!(Command::new("kill").args(["-s", "STOP", &inner.to_string()]).status().unwrap().success());
    let began = Instant::now();
    assert!(!first.wait().success(), "the first process ends with its agent");
    assert!(began.elapsed() < PATIENCE);
    assert!(!target.wait().success());
}

fn child_of(pid: u32) -> u32 {
    let mut child = None;
    eventually("it has a child", || {
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        child = children.split_whitespace().next().and_then(|first| first.parse().ok());
        child.is_some()
    });
    child.unwrap()
}

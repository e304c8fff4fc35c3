//! What the agent's kernel work costs beside the bare netlink calls, and what else a call to it costs.
//!
//! `cargo bench -p squall-agent --bench inject`, as root. Ours and the bare calls run in turn in one process, so that
//! a machine that is slow today is slow for both. All of it happens in a network namespace that only this
//! process holds: it vanishes with it, however it ends.
#![forbid(unsafe_code)]

use anyhow::{Context, Result, bail, ensure};
use jiff::Timestamp;
use rustix::net::netlink::{NETFILTER, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send, socket_with};
use squall_agent::Client;
use squall_agent::faults::network::{NetworkFault, plan, table_name};
use squall_agent::kernel::{in_namespace, in_scratch_namespace};
use squall_agent::ledger::{Entry, Ledger, Ordered};
use squall_agent::netlink::nftables::{Batch, Expression, Family, Table};
use squall_agent::netlink::queue::Queue;
use squall_agent::netlink::{Protocol, Socket, links};
use squall_agent::snapshot::Snapshot;
use squall_experiments::fault::{Direction, Fence, NetworkOrder, ORDER_VERSION, Order, OrderFault, Peers};
use squall_experiments::name::{FaultId, InstanceName, RunId};
use squall_experiments::target::Locator;
use squall_experiments::unit::Length;
use std::collections::BTreeSet;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Pairs of runs; medians are quoted.
const PAIRS: usize = 200;
/// So many times what the bare calls take, at most.
const GOAL: f64 = 2.0;
/// Whole calls through gRPC, which sync a disk.
const CALLS: usize = 50;
/// Longer than any one measurement.
const LEASE: Duration = Duration::from_secs(60);
/// What the raw calls bind, away from the agent's own.
const RAW_QUEUE: u16 = 50_000;
const RAW_QUEUE_LENGTH: u32 = 1_024;
/// An agent that does not answer in this time never will.
const STARTS_WITHIN: Duration = Duration::from_secs(10);

fn main() -> Result<()> {
    // `cargo bench` says so; `cargo test --all-targets` runs this too, and does not.
    let told = |word: &str| std::env::args().any(|argument| argument == word);
    if told("--test") || !told("--bench") {
        println!("benchmarks run with `just bench`");
        return Ok(());
    }
    if !rustix::process::geteuid().is_root() {
        println!("inject: skipped, needs root to make a network namespace");
        return Ok(());
    }
    let scratch = tempfile::tempdir().context("make a scratch folder")?;
    // Started out here: an agent refuses to cut its own namespace.
    let agent = Agent::start(&scratch.path().join("agent"))?;
    in_scratch_namespace(|| inside(scratch.path(), &agent))?
}

fn inside(scratch: &Path, agent: &Agent) -> Result<()> {
    ip("link add vA type veth peer name vB")?;
    ip("link set vA up")?;
    ip("link set vB up")?;
    let namespace = File::open("/proc/thread-self/ns/net").context("open the namespace")?;
    println!("| kernel work | agent | raw netlink | ratio | goal |\n|---|---|---|---|---|");
    against_raw("partition", &partition())?;
    against_raw("delay", &delay())?;
    println!(
        "\nBefore a delay's table goes, its reader listens 2 ms for packets on their way into the queue: the bare calls \
         would lose them. The agent closes its sockets on a thread of their own; the wait is for the kernel to free memory."
    );
    println!("\n| beside it | median | best |\n|---|---|---|");
    beside(scratch, &namespace)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
    runtime.block_on(through_grpc(agent, &namespace))
}

/// One order, injected and reverted by the agent and by bare calls in turn.
fn against_raw(name: &str, order: &NetworkOrder) -> Result<()> {
    let raw = Raw::prepare(order)?;
    let id = FaultId::new("ours");
    let (mut inject, mut revert, mut revert_and_close) = (Pairs::default(), Pairs::default(), Pairs::default());
    for _ in 0..PAIRS {
        let (fault, injected) = timed(|| NetworkFault::inject_here(&id, order, LEASE));
        let mut fault = fault?;
        let (result, reverted) = timed(|| fault.revert());
        result?;
        drop(fault);
        settle()?;
        let (on, raw_injected) = timed(|| raw.inject());
        let on = on?;
        let (result, raw_deleted) = timed(|| on.owner.call(&raw.deletion));
        result?;
        let ((), raw_closed) = timed(|| drop(on));
        inject.push(injected, raw_injected);
        revert.push(reverted, raw_deleted);
        revert_and_close.push(reverted, raw_deleted + raw_closed);
        settle()?;
    }
    inject.row(&format!("{name}: inject"));
    revert.row(&format!("{name}: revert, against deleting the table"));
    revert_and_close.row(&format!("{name}: revert, against deleting the table and closing the socket"));
    Ok(())
}

/// Waits until the kernel has freed what was removed: that is what closing such a socket waits for.
fn settle() -> Result<()> {
    drop(RawSocket::open()?);
    Ok(())
}

/// What an injection through the agent costs beside the fault itself, each alone.
fn beside(scratch: &Path, namespace: &File) -> Result<()> {
    alone("enter the namespace", PAIRS, || Ok(in_namespace(namespace.as_fd(), || ())?))?;
    alone("look at the namespace (snapshot)", PAIRS, || {
        Snapshot::take(namespace.as_fd())?;
        Ok(())
    })?;
    let mut ledger = Ledger::begin_anew(&scratch.join("ledger"), &[])?;
    let entry = Entry::Ordered(Box::new(Ordered {
        fence: fence(),
        order: whole(0, namespace),
        since: Timestamp::now(),
        holds: BTreeSet::new(),
        before: Some(Snapshot::take(namespace.as_fd())?),
    }));
    alone("ledger: append an order, synced", PAIRS, || Ok(ledger.append(std::slice::from_ref(&entry))?))
}

async fn through_grpc(agent: &Agent, namespace: &File) -> Result<()> {
    let client = Client::connect(agent.socket()).await?;
    let (mut listed, mut injected, mut reverted) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let began = Instant::now();
        client.list().await?;
        listed.push(millis(began));
    }
    for number in 0..CALLS {
        let order = whole(number, namespace);
        let began = Instant::now();
        client.inject(&fence(), &order).await?;
        injected.push(millis(began));
        let began = Instant::now();
        client.revert(Some(&fence()), &order.id).await?.context("the fault is known")?;
        reverted.push(millis(began));
        settle()?;
    }
    row("gRPC: one round trip (list)", &listed);
    row("gRPC: inject a partition, all of it", &injected);
    row("gRPC: revert it, compared with before", &reverted);
    Ok(())
}

/// An agent of its own, which ends with its handle.
struct Agent {
    process: Child,
    state: PathBuf,
}

impl Agent {
    fn start(state: &Path) -> Result<Self> {
        let process = Command::new(env!("CARGO_BIN_EXE_squall-agent"))
            .arg("serve")
            .arg("--state")
            .arg(state)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("start an agent")?;
        let agent = Self { process, state: state.to_owned() };
        let until = Instant::now() + STARTS_WITHIN;
        while UnixStream::connect(agent.socket()).is_err() {
            ensure!(Instant::now() < until, "the agent does not answer");
            std::thread::yield_now();
        }
        Ok(agent)
    }

    fn socket(&self) -> PathBuf {
        self.state.join("agent.sock")
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The same batches as the agent's, encoded beforehand.
struct Raw {
    creation: Vec<u8>,
    deletion: Vec<u8>,
    has_queue: bool,
}

/// What the bare calls put there.
struct RawFault {
    owner: RawSocket,
    _queue: Option<Queue>,
}

impl Raw {
    fn prepare(order: &NetworkOrder) -> Result<Self> {
        let links = links(&mut Socket::open(Protocol::Route)?)?;
        let id = FaultId::new("raw");
        let plan = plan(&id, order, &links, &[], LEASE).map_err(|refusal| anyhow::anyhow!(refusal.reason))?;
        let has_queue = plan.hold.is_some();
        let native = plan.hold.as_ref().map(|hold| hold.table(Expression::Queue(RAW_QUEUE)));
        let by_target = plan.hold.as_ref().map(|hold| hold.table(Expression::QueueByTarget(RAW_QUEUE)));
        let family = if has_queue { Family::Inet } else { Family::Netdev };
        let mut batch = Batch::default();
        batch.remove_table(family, &table_name(&id));
        let deletion = batch.encode();
        // As the agent does, once: by what the kernel has.
        for table in [plan.drops, native, by_target].into_iter().flatten() {
            let raw = Self { creation: creation(&table), deletion: deletion.clone(), has_queue };
            if raw.inject().is_ok() {
                return Ok(raw);
            }
        }
        bail!("the kernel refuses the batch")
    }

    fn inject(&self) -> Result<RawFault> {
        let queue = self.has_queue.then(|| Queue::bind_free(RAW_QUEUE, RAW_QUEUE_LENGTH)).transpose()?;
        let owner = RawSocket::open()?;
        owner.call(&self.creation)?;
        Ok(RawFault { owner, _queue: queue })
    }
}

fn creation(table: &Table) -> Vec<u8> {
    let mut batch = Batch::default();
    batch.make_owned(table);
    batch.encode()
}

/// A netlink socket and nothing around it.
struct RawSocket(OwnedFd);

impl RawSocket {
    fn open() -> Result<Self> {
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(NETFILTER))?;
        bind(&socket, &SocketAddrNetlink::new(0, 0))?;
        Ok(Self(socket))
    }

    /// Sends a batch and takes its one answer: struct nlmsghdr, then the error's number.
    fn call(&self, batch: &[u8]) -> Result<()> {
        send(&self.0, batch, SendFlags::empty())?;
        let mut answer = [0; 4096];
        recv(&self.0, &mut answer[..], RecvFlags::empty())?;
        let error = i32::from_ne_bytes([answer[16], answer[17], answer[18], answer[19]]);
        ensure!(error == 0, "the kernel answers {error}");
        Ok(())
    }
}

/// Times of one thing done in two ways in turn, in milliseconds.
#[derive(Default)]
struct Pairs {
    ours: Vec<f64>,
    raw: Vec<f64>,
}

impl Pairs {
    fn push(&mut self, ours: f64, raw: f64) {
        self.ours.push(ours);
        self.raw.push(raw);
    }

    /// The ratio is taken pair by pair.
    fn row(&self, what: &str) {
        let ratios: Vec<f64> = self.ours.iter().zip(&self.raw).map(|(ours, raw)| ours / raw).collect();
        let (ours, raw, ratio) = (median(&self.ours), median(&self.raw), median(&ratios));
        let result = if ratio <= GOAL { "met" } else { "missed" };
        println!("| {what} | {ours:.3} ms | {raw:.3} ms | {ratio:.2}x | {GOAL:.0}x: {result} |");
    }
}

fn alone(what: &str, times: usize, mut work: impl FnMut() -> Result<()>) -> Result<()> {
    let mut took = Vec::with_capacity(times);
    for _ in 0..times {
        let (result, time) = timed(&mut work);
        result?;
        took.push(time);
    }
    row(what, &took);
    Ok(())
}

fn row(what: &str, times: &[f64]) {
    let best = times.iter().copied().fold(f64::INFINITY, f64::min);
    println!("| {what} | {:.3} ms | {best:.3} ms |", median(times));
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let began = Instant::now();
    let result = work();
    (result, millis(began))
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

fn median(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// One subnet is cut off, both ways.
fn partition() -> NetworkOrder {
    NetworkOrder {
        partition: true,
        peers: Peers::Only(vec!["10.99.0.0/24".parse().expect("a valid block")]),
        ..NetworkOrder::about_all(Direction::Both)
    }
}

fn delay() -> NetworkOrder {
    let delay = Some("50ms".parse().expect("a valid length"));
    NetworkOrder { delay, partition: false, direction: Direction::Ingress, ..partition() }
}

fn fence() -> Fence {
    Fence { run: RunId::new("bench"), epoch: 1 }
}

/// An order as a runner sends it. The agent finds the namespace by this process' descriptor.
fn whole(number: usize, namespace: &File) -> Order {
    let descriptor: BorrowedFd<'_> = namespace.as_fd();
    let place = format!("/proc/{}/fd/{}", std::process::id(), descriptor.as_raw_fd());
    Order {
        version: ORDER_VERSION,
        id: FaultId::new(format!("bench/{number}")),
        step: "step".parse().expect("a valid name"),
        instance: InstanceName::new("target"),
        locator: Locator { process: None, netns: Some(place.into()) },
        fault: OrderFault::Network(partition()),
        lease: Length::from_millis(60_000),
        deadline: Length::from_millis(120_000),
    }
}

fn ip(words: &str) -> Result<()> {
    let status = Command::new("ip").args(words.split(' ')).status().context("run ip")?;
    ensure!(status.success(), "ip {words} failed");
    Ok(())
}

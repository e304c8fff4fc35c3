//! What would be refused is said before anything is waited for, and looking touches nothing.

use super::places::{Agent, Target, fence, is_root, kill, order, partition, pause};
use super::world::World;
use squall_agent::Client;
use squall_experiments::fault::{NetworkOrder, Order, OrderFault, Peers, Refusal, RefusalKind};
use squall_experiments::name::RunId;
use squall_experiments::target::{Locator, ProcessLocator};
use std::path::PathBuf;

async fn foreseen(client: &Client, run: Option<&str>, order: Order) -> Result<String, Refusal> {
    let answers = client.consider(run.map(RunId::new).as_ref(), &[order]).await.unwrap();
    let [answer] = answers.try_into().expect("one order, one answer");
    answer
}

#[tokio::test]
async fn what_would_be_injected_is_said_with_its_backend_and_nothing_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::start(folder.path());
    let mut target = Target::start(folder.path());
    let client = agent.client().await;
    let ledger = || std::fs::read_to_string(folder.path().join("ledger.jsonl")).unwrap();
    let before = ledger();
    for (fault, backend) in [(pause(), "ptrace"), (kill(false), "pidfd"), (kill(true), "pidfd")] {
        let foreseen = foreseen(&client, None, order("f", target.locator(), fault, 1_000, 9_000)).await;
        assert_eq!(foreseen, Ok(backend.to_owned()));
    }
    assert!(!target.is_held() && target.is_left_alone());
    assert_eq!(client.list().await.unwrap(), []);
    assert_eq!(ledger(), before);
    // And it is no promise that stands in the way of the real one.
    client.inject(&fence("r", 1), &order("f", target.locator(), pause(), 9_000, 9_000)).await.unwrap();
    assert!(target.is_held());
}

#[tokio::test]
async fn what_would_be_refused_is_said_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::start(folder.path());
    let target = Target::start(folder.path());
    let client = agent.client().await;
    let pidfile = folder.path().join("pid");
    let by_pidfile = || Locator { process: Some(ProcessLocator::Pidfile(pidfile.clone())), netns: None };
    let mut orders = Vec::new();
    let mut expected = Vec::new();
    let mut ask = |order: Order, kind, words: &'static str| {
        orders.push(order);
        expected.push((kind, words));
    };
    let at_target = |fault| order("f", target.locator(), fault, 1_000, 9_000);
    ask(Order { version: 9, ..at_target(pause()) }, RefusalKind::Unreadable, "version 9");
    let stops = OrderFault::Kill { signal: "STOP".parse().unwrap(), process: None, grace: None, hold_down: false };
    ask(at_target(stops), RefusalKind::Unsupported, "pause it");
    let nginx = OrderFault::Pause { process: Some("nginx".into()) };
    ask(at_target(nginx), RefusalKind::NoTarget, "called `nginx`");
    ask(order("f", by_pidfile(), pause(), 1_000, 9_000), RefusalKind::NoTarget, "read pidfile");
    for ((kind, words), answer) in expected.into_iter().zip(client.consider(None, &orders).await.unwrap()) {
        let refusal = answer.unwrap_err();
        assert!(refusal.kind == kind && refusal.reason.contains(words), "{refusal:?}");
    }
    for (pid, kind) in [
        (1, RefusalKind::Protected),
        (agent.process.id(), RefusalKind::Protected),
        (std::process::id(), RefusalKind::Protected),
        (4_000_000, RefusalKind::NoTarget),
    ] {
        std::fs::write(&pidfile, pid.to_string()).unwrap();
        for fault in [pause(), kill(false)] {
            let refusal = foreseen(&client, None, order("f", by_pidfile(), fault, 1_000, 9_000)).await.unwrap_err();
            assert_eq!(refusal.kind, kind, "{pid}: {refusal:?}");
        }
    }
}

#[tokio::test]
async fn what_another_run_holds_or_another_tracer_has_is_foreseen() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::start(folder.path());
    let target = Target::start(folder.path());
    let client = agent.client().await;
    client.inject(&fence("r", 1), &order("f", target.locator(), pause(), 10_000, 60_000)).await.unwrap();
    let again = |fault| order("g", target.locator(), fault, 1_000, 9_000);
    for run in [None, Some("other")] {
        let refusal = foreseen(&client, run, again(kill(false))).await.unwrap_err();
        assert!(refusal.kind == RefusalKind::Overlap && refusal.reason.contains("run `r`"), "{refusal:?}");
    }
    assert_eq!(foreseen(&client, Some("r"), again(kill(false))).await, Ok("pidfd".to_owned()), "it is its own");
    let other = foreseen(&client, Some("other"), again(pause())).await.unwrap_err();
    assert_eq!(other.kind, RefusalKind::Overlap, "whose it is says more than that it is traced: {other:?}");
    let refusal = foreseen(&client, Some("r"), again(pause())).await.unwrap_err();
    assert!(refusal.kind == RefusalKind::Unsupported && refusal.reason.contains("one tracer only"), "{refusal:?}");
}

#[tokio::test]
async fn the_agents_own_namespace_is_refused_unless_the_fault_is_narrow() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::start(folder.path());
    let client = agent.client().await;
    let own = || Locator { process: None, netns: Some(PathBuf::from("/proc/self/ns/net")) };
    let cut = |peers| order("f", own(), partition(peers), 1_000, 9_000);
    let refusal = foreseen(&client, None, cut(Peers::All)).await.unwrap_err();
    assert!(refusal.kind == RefusalKind::Protected && refusal.reason.contains("own network namespace"), "{refusal:?}");
    let narrow = foreseen(&client, None, cut(Peers::Only(vec!["192.0.2.0/24".parse().unwrap()]))).await;
    assert!(narrow.as_ref().is_ok_and(|backend| backend.contains("netdev egress")), "{narrow:?}");
}

#[tokio::test]
async fn a_namespace_is_looked_at_and_nothing_is_put_into_it() {
    let Some(world) = World::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::start(folder.path());
    let client = agent.client().await;
    let netns = PathBuf::from("/run/netns").join(&world.here.name);
    let at = |netns: &PathBuf, fault| {
        let locator = Locator { process: None, netns: Some(netns.clone()) };
        order("f", locator, fault, 1_000, 9_000)
    };
    let backend = foreseen(&client, None, at(&netns, partition(Peers::All))).await.unwrap();
    assert_eq!(backend, "nftables owner table, netdev egress and ingress");
    assert_eq!(world.here.ruleset()["nftables"].as_array().unwrap().len(), 1, "nothing but nft's own header");
    let OrderFault::Network(cut) = partition(Peers::All) else { panic!("it is a network fault") };
    let held = NetworkOrder { partition: false, delay: Some("50ms".parse().unwrap()), ..cut };
    let refusal = foreseen(&client, None, at(&netns, OrderFault::Network(held))).await.unwrap_err();
    assert!(refusal.kind == RefusalKind::Unsupported && refusal.reason.contains("egress"), "{refusal:?}");
    let gone = PathBuf::from("/run/netns/there-is-none");
    let refusal = foreseen(&client, None, at(&gone, partition(Peers::All))).await.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::NoTarget, "{refusal:?}");
}

/// As a user who may neither signal nor trace what belongs to root.
#[tokio::test]
async fn what_the_agents_user_may_not_touch_is_foreseen() {
    const NOBODY: u32 = 65_534;
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let agent = Agent::start_as(folder.path(), NOBODY);
    let target = Target::start(folder.path());
    let client = agent.client().await;
    for (id, fault, words) in [("f", pause(), "CAP_SYS_PTRACE"), ("g", kill(false), "signal process")] {
        let order = order(id, target.locator(), fault, 1_000, 9_000);
        let foreseen = foreseen(&client, None, order.clone()).await.unwrap_err();
        assert!(foreseen.kind == RefusalKind::Unsupported && foreseen.reason.contains(words), "{foreseen:?}");
        let Err(squall_agent::ClientError::Refused(refusal)) = client.inject(&fence("r", 1), &order).await else {
            panic!("it was injected")
        };
        assert_eq!(refusal.kind, foreseen.kind, "{refusal:?}");
    }
}

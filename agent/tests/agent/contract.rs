//! What a coordinator may rely on while everything lives.

use super::places::{Agent, Target, ask, eventually, fence, is_root, kill, next, order, partition, pause, watch};
use squall_agent::ClientError;
use squall_experiments::fault::{
    AgentEvent, EndCause, Evidence, FaultState, OrderFault, Peers, Refusal, RefusalKind, Signal,
};
use squall_experiments::name::FaultId;
use squall_experiments::target::Locator;
use std::path::PathBuf;
use std::time::{Duration, Instant};

fn refused<T: std::fmt::Debug>(result: Result<T, ClientError>) -> Refusal {
    match result {
        Err(ClientError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

fn is_end(event: &AgentEvent) -> bool {
    matches!(event, AgentEvent::Reverted { .. } | AgentEvent::Done { .. } | AgentEvent::Refused { .. })
}

#[tokio::test]
async fn a_kill_is_done_when_its_target_is_seen_to_exit() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::start(folder.path());
    let mut target = Target::start(folder.path());
    let client = agent.client().await;
    let mut reports = watch(&client).await;
    let order = order("f", target.locator(), kill(false), 5_000, 60_000);
    client.inject(&fence("r", 1), &order).await.unwrap();
    let AgentEvent::Done { evidence } = next(&mut reports, is_end).await else { panic!("another end") };
    assert!(evidence.bites(&order.fault), "{evidence:?}");
    let Evidence::Signalled { processes, .. } = evidence else { panic!("other evidence") };
    assert_eq!(processes.iter().map(|seen| (seen.pid, seen.exited)).collect::<Vec<_>>(), [(target.process.id(), true)]);
    target.process.wait();
    // A retry changes nothing: what came back is left alone.
    target.restart();
    assert_eq!(client.inject(&fence("r", 1), &order).await.unwrap().state, FaultState::Reverted);
    assert!(target.is_left_alone());
    assert!(agent.log().contains("call=\"inject\" run=\"r\" epoch=1"), "every call leaves an audit line");
}

#[tokio::test]
async fn a_stale_epoch_is_refused_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut agent = Agent::start(folder.path());
    let target = Target::start(folder.path());
    let client = agent.client().await;
    let order = |id: &str| order(id, target.locator(), pause(), 5_000, 60_000);
    client.inject(&fence("r", 2), &order("f")).await.unwrap();
    let refusal = refused(client.inject(&fence("r", 1), &order("g")).await);
    assert_eq!(refusal.kind, RefusalKind::Fenced, "{refusal:?}");
    assert_eq!(refused(client.renew(&fence("r", 1), &[FaultId::new("f")]).await).kind, RefusalKind::Fenced);
    agent.process.signal("KILL");
    agent.process.wait();
    let agent = Agent::start(folder.path());
    assert_eq!(refused(agent.client().await.inject(&fence("r", 1), &order("g")).await).kind, RefusalKind::Fenced);
}

#[tokio::test]
async fn a_lease_that_nobody_renews_ends_the_fault() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::start(folder.path());
    let target = Target::start(folder.path());
    let client = agent.client().await;
    let mut reports = watch(&client).await;
    client.inject(&fence("r", 1), &order("f", target.locator(), pause(), 500, 60_000)).await.unwrap();
    assert!(target.is_held());
    let event = next(&mut reports, is_end).await;
    assert!(matches!(event, AgentEvent::Reverted { cause: EndCause::Lease, .. }), "{event:?}");
    assert!(!target.is_held());
}

#[tokio::test]
async fn a_deadline_ends_the_fault_however_often_it_is_renewed() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::start(folder.path());
    let target = Target::start(folder.path());
    let client = agent.client().await;
    let mut reports = watch(&client).await;
    let began = Instant::now();
    client.inject(&fence("r", 1), &order("f", target.locator(), pause(), 1_000, 2_500)).await.unwrap();
    let renewing = tokio::spawn({
        let client = client.clone();
        async move {
            loop {
                client.renew(&fence("r", 1), &[FaultId::new("f")]).await.unwrap();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    });
    let event = next(&mut reports, is_end).await;
    renewing.abort();
    assert!(matches!(event, AgentEvent::Reverted { cause: EndCause::Deadline, .. }), "{event:?}");
    assert!(began.elapsed() >= Duration::from_millis(2_400), "{:?}", began.elapsed());
    assert!(!target.is_held());
}

#[tokio::test]
async fn a_target_that_vanishes_ends_its_fault() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::start(folder.path());
    let mut target = Target::start(folder.path());
    let client = agent.client().await;
    let mut reports = watch(&client).await;
    client.inject(&fence("r", 1), &order("f", target.locator(), pause(), 10_000, 60_000)).await.unwrap();
    target.process.signal("KILL");
    target.process.wait();
    let event = next(&mut reports, is_end).await;
    let seen = Some(Evidence::Paused { held: 1, threads: 1, died: 1 });
    assert!(
        matches!(&event, AgentEvent::Reverted { cause: EndCause::TargetGone, evidence, .. } if *evidence == seen),
        "{event:?}"
    );
}

#[tokio::test]
async fn what_comes_back_is_held_down_and_counted_until_the_revert() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::start(folder.path());
    let mut target = Target::start(folder.path());
    let client = agent.client().await;
    let mut reports = watch(&client).await;
    client.inject(&fence("r", 1), &order("f", target.locator(), kill(true), 10_000, 60_000)).await.unwrap();
    target.process.wait();
    for _ in 0..3 {
        target.restart();
        target.process.wait();
    }
    let status = client.revert(Some(&fence("r", 1)), &FaultId::new("f")).await.unwrap().unwrap();
    assert_eq!(status.state, FaultState::Reverted);
    target.restart();
    assert!(target.is_left_alone());
    let event = next(&mut reports, is_end).await;
    let AgentEvent::Reverted { cause: EndCause::Asked, evidence: Some(evidence), .. } = event else {
        panic!("{event:?}")
    };
    let Evidence::Signalled { processes, restarts, .. } = evidence else { panic!("other evidence") };
    assert!(restarts == 3 && processes.len() == 4 && processes.iter().all(|seen| seen.exited), "{processes:?}");
}

#[tokio::test]
async fn two_runs_may_not_hold_one_target() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::start(folder.path());
    let target = Target::start(folder.path());
    let client = agent.client().await;
    client.inject(&fence("r", 1), &order("f", target.locator(), pause(), 10_000, 60_000)).await.unwrap();
    let other = order("g", target.locator(), kill(false), 10_000, 60_000);
    let refusal = refused(client.inject(&fence("other", 1), &other).await);
    assert!(refusal.kind == RefusalKind::Overlap && refusal.reason.contains("run `r`"), "{refusal:?}");
}

#[tokio::test]
async fn what_must_not_be_hit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::start(folder.path());
    let client = agent.client().await;
    let pidfile = folder.path().join("pid");
    let locator =
        || Locator { process: Some(squall_experiments::target::ProcessLocator::Pidfile(pidfile.clone())), netns: None };
    // The agent itself, this test (which started it), and nobody at all.
    for (pid, kind) in [
        (agent.process.id().to_string(), RefusalKind::Protected),
        (std::process::id().to_string(), RefusalKind::Protected),
        ("4000000".to_owned(), RefusalKind::NoTarget),
        ("nonsense".to_owned(), RefusalKind::NoTarget),
    ] {
        std::fs::write(&pidfile, &pid).unwrap();
        let id = format!("f-{pid}");
        let refusal = refused(client.inject(&fence("r", 1), &order(&id, locator(), pause(), 1_000, 9_000)).await);
        assert_eq!(refusal.kind, kind, "{pid}: {refusal:?}");
    }
    if is_root() {
        let own = Locator { process: None, netns: Some(PathBuf::from("/proc/self/ns/net")) };
        let refusal =
            refused(client.inject(&fence("r", 1), &order("own", own, partition(Peers::All), 1_000, 9_000)).await);
        assert_eq!(refusal.kind, RefusalKind::Protected, "{refusal:?}");
    }
}

#[tokio::test]
async fn a_signal_that_cannot_hold_down_is_refused_and_one_that_need_not_kill_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::start(folder.path());
    let mut target = Target::start(folder.path());
    let client = agent.client().await;
    let signal = |hold_down| OrderFault::Kill {
        signal: "CONT".parse::<Signal>().unwrap(),
        process: Some("sleep".to_owned()),
        grace: None,
        hold_down,
    };
    let refusal =
        refused(client.inject(&fence("r", 1), &order("f", target.locator(), signal(true), 1_000, 9_000)).await);
    assert_eq!(refusal.kind, RefusalKind::Unsupported);
    let mut reports = watch(&client).await;
    client.inject(&fence("r", 1), &order("g", target.locator(), signal(false), 1_000, 9_000)).await.unwrap();
    next(&mut reports, |event| matches!(event, AgentEvent::Done { .. })).await;
    assert!(target.process.is_running());
}

#[tokio::test]
async fn a_person_lists_and_reverts_through_the_agent() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::start(folder.path());
    let target = Target::start(folder.path());
    let client = agent.client().await;
    let mut reports = watch(&client).await;
    client.inject(&fence("r", 1), &order("f", target.locator(), pause(), 10_000, 60_000)).await.unwrap();
    let (text, code) = ask(folder.path(), &["list"]);
    assert!(text.starts_with("f  on  target  step step  run r  since ") && code == Some(0), "{text}");
    assert_eq!(ask(folder.path(), &["revert", "--all"]), ("f  undone\n".to_owned(), Some(0)));
    assert!(!target.is_held());
    let event = next(&mut reports, is_end).await;
    assert!(matches!(event, AgentEvent::Reverted { cause: EndCause::Person, .. }), "{event:?}");
}

#[tokio::test]
async fn an_order_that_comes_after_its_revert_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::start(folder.path());
    let target = Target::start(folder.path());
    let client = agent.client().await;
    assert_eq!(client.revert(Some(&fence("r", 1)), &FaultId::new("f")).await.unwrap(), None);
    refused(client.inject(&fence("r", 1), &order("f", target.locator(), pause(), 1_000, 9_000)).await);
    assert!(!target.is_held());
}

#[tokio::test]
async fn an_agent_that_is_told_to_end_reverts_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut agent = Agent::start(folder.path());
    let target = Target::start(folder.path());
    agent.client().await.inject(&fence("r", 1), &order("f", target.locator(), pause(), 30_000, 60_000)).await.unwrap();
    agent.process.signal("TERM");
    assert!(agent.process.wait().success());
    assert!(!target.is_held());
    let ledger = std::fs::read_to_string(folder.path().join("ledger.jsonl")).unwrap();
    assert!(ledger.contains(r#""ended":"f""#), "{ledger}");
    eventually("its socket is gone", || !agent.socket().exists());
}

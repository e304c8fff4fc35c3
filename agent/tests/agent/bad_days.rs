//! A second agent, a full disk, a ledger that cannot be read, a coordinator of another version.

use super::places::{Agent, Doomed, Target, agent_program, ask, eventually, fence, is_root, order, pause};
use squall_agent::{Client, ClientError};
use squall_experiments::fault::{FaultState, OrderFault, RefusalKind};
use squall_experiments::name::FaultId;
use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[test]
fn two_agents_do_not_share_a_state_directory() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::start(folder.path());
    let (text, code) = ask(folder.path(), &["serve"]);
    let expected = format!("another agent (process {}) has it", agent.process.id());
    assert!(text.contains(&expected) && code == Some(1), "{text}");
    let elsewhere = tempfile::tempdir().unwrap();
    let socket = agent.socket();
    let (text, code) = ask(elsewhere.path(), &["serve", "--socket", socket.to_str().unwrap()]);
    assert!(text.contains("somebody answers there already") && code == Some(1), "{text}");
}

#[tokio::test]
async fn a_full_disk_refuses_new_faults_and_reverts_old_ones() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // The small disk is in a mount namespace of the agent's own, so nothing is left of it.
    let script = "mount -t tmpfs -o size=64k none \"$1\" && exec \"$0\" serve --state \"$1\" --socket \"$2\"";
    let socket = folder.path().join("agent.sock");
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let agent = Doomed::spawn(
        Command::new("unshare")
            .args(["--mount", "sh", "-c", script])
            .arg(agent_program().get_program())
            .arg(&disk)
            .arg(&socket),
    );
    eventually("the agent answers", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
    let seen_from_here = format!("/proc/{}/root{}", agent.id(), disk.display());
    let client = Client::connect(&socket).await.unwrap();
    let target = Target::start(folder.path());
    client.inject(&fence("r", 1), &order("f", target.locator(), pause(), 30_000, 60_000)).await.unwrap();
    let mut filler = fs::File::create(format!("{seen_from_here}/filler")).unwrap();
    while filler.write_all(&[0; 512]).is_ok() {}
    // The page that the ledger ends in may still have room for some lines.
    let mut refused = None;
    for number in 0..32 {
        let harmless =
            OrderFault::Kill { signal: "CONT".parse().unwrap(), process: None, grace: None, hold_down: false };
        let order = order(&format!("g{number}"), target.locator(), harmless, 30_000, 60_000);
        match client.inject(&fence("r", 1), &order).await {
            Ok(_) => {}
            Err(ClientError::Refused(refusal)) => {
                refused = Some(refusal);
                break;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    let refusal = refused.expect("the ledger runs out of room");
    assert!(refusal.kind == RefusalKind::Failed && refusal.reason.contains("write the ledger"), "{refusal:?}");
    assert!(target.is_held(), "the fault that is on stays on");
    let began = Instant::now();
    let status = client.revert(Some(&fence("r", 1)), &FaultId::new("f")).await.unwrap().unwrap();
    assert_eq!(status.state, FaultState::Reverted);
    assert!(began.elapsed() < Duration::from_secs(5) && !target.is_held());
    // As soon as there is room the end is written too.
    drop(filler);
    fs::remove_file(format!("{seen_from_here}/filler")).unwrap();
    client.inject(&fence("r", 1), &order("h", target.locator(), pause(), 30_000, 60_000)).await.unwrap();
    let ledger = fs::read_to_string(format!("{seen_from_here}/ledger.jsonl")).unwrap();
    assert!(ledger.contains(r#"{"ended":"f"}"#), "{ledger}");
}

#[tokio::test]
async fn a_ledger_with_noise_in_it_is_read_reported_and_swept() {
    let folder = tempfile::tempdir().unwrap();
    let mut agent = Agent::start(folder.path());
    let target = Target::start(folder.path());
    agent.client().await.inject(&fence("r", 1), &order("f", target.locator(), pause(), 30_000, 60_000)).await.unwrap();
    agent.process.signal("KILL");
    agent.process.wait();
    let ledger = folder.path().join("ledger.jsonl");
    let text = fs::read_to_string(&ledger).unwrap();
    fs::write(&ledger, format!("noise\n{text}{{\"version\":1,\"at\":\"20")).unwrap();
    let agent = Agent::start(folder.path());
    let log = agent.log();
    assert!(log.contains("cannot be read line=1") && log.contains("cut off"), "{log}");
    let statuses = agent.client().await.list().await.unwrap();
    assert_eq!(statuses.iter().map(|status| status.state).collect::<Vec<_>>(), [FaultState::Reverted]);
}

#[tokio::test]
async fn an_order_of_another_version_or_with_unknown_keys_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::start(folder.path());
    let target = Target::start(folder.path());
    let mut newer = order("f", target.locator(), pause(), 1_000, 9_000);
    newer.version += 1;
    let refused = agent.client().await.inject(&fence("r", 1), &newer).await;
    let Err(ClientError::Refused(refusal)) = refused else { panic!("{refused:?}") };
    assert_eq!(refusal.kind, RefusalKind::Unreadable);
    assert!(!target.is_held());
}

#[test]
fn a_detached_agent_holds_nothing_open_and_ends_when_it_is_idle() {
    let folder = tempfile::tempdir().unwrap();
    let mut agent = Command::new(agent_program().get_program())
        .args(["serve", "--detach", "--idle", "1", "--state"])
        .arg(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map(Doomed)
        .unwrap();
    let mut said = String::new();
    // The pipes end as soon as it serves, long before it does.
    agent.0.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    agent.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "");
    assert!(agent.is_running());
    assert_eq!(ask(folder.path(), &["list"]), ("no faults\n".to_owned(), Some(0)));
    assert!(agent.wait().success());
}

#[test]
fn whoever_is_not_root_is_told_that_roots_agent_was_not_asked() {
    if !is_root() {
        return;
    }
    // Root's own folder, in a mount namespace of the test's own.
    let script = "mount -t tmpfs none /run && mkdir -m 700 /run/squall-agent && \
                  exec setpriv --reuid 65534 --regid 65534 --clear-groups env XDG_RUNTIME_DIR=relative \"$0\" \"$@\"";
    for words in [&["list"][..], &["revert", "--all"][..]] {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script]).arg(agent_program().get_program()).args(words);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("root's agent has `/run/squall-agent`") && !said.contains("relative"), "{said}");
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn an_agent_that_cannot_serve_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let (text, code) = ask(&file, &["serve", "--detach"]);
    assert!(text.contains("failed to open the state directory") && code == Some(1), "{text}");
}

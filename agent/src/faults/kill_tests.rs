//! Kills of real processes: what is signalled, what is spared, and what the evidence says of both.

use super::kill::{Kill, KillOrder};
use crate::process::testing::Doomed;
use crate::process::{Process, ProcessFacts};
use squall_experiments::fault::{Evidence, ProcessSeen, RefusalKind, Signal};
use squall_experiments::target::{Locator, ProcessLocator};
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

fn order(signal: Signal) -> KillOrder {
    KillOrder { signal, called: None, grace: None, hold_down: false }
}

fn hold(child: &Child) -> Vec<Process> {
    vec![Process::open(child.id()).unwrap().unwrap()]
}

fn eventually_exited(process: &Process) {
    let until = Instant::now() + Duration::from_secs(10);
    while !process.has_exited() {
        assert!(Instant::now() < until, "{process:?}");
        std::thread::yield_now();
    }
}

fn eventually(kill: &mut Kill, done: impl Fn(&mut Kill) -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !done(kill) {
        assert!(Instant::now() < until, "{kill:?}");
        kill.tend();
        std::thread::yield_now();
    }
}

/// What the evidence says: each process, those that reappeared last, and how often any did.
fn seen(kill: &mut Kill) -> (Vec<ProcessSeen>, u32) {
    let Evidence::Signalled { processes, restarts, .. } = kill.evidence() else { panic!("wrong evidence") };
    (processes, restarts)
}

#[test]
fn an_instance_that_nobody_looked_after_was_not_held_down() {
    for hold_down in [false, true] {
        let mut child = Doomed::spawn(Command::new("sleep").arg("100"));
        let order = KillOrder { hold_down, ..order(Signal::KILL) };
        let mut kill = Kill::inject(order, Locator::default(), hold(&child)).unwrap();
        kill.tend();
        assert_eq!(kill.broke(), None);
        kill.looked -= Duration::from_secs(5);
        kill.tend();
        assert_eq!(kill.broke().is_some_and(|gap| gap >= Duration::from_secs(5)), hold_down);
        assert_eq!(kill.broke(), None, "it is told once");
        child.wait().unwrap();
    }
}

#[test]
fn a_killed_process_is_seen_to_exit() {
    let mut child = Doomed::spawn(Command::new("sleep").arg("100"));
    let mut kill = Kill::inject(order(Signal::KILL), Locator::default(), hold(&child)).unwrap();
    eventually(&mut kill, |kill| kill.is_done());
    let Evidence::Signalled { processes, restarts, .. } = kill.evidence() else { panic!("wrong evidence") };
    assert!(processes.len() == 1 && processes[0].exited && processes[0].signal == Signal::KILL && restarts == 0);
    child.wait().unwrap();
}

#[test]
fn what_ignores_term_is_killed_after_the_grace() {
    let script = "trap '' TERM; echo ready; while :; do sleep 0.05; done";
    let mut child = Doomed::spawn(Command::new("sh").args(["-c", script]).stdout(std::process::Stdio::piped()));
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
    let grace = Duration::from_millis(200);
    let order = KillOrder { grace: Some(grace), ..order(Signal::KILL) };
    let began = Instant::now();
    let mut kill = Kill::inject(order, Locator::default(), hold(&child)).unwrap();
    eventually(&mut kill, |kill| kill.is_done());
    assert!(began.elapsed() >= grace);
    let Evidence::Signalled { processes, .. } = kill.evidence() else { panic!("wrong evidence") };
    assert_eq!(processes[0].signal, Signal::KILL);
    child.wait().unwrap();
}

#[test]
fn a_signal_that_need_not_be_deadly_is_done_when_delivered() {
    let child = Doomed::spawn(Command::new("sleep").arg("100"));
    let mut kill = Kill::inject(order("CONT".parse().unwrap()), Locator::default(), hold(&child)).unwrap();
    kill.tend();
    assert!(kill.is_done());
}

#[test]
fn a_signal_that_stops_for_good_is_refused() {
    let child = Doomed::spawn(Command::new("sleep").arg("100"));
    for name in ["STOP", "TSTP", "TTIN", "TTOU"] {
        let signal = name.parse().unwrap();
        let refusal = Kill::inject(order(signal), Locator::default(), hold(&child)).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Unsupported, "{name}: {refusal:?}");
    }
    assert_ne!(ProcessFacts::of(child.id()).unwrap().state, 'T');
}

#[test]
fn what_ended_by_itself_was_not_signalled() {
    let mut child = Doomed::spawn(Command::new("sleep").arg("100"));
    let mut living = Doomed::spawn(Command::new("sleep").arg("100"));
    let both = || hold(&child).into_iter().chain(hold(&living)).collect::<Vec<_>>();
    let (held, alone) = (both(), hold(&child));
    // Dead and not reaped: the kernel still takes signals for it.
    child.kill().unwrap();
    eventually_exited(&alone[0]);
    let refusal = Kill::inject(order(Signal::KILL), Locator::default(), alone).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::NoTarget, "{refusal:?}");
    let mut kill = Kill::inject(order(Signal::KILL), Locator::default(), held).unwrap();
    eventually(&mut kill, |kill| kill.is_done());
    let Evidence::Signalled { processes, .. } = kill.evidence() else { panic!("wrong evidence") };
    assert_eq!(processes.iter().map(|seen| seen.pid).collect::<Vec<_>>(), [living.id()]);
    living.wait().unwrap();
}

#[test]
fn one_that_may_not_be_signalled_does_not_spare_the_others() {
    if !crate::privilege::is_root() {
        return;
    }
    const NOBODY: u32 = 65_534;
    let ours = Doomed::spawn(Command::new("sleep").arg("100"));
    let mut theirs = Doomed::spawn(Command::new("sleep").arg("100").uid(NOBODY));
    let (first, both) = (hold(&ours), hold(&ours).into_iter().chain(hold(&theirs)).collect::<Vec<_>>());
    let inject = move || {
        // Of this thread only.
        let nobody = Some(rustix::process::Uid::from_raw(NOBODY));
        rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
        let alone = Kill::inject(order(Signal::KILL), Locator::default(), first);
        (alone.unwrap_err(), Kill::inject(order(Signal::KILL), Locator::default(), both))
    };
    let (alone, both) = std::thread::spawn(inject).join().unwrap();
    assert_eq!(alone.kind, RefusalKind::Unsupported, "{alone:?}");
    let mut kill = both.unwrap();
    eventually(&mut kill, |kill| kill.is_done());
    let Evidence::Signalled { processes, failed, .. } = kill.evidence() else { panic!("wrong evidence") };
    assert_eq!(processes.iter().map(|seen| (seen.pid, seen.exited)).collect::<Vec<_>>(), [(theirs.id(), true)]);
    assert!(failed.len() == 1 && failed[0].contains(&ours.id().to_string()), "{failed:?}");
    theirs.wait().unwrap();
}

#[test]
fn a_pidfile_that_comes_to_name_the_agent_is_reported_and_nothing_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let pidfile = folder.path().join("pid");
    let mut first = Doomed::spawn(Command::new("sleep").arg("100"));
    fs::write(&pidfile, first.id().to_string()).unwrap();
    let locator = Locator { process: Some(ProcessLocator::Pidfile(pidfile.clone())), netns: None };
    let order = KillOrder { hold_down: true, ..order(Signal::KILL) };
    let mut kill = Kill::inject(order, locator, hold(&first)).unwrap();
    eventually(&mut kill, |kill| seen(kill).0[0].exited);
    first.wait().unwrap();
    let mut bystander = Doomed::spawn(Command::new("sleep").arg("100"));
    fs::write(&pidfile, format!("{}\n", std::process::id())).unwrap();
    kill.tend();
    kill.tend();
    let Evidence::Signalled { restarts, failed, .. } = kill.evidence() else { panic!("wrong evidence") };
    assert!(failed.len() == 1 && failed[0].contains("the agent"), "{failed:?}");
    assert!(restarts == 0 && bystander.try_wait().unwrap().is_none(), "its children are spared as well");
    bystander.kill().unwrap();
}

#[test]
fn whatever_reappears_is_killed_until_the_revert() {
    let folder = tempfile::tempdir().unwrap();
    let pidfile = folder.path().join("pid");
    let start = || {
        let child = Doomed::spawn(Command::new("sleep").arg("100"));
        std::fs::write(&pidfile, child.id().to_string()).unwrap();
        child
    };
    let mut first = start();
    let locator = Locator { process: Some(ProcessLocator::Pidfile(pidfile.clone())), netns: None };
    let order = KillOrder { hold_down: true, ..order(Signal::KILL) };
    let mut kill = Kill::inject(order, locator, hold(&first)).unwrap();
    eventually(&mut kill, |kill| seen(kill).0[0].exited);
    first.wait().unwrap();
    let mut second = start();
    eventually(&mut kill, |kill| matches!(seen(kill), (processes, 1) if processes[1].exited));
    second.wait().unwrap();
    assert!(!kill.is_done());
    kill.revert();
    let mut third = start();
    kill.tend();
    assert!(third.try_wait().unwrap().is_none(), "after the revert nothing is killed");
}

#[test]
fn a_stranger_that_got_the_number_of_a_dead_process_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let pidfile = folder.path().join("pid");
    let write = |pid: u32| fs::write(&pidfile, format!("{pid:10}")).unwrap();
    let mut first = Doomed::spawn(Command::new("sleep").arg("100"));
    write(first.id());
    let written = fs::metadata(&pidfile).unwrap().modified().unwrap();
    let locator = Locator { process: Some(ProcessLocator::Pidfile(pidfile.clone())), netns: None };
    let order = KillOrder { hold_down: true, ..order(Signal::KILL) };
    let mut kill = Kill::inject(order, locator, hold(&first)).unwrap();
    eventually(&mut kill, |kill| seen(kill).0[0].exited);
    first.wait().unwrap();
    // The old pidfile, to the nanosecond; only whom its number means has changed.
    let mut stranger = Doomed::spawn(Command::new("sleep").arg("100"));
    write(stranger.id());
    fs::File::options().write(true).open(&pidfile).unwrap().set_modified(written).unwrap();
    kill.tend();
    assert!(stranger.try_wait().unwrap().is_none() && seen(&mut kill).1 == 0);
    write(stranger.id());
    eventually(&mut kill, |kill| seen(kill).1 == 1);
    stranger.wait().unwrap();
}

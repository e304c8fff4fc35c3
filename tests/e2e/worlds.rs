//! Worlds begin complete, end when told, and say what died in them.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use squall_tests::programs::lab_binary;
use squall_tests::{Scenario, Twin, World};

use crate::eventually;
use crate::turn::turn;

const SOON: Duration = Duration::from_secs(10);

#[test]
fn everything_is_scraped_and_reachable_by_both_families_when_a_world_is_ready() {
    let _turn = turn(1);
    let world = World::start(Scenario::Shop, Twin::Good).unwrap();
    assert_eq!(world.value("count(up == 1)").unwrap(), Some(6.0));
    assert_eq!(world.value("sum(shop_breaker_open)").unwrap(), Some(0.0));
    for file in ["inventory.yaml", "squall.yaml", "ready", "run/payments-z3.pid", "logs/load.log"] {
        assert!(world.directory().join(file).exists(), "no {file}");
    }
    for url in ["http://10.0.2.40:8080/", "http://[fd00:2::40]:8080/"] {
        let said = world.read(["lab", "http", "GET", url]).unwrap();
        assert_eq!(said, "thank you: payments-z2 in z2\n");
        let said = world.read(["ip", "netns", "exec", "payments-z3", "lab", "http", "GET", url]).unwrap();
        assert_eq!(said, "thank you: payments-z2 in z2\n");
    }
    world.finish().unwrap();
}

#[test]
fn worlds_run_side_by_side_and_their_names_are_private() {
    let _turn = turn(2);
    let (good, twin) = (World::start(Scenario::Breaker, Twin::Good), World::start(Scenario::Breaker, Twin::Broken));
    let (good, twin) = (good.unwrap(), twin.unwrap());
    assert_ne!(good.directory(), twin.directory());
    for world in [&good, &twin] {
        assert!(world.read(["ip", "netns"]).unwrap().contains("backend-z2"));
    }
    let outside = Command::new("ip").arg("netns").output().unwrap();
    assert!(!String::from_utf8_lossy(&outside.stdout).contains("backend-z2"));

    let directory = good.directory().to_owned();
    good.finish().unwrap();
    assert!(!directory.exists(), "a finished world leaves nothing");
    assert!(twin.value("up{instance=\"haproxy\"}").unwrap() == Some(1.0), "one world's end is not another's");
    twin.finish().unwrap();
}

#[test]
fn an_instance_that_an_experiment_kills_is_restarted_and_no_failure() {
    let _turn = turn(1);
    let world = World::start(Scenario::Zones, Twin::Good).unwrap();
    let before = world.pid_of("backend-z2").unwrap();
    for signal in ["KILL", "TERM"] {
        let pid = world.pid_of("backend-z2").unwrap();
        world.read(["kill", &format!("-{signal}"), &pid.to_string()]).unwrap();
        eventually("restarted under another pid", SOON, || world.pid_of("backend-z2").is_some_and(|now| now != pid));
    }
    assert_ne!(world.pid_of("backend-z2"), Some(before));
    eventually("scraped again", SOON, || world.value("up{instance=\"backend-z2\"}").unwrap() == Some(1.0));
    world.finish().unwrap();
}

#[test]
fn a_part_that_dies_unasked_fails_the_world_with_its_name() {
    let _turn = turn(1);
    let world = World::start(Scenario::Zones, Twin::Good).unwrap();
    for (part, signal) in [("haproxy", "-KILL"), ("backend-z1", "-ABRT")] {
        world.read(["kill", signal, &world.pid_of(part).unwrap().to_string()]).unwrap();
        eventually("its end is noticed", SOON, || world.pid_of(part).is_none());
    }
    let error = world.finish().unwrap_err().to_string();
    assert!(error.contains("part `haproxy` was killed by SIGKILL"), "{error}");
    assert!(error.contains("part `backend-z1` was killed by SIGABRT"), "{error}");
}

#[test]
fn parts_are_stopped_frozen_and_started_on_request() {
    let _turn = turn(1);
    let world = World::start(Scenario::Breaker, Twin::Good).unwrap();
    world.freeze_part("prometheus").unwrap();
    assert!(world.query("up").is_err(), "a frozen Prometheus does not answer");
    world.thaw_part("prometheus").unwrap();
    eventually("answers again", SOON, || world.query("up").is_ok());
    world.stop_part("load").unwrap();
    eventually("seen to be down", SOON, || world.value("up{instance=\"load\"}").unwrap() == Some(0.0));
    world.start_part("load").unwrap();
    eventually("seen to be up", SOON, || world.value("up{instance=\"load\"}").unwrap() == Some(1.0));
    assert!(world.stop_part("loaf").unwrap_err().to_string().contains("no part is called `loaf`"));
    world.finish().unwrap();
}

#[test]
fn commands_keep_their_exit_codes_and_can_be_killed_alone() {
    let _turn = turn(1);
    let world = World::start(Scenario::Zones, Twin::Good).unwrap();
    assert_eq!(world.run(["sh", "-c", "echo out; echo err >&2; exit 6"]).unwrap().status.code(), Some(6));

    let mut parent = world.spawn(["sh", "-c", "sleep 1000 & echo $!; wait"]).unwrap();
    eventually("it says the pid of its child", SOON, || parent.stdout().unwrap().ends_with('\n'));
    let child = parent.stdout().unwrap().trim().to_owned();
    parent.kill().unwrap();
    assert_eq!(parent.wait(SOON).unwrap().status.code(), Some(128 + Signal::SIGKILL as i32));
    world.read(["kill", "-0", &child]).expect("its child lives on, as a runner's agent would");
    world.finish().unwrap();
}

#[test]
fn an_interrupt_is_for_the_command_and_not_for_the_parts() {
    let _turn = turn(1);
    let script = "trap 'echo reverted; exit 5' INT; echo running; while :; do sleep 0.1; done";
    let mut lab = Command::new(lab_binary().unwrap());
    lab.args(["up", "--scenario", "zones", "--", "sh", "-c", script]).stdin(Stdio::null()).stdout(Stdio::piped());
    // A terminal sends Ctrl-C to the whole process group in its foreground.
    let mut lab = lab.process_group(0).spawn().unwrap();
    let mut lines = BufReader::new(lab.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert_eq!(lines.next().as_deref(), Some("running"));
    killpg(Pid::from_raw(lab.id().cast_signed()), Signal::SIGINT).unwrap();
    assert_eq!(lines.next().as_deref(), Some("reverted"));
    assert_eq!(lab.wait().unwrap().code(), Some(5), "its exit code comes through, so no part has died");
}

#[test]
fn what_a_run_in_a_world_says_to_run_again_can_be_run_as_it_stands() {
    let _turn = turn(1);
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("mine")).unwrap();
    let experiment = "apiVersion: squall.dev/v1\nkind: Experiment\nmetadata: {name: again}\nspec:\n  \
        title: this host goes on while a backend stands still\n  method:\n    - name: still\n      \
        inject: {pause: {}}\n      into: {names: [backend-z1]}\n      for: 3s\n  expect:\n    - name: goes-on\n      \
        exec: {command: [\"true\"]}\n      every: 250ms\n      is: 0\n      during: still\n";
    std::fs::write(folder.path().join("mine/again.yaml"), experiment).unwrap();
    let mut lab = Command::new(lab_binary().unwrap());
    // The file is where the person is, not where the world is.
    lab.args(["up", "--scenario", "zones", "--", "squall", "run", "mine/again.yaml", "--yes", "--seed", "7"]);
    let first = lab.current_dir(folder.path()).stdin(Stdio::null()).output().unwrap();
    let report = String::from_utf8(first.stdout).unwrap();
    assert!(first.status.success(), "{report}{}", String::from_utf8_lossy(&first.stderr));
    let again = report.lines().find_map(|line| line.strip_prefix("again: ")).expect("it says how");
    let mut shell = Command::new("sh");
    shell.args(["-c", again]).current_dir("/").stdin(Stdio::null());
    let second = shell.output().unwrap();
    let told = String::from_utf8(second.stdout).unwrap();
    assert!(second.status.success() && told.contains("PASSED"), "{again}: {told}");
    assert!(told.contains(&format!("again: {again}\n")), "and says the same: {told}");
}

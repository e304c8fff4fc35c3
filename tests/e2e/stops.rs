//! What ends a run early, and what may remain of it: safety stops that are true or blind, and ends that nobody
//! could confirm, until somebody can.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;
use squall_tests::{Running, Scenario, Twin, World};

use crate::bad_days::at_once;
use crate::eventually;
use crate::experiments::lasting;
use crate::turn::turn;
use crate::untouched::{assert_untouched, left_behind};
use crate::user::{Ran, User};

#[test]
fn a_run_that_must_stop_stops_and_one_that_may_have_left_something_says_so() {
    let _turn = turn(1);
    let world = World::start(Scenario::Zones, Twin::Good).unwrap();
    at_once(
        &world,
        &[
            ("abortIf becomes true", a_safety_stop_becomes_true),
            ("abortIf goes blind", a_safety_stop_goes_blind),
            ("abortIf is blind from the start", a_safety_stop_never_saw_anything),
            ("the agent is gone", an_agent_is_gone_and_nobody_knows_what_became_of_its_fault),
            ("an undo fails", an_undo_fails),
        ],
    );
    assert_untouched(&world);
    world.finish().unwrap();
}

/// A fault of a minute on one instance, and a safety stop.
fn with_a_safety_stop(fault: &str, instance: &str, query: &str, is: &str) -> String {
    let stop = format!("  abortIf:\n    - name: too-much\n      query: {query}\n      is: {is}\n");
    lasting(fault, &format!("names: [{instance}]"), "60s") + &stop
}

fn a_safety_stop_becomes_true(world: &World) {
    let user = User::of(world, "stop");
    let query = "min(probe_success{name=\"backend-z1\"})";
    let mut going =
        user.starts(&[&user.writes(&with_a_safety_stop("network: {partition: true}", "backend-z1", query, "0"))]);
    going.hurts();
    let start = Instant::now();
    let ran = going.ends();
    assert!(start.elapsed() < Duration::from_secs(20), "the fault does not last its minute: {:?}", start.elapsed());
    ran.ended_with(5, "a true safety stop aborts");
    assert_eq!(ran.report()["verdict"], "aborted");
    assert!(ran.reasons().contains("the safety stop became true: too-much"), "it says which: {}", ran.reasons());
    assert!(!left_behind(world).contains("backend-z1"), "it is reverted");
}

fn a_safety_stop_goes_blind(world: &World) {
    let user = User::of(world, "blind");
    let query = "max(haproxy_backend_active_servers{proxy=\"backends\"})";
    let mut going = user.starts(&[&user.writes(&with_a_safety_stop("pause: {}", "backend-z2", query, "0"))]);
    going.hurts();
    let start = Instant::now();
    world.stop_part("haproxy").unwrap();
    let ran = going.ends();
    assert!(start.elapsed() < Duration::from_secs(20), "the fault does not last its minute: {:?}", start.elapsed());
    ran.ended_with(3, "a safety stop that sees nothing stops, and proves nothing");
    assert_eq!(ran.report()["verdict"], "inconclusive");
    assert!(ran.reasons().contains("the safety stop went blind: too-much"), "{}", ran.reasons());
    world.start_part("haproxy").unwrap();
}

fn a_safety_stop_never_saw_anything(world: &World) {
    let user = User::of(world, "eyeless");
    let file = user.writes(&with_a_safety_stop("kill: {}", "backend-z2", "max(no_such_metric)", "1"));
    let ran = user.runs(&[&file]);
    ran.ended_with(3, "nothing begins under a safety stop that sees nothing");
    assert!(ran.reasons().contains("too-much"), "{}", ran.reasons());
    assert_eq!(ran.report()["faults"], Value::Array(Vec::new()), "nothing was injected");
}

/// An agent of one node that nobody starts again: as on another machine.
fn agent_of_its_own(world: &World, state: &str) -> Running {
    let running = world.spawn(["squall", "agent", "serve", "--state", state]).unwrap();
    eventually("the agent listens", Duration::from_secs(10), || {
        world.run(["squall", "agent", "list", "--state", state]).unwrap().status.success()
    });
    running
}

fn an_agent_is_gone_and_nobody_knows_what_became_of_its_fault(world: &World) {
    let state = world.directory().join("agent-z3").display().to_string();
    let node = "{name: node-z3, zone: z3}";
    let inventory = fs::read_to_string(world.directory().join("inventory.yaml")).unwrap();
    assert!(inventory.contains(node));
    let remote = format!("{{name: node-z3, zone: z3, agent: \"unix:{state}/agent.sock\"}}");
    let inventory = world.write("remote-inventory.yaml", &inventory.replace(node, &remote)).unwrap();
    let user = User::of(world, "remote").on(&inventory.display().to_string());
    let file = user.writes(&lasting("network: {delay: 100ms}", "names: [backend-z3]", "60s"));

    let mut agent = agent_of_its_own(world, &state);
    let mut going = user.starts(&[&file]);
    going.hurts();
    agent.kill().unwrap();
    // Its end asks for a revert that nobody answers any more.
    going.process.signal(Signal::SIGINT).unwrap();
    may_remain(&user, &going.ends(), "hurt may remain on backend-z3 (node node-z3)", "squall agent revert --all");

    let _agent = agent_of_its_own(world, &state);
    nothing_remains(&user);
}

fn an_undo_fails(world: &World) {
    let folder = world.directory().join("shelf");
    let (upper, lower) = (folder.join("upper"), folder.join("lower"));
    fs::create_dir_all(&upper).unwrap();
    let (vase, fallen) = (upper.join("vase"), folder.join("vase"));
    fs::write(&vase, "").unwrap();
    let user = User::of(world, "clumsy");
    let method = format!(
        "    - name: hurt
      perform: {{exec: {{command: [mv, \"{}\", \"{}\"]}}}}
      for: 2s
      undo:
        - exec: {{command: [mv, \"{}\", \"{}/\"]}}
",
        vase.display(),
        fallen.display(),
        fallen.display(),
        lower.display()
    );
    let text = lasting("kill: {}", "names: [backend-z1]", "2s");
    let (head, rest) = text.split_once("    - name: hurt\n").unwrap();
    let (_, expect) = rest.split_once("  expect:\n").unwrap();
    let ran = user.runs(&[&user.writes(&format!("{head}{method}  expect:\n{expect}"))]);
    may_remain(&user, &ran, "hurt may remain", &format!("run `mv {} {}/`", fallen.display(), lower.display()));
    assert!(fallen.exists(), "the undo had nowhere to put it");

    fs::create_dir(&lower).unwrap();
    nothing_remains(&user);
    assert!(lower.join("vase").exists() && !fallen.exists(), "the recorded undo was run again");
}

/// A run ended and cannot say that its fault is gone: where, and how to remove it; and nothing else may begin.
#[track_caller]
fn may_remain(user: &User<'_>, ran: &Ran, what: &str, remedy: &str) {
    ran.ended_with(6, "what is not confirmed may remain");
    assert_eq!(ran.report()["verdict"], "faultsMayRemain");
    let run = ran.report()["run"]["id"].as_str().unwrap();
    for words in [what, remedy] {
        assert!(ran.reasons().contains(words), "it says `{words}`: {}", ran.reasons());
    }
    let next = user.runs(&[&user.writes(&lasting("kill: {}", "names: [backend-z1]", "2s"))]);
    next.ended_with(6, "nothing begins on what is still disturbed");
    assert!(next.said().contains(&format!("squall revert {run}")), "{}", next.said());
}

/// What remained can be removed now, and is; once.
#[track_caller]
fn nothing_remains(user: &User<'_>) {
    let reverted = Ran::of(&user.squall(&["revert"]), None);
    reverted.ended_with(0, "now it can be reverted");
    assert!(reverted.stderr.contains("nothing is left"), "{}", reverted.stderr);
    let runs = Ran::of(&user.squall(&["runs"]), None);
    assert!(runs.stdout.contains("faults remained, and were removed since"), "{}", runs.stdout);
    let again = Ran::of(&user.squall(&["revert"]), None);
    again.ended_with(0, "there is nothing to revert any more");
    assert!(again.stderr.contains("no run has left anything"), "{}", again.stderr);
}

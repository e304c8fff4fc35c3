//! What an agent would refuse is said by `plan`, and by `run` before anybody waits for a baseline.

use crate::world::{World, until};
use rustix::process::Signal;
use std::os::unix::process::CommandExt as _;
use std::time::{Duration, Instant};

/// Less than the shortest baseline.
const BEFORE_A_BASELINE: Duration = Duration::from_secs(8);

/// An inventory of one instance, and an experiment that does this to it.
fn with(fault: &str, place: &str) -> World {
    let world = World::new();
    world.pause("hold", "3s");
    let text = std::fs::read_to_string(world.path("hold.yaml")).unwrap();
    world.write("hold.yaml", &text.replace("pause: {}", fault));
    let inventory = std::fs::read_to_string(world.path("inventory.yaml")).unwrap();
    let pidfile = format!("process: {{pidfile: {}}}", world.path("victim.pid").display());
    assert!(inventory.contains(&pidfile), "{inventory}");
    world.write("inventory.yaml", &inventory.replace(&pidfile, &place.replace("PIDFILE", &pidfile)));
    world
}

#[test]
fn what_the_agent_would_refuse_is_known_before_the_baseline() {
    let own = "/proc/self/ns/net";
    let stories = [
        ("network: {partition: true}", format!("netns: {own}"), 2, "the agent's own network namespace"),
        ("pause: {process: nginx}", "PIDFILE".to_owned(), 2, "no living process called `nginx`"),
    ];
    for (fault, place, code, words) in stories {
        let world = with(fault, &place);
        let planned = world.squall(&["plan", "hold.yaml"]).exits(code, words);
        assert!(planned.stdout.contains("hits victim"), "the plan is worth reading: {planned:#?}");
        assert!(planned.stderr.contains("hold.yaml:3:"), "with its place: {planned:#?}");
        let began = Instant::now();
        let ran = world.squall(&["run", "hold.yaml", "--yes"]).exits(code, words);
        assert!(began.elapsed() < BEFORE_A_BASELINE && !ran.stderr.contains("baseline:"), "{ran:#?}");
        assert!(ran.stdout.contains("hold.yaml:3:"), "with its place: {ran:#?}");
        assert_eq!(world.state_of_victim(), 'S');
    }
    let world = with("pause: {process: nginx}", "PIDFILE");
    world.squall(&["run", "hold.yaml", "--yes", "--placebo"]).exits(0, "no fault was injected");
}

#[test]
fn the_systems_first_process_is_refused_when_planned() {
    let world = with("kill: {}", "PIDFILE");
    world.write("victim.pid", "1");
    world.squall(&["plan", "hold.yaml"]).exits(2, "the system's first process");
    world.squall(&["run", "hold.yaml", "--yes"]).exits(2, "the system's first process");
}

#[test]
fn what_is_traced_already_is_refused_when_planned() {
    let world = with("pause: {}", "PIDFILE");
    let mut other = World::new();
    // Another agent holds this victim: to ours that is a tracer like any other.
    other.write("victim.pid", &world.victim().to_string());
    other.pause("hold", "120s");
    let running = other.begin(&["run", "hold.yaml", "--yes"], "method");
    until("the victim is held", || world.state_of_victim() == 't');
    world.squall(&["plan", "hold.yaml"]).exits(4, "one tracer only");
    world.squall(&["run", "hold.yaml", "--yes"]).exits(4, "one tracer only");
    running.signal(Signal::INT);
    running.end().exits(5, "SIGINT");
    other.kill_victim();
}

#[test]
fn what_another_run_holds_is_refused_when_planned() {
    let world = World::new();
    world.pause("hold", "120s");
    let running = world.begin(&["run", "hold.yaml", "--yes"], "method");
    until("the victim is held", || world.state_of_victim() == 't');
    world.squall(&["plan", "hold.yaml"]).exits(4, "`victim` is held by fault");
    running.signal(Signal::INT);
    running.end().exits(5, "SIGINT");
    world.squall(&["plan", "hold.yaml"]).exits(0, "hits victim");
}

#[test]
fn a_plan_without_root_says_that_the_agent_was_not_asked() {
    const NOBODY: u32 = 65_534;
    assert!(rustix::process::geteuid().is_root(), "needs root: only root becomes somebody else");
    let world = World::new();
    world.pause("hold", "1s");
    let own = world.path("squall");
    std::fs::copy(env!("CARGO_BIN_EXE_squall"), &own).unwrap();
    for path in [world.path("."), own.clone()] {
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let mut command = std::process::Command::new(own);
    command.args(["plan", "hold.yaml"]).current_dir(world.path("")).uid(NOBODY).gid(NOBODY);
    command.env("SQUALL_AGENT_STATE", world.path("agent"));
    let said = command.output().unwrap();
    let text = String::from_utf8(said.stdout).unwrap();
    assert_eq!(said.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&said.stderr));
    assert!(text.contains("NOT ASKED: whether the agent of node local would inject this"), "{text}");
    assert!(text.contains("hits victim") && !world.path("agent").exists(), "{text}");
}

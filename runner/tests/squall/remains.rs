//! What could not be undone is remembered until it is gone, and nothing begins before.

use crate::world::{World, until};
use rustix::process::Signal;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

/// A load with two undos: one that succeeds and counts, one that fails until `mended` is there.
fn stubborn(world: &World, length: &str) {
    world.pause("hold", length);
    world.add_load("hold");
    let text = std::fs::read_to_string(world.path("hold.yaml")).unwrap();
    let undos = "        - exec: {command: [sh, -c, \"echo x >> undone\"]}\n        \
                 - exec: {command: [sh, -c, \"test -e mended\"]}\n";
    world.write("hold.yaml", &text.replace("        - exec: {command: [touch, undone]}\n", undos));
}

/// Nothing may begin, and reverting says so until it is mended; what succeeded is not done again.
fn remains_until_it_is_mended(world: &World) {
    let refused = world.squall(&["run", "hold.yaml", "--yes"]).exits(6, "remove them first with `squall revert ");
    assert!(!refused.stderr.contains("baseline"), "{refused:#?}");
    world.squall(&["plan", "hold.yaml"]).exits(6, "remove them first with `squall revert ");
    world.squall(&["revert"]).exits(6, "undoing 1 action");
    world.squall(&["revert", "last"]).exits(6, "may remain");
    world.write("mended", "");
    world.squall(&["revert", "last"]).exits(0, "nothing is left");
    world.squall(&["revert"]).exits(0, "no run has left anything");
    world.squall(&["revert", "last"]).exits(0, "has left nothing");
    assert_eq!(std::fs::read_to_string(world.path("undone")).unwrap(), "x\n", "what succeeded is not done again");
}

#[test]
fn an_undo_that_failed_is_remembered_until_it_succeeds() {
    let world = World::new();
    stubborn(&world, "1s");
    world.squall(&["run", "hold.yaml", "--yes"]).exits(6, "FAULTS MAY REMAIN");
    remains_until_it_is_mended(&world);
    world.squall(&["runs"]).exits(0, "were removed since");
    world.squall(&["report", "last"]).exits(6, "FAULTS MAY REMAIN");
    world.squall(&["plan", "hold.yaml"]).exits(0, "hits victim");
}

#[test]
fn an_undo_that_fails_after_a_crash_is_remembered_too() {
    let world = World::new();
    stubborn(&world, "120s");
    let running = world.begin(&["run", "hold.yaml", "--yes"], "method");
    until("the victim is held", || world.state_of_victim() == 't');
    world.squall(&["revert", "last"]).exits(2, "goes on");
    running.signal(Signal::KILL);
    assert_eq!(running.end().code, None);
    world.squall(&["revert"]).exits(6, "is closed: faults may remain");
    assert_eq!(world.state_of_victim(), 'S');
    remains_until_it_is_mended(&world);
}

#[test]
fn a_fault_is_reverted_where_its_run_had_it_whatever_the_settings_say_now() {
    let world = World::new();
    world.pause("hold", "120s");
    let far = squall_agent::state::StateFolder::at(world.path("far"));
    let state = far.path().display().to_string();
    let mut agent = world.command(&["agent", "serve", "--idle", "60", "--state", &state]);
    let mut agent = agent.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("the far agent listens", || UnixStream::connect(far.socket()).is_ok());
    let text = std::fs::read_to_string(world.path("inventory.yaml")).unwrap();
    let node = format!("spec:\n  nodes:\n    - {{name: far, agent: \"unix:{}\"}}\n", far.socket().display());
    world.write("inventory.yaml", &text.replace("spec:\n", &node));
    let running = world.begin(&["run", "hold.yaml", "--yes"], "method");
    until("the victim is held", || world.state_of_victim() == 't');
    running.signal(Signal::KILL);
    assert_eq!(running.end().code, None);
    // The same history, and a node that is not in the inventory any more.
    world.write("inventory.yaml", &text);
    world.squall(&["revert"]).exits(0, "is closed: aborted");
    assert_eq!(world.state_of_victim(), 'S', "nothing is left, so nothing holds it");
    assert_eq!(world.agent_process(), None, "this machine's own agent has nothing to do with it");
    agent.kill().unwrap();
    agent.wait().unwrap();
}

#[test]
fn a_person_who_removed_it_by_hand_is_believed() {
    let world = World::new();
    stubborn(&world, "1s");
    world.squall(&["run", "hold.yaml", "--yes"]).exits(6, "FAULTS MAY REMAIN");
    world.squall(&["revert", "--by-hand"]).exits(2, "RUN");
    world.squall(&["revert", "last", "--by-hand"]).exits(0, "nothing is left");
    world.squall(&["plan", "hold.yaml"]).exits(0, "hits victim");
}

#[test]
fn a_run_that_is_not_there_is_bad_input() {
    let world = World::new();
    world.squall(&["revert", "19990101"]).exits(2, "there is no run `19990101`");
}

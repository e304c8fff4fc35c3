//! What could not be undone is remembered until it is gone, and nothing begins before.

use crate::world::{World, until};
use rustix::process::Signal;

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

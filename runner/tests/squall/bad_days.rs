//! Days that go wrong: each ends with a clear verdict, and nothing is left on the node.

use crate::world::{World, is_there, lives, signal, until};
use rustix::process::Signal;
use std::io::{Read as _, Write as _};
use std::process::Stdio;

#[test]
fn a_run_that_goes_well_passes_and_its_report_is_kept() {
    let world = World::new();
    world.pause("hold", "2s");
    let said = world.squall(&["run", "hold.yaml", "--yes", "--seed", "7", "--report", "out"]).exits(0, "PASSED");
    for (whole, left) in [
        ("takes 12s to 4m 57s in all: preflight 0s to 2m, baseline 10s to 1m 10s, method 2s to 1m 17s, recovery", ""),
        ("preflight: looking", "at most 4 min 57 s left"),
    ] {
        let line = said.stderr.lines().find(|line| line.contains(whole)).unwrap_or_else(|| panic!("{said:#?}"));
        assert!(line.contains(left), "the plan and the run say the same: {line}");
    }
    assert!(said.stdout.contains("squall run hold.yaml --seed 7"), "{said:#?}");
    assert_eq!(world.state_of_victim(), 'S');
    let [page] = world.reports_in("out").try_into().expect("one run, one report");
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(html.contains("host-goes-on"));
    assert!(std::fs::read_to_string(world.path("out/index.html")).unwrap().contains("1 experiment ran"));
    let json = std::fs::read_to_string(page.with_extension("json")).unwrap();
    let runs = world.squall(&["runs"]).exits(0, "passed");
    let objects = world.squall(&["runs", "--json"]).exits(0, "passed");
    world.squall(&["report", "last"]).exits(0, "PASSED");
    for text in [said.stdout, said.stderr, html, json, runs.stdout, objects.stdout] {
        let times = text.split(|letter: char| letter.is_whitespace() || "\"<>,".contains(letter));
        let times = times.filter(|word| word.starts_with("20") && word.contains('T') && word.ends_with('Z'));
        for time in times {
            assert!(time.len() <= "2026-11-22T05:00:00.000Z".len(), "nobody reads nanoseconds: {time}");
        }
    }
}

#[test]
fn a_prometheus_that_is_not_there_is_an_error_before_anything_is_touched() {
    let world = World::new();
    world.pause("hold", "1s");
    let text = std::fs::read_to_string(world.path("hold.yaml")).unwrap();
    let claim = "      exec: {command: [\"true\"]}\n      every: 500ms\n      is: 0\n";
    world.write("query.yaml", &text.replace(claim, "      query: min(up)\n      is: 1\n"));
    world.squall(&["run", "query.yaml", "--yes"]).exits(4, "no Prometheus is known");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    world.write("squall.yaml", &format!("history: state\nprometheus: {{url: \"http://{address}\"}}\n"));
    let said = world.squall(&["run", "query.yaml", "--yes"]).exits(4, "did not answer");
    assert!(!said.stderr.contains("method:"), "{said:#?}");
    assert_eq!(world.state_of_victim(), 'S');
}

#[test]
fn a_history_that_cannot_be_written_stops_a_run_before_it_begins() {
    let world = World::new();
    world.pause("hold", "1s");
    world.write("state", "a file where a folder should be");
    world.squall(&["run", "hold.yaml", "--yes"]).exits(4, "history");
    assert_eq!(world.state_of_victim(), 'S');
}

#[test]
fn a_history_that_is_out_of_reach_is_named_with_what_to_do() {
    let world = World::new();
    world.pause("hold", "1s");
    // No folder can be made below a file, whoever tries.
    world.write("squall.yaml", "history: inventory.yaml/state\n");
    for words in [["halt", "now"].as_slice(), &["run", "hold.yaml", "--yes"]] {
        let said = world.squall(words).exits(4, "inventory.yaml/state");
        for fix in ["run this as its owner", "`history: FOLDER` in squall.yaml", "SQUALL_HISTORY=FOLDER"] {
            assert!(said.stderr.contains(fix), "{fix}: {said:#?}");
        }
    }
    let moved = world.command(&["halt", "now"]).env("SQUALL_HISTORY", world.path("state")).output().unwrap();
    assert!(moved.status.success(), "{moved:?}");
}

#[test]
fn a_signal_reverts_and_reports_and_a_second_one_changes_nothing() {
    let world = World::new();
    world.pause("hold", "120s");
    let running = world.begin(&["run", "hold.yaml", "--yes"], "method");
    until("the victim is held", || world.state_of_victim() == 't');
    running.signal(Signal::HUP);
    running.signal(Signal::TERM);
    running.end().exits(5, "SIGHUP");
    assert_eq!(world.state_of_victim(), 'S');
}

#[test]
fn halt_ends_a_live_run_and_lets_none_begin() {
    let world = World::new();
    world.pause("hold", "120s");
    let running = world.begin(&["run", "hold.yaml", "--yes"], "method");
    until("the victim is held", || world.state_of_victim() == 't');
    let halted = world.command(&["halt", "the site is down"]).env("SUDO_USER", "ada").output().unwrap();
    assert!(halted.status.success(), "{halted:?}");
    running.end().exits(5, "the site is down");
    assert_eq!(world.state_of_victim(), 'S');
    let refused = world.squall(&["run", "hold.yaml", "--yes"]).exits(5, "the site is down");
    for words in ["called by ada on ", "`squall resume`"] {
        assert!(refused.stdout.contains(words), "{words}: {refused:#?}");
    }
    let planned = world.squall(&["plan", "hold.yaml"]).exits(0, "note: runs are halted: the site is down");
    assert!(planned.stdout.contains("hits victim"), "{planned:#?}");
    world.squall(&["halt", "more of it"]).exits(0, "note: runs were halted already: the site is down");
    assert!(!refused.stdout.contains("host-goes-on"), "nothing was judged, so no claim is shown: {refused:#?}");
    world.squall(&["resume"]).exits(0, "may begin again");
}

#[test]
fn two_runs_never_hold_one_target() {
    let world = World::new();
    world.pause("hold", "120s");
    let running = world.begin(&["run", "hold.yaml", "--yes"], "method");
    world.squall(&["run", "hold.yaml", "--yes"]).exits(4, "is live and holds `victim`");
    running.signal(Signal::INT);
    running.end().exits(5, "SIGINT");
}

#[test]
fn a_killed_runner_leaves_nothing_that_the_next_start_does_not_revert() {
    let world = World::new();
    world.pause("hold", "120s");
    world.add_load("hold");
    let running = world.begin(&["run", "hold.yaml", "--yes"], "method");
    until("the victim is held", || world.state_of_victim() == 't');
    let load = world.load();
    running.signal(Signal::KILL);
    assert_eq!(running.end().code, None);
    until("the load dies with its runner", || !lives(load));
    world.squall(&["runs"]).exits(0, "never finished");
    world.squall(&["revert"]).exits(0, "is closed: aborted");
    assert_eq!(world.state_of_victim(), 'S');
    assert!(is_there(&world.path("undone")), "the recorded undo has run");
    let report = world.squall(&["report", "last", "--json"]).exits(5, "the runner died");
    let report: serde_json::Value = serde_json::from_str(&report.stdout).unwrap();
    let fault = &report["faults"][0];
    assert_eq!(fault["end"]["clean"], true, "what the revert found is told: {report:#}");
    assert!(fault["evidence"]["paused"]["held"].as_u64() > Some(0), "{fault:#}");
}

#[test]
fn a_target_that_dies_while_it_is_held_is_named_with_what_was_seen_before() {
    let mut world = World::new();
    world.pause("hold", "120s");
    let running = world.begin(&["run", "hold.yaml", "--yes"], "method");
    until("the victim is held", || world.state_of_victim() == 't');
    world.kill_victim();
    running.end().exits(4, "1 of 1 threads stood still;").exits(4, "process died while it was held");
    world.squall(&["report", "last"]).exits(4, "the target vanished under it");
}

#[test]
fn a_recovery_that_is_killed_is_followed_by_another_of_a_higher_epoch() {
    let world = World::new();
    world.pause("hold", "120s");
    let running = world.begin(&["run", "hold.yaml", "--yes"], "method");
    until("the victim is held", || world.state_of_victim() == 't');
    running.signal(Signal::KILL);
    running.end();
    let agent = world.agent_process().unwrap();
    // It cannot answer, so the recovery goes on for as long as we like.
    signal(agent, Signal::STOP);
    let mut recovery = world.command(&["revert"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(recovery.stderr.take().unwrap()), &mut line).unwrap();
    assert!(line.contains("reverting 1 fault"), "{line}");
    recovery.kill().unwrap();
    recovery.wait().unwrap();
    signal(agent, Signal::CONT);
    world.squall(&["revert"]).exits(0, "is closed: aborted");
    assert_eq!(world.state_of_victim(), 'S');
    let log = std::fs::read_to_string(world.path("agent/agent.log")).unwrap();
    let reverts: Vec<&str> = log.lines().filter(|line| line.contains("call=\"revert\"")).collect();
    assert!(reverts.last().is_some_and(|line| line.contains("epoch=3")), "{reverts:#?}");
}

#[test]
fn a_killed_runner_leaves_the_reports_of_what_it_had_finished() {
    let world = World::new();
    world.pause("first", "1s");
    world.pause("second", "120s");
    let arguments = ["run", "first.yaml", "second.yaml", "--yes", "--report", "out", "--json", "out/all.json"];
    let running = world.begin(&arguments, "method");
    until("the first run is reported", || is_there(&world.path("out/index.html")));
    until("the second has begun", || world.squall(&["runs"]).stdout.contains("second"));
    running.signal(Signal::KILL);
    assert_eq!(running.end().code, None);
    let index = std::fs::read_to_string(world.path("out/index.html")).unwrap();
    assert!(index.contains("1 of 2 experiments ran") && index.contains("has not run"), "{index}");
    let [page] = world.reports_in("out").try_into().expect("one run, one report");
    let folder = page.parent().unwrap();
    let link = format!("href=\"./{}/report.html\"", folder.file_name().unwrap().display());
    assert!(index.contains(&link), "{index}");
    let read = |path: &std::path::Path| std::fs::read_to_string(path).unwrap();
    let all: serde_json::Value = serde_json::from_str(&read(&world.path("out/all.json"))).unwrap();
    let alone: serde_json::Value = serde_json::from_str(&read(&folder.join("report.json"))).unwrap();
    assert_eq!(all, serde_json::json!([alone]), "several were asked for, and one is known");
    world.squall(&["revert"]).exits(0, "is closed: aborted");
}

#[test]
fn reports_that_cannot_be_written_are_refused_before_anything_is_touched() {
    let world = World::new();
    world.pause("hold", "120s");
    world.write("out", "a file stands where the folder would be");
    world.squall(&["run", "hold.yaml", "--yes", "--report", "out"]).exits(2, "use `--html FILE` for one page");
    world.squall(&["run", "hold.yaml", "--yes", "--report", "out/deeper"]).exits(2, "reports cannot be written");
    world.squall(&["runs"]).exits(0, "no runs yet");
}

#[test]
fn a_load_lasts_the_whole_run_and_is_ended_and_undone() {
    let world = World::new();
    world.pause("hold", "2s");
    world.add_load("hold");
    world.squall(&["run", "hold.yaml", "--yes"]).exits(0, "PASSED");
    assert!(!lives(world.load()), "it ignores SIGTERM, not SIGKILL");
    assert!(is_there(&world.path("undone")));
}

#[test]
fn an_agent_that_is_killed_is_swept_by_the_next_and_the_run_is_an_error() {
    let world = World::new();
    world.pause("hold", "120s");
    let running = world.begin(&["run", "hold.yaml", "--yes"], "method");
    until("the victim is held", || world.state_of_victim() == 't');
    signal(world.agent_process().unwrap(), Signal::KILL);
    running.end().exits(4, "ERROR");
    assert_eq!(world.state_of_victim(), 'S');
}

#[test]
fn a_signal_between_two_runs_lets_the_second_not_begin() {
    let world = World::new();
    world.pause("first", "2s");
    world.pause("second", "2s");
    // Nobody reads what it says, so it stands between its two runs for as long as we like.
    let (mut reads, mut writes) = std::io::pipe().unwrap();
    let full = rustix::pipe::fcntl_getpipe_size(&writes).unwrap();
    writes.write_all(&vec![b' '; full]).unwrap();
    let mut command = world.command(&["run", "first.yaml", "second.yaml", "--yes"]);
    let mut child = command.stdout(writes).stderr(Stdio::null()).spawn().unwrap();
    drop(command);
    until("the first run has ended", || world.squall(&["runs"]).stdout.contains("passed"));
    signal(child.id(), Signal::INT);
    let mut said = String::new();
    reads.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(5), "{said}");
    let runs = world.squall(&["runs"]).stdout;
    assert!(runs.contains("first") && !runs.contains("second"), "{runs}");
}

//! Bad input and bad days: each has the right exit code, a clear message, and leaves nothing on the node.
//!
//! The days share worlds, because each has a user, a history and an instance of its own.

use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{Duration, Instant};

use squall_tests::{Running, Scenario, Twin, World};

use crate::eventually;
use crate::experiments::lasting;
use crate::turn::turn;
use crate::untouched::{assert_untouched, left_behind};
use crate::user::User;

/// What happens on it, and to whom.
pub type Day = (&'static str, fn(&World));

/// Runs days at the same time in one world, and names those that went wrong.
pub fn at_once(world: &World, days: &[Day]) {
    let wrong: Vec<&str> = thread::scope(|scope| {
        let started: Vec<_> = days
            .iter()
            .map(|(name, day)| (*name, scope.spawn(move || catch_unwind(AssertUnwindSafe(|| day(world))).is_ok())))
            .collect();
        started.into_iter().filter_map(|(name, day)| (!day.join().unwrap()).then_some(name)).collect()
    });
    assert!(wrong.is_empty(), "went wrong (see above): {wrong:?}");
}

#[test]
fn what_is_missing_is_said_before_anything_is_touched() {
    let _turn = turn(1);
    let world = World::start(Scenario::Zones, Twin::Good).unwrap();
    at_once(
        &world,
        &[
            ("Prometheus absent", prometheus_is_absent),
            ("the URL is another server's", prometheus_is_another_server),
            ("the URL is none", prometheus_has_no_url),
            ("401", prometheus_lets_nobody_in),
            ("truncated answers", prometheus_hangs_up),
            ("a stall of 10 s", prometheus_is_slow),
            ("a dead process", the_inventory_names_a_dead_process),
            ("no target", nobody_is_selected),
            ("more than limits", more_than_limits_are_selected),
            ("an invalid fault", a_fault_for_later_is_refused),
        ],
    );
    assert_untouched(&world);
    world.finish().unwrap();
}

#[test]
fn what_breaks_in_the_middle_is_no_pass_and_is_reverted() {
    // Seven runs at once are load enough for two cores.
    let _turn = turn(2);
    let world = World::start(Scenario::Town, Twin::Good).unwrap();
    at_once(
        &world,
        &[
            ("401 in the middle", prometheus_lets_nobody_in_any_more),
            ("truncated in the middle", prometheus_hangs_up_in_the_middle),
            ("warnings", prometheus_warns),
            ("a stall of 10 s in the middle", prometheus_stalls_in_the_middle),
            ("the disk is full", the_disk_of_the_history_is_full),
            ("two runs on one target", two_runs_want_one_target),
            ("the runner is killed", the_runner_is_killed),
        ],
    );
    assert_untouched(&world);
    world.finish().unwrap();
}

/// A harmless fault on one instance of the zones' world.
fn gentle(instance: &str, length: &str) -> String {
    lasting("network: {delay: 50ms}", &format!("names: [{instance}]"), length)
}

/// Runs something that must not get as far as touching anything, in a world where nobody else does either.
#[track_caller]
fn refused(user: &User<'_>, experiment: &str, code: i32, says: &[&str]) {
    says_no(user, experiment, code, says);
    assert_eq!(left_behind(user.world()), "", "nothing was touched");
}

/// Runs something that must not begin.
#[track_caller]
fn says_no(user: &User<'_>, experiment: &str, code: i32, says: &[&str]) {
    let ran = user.runs(&[&user.writes(experiment)]);
    ran.ended_with(code, "nothing may be touched");
    let said = ran.said();
    for words in says {
        assert!(said.contains(words), "it says `{words}`: {said}");
    }
}

fn prometheus_is_absent(world: &World) {
    let user = User::of(world, "absent").asking("http://127.0.0.1:9");
    refused(&user, &gentle("backend-z1", "5s"), 4, &["Prometheus", "http://127.0.0.1:9", "refused"]);
}

fn prometheus_is_another_server(world: &World) {
    let user = User::of(world, "another").asking("http://10.0.1.10:8080");
    refused(&user, &gentle("backend-z1", "5s"), 4, &["http://10.0.1.10:8080", "Prometheus"]);
}

fn prometheus_has_no_url(world: &World) {
    let user = User::of(world, "url").asking("prometheus");
    refused(&user, &gentle("backend-z1", "5s"), 2, &["prometheus", "http"]);
}

/// Starts a middleman with a manner; it ends with the handle.
fn middleman(world: &World, port: u16, manner: &str) -> (Running, String) {
    let running = world.spawn(["lab", "middleman", "--listen", &format!("127.0.0.1:{port}"), "--manner", manner]);
    let url = format!("http://127.0.0.1:{port}");
    eventually("the middleman listens", Duration::from_secs(5), || {
        world.run(["lab", "http", "POST", &format!("{url}/be/{manner}")]).unwrap().status.success()
    });
    (running.unwrap(), url)
}

fn prometheus_lets_nobody_in(world: &World) {
    let (_middleman, url) = middleman(world, 9201, "closed");
    let user = User::of(world, "closed").asking(&url);
    refused(&user, &gentle("backend-z1", "5s"), 4, &["401", "`prometheus`"]);
}

fn prometheus_hangs_up(world: &World) {
    let (_middleman, url) = middleman(world, 9202, "hasty");
    refused(&User::of(world, "hasty").asking(&url), &gentle("backend-z1", "5s"), 4, &[&url]);
}

fn prometheus_is_slow(world: &World) {
    let (_middleman, url) = middleman(world, 9203, "slow");
    refused(&User::of(world, "slow").asking(&url), &gentle("backend-z1", "5s"), 4, &[&url, "did not answer"]);
}

fn the_inventory_names_a_dead_process(world: &World) {
    let inventory = fs::read_to_string(world.directory().join("inventory.yaml")).unwrap();
    let pidfile = world.write("dead.pid", "4000000\n").unwrap().display().to_string();
    let alive = world.directory().join("run/backend-z1.pid").display().to_string();
    let inventory = inventory.replace(&alive, &pidfile).replace("netns: backend-z1", "netns: backend-z2");
    let path = world.write("dead-inventory.yaml", &inventory).unwrap().display().to_string();
    let user = User::of(world, "dead").on(&path);
    let kill = lasting("kill: {}", "names: [backend-z1]", "5s");
    refused(&user, &kill, 2, &["backend-z1", "4000000", "does not live"]);
}

fn nobody_is_selected(world: &World) {
    refused(&User::of(world, "nobody"), &gentle("backend-z9", "5s"), 2, &["hurt", "backend-z9"]);
}

fn more_than_limits_are_selected(world: &World) {
    let all = lasting("network: {delay: 50ms}", "namespace: web, labels: {app: backend}, pick: all", "5s");
    refused(&User::of(world, "many"), &all, 2, &["50%"]);
}

fn a_fault_for_later_is_refused(world: &World) {
    let fault = lasting("cpu: {load: 80%}", "names: [backend-z1]", "5s");
    refused(&User::of(world, "later"), &fault, 2, &["cpu"]);
}

/// Runs with a middleman who changes manner as soon as the fault is on.
fn spoilt_in_the_middle(world: &World, port: u16, manner: &str, instance: &str) -> crate::user::Ran {
    let (_middleman, url) = middleman(world, port, "well");
    let user = User::of(world, manner).asking(&url);
    let mut going = user.starts(&[&user.writes(&gentle(instance, "12s"))]);
    going.hurts();
    world.read(["lab", "http", "POST", &format!("{url}/be/{manner}")]).unwrap();
    going.ends()
}

fn prometheus_lets_nobody_in_any_more(world: &World) {
    let ran = spoilt_in_the_middle(world, 9211, "closed", "backend-z1");
    ran.ended_with(4, "what is needed is no longer there");
    assert_eq!(ran.outcome("it-stays-so"), "error");
    assert!(ran.reasons().contains("refused our credentials (HTTP 401)"), "{}", ran.reasons());
}

fn prometheus_hangs_up_in_the_middle(world: &World) {
    let ran = spoilt_in_the_middle(world, 9212, "hasty", "backend-z3");
    ran.ended_with(3, "half an answer is none");
    assert_eq!(ran.outcome("it-stays-so"), "inconclusive");
}

fn prometheus_warns(world: &World) {
    let ran = spoilt_in_the_middle(world, 9213, "worried", "payments-z1");
    ran.ended_with(0, "what was there is counted sample by sample, and nothing was missing");
    let notes = ran.report()["notes"].to_string();
    assert!(notes.contains("half of the blocks could not be read"), "the report tells of it: {notes}");
}

fn prometheus_stalls_in_the_middle(world: &World) {
    let (_middleman, url) = middleman(world, 9214, "well");
    let user = User::of(world, "stall").asking(&url);
    let mut going = user.starts(&[&user.writes(&gentle("payments-z3", "14s"))]);
    going.hurts();
    world.read(["lab", "http", "POST", &format!("{url}/be/slow")]).unwrap();
    thread::sleep(squall_tests::middleman::STALL);
    world.read(["lab", "http", "POST", &format!("{url}/be/well")]).unwrap();
    going.ends().ended_with(0, "what was asked late was seen all the same: Prometheus had it");
}

fn the_disk_of_the_history_is_full(world: &World) {
    let disk = world.directory().join("disk");
    fs::create_dir(&disk).unwrap();
    let disk = disk.display().to_string();
    world.read(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", &disk]).unwrap();
    let user = User::of(world, "disk").remembering_in(format!("{disk}/history").into());
    let mut going = user.starts(&[&user.writes(&gentle("checkout-z1", "60s"))]);
    going.hurts();
    let start = Instant::now();
    assert!(!world.run(["dd", "if=/dev/zero", &format!("of={disk}/filler"), "bs=4k"]).unwrap().status.success());
    let ran = going.ends();
    assert!(start.elapsed() < Duration::from_secs(30), "it ends at once, not with the fault");
    ran.ended_with(4, "what cannot be kept is not done");
    let said = ran.said();
    assert!(said.contains("the history could not be written") && said.contains("full"), "{said}");
    world.read(["umount", "-l", &disk]).unwrap();
}

fn two_runs_want_one_target(world: &World) {
    let first = User::of(world, "first");
    let second = User::of(world, "second").remembering_in(world.directory().join("history-first"));
    let mut going = first.starts(&[&first.writes(&gentle("backend-z2", "15s"))]);
    going.hurts();
    let on_the_target = || {
        let left = left_behind(world);
        // Its parts, not what they count.
        let is_part = |line: &&str| [": table ", "\tchain ", "\tset ", ": tc: "].iter().any(|part| line.contains(part));
        let of_the_target = left.lines().filter(|line| line.starts_with("backend-z2:"));
        of_the_target.filter(is_part).map(str::to_owned).collect::<Vec<_>>()
    };
    let before = on_the_target();
    assert!(!before.is_empty(), "the first has hurt it");
    says_no(&second, &gentle("backend-z2", "5s"), 4, &["is live and holds `backend-z2`"]);
    assert_eq!(on_the_target(), before, "the second has touched nothing");
    going.ends().ended_with(0, "the first is not disturbed");
}

fn the_runner_is_killed(world: &World) {
    let user = User::of(world, "killed");
    let mut going = user.starts(&[&user.writes(&gentle("payments-z2", "90s"))]);
    going.hurts();
    assert!(left_behind(world).contains("payments-z2: nft:"));
    going.process.kill().unwrap();
    // Until it is gone it holds the lock of a live run.
    crate::eventually("the killed runner is gone", Duration::from_secs(10), || going.process.is_over().unwrap());

    // Any start will do, also one that cannot run: undoing comes first.
    let heir = User::of(world, "heir").remembering_in(world.directory().join("history-killed"));
    let heir = heir.asking("http://127.0.0.1:9");
    let ran = heir.runs(&[&heir.writes(&gentle("payments-z2", "5s"))]);
    ran.ended_with(4, "the heir itself has no Prometheus");
    assert!(ran.stderr.contains("was never finished; reverting 1 fault"), "{}", ran.stderr);
    assert!(!left_behind(world).contains("payments-z2"), "it was reverted before anything else");
    let runs = String::from_utf8(user.squall(&["runs"]).stdout).unwrap();
    assert!(runs.lines().any(|line| line.contains("aborted")), "it was closed: {runs}");
}

/// Input that cannot be read, without any world: exit code 2, whatever it is.
mod input {
    use std::process::{Command, Output};

    use squall_tests::programs::sibling_binary;

    use super::*;
    use crate::experiments::WITH_A_PARAMETER;

    fn run(folder: &std::path::Path, words: &[&str]) -> Output {
        let mut squall = Command::new(sibling_binary("squall").unwrap());
        squall.args(words).current_dir(folder).env("SQUALL_HISTORY", folder.join("history"));
        squall.output().unwrap()
    }

    #[track_caller]
    fn is_refused(name: &str, write: impl FnOnce(&std::path::Path), says: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join(name));
        for command in ["run", "plan"] {
            let output = run(folder.path(), &[command, name]);
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{command}: {said}");
            for words in says {
                assert!(said.contains(words), "{command} says `{words}`: {said}");
            }
            assert!(output.stdout.is_empty(), "problems are no result");
        }
        assert!(!folder.path().join("history").exists(), "nothing was begun");
    }

    #[test]
    fn a_parameter_is_missing() {
        is_refused("p.yaml", |path| fs::write(path, WITH_A_PARAMETER).unwrap(), &["instance", "p.yaml:"]);
    }

    #[test]
    fn a_file_is_empty() {
        is_refused("empty.yaml", |path| fs::write(path, "").unwrap(), &["empty"]);
    }

    #[test]
    fn a_file_is_binary() {
        let bytes: Vec<u8> = (0..4096_u32).map(|number| (number * 7 % 251) as u8).collect();
        is_refused("binary.yaml", |path| fs::write(path, bytes).unwrap(), &["binary.yaml"]);
    }

    #[test]
    fn a_file_is_not_there() {
        is_refused("gone.yaml", |_| {}, &["gone.yaml"]);
    }

    #[test]
    fn a_file_has_a_hundred_megabytes() {
        let start = Instant::now();
        let large = |path: &std::path::Path| File::create(path).unwrap().set_len(100 << 20).unwrap();
        is_refused("large.yaml", large, &["large.yaml"]);
        assert!(start.elapsed() < Duration::from_secs(5), "it is not read to be refused: {:?}", start.elapsed());
    }

    #[test]
    fn two_documents_have_one_name() {
        let one = lasting("kill: {}", "names: [a]", "5s");
        let two = format!("{one}---\n{one}");
        is_refused("two.yaml", |path| fs::write(path, two).unwrap(), &["lasting", "two.yaml:"]);
    }
}

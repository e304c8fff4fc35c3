//! Input that is at fault: exit 2, said in words, and nothing is touched.

use crate::world::{World, is_there};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;

#[test]
fn files_that_are_no_experiments_are_refused() {
    let world = World::new();
    world.write("empty.yaml", "");
    std::fs::write(world.path("binary.yaml"), b"kind: \0\x01\x02").unwrap();
    File::create(world.path("large.yaml")).unwrap().set_len(100 << 20).unwrap();
    world.pause("hold", "1s");
    let text = std::fs::read_to_string(world.path("hold.yaml")).unwrap();
    world.write("twice.yaml", &format!("{text}---\n{text}"));
    for (file, words) in [
        ("empty.yaml", "empty"),
        ("binary.yaml", "binary"),
        ("large.yaml", "too large"),
        ("twice.yaml", "called `hold`"),
    ] {
        world.squall(&["run", file, "--yes"]).exits(2, words);
        world.squall(&["check", file]).exits(2, words);
    }
    world.squall(&["run", "nowhere.yaml"]).exits(2, "cannot be read");
    assert!(!is_there(&world.path("agent")), "nobody was needed");
}

#[test]
fn check_reads_folders_and_settings_and_says_what_run_will_refuse() {
    let world = World::new();
    world.pause("hold", "1s");
    let said = world.squall(&["check", "."]).exits(0, "3 files: 0 errors, 2 warnings\n");
    assert!(!said.stderr.contains("refuse"), "{said:#?}");
    let text = std::fs::read_to_string(world.path("hold.yaml")).unwrap();
    world.write("later.yaml", &text.replace("pause: {}", "cpu: {load: 80%}"));
    let said = world.squall(&["check", "later.yaml"]).exits(0, "1 file: 0 errors, 2 warnings, 1 note\n");
    assert!(said.stderr.contains("`plan` and `run` will refuse what 1 note names"), "{said:#?}");
    for command in ["plan", "run"] {
        let said = world.squall(&[command, "later.yaml"]).exits(2, "error[SQ0901]");
        assert_eq!(said.stderr.matches("SQ0901").count(), 1, "once: {said:#?}");
        world.squall(&[command, "."]).exits(2, "`.` is a folder: name its files, such as `./*.yaml`");
    }
    std::fs::create_dir(world.path("empty")).unwrap();
    world.squall(&["check", "empty"]).exits(2, "there is no .yaml file in the folder `empty`");
    world.write("squall.yaml", "- prometheus\n");
    let said = world.squall(&["check", "hold.yaml", "squall.yaml"]).exits(2, "squall.yaml:1:1");
    assert!(said.stderr.contains("settings are a map, such as"), "{said:#?}");
    world.squall(&["plan", "hold.yaml"]).exits(2, "squall.yaml:1:1");
}

#[test]
fn a_problem_of_a_file_with_several_documents_is_said_once() {
    let world = World::new();
    world.pause("hold", "1");
    let (inventory, hold) = (world.path("inventory.yaml"), world.path("hold.yaml"));
    let text = [&inventory, &hold].map(|path| std::fs::read_to_string(path).unwrap()).join("---\n");
    world.write("all.yaml", &text);
    for command in ["check", "plan", "run"] {
        let said = world.squall(&[command, "all.yaml"]).exits(2, "error[SQ0202]");
        assert_eq!(said.stderr.matches("error[").count(), 1, "{said:#?}");
        assert_eq!(said.stderr.matches("warning[SQ0801]").count(), 1, "{said:#?}");
    }
}

#[test]
fn an_option_that_makes_no_sense_is_refused_with_what_to_write() {
    let world = World::new();
    world.pause("hold", "1s");
    std::fs::create_dir(world.path("folder")).unwrap();
    world.write("file", "");
    for (words, fix) in [
        (["plan", "hold.yaml", "--seed", "x"].as_slice(), "a whole number from 0"),
        (&["plan", "hold.yaml", "--seed", "-1"], "a whole number from 0"),
        (&["plan", "hold.yaml", "--set", "nokey"], "`--set upstream=payments`"),
        (&["plan", "hold.yaml", "--set", "a=1", "--set", "a=2"], "given twice"),
        (&["run", "hold.yaml", "--yes", "--report", "file"], "use `--html FILE`"),
        (&["run", "hold.yaml", "--yes", "--html", "folder"], "write `--html folder/report.html`"),
        (&["run", "hold.yaml", "--yes", "--json", "folder"], "write `--json folder/report.json`"),
        (&["run", "hold.yaml", "--yes", "--html", "-"], "name one"),
        (&["run", "hold.yaml", "--yes", "--html", "r", "--json", "r"], "give each its own"),
        (&["run", "--json", "hold.yaml", "hold.yaml", "--yes"], "put the option last"),
        (&["report", "last"], "no runs yet"),
        (&["report", "2026"], "`squall runs` lists them"),
        (&["explain", "steadyState"], "such as SQ0801"),
        (&["schema", "everything"], "documents, settings"),
        (&["runs", "--settings", "folder"], "name a file in it"),
        (&["runs", "--settings", "gone.yaml"], "gone.yaml"),
    ] {
        world.squall(words).exits(2, fix);
    }
    assert!(std::fs::read_to_string(world.path("hold.yaml")).unwrap().contains("kind: Experiment"), "it is whole");
    assert!(!is_there(&world.path("agent")), "nobody was needed");
    let unset = world.command(&["runs"]).env("SQUALL_SETTINGS", "").output().unwrap();
    assert!(unset.status.success(), "an empty variable names no file: {unset:?}");
    let gone = world.command(&["runs"]).env("SQUALL_SETTINGS", "gone.yaml").output().unwrap();
    assert_eq!(gone.status.code(), Some(2), "{gone:?}");
    world.squall(&["schema", "settings"]).exits(0, "bearerTokenFile");
    world.squall(&["schema"]).exits(0, "recoverWithin");
}

#[test]
fn a_parameter_without_value_is_named() {
    let world = World::new();
    world.pause("hold", "${length}");
    let text = std::fs::read_to_string(world.path("hold.yaml")).unwrap();
    world.write("hold.yaml", &text.replace("  method:", "  parameters:\n    - {name: length}\n  method:"));
    world.squall(&["run", "hold.yaml", "--yes"]).exits(2, "parameter `length` has no value");
    world.squall(&["plan", "hold.yaml", "--set", "lenght=1s"]).exits(2, "lenght");
    world.squall(&["plan", "hold.yaml", "--set", "length=1s"]).exits(0, "hits victim");
}

#[test]
fn targets_that_are_not_there_or_too_many_are_refused() {
    let mut world = World::new();
    world.pause("hold", "1s");
    let text = std::fs::read_to_string(world.path("hold.yaml")).unwrap();
    world.write("nobody.yaml", &text.replace("app: victim", "app: nobody"));
    world.squall(&["run", "nobody.yaml", "--yes"]).exits(2, "nobody");
    world.write("limits.yaml", &text.replace("keepAtLeast: 0", "keepAtLeast: 1"));
    world.squall(&["run", "limits.yaml", "--yes"]).exits(2, "keepAtLeast");
    world.kill_victim();
    world.squall(&["run", "hold.yaml", "--yes"]).exits(2, "does not live");
}

#[test]
fn nothing_runs_that_nobody_confirmed() {
    let world = World::new();
    world.pause("hold", "1s");
    world.write("squall.yaml", "history: state\nconfirm: always\n");
    world.squall(&["run", "hold.yaml"]).exits(2, "was not confirmed");
    world.squall(&["run", "--no-such-option", "hold.yaml"]).exits(2, "--no-such-option");
    world.write("squall.yaml", "histroy: state\n");
    world.squall(&["run", "hold.yaml", "--yes"]).exits(2, "did you mean `history`?");
}

#[test]
fn a_command_that_settings_do_not_allow_does_not_run() {
    let world = World::new();
    world.pause("hold", "1s");
    let text = std::fs::read_to_string(world.path("hold.yaml")).unwrap();
    let step = "  method:\n    - name: touch\n      perform: {exec: {command: [touch, touched]}}\n      undo: []\n";
    world.write("exec.yaml", &text.replace("  method:\n", step));
    world.write("squall.yaml", "history: state\nallow: [irreversible]\n");
    world.squall(&["run", "exec.yaml", "--yes"]).exits(2, "do not allow `exec`");
    assert!(!is_there(&world.path("touched")));
}

/// A Prometheus that scrapes one target so often, and has no series yet.
fn prometheus(interval: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut first, mut length) = (String::new(), 0);
            stream.read_line(&mut first).unwrap();
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).unwrap();
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut form = vec![0; length];
            stream.read_exact(&mut form).unwrap();
            let now = jiff::Timestamp::now().as_second();
            let data = if first.contains("/targets") {
                let target =
                    format!(r#"{{"labels":{{}},"health":"up","scrapeInterval":"{interval}","scrapeTimeout":"1s"}}"#);
                format!(r#"{{"activeTargets":[{target}]}}"#)
            } else if String::from_utf8(form).unwrap().starts_with("query=time") {
                format!(r#"{{"resultType":"scalar","result":[{now},"{now}"]}}"#)
            } else {
                r#"{"resultType":"vector","result":[]}"#.to_owned()
            };
            let body = format!(r#"{{"status":"success","data":{data}}}"#);
            let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.get_mut().write_all(format!("{head}{body}").as_bytes()).unwrap();
        }
    });
    url
}

#[test]
fn a_deadline_that_holds_fewer_than_three_scrapes_is_refused() {
    let world = World::new();
    world.pause("hold", "1s");
    let text = std::fs::read_to_string(world.path("hold.yaml")).unwrap();
    let claim =
        "    - name: opens\n      query: max(open)\n      becomes: 1\n      within: 2s\n      after: hold.start\n";
    world.write("short.yaml", &text.replace("  expect:\n", &format!("  expect:\n{claim}")));
    world.write("squall.yaml", &settings(&prometheus("1s")));
    for words in [["plan", "short.yaml"].as_slice(), &["run", "short.yaml", "--yes"]] {
        world.squall(words).exits(2, "`opens` has 2s, which holds fewer than three samples").exits(2, "SQ0509");
    }
    assert_eq!(world.state_of_victim(), 'S');
    world.squall(&["runs"]).exits(0, "no runs yet");
}

fn settings(url: &str) -> String {
    format!("history: state\nprometheus: {{url: \"{url}\"}}\n")
}

#[test]
fn a_plan_knows_how_long_a_baseline_of_slow_scrapes_is_and_says_so_when_nobody_answers() {
    let world = World::new();
    world.pause("hold", "1s");
    let text = std::fs::read_to_string(world.path("hold.yaml")).unwrap();
    let steady = "  steadyState:\n    - name: healthy\n      query: min(up)\n      is: 1\n";
    world.write("slow.yaml", &text.replace("  method:\n", &format!("{steady}  method:\n")));
    world.write("squall.yaml", &settings(&prometheus("15s")));
    let planned = world.squall(&["plan", "slow.yaml"]).exits(0, "baseline 7m 30s to ");
    assert!(!planned.stdout.contains("NOT ASKED: how often"), "{planned:#?}");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    world.write("squall.yaml", &settings(&format!("http://{nobody}")));
    let planned = world.squall(&["plan", "slow.yaml"]).exits(0, "NOT ASKED: how often queries have samples: ");
    assert!(planned.stdout.contains("preflight reads the interval"), "{planned:#?}");
}

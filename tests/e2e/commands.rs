//! Every command of `squall` as people and pipelines meet it: exit codes, help, and which stream says what.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use snapbox::cmd::OutputAssert;
use squall_tests::catalog::CATALOG;
use squall_tests::programs::sibling_binary;
use squall_tests::{Scenario, Twin, World};

use crate::experiments::{WITH_MISTAKES, lasting};
use crate::turn::turn;
use crate::untouched::{assert_untouched, left_behind};
use crate::user::{Ran, User};

/// What a terminal makes colours of.
const ESCAPE: char = '\u{1b}';

fn squall(words: &[&str]) -> Command {
    let mut squall = Command::new(sibling_binary("squall").unwrap());
    // Nothing of the tester's own: neither settings nor a history.
    squall.args(words).current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("SQUALL_SETTINGS").stdin(Stdio::null());
    squall.env("SQUALL_HISTORY", "/nonexistent/history").env_remove("NO_COLOR");
    squall
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn in_folder(folder: &Path, words: &[&str]) -> Output {
    squall(words).current_dir(folder).output().unwrap()
}

#[test]
fn every_command_explains_itself() {
    let commands = ["check", "explain", "schema", "plan", "run", "runs", "report", "halt", "resume", "revert"];
    let mut helps = vec![("squall".to_owned(), vec!["--help"])];
    helps.extend(commands.map(|command| (format!("squall-{command}"), vec![command, "--help"])));
    helps.push(("squall-agent".to_owned(), vec!["agent", "--help"]));
    for (name, words) in helps {
        let output = squall(&words).env("COLUMNS", "100").output().unwrap();
        let snapshot = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("e2e/snapshots/{name}.txt"));
        let snapshot = snapbox::Data::read_from(&snapshot, None);
        OutputAssert::new(output).success().stdout_eq(snapshot).stderr_eq("");
    }
}

#[test]
fn a_word_that_is_no_command_is_bad_input() {
    for words in [&["rum"][..], &["run"], &["run", "--sed", "7", "x.yaml"], &["plan", "x.yaml", "--set", "novalue"]] {
        let output = squall(words).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(output.stdout.is_empty(), "{words:?}");
        assert!(text(&output.stderr).contains("try '--help'"), "{words:?}: {}", text(&output.stderr));
    }
}

#[test]
fn check_says_everything_that_is_wrong_at_once() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mistaken.yaml"), WITH_MISTAKES).unwrap();
    let output = in_folder(folder.path(), &["check", "mistaken.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty(), "problems are for people: {}", text(&output.stdout));
    let said = text(&output.stderr);
    assert!(!said.contains(ESCAPE), "no colour where there is no terminal");
    let snapshot = concat!(env!("CARGO_MANIFEST_DIR"), "/e2e/snapshots/check-mistaken.txt");
    snapbox::assert_data_eq!(&said, snapbox::Data::read_from(Path::new(snapshot), None));

    let output = in_folder(folder.path(), &["check", "--format", "json", "mistaken.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let codes: Vec<&str> = codes(&found);
    assert!(codes.len() >= 3, "{found}");
    for code in codes {
        let output = squall(&["explain", code]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{code} is explained");
        assert!(text(&output.stdout).len() > 40, "in more than a word: {}", text(&output.stdout));
    }
}

/// Every value of a key `code`, anywhere.
fn codes(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(object) => {
            let own = object.get("code").and_then(Value::as_str);
            own.into_iter().chain(object.values().flat_map(codes)).collect()
        }
        Value::Array(list) => list.iter().flat_map(codes).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn check_is_content_with_the_catalogue_and_with_standard_input() {
    for ready in CATALOG {
        let output = squall(&["check", &ready.file().to_string_lossy()]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}: {}", ready.name, text(&output.stderr));
        assert!(text(&output.stderr).contains("0 errors, 0 warnings"), "{}", text(&output.stderr));
        let file = fs::File::open(ready.file()).unwrap();
        assert_eq!(squall(&["check", "-"]).stdin(file).output().unwrap().status.code(), Some(0));
    }
    assert_eq!(squall(&["check", "gone.yaml"]).output().unwrap().status.code(), Some(2));
}

#[test]
fn an_unknown_code_is_bad_input() {
    let output = squall(&["explain", "SQ9999"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("SQ9999") && output.stdout.is_empty());
}

#[test]
fn the_schema_is_json_on_stdout_and_nothing_else() {
    let output = squall(&["schema"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(schema.to_string().contains("recoverWithin"), "it knows the language");
}

#[test]
fn colours_are_for_terminals_and_no_color_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mistaken.yaml"), WITH_MISTAKES).unwrap();
    let squall = sibling_binary("squall").unwrap();
    let on_a_terminal = |no_color: Option<&str>| {
        let mut script = Command::new("script");
        script.args(["-qec", &format!("{} check mistaken.yaml", squall.display()), "/dev/null"]);
        script.current_dir(folder.path()).env_remove("NO_COLOR").env("TERM", "xterm").stdin(Stdio::null());
        if let Some(value) = no_color {
            script.env("NO_COLOR", value);
        }
        text(&script.output().unwrap().stdout)
    };
    assert!(on_a_terminal(None).contains(ESCAPE));
    assert!(on_a_terminal(Some("")).contains(ESCAPE), "an empty NO_COLOR says nothing");
    assert!(!on_a_terminal(Some("1")).contains(ESCAPE));
}

#[test]
fn without_a_history_there_is_nothing_to_show_and_nothing_to_revert() {
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("history");
    let squall = |words: &[&str]| squall(words).env("SQUALL_HISTORY", &history).output().unwrap();
    assert_eq!(squall(&["runs"]).status.code(), Some(0));
    assert_eq!(squall(&["report", "last"]).status.code(), Some(2));
    assert_eq!(squall(&["revert"]).status.code(), Some(0));
    assert_eq!(squall(&["resume"]).status.code(), Some(0));
}

#[test]
fn a_person_plans_halts_resumes_runs_and_reads() {
    let _turn = turn(1);
    let world = World::start(Scenario::Zones, Twin::Good).unwrap();
    plan_touches_nothing(&world);
    let user = User::of(&world, "person");
    halt_ends_what_runs_and_lets_nothing_begin(&world, &user);
    what_has_run_is_told_again(&world, &user);
    assert_untouched(&world);
    world.finish().unwrap();
}

fn plan_touches_nothing(world: &World) {
    let user = User::of(world, "planner");
    let file = user.writes(&lasting("network: {partition: true}", "labels: {app: backend}, pick: one", "5s"));
    let planned = || Ran::of(&user.squall(&["plan", &file, "--seed", "7"]), None);
    let plan = planned();
    plan.ended_with(0, "it can be planned");
    for word in ["backend-z", "hurt", "it-stays-so", "5s", "7"] {
        assert!(plan.stdout.contains(word), "the plan names `{word}`: {}", plan.stdout);
    }
    assert!(!plan.stdout.contains(ESCAPE));
    assert_eq!(plan.stdout, planned().stdout, "the same seed, the same plan");
    assert_eq!(left_behind(world), "", "nothing was touched");
    assert!(!world.directory().join("history-planner/history.sqlite").exists(), "nothing was begun");
}

fn halt_ends_what_runs_and_lets_nothing_begin(world: &World, user: &User<'_>) {
    let file = user.writes(&lasting("network: {partition: true}", "names: [backend-z2]", "60s"));
    let mut going = user.starts(&[&file]);
    going.hurts();
    Ran::of(&user.squall(&["halt", "the site is down"]), None).ended_with(0, "halt is called");
    let ran = going.ends();
    ran.ended_with(5, "halt aborts");
    assert!(ran.reasons().contains("the site is down"), "{}", ran.reasons());
    assert_untouched(world);

    let refused = user.runs(&[&file]);
    refused.ended_with(5, "nothing begins while halted");
    assert!(refused.stderr.contains("the site is down") || refused.stdout.contains("the site is down"));
    Ran::of(&user.squall(&["resume"]), None).ended_with(0, "runs may begin again");
}

fn what_has_run_is_told_again(world: &World, user: &User<'_>) {
    let file = user.writes(&lasting("network: {delay: 50ms}", "names: [backend-z3]", "5s"));
    // As a gate has it: results to stdout, progress to stderr, pages into a folder.
    let pages = world.directory().join("pages").display().to_string();
    let own = world.directory().join("own.html");
    let to_own = own.display().to_string();
    let words = ["run", &file, "--seed", "7", "--html", &to_own, "--report", &pages, "--json"];
    let ran = Ran::of(&user.squall(&words), None);
    ran.ended_with(0, "it passes");
    let report: Value = serde_json::from_str(&ran.stdout).expect("stdout is the report and nothing else");
    assert_eq!(report["verdict"], "passed");
    assert_eq!(report["run"]["seed"], 7);
    assert!(ran.stderr.contains("fault on:") && ran.stderr.contains("baseline"), "{}", ran.stderr);
    assert!(!ran.stderr.contains(ESCAPE) && !ran.stderr.contains('\r'), "line by line where there is no terminal");
    let folder =
        format!("{}-{}", report["experiment"]["name"].as_str().unwrap(), report["run"]["id"].as_str().unwrap());
    let index = fs::read_to_string(Path::new(&pages).join("index.html")).unwrap();
    assert!(index.contains(&format!("href=\"./{folder}/report.html\"")), "the index leads to the report: {index}");
    let page = fs::read_to_string(Path::new(&pages).join(&folder).join("report.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("it-stays-so"), "the page shows the claim");
    assert_eq!(fs::read_to_string(&own).unwrap(), page, "`--html FILE` holds the same page");
    for page in [&index, &page] {
        for from_elsewhere in
            ["http://", "https://", "<script", "<link", "src=", "href=\"h", "href=\"/", "@import", "url(h"]
        {
            assert!(!page.contains(from_elsewhere), "the page needs nothing else: {from_elsewhere}\n{page}");
        }
    }

    let listed = Ran::of(&user.squall(&["runs"]), None);
    listed.ended_with(0, "runs are listed");
    let lines: Vec<&str> = listed.stdout.lines().collect();
    assert!(lines[0].contains("passed") && lines.iter().skip(1).any(|line| line.contains("aborted")), "{lines:?}");
    let json = Ran::of(&user.squall(&["runs", "--json"]), None).stdout;
    let runs: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(runs[0]["verdict"], "passed");

    let told = Ran::of(&user.squall(&["report", "last", "--json"]), None);
    told.ended_with(0, "a report exits as its run did");
    assert_eq!(serde_json::from_str::<Value>(&told.stdout).unwrap(), report, "told again, word for word");
    let [html, json] = ["told.html", "told.json"].map(|name| world.directory().join(name));
    let (to_html, to_json) = (html.display().to_string(), json.display().to_string());
    let told = Ran::of(&user.squall(&["report", "last", "--html", &to_html, "--json", &to_json]), None);
    told.ended_with(0, "into files of one's own");
    assert_eq!(fs::read_to_string(&html).unwrap(), page, "the same page");
    assert_eq!(serde_json::from_str::<Value>(&fs::read_to_string(&json).unwrap()).unwrap(), report, "the same report");
    let aborted = runs.iter().find(|run| run["verdict"] == "aborted").unwrap()["run"].as_str().unwrap();
    let told = Ran::of(&user.squall(&["report", aborted]), None);
    told.ended_with(5, "an aborted run's report exits so too");
    assert!(told.stdout.contains("ABORTED") || told.stdout.contains("aborted"), "{}", told.stdout);
    Ran::of(&user.squall(&["report", "19990101"]), None).ended_with(2, "there is no such run");
    Ran::of(&user.squall(&["revert"]), None).ended_with(0, "nothing is left to revert");
}

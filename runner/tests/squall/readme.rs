//! The README is what people try first: its files are read without errors, and what it says of codes and faults is so.

use crate::world::World;
use squall_experiments::judge::Verdict;
use squall_experiments::text::{Code, Scaffold, SourceFile};
use squall_experiments::written::{DocumentKind, Parameters, Purpose, read, schema};
use std::collections::BTreeSet;

const README: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md"));

/// What stands between its fences of one language.
fn fences(language: &str) -> Vec<&'static str> {
    let opening = format!("```{language}\n");
    README.split(opening.as_str()).skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect()
}

/// The words between backticks.
fn quoted(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn its_files_are_read_without_errors() {
    let fences = fences("yaml");
    let [experiment, settings, inventory] = fences[..] else { panic!("{fences:#?}") };
    let world = World::new();
    for (file, text, begins) in [
        ("experiment.yaml", experiment, "apiVersion: "),
        ("squall.yaml", settings, "# squall.yaml\n"),
        ("inventory.yaml", inventory, "# inventory.yaml\n"),
    ] {
        assert!(text.starts_with(begins), "{file}: {text}");
        world.write(file, &format!("{text}\n"));
        let said = world.squall(&["check", file]).exits(0, "1 file: 0 errors");
        assert!(!said.stderr.contains("SQ0901"), "nothing that only a later version does: {said:#?}");
    }
    // They fit each other: the experiment finds its instance there, which does not live on this machine.
    world.squall(&["run", "experiment.yaml", "--yes"]).exits(2, "payments");
}

#[test]
fn its_exit_codes_are_those_of_the_program() {
    let said = README.split("Exit codes: ").nth(1).unwrap().split("\n\n").next().unwrap().replace('\n', " ");
    let said = said.trim_end_matches('.');
    let codes: Vec<(u8, &str)> = said
        .split("**")
        .skip(1)
        .collect::<Vec<_>>()
        .chunks(2)
        .map(|pair| (pair[0].parse().unwrap(), pair[1].trim().trim_end_matches(',')))
        .collect();
    let word = |verdict: Verdict| match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "violated",
        Verdict::Inconclusive => "inconclusive",
        Verdict::Error => "missing or broke",
        Verdict::Aborted => "aborted",
        Verdict::FaultsMayRemain => "faults may remain",
    };
    let verdicts = [
        Verdict::Passed,
        Verdict::Failed,
        Verdict::Inconclusive,
        Verdict::Error,
        Verdict::Aborted,
        Verdict::FaultsMayRemain,
    ];
    for verdict in verdicts {
        let (_, text) = codes.iter().find(|(code, _)| *code == verdict.exit_code()).unwrap();
        assert!(text.contains(word(verdict)), "{verdict:?}: {text}");
    }
    let (_, input) = codes.iter().find(|(code, _)| *code == 2).unwrap();
    assert!(input.contains("the file or the command line is at fault"), "{input}");
    World::new().squall(&["run", "nowhere.yaml"]).exits(2, "nowhere.yaml");
    assert_eq!(codes.len(), verdicts.len() + 1, "and no others: {codes:?}");
}

/// Whether `inject` with this is read, and not yet carried out.
fn comes_later(fault: &str) -> bool {
    let text = Scaffold::Method.around(&format!("- name: odd\n  inject: {fault}\n  into: {{pick: all}}\n  for: 9s"));
    let file = SourceFile { path: "a.yaml".into(), text };
    let (_, problems) = read(&[file], &Parameters::default(), Purpose::Check);
    problems.iter().any(|problem| problem.code == Code::NotYet)
}

/// What can be said of something of this name, by the schema.
fn keys(definition: &str) -> BTreeSet<String> {
    let schema = schema(DocumentKind::Experiment);
    let definition = &schema["$defs"][definition];
    let choices = definition["oneOf"].as_array().map_or(std::slice::from_ref(definition), Vec::as_slice);
    choices.iter().flat_map(|choice| choice["properties"].as_object().unwrap().keys().cloned()).collect()
}

#[test]
fn its_table_of_faults_holds_what_is_carried_out_and_nothing_else() {
    let table = README.split("| fault | what it does |").nth(1).unwrap().split("\n\n").next().unwrap();
    let rows: Vec<(&str, &str)> =
        table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | ")).collect();
    let mut shown: BTreeSet<String> = rows.iter().map(|(fault, _)| (*fault).to_owned()).collect();
    assert!(shown.remove("perform"), "the actions have a row too: {rows:?}");
    let carried_out: BTreeSet<String> =
        keys("Fault").into_iter().filter(|fault| !comes_later(&format!("{{{fault}: {{}}}}"))).collect();
    assert_eq!(shown, carried_out);
    let (_, network) = rows.iter().find(|(fault, _)| *fault == "network").unwrap();
    let about_whom = ["direction", "peers", "ports", "protocol"];
    let effects: BTreeSet<String> = keys("Network")
        .into_iter()
        .filter(|key| !about_whom.contains(&key.as_str()) && !comes_later(&format!("{{network: {{{key}: 1}}}}")))
        .collect();
    assert_eq!(quoted(network), effects);
    // What it calls a gap is one.
    let gaps = README.split("## Known gaps").nth(1).unwrap().split("\n## ").next().unwrap();
    let unknown: BTreeSet<String> = quoted(gaps).intersection(&effects).cloned().collect();
    assert!(unknown.is_empty(), "these are carried out: {unknown:?}");
}

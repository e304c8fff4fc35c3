//! What the language has and this version cannot do: the schema accepts it, `check` notes it, `plan` and `run` refuse
//! it, each time with SQ0901 and its place. A key that is read and does nothing would be worse than none.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test panics where it fails")]

use squall_experiments::text::{Code, Problem, Scaffold, SourceFile, render, to_values};
use squall_experiments::written::{
    DocumentKind, Parameters, Purpose, all_schemas, read, read_settings, schema, settings_schema,
};
use std::collections::BTreeSet;

/// Where an example belongs, and so who reads it.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Experiment(Scaffold),
    Document,
    Node,
    Settings,
}

/// The effects of a network fault that are not carried out, each with a value.
const EFFECTS: [(&str, &str); 7] = [
    ("correlation", "25%"),
    ("burst", "3"),
    ("duplicate", "1%"),
    ("corrupt", "1%"),
    ("silentCorrupt", "1%"),
    ("reorder", "10%"),
    ("rate", "10Mbit"),
];

/// The faults that are not carried out, each with what it needs.
const FAULTS: [(&str, &str); 13] = [
    ("cpu", "{load: 80%}"),
    ("memory", "{use: 64MiB}"),
    ("disk", "{path: /var, fill: 90%}"),
    ("io", "{path: /var, delay: 10ms}"),
    ("dns", "{names: [\"*.shop\"], answer: fail}"),
    ("http", "{ports: [80], status: 503}"),
    ("evict", "{}"),
    ("drain", "{}"),
    ("cordon", "{}"),
    ("clock", "{offset: 5m}"),
    ("scale", "{to: 0}"),
    ("release", "{container: app, image: \"shop:2\"}"),
    ("drift", "{merge: {spec: {replicas: 1}}}"),
];

/// Every other construct: its place, the example, and the line of it that is named.
const OTHERS: [(Place, &str, &str); 23] = [
    (Place::Experiment(Scaffold::Method), "- name: sure\n  ask: go on?\n  within: 5m", "ask: go on?"),
    (
        Place::Experiment(Scaffold::Method),
        "- name: down\n  inject: {pause: {}}\n  into:\n    pick: all\n    follow: true\n  for: 9s",
        "follow: true",
    ),
    (
        Place::Experiment(Scaffold::Method),
        "- name: down\n  inject: {pause: {}}\n  into:\n    workload: deployment/cart\n  for: 9s",
        "workload: deployment/cart",
    ),
    (
        Place::Experiment(Scaffold::Method),
        "- name: far\n  inject:\n    network:\n      partition: true\n      peers:\n        - host: shop.example\n  into: {pick: all}\n  for: 9s",
        "- host: shop.example",
    ),
    (
        Place::Experiment(Scaffold::Method),
        "- name: far\n  inject:\n    network:\n      partition: true\n      peers:\n        - pick: all\n          where: {query: leader, is: 1}\n  into: {pick: all}\n  for: 9s",
        "where: {query: leader, is: 1}",
    ),
    (
        Place::Experiment(Scaffold::Method),
        "- name: dark\n  inject:\n    zoneLoss:\n      mode: power\n  into: {zone: a}\n  for: 9s",
        "mode: power",
    ),
    (
        Place::Experiment(Scaffold::Method),
        "- name: dies\n  inject:\n    kill:\n      container: app\n  into: {pick: all}",
        "container: app",
    ),
    (
        Place::Experiment(Scaffold::Method),
        "- name: rests\n  inject:\n    pause:\n      container: app\n  into: {pick: all}\n  for: 9s",
        "container: app",
    ),
    (
        Place::Experiment(Scaffold::Method),
        "- name: gone\n  perform:\n    kubernetes: {delete: {object: pod/cart, namespace: shop}}\n  undo: []",
        "kubernetes: {delete: {object: pod/cart, namespace: shop}}",
    ),
    (
        Place::Experiment(Scaffold::Method),
        "- name: mark\n  perform: {exec: {command: [mark]}}\n  undo:\n    - kubernetes: {delete: {object: pod/cart, namespace: shop}}",
        "- kubernetes: {delete: {object: pod/cart, namespace: shop}}",
    ),
    (
        Place::Experiment(Scaffold::Expect),
        "- name: there\n  kubernetes: {object: deployment/cart, namespace: shop, condition: Available}\n  is: 1",
        "kubernetes: {object: deployment/cart, namespace: shop, condition: Available}",
    ),
    (
        Place::Experiment(Scaffold::Spec),
        "abortIf:\n  - name: gone\n    kubernetes: {object: deployment/cart, namespace: shop, field: .status.replicas}\n    is: 0",
        "kubernetes: {object: deployment/cart, namespace: shop, field: .status.replicas}",
    ),
    (
        Place::Document,
        "apiVersion: squall.dev/v1\nkind: Suite\nmetadata: {name: nightly}\nspec:\n  experiments:\n    - experiment: a\n",
        "metadata: {name: nightly}",
    ),
    (
        Place::Document,
        "apiVersion: squall.dev/v1\nkind: Schedule\nmetadata: {name: nightly}\nspec: {cron: \"0 3 * * *\", timeZone: Europe/Berlin, experiment: a}\n",
        "metadata: {name: nightly}",
    ),
    (
        Place::Document,
        "apiVersion: squall.dev/v1\nkind: GameDay\nmetadata: {name: may}\nspec:\n  briefing: Meet in room 1\n  steps:\n    - experiment: a\n",
        "metadata: {name: may}",
    ),
    (
        Place::Document,
        "apiVersion: squall.dev/v1\nkind: Run\nmetadata: {name: one}\nspec: {experiment: a}\n",
        "metadata: {name: one}",
    ),
    (Place::Node, "agent: https://node-1.example:7443", "agent: https://node-1.example:7443"),
    (
        Place::Settings,
        "agents: {caFile: ca.pem, certFile: squall.pem, keyFile: squall.key}",
        "agents: {caFile: ca.pem, certFile: squall.pem, keyFile: squall.key}",
    ),
    (Place::Settings, "platforms:\n  cloud:\n    kubeconfig: staging\n    context: a", "kubeconfig: staging"),
    (Place::Settings, "platforms:\n  cloud:\n    context: staging", "context: staging"),
    (Place::Settings, "secrets:\n  token:\n    secret: shop\n    key: token", "secret: shop"),
    (Place::Settings, "protected:\n  - where: {query: leader, is: 1}", "- where: {query: leader, is: 1}"),
    (Place::Settings, "protected:\n  - workload: deployment/bank", "- workload: deployment/bank"),
];

fn cases() -> Vec<(Place, String, String)> {
    let method = Place::Experiment(Scaffold::Method);
    let effects = EFFECTS.iter().map(|(key, value)| {
        let named = format!("{key}: {value}");
        let example = format!(
            "- name: odd\n  inject:\n    network:\n      delay: 400ms\n      loss: 20%\n      {named}\n  into: {{pick: all}}\n  for: 9s"
        );
        (method, example, named)
    });
    let faults = FAULTS.iter().map(|(word, needs)| {
        let named = format!("inject: {{{word}: {needs}}}");
        // What happens at once does not last.
        let length = if *word == "evict" { "" } else { "\n  for: 9s" };
        (method, format!("- name: odd\n  {named}\n  into: {{pick: all}}{length}"), named)
    });
    let others = OTHERS.iter().map(|(place, example, named)| (*place, (*example).to_owned(), (*named).to_owned()));
    effects.chain(faults).chain(others).collect()
}

fn file(place: Place, example: &str) -> SourceFile {
    let text = match place {
        Place::Experiment(scaffold) => scaffold.around(example),
        Place::Document | Place::Settings => example.to_owned(),
        Place::Node => {
            let text = Scaffold::Instances.around("- {name: cart, process: {pidfile: /run/cart.pid}}");
            text.replace("- {name: one}", &format!("- name: one\n      {example}"))
        }
    };
    SourceFile { path: "later.yaml".into(), text }
}

/// The problems, and whether anything came out that could be run.
fn found(place: Place, file: &SourceFile, purpose: Purpose) -> (Vec<Problem>, bool) {
    if place == Place::Settings {
        let (settings, problems) = read_settings(file, purpose);
        return (problems, settings.is_some());
    }
    let (documents, problems) = read(std::slice::from_ref(file), &Parameters::default(), purpose);
    let usable = !documents.inventories.is_empty() || documents.experiments.iter().any(|one| one.experiment.is_some());
    (problems, usable)
}

#[test]
fn what_comes_later_is_in_the_schema_noted_by_check_and_refused_for_a_run() {
    for (place, example, named) in cases() {
        let file = file(place, &example);
        let of_file = |problems: &[Problem]| render(problems, std::slice::from_ref(&file), false, 100);
        let schema = if place == Place::Settings { settings_schema() } else { all_schemas() };
        for document in to_values(&file).unwrap() {
            assert!(jsonschema::validator_for(&schema).unwrap().is_valid(&document), "the schema: {}", file.text);
        }
        for (purpose, is_refused) in [(Purpose::Check, false), (Purpose::Run, true)] {
            let (problems, usable) = found(place, &file, purpose);
            let later: Vec<&Problem> = problems.iter().filter(|problem| problem.code == Code::NotYet).collect();
            let [only] = later[..] else { panic!("{named}: {purpose:?}: {}", of_file(&problems)) };
            assert_eq!(only.is_error(), is_refused, "{named}");
            let errors = problems.iter().filter(|problem| problem.is_error()).count();
            assert_eq!(errors, usize::from(is_refused), "{named}: {}", of_file(&problems));
            assert!(!(is_refused && usable), "{named}: it would run");
            let start = only.place.as_ref().unwrap().span.start;
            let line = file.text[..start].matches('\n').count();
            assert_eq!(file.text.lines().nth(line).unwrap().trim(), named, "{}", of_file(&problems));
            assert!(only.hint.as_ref().unwrap().contains("leave it out"), "{only:?}");
        }
    }
}

/// The words of a list of choices, or of a map, in the schema.
fn words(definition: &serde_json::Value) -> BTreeSet<String> {
    let choices = definition["oneOf"].as_array().map_or(std::slice::from_ref(definition), Vec::as_slice);
    choices.iter().flat_map(|choice| choice["properties"].as_object().unwrap().keys().cloned()).collect()
}

/// What is neither carried out nor in the table above would be read and do nothing.
#[test]
fn every_fault_effect_and_kind_is_carried_out_or_in_the_table() {
    let with = |carried_out: &[&str], later: &[(&str, &str)]| -> BTreeSet<String> {
        carried_out.iter().chain(later.iter().map(|(word, _)| word)).map(|word| (*word).to_owned()).collect()
    };
    let definitions = &schema(DocumentKind::Experiment)["$defs"];
    assert_eq!(words(&definitions["Fault"]), with(&["kill", "pause", "network", "zoneLoss"], &FAULTS));
    let network = ["delay", "jitter", "loss", "partition", "direction", "peers", "ports", "protocol"];
    assert_eq!(words(&definitions["Network"]), with(&network, &EFFECTS));
    let later = OTHERS.iter().filter(|(place, _, _)| *place == Place::Document);
    let later = later.map(|(_, text, _)| text.lines().nth(1).unwrap().trim_start_matches("kind: "));
    let all: BTreeSet<&str> = DocumentKind::ALL.iter().map(|kind| kind.word()).collect();
    assert_eq!(later.chain(["Experiment", "Inventory"]).collect::<BTreeSet<_>>(), all);
}

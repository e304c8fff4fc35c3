//! What YAML breaks, or silently eats: each row of the reference's table, as an author sees it.
#![forbid(unsafe_code)]

use squall_experiments::text::{Code, Problem, Scaffold, SourceFile, render, to_json};
use squall_experiments::written::{Parameters, Purpose, read};

fn check(text: &str) -> (SourceFile, Vec<Problem>) {
    let file = SourceFile { path: "trap.yaml".into(), text: text.to_owned() };
    let (_, problems) = read(std::slice::from_ref(&file), &Parameters::default(), Purpose::Check);
    (file, problems)
}

fn shown(scaffold: Scaffold, example: &str) -> String {
    let (file, problems) = check(&scaffold.around(example));
    render(&problems, &[file], false, 100)
}

fn claim(is: &str) -> String {
    shown(Scaffold::Expect, &format!("- name: cart-is-up\n  query: max(up)\n  {is}"))
}

#[test]
fn a_symbol_begins_a_block_of_text() {
    insta::assert_snapshot!(claim("is: >= 99%"));
    insta::assert_snapshot!(claim("is: > 5"));
}

#[test]
fn a_quoted_symbol_is_refused_too() {
    insta::assert_snapshot!(claim("is: \">= 99%\""));
}

#[test]
fn a_symbol_without_a_space_would_be_the_empty_text() {
    insta::assert_snapshot!(claim("is: >2"));
}

#[test]
fn an_empty_condition_is_refused() {
    insta::assert_snapshot!(claim("is:"));
    insta::assert_snapshot!(claim("is: \"\""));
}

#[test]
fn unequal_would_be_a_tag_that_is_dropped() {
    insta::assert_snapshot!(claim("is: != 1"));
}

#[test]
fn every_tag_is_refused_anywhere() {
    insta::assert_snapshot!(claim("is: !!str 1"));
    insta::assert_snapshot!(shown(Scaffold::Spec, "limits: !map {maxTargets: 3}"));
}

#[test]
fn cron_would_be_an_unknown_alias() {
    let text = "apiVersion: squall.dev/v1\nkind: Schedule\nmetadata: {name: nightly}\nspec:\n  suite: gate\n  cron: */5 * * * *\n  timeZone: Europe/Berlin\n";
    let (file, problems) = check(text);
    let errors: Vec<Problem> = problems.into_iter().filter(Problem::is_error).collect();
    insta::assert_snapshot!(render(&errors, &[file], false, 100));
}

#[test]
fn promql_does_not_fit_in_braces() {
    insta::assert_snapshot!(shown(Scaffold::Spec, "abortIf:\n  - {query: sum(rate(a[1m])), name: flood, is: above 5}"));
}

#[test]
fn yes_is_no_truth_value() {
    let step = "- name: cart-dies\n  inject: {kill: {}}\n  into: {namespace: shop, follow: yes, pick: one}";
    insta::assert_snapshot!(shown(Scaffold::Method, step));
}

#[test]
fn a_version_would_be_a_number() {
    let step = "- name: cart-dies\n  inject: {kill: {}}\n  into: {labels: {version: 1.10}, pick: one}";
    insta::assert_snapshot!(shown(Scaffold::Method, step));
}

#[test]
fn a_bare_fraction_needs_quotes() {
    insta::assert_snapshot!(claim("is: 0.5"));
    assert_eq!(claim("is: \"0.5\""), "");
    assert_eq!(claim("is: 5"), "");
}

#[test]
fn a_length_needs_its_unit() {
    let step = "- name: cut-again\n  inject: {network: {partition: true}}\n  into: {namespace: shop}\n  for: 30";
    insta::assert_snapshot!(shown(Scaffold::Method, step));
}

#[test]
fn keys_that_are_truth_values_elsewhere_are_refused() {
    let step = "- name: cart-dies\n  inject: {kill: {}}\n  into: {labels: {on: cart, y: z}, pick: one}";
    insta::assert_snapshot!(shown(Scaffold::Method, step));
}

#[test]
fn a_number_where_kubernetes_wants_text_needs_quotes() {
    let step = "- name: rest\n  perform: {exec: {command: [sleep, 5]}}\n  undo: []";
    insta::assert_snapshot!(shown(Scaffold::Method, step));
}

#[test]
fn traps_do_not_hide_what_else_is_wrong() {
    let text = Scaffold::Expect.around(
        "- name: a\n  query: sum(a\n  is: >= 99%\n- {name: b, query: sum(rate(a[1m])), is: 1}\n- name: c\n  qery: max(up)\n  is: != 1\n  witin: 5",
    );
    let (_, problems) = check(&text);
    let found: Vec<(Code, usize)> = problems
        .iter()
        .map(|problem| {
            (problem.code, problem.place.as_ref().map_or(0, |place| text[..place.span.start].lines().count()))
        })
        .collect();
    insta::assert_debug_snapshot!(found);
}

#[test]
fn a_misspelt_key_is_said_once() {
    insta::assert_snapshot!(shown(Scaffold::Expect, "- name: a\n  qeury: max(up)\n  is: 1"));
}

#[test]
fn files_without_documents_are_empty() {
    for text in ["", "\n\n", "---", "---\n---\n", "# nothing\n", "--- ~\n...\n", "\u{feff}"] {
        let file = SourceFile::from_bytes("a.yaml", text.as_bytes()).unwrap();
        let (_, problems) = read(&[file], &Parameters::default(), Purpose::Check);
        assert_eq!(problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), [Code::Empty], "{text:?}");
    }
}

#[test]
fn two_documents_of_one_name_are_shown_across_files() {
    let text = Scaffold::Expect.around("- {name: up, query: max(up), is: 1}");
    let file = |path: &str| SourceFile { path: path.into(), text: text.clone() };
    let files = [file("one.yaml"), file("two.yaml")];
    let (_, problems) = read(&files, &Parameters::default(), Purpose::Run);
    insta::assert_snapshot!(render(&problems, &files, false, 100));
    insta::assert_json_snapshot!(to_json(&problems, &files));
}

#[test]
fn columns_count_characters_not_bytes() {
    let (file, problems) = check(&Scaffold::Spec.around("abortIf:\n  - {name: größe, query: up, is: 1}"));
    let json = to_json(&problems, &[file]);
    assert_eq!(json["problems"][0]["column"], 14);
    assert_eq!(json["problems"][0]["end"]["column"], 19);
}

#[test]
fn nothing_goes_on_for_ever_or_deeper_than_a_reader_can_follow() {
    let deep = format!("{}a{}", "[".repeat(5_000), "]".repeat(5_000));
    let blocks: String = (0..500).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    for text in [deep, blocks, "- ".repeat(20_000), "a: ".repeat(20_000), "{".repeat(100_000), "\"".repeat(100_001)] {
        let (_, problems) = check(&text);
        assert!(problems.iter().any(Problem::is_error));
    }
}

//! Every code is in the table, explained, and shown by an example that has the problem and one that has not.
#![forbid(unsafe_code)]

use squall_experiments::text::{Code, Problem, Scaffold, SourceFile, explain, render};
use squall_experiments::written::{Parameters, Purpose, read};
use std::collections::{BTreeMap, BTreeSet};

/// Codes whose example cannot be a small text, with the test that shows them.
const SHOWN_ELSEWHERE: [(Code, &str); 6] = [
    (Code::Binary, "bytes_that_are_no_text_are_refused_with_the_reason"),
    (Code::NotUtf8, "bytes_that_are_no_text_are_refused_with_the_reason"),
    (Code::TooLarge, "bytes_that_are_no_text_are_refused_with_the_reason"),
    (Code::TooMany, "an_experiment_of_thousands_of_steps_is_refused"),
    (Code::UnknownParameter, "a_parameter_nobody_has_is_refused"),
    (Code::RangeTooShort, "a_range_of_few_scrapes_is_too_short"),
];

fn problems(scaffold: Scaffold, example: &str) -> (SourceFile, Vec<Problem>) {
    let file = SourceFile { path: "example.yaml".into(), text: scaffold.around(example) };
    let (_, problems) = read(std::slice::from_ref(&file), &Parameters::default(), Purpose::Run);
    (file, problems)
}

#[test]
fn every_code_is_explained_and_shown() {
    for &code in Code::ALL {
        let explanation = explain(code.id()).unwrap_or_else(|| panic!("{code} is not explained"));
        if SHOWN_ELSEWHERE.iter().any(|(elsewhere, _)| *elsewhere == code) {
            assert_eq!(explanation.wrong, "", "{code}");
            continue;
        }
        let (file, found) = problems(explanation.scaffold, explanation.wrong);
        let codes: BTreeSet<Code> = found.iter().map(|problem| problem.code).collect();
        assert!(codes.contains(&code), "{code} is not shown by its example:\n{}", render(&found, &[file], false, 100));
        if explanation.right.is_empty() {
            continue;
        }
        let (file, found) = problems(explanation.scaffold, explanation.right);
        let found: Vec<Problem> =
            found.into_iter().filter(|problem| problem.code == code || problem.is_error()).collect();
        let found: Vec<Problem> =
            found.into_iter().filter(|problem| problem.code != Code::NotYet || code == Code::NotYet).collect();
        assert!(found.is_empty(), "{code}: its fix is not one:\n{}", render(&found, &[file], false, 100));
    }
}

/// What people read for each code's own example: review the difference as carefully as code.
#[test]
fn every_message_reads_well() {
    let mut shown = String::new();
    for &code in Code::ALL {
        let explanation = explain(code.id()).unwrap_or_else(|| panic!("{code} is not explained"));
        if explanation.wrong.is_empty() {
            continue;
        }
        let (file, found) = problems(explanation.scaffold, explanation.wrong);
        shown.push_str(&format!("=== {code}\n{}\n\n", render(&found, &[file], false, 100)));
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn explanations_read_well() {
    let texts: Vec<String> = Code::ALL.iter().filter_map(|code| explain(code.id())).map(ToString::to_string).collect();
    insta::assert_snapshot!(texts.join("\n---\n\n"));
}

#[test]
fn codes_are_unique_and_found_however_they_are_written() {
    let ids: BTreeMap<&str, Code> = Code::ALL.iter().map(|code| (code.id(), *code)).collect();
    assert_eq!(ids.len(), Code::ALL.len());
    assert_eq!(Code::find("sq10"), Some(Code::Symbol));
    assert_eq!(Code::find("SQ0010"), Some(Code::Symbol));
    assert!(explain("SQ9999").is_none() && explain("10").is_none() && explain("").is_none());
}

#[test]
fn an_experiment_of_thousands_of_steps_is_refused() {
    let steps: String = (0..600).map(|_| "- wait: 1ms\n").collect();
    let (_, found) = problems(Scaffold::Method, &steps);
    let found: Vec<&Problem> = found.iter().filter(|problem| problem.code == Code::TooMany).collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].message, "an experiment has at most 500 steps");
}

#[test]
fn a_parameter_nobody_has_is_refused() {
    let file = SourceFile {
        path: "a.yaml".into(),
        text: Scaffold::Spec.around(
            "parameters:\n  - {name: url, default: \"http://shop\"}\nindicators:\n  page: {http: {url: \"${url}/cart\"}}\nabortIf:\n  - {name: down, indicator: page, is: not 200}",
        ),
    };
    let given = |set: &[(&str, &str)], settings: &[(&str, &str)]| {
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let parameters = Parameters { set: map(set), settings: map(settings) };
        read(std::slice::from_ref(&file), &parameters, Purpose::Run)
    };
    let (_, found) = given(&[("urll", "x")], &[]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].code, Code::UnknownParameter);
    assert_eq!(found[0].hint.as_deref(), Some("did you mean `url`?"));
    let (documents, found) = given(&[], &[("urll", "x"), ("url", "http://settings")]);
    assert!(found.is_empty());
    let parameters = &documents.experiments[0].experiment.as_ref().map(|experiment| experiment.parameters.clone());
    assert!(parameters.iter().flatten().any(|(_, value)| value == "http://settings"));
    let (documents, _) = given(&[("url", "http://set")], &[("url", "http://settings")]);
    let parameters = &documents.experiments[0].experiment.as_ref().map(|experiment| experiment.parameters.clone());
    assert!(parameters.iter().flatten().any(|(_, value)| value == "http://set"));
}

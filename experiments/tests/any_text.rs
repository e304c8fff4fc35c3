//! Whatever is given, reading ends, in order, without a panic.
#![forbid(unsafe_code)]

use proptest::prelude::*;
use squall_experiments::text::{Scaffold, SourceFile, render, to_json};
use squall_experiments::written::{Parameters, Purpose, read, read_settings};

const GOOD: &str = include_str!("examples/slow-payments-opens-breaker.yaml");

fn survives(text: String) -> Result<(), TestCaseError> {
    let file = SourceFile { path: "any.yaml".into(), text };
    let files = std::slice::from_ref(&file);
    let (_, problems) = read(files, &Parameters::default(), Purpose::Run);
    for problem in &problems {
        if let Some(place) = &problem.place {
            prop_assert!(place.span.start <= place.span.end && place.span.end <= file.text.len(), "{problem:?}");
        }
    }
    let (_, again) = read(files, &Parameters::default(), Purpose::Run);
    prop_assert_eq!(&problems, &again);
    render(&problems, files, false, 100);
    to_json(&problems, files);
    let (_, problems) = read_settings(&file, Purpose::Check);
    render(&problems, files, true, 80);
    Ok(())
}

/// Text made of what YAML and the language are made of.
fn yamlish() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("\n"),
        Just("\n  "),
        Just("\n    "),
        Just("- "),
        Just(": "),
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just(","),
        Just("\""),
        Just("'"),
        Just("#"),
        Just("|"),
        Just(">"),
        Just("!"),
        Just("&a "),
        Just("*a"),
        Just("---\n"),
        Just("%YAML 1.2\n"),
        Just("\t"),
        Just("${a}"),
        Just("$${"),
        Just("${1}"),
        Just("é"),
        Just("\u{2028}"),
        Just("\r"),
        Just("kind"),
        Just("Experiment"),
        Just("spec"),
        Just("method"),
        Just("expect"),
        Just("name"),
        Just("query"),
        Just("is"),
        Just("becomes"),
        Just("totals"),
        Just("for"),
        Just("30s"),
        Just("1"),
        Just("0.5"),
        Just("yes"),
        Just("sum(rate(a[1m]))"),
        Just("a / b"),
        Just("cut.start + 5s"),
        Just("at least 99%"),
        Just("inject"),
        Just("kill"),
    ];
    proptest::collection::vec(word, 0..80).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_text_is_survived(text in "\\PC{0,300}") {
        survives(text)?;
    }

    #[test]
    fn anything_like_yaml_is_survived(text in yamlish()) {
        survives(text)?;
    }

    #[test]
    fn any_claim_is_survived(text in yamlish()) {
        survives(Scaffold::Expect.around(&format!("- name: a\n  {text}")))?;
    }

    /// A file that is nearly right reaches the checks behind the parser.
    #[test]
    fn an_example_with_a_hole_or_a_scar_is_survived(at in 0..GOOD.len(), length in 0..60usize, scar in yamlish()) {
        let boundary = |mut at: usize| {
            while !GOOD.is_char_boundary(at) { at -= 1; }
            at
        };
        let (start, end) = (boundary(at), boundary((at + length).min(GOOD.len())));
        let scar: String = scar.chars().take(4).collect();
        survives(format!("{}{scar}{}", &GOOD[..start], &GOOD[end..]))?;
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(file) = SourceFile::from_bytes("any", &bytes) {
            survives(file.text)?;
        }
    }

    #[test]
    fn any_value_of_a_parameter_stays_a_value(value in "\\PC{0,40}") {
        let text = Scaffold::Spec.around("parameters:\n  - name: p\nrecoverWithin: ${p}\nabortIf:\n  - {name: a, query: \"max(up{x=\\\"${p}\\\"})\", is: \"${p}\"}");
        let file = SourceFile { path: "a".into(), text };
        let parameters = Parameters { set: [("p".to_owned(), value)].into(), ..Parameters::default() };
        let (documents, _) = read(std::slice::from_ref(&file), &parameters, Purpose::Run);
        prop_assert_eq!(documents.experiments.len(), 1);
        prop_assert!(documents.experiments.first().unwrap().name.is_some());
    }
}

/// Each of these once made some reader quadratic or greedy.
#[test]
fn large_files_end_too() {
    let size = 256 * 1024;
    let head = "apiVersion: squall.dev/v1\nkind: Experiment\nmetadata: {name: a}\nspec:\n  title: a\n  expect:\n";
    let full = |unit: &str| unit.repeat(size / unit.len());
    let inside = |unit: &str| format!("{head}{}", unit.repeat((size - head.len()) / unit.len()));
    for text in [
        full("- a\n"),
        full("a: >= 1\n"),
        full("a: !x 1\n"),
        full("{a: (, "),
        full("{\"a\": [1, "),
        full("#"),
        full("---\n"),
        full("a: |\n  b\n"),
        full("\"\\"),
        full("é"),
        inside("    - {name: a, query: up, is: 1}\n"),
        inside("    - {nam: a, qury: up, iss: >= 1}\n"),
    ] {
        survives(text).expect("it is read without a panic");
    }
}

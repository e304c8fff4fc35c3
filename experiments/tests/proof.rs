//! What proves nothing is named where it is written: queries that hide what violates, claims that cannot fail,
//! faults nobody would notice.
#![forbid(unsafe_code)]

use squall_experiments::text::{Code, Problem, Scaffold, Severity, SourceFile};
use squall_experiments::written::{Parameters, Purpose, read};

fn found(scaffold: Scaffold, example: &str) -> (String, Vec<Problem>) {
    let file = SourceFile { path: "example.yaml".into(), text: scaffold.around(example) };
    let (_, problems) = read(std::slice::from_ref(&file), &Parameters::default(), Purpose::Run);
    (file.text, problems)
}

fn of_claim(keys: &str) -> (String, Vec<Problem>) {
    found(Scaffold::Expect, &format!("- name: claim\n  {}", keys.replace("; ", "\n  ")))
}

#[track_caller]
fn expect(keys: &str, code: Code, severity: Severity, hint: &str) {
    let (_, problems) = of_claim(keys);
    let problem =
        problems.iter().find(|problem| problem.code == code).unwrap_or_else(|| panic!("{keys}: {problems:?}"));
    assert_eq!(problem.severity, severity, "{keys}");
    let said = problem.hint.clone().unwrap_or_default();
    assert!(said.contains(hint), "{keys}: `{said}` does not say `{hint}`");
}

#[track_caller]
fn is_fine(keys: &str) {
    let (_, problems) = of_claim(keys);
    let proof = [Code::FilterOnTop, Code::AnotherTime, Code::NoSeries, Code::CannotFail, Code::TooEarly];
    assert!(
        !problems.iter().any(|problem| proof.contains(&problem.code) || problem.is_error()),
        "{keys}: {problems:?}"
    );
}

#[test]
fn what_violates_a_claim_must_not_hide_itself() {
    for (query, hint) in [
        ("min(x == 1)", "`min(x == bool 1)`"),
        ("sum(x > 0)", "`sum(x > bool 0)`"),
        ("count(x == 1)", "`sum(x == bool 1)`"),
        ("count(x{a=\"1\"} == 1) / count(x)", "`sum(x{a=\"1\"} == bool 1)`"),
        ("sum(a) / (sum(b) > 0)", "`minEvents`"),
        ("max(x unless y)", "by their labels"),
        ("max(x) and on () max(y)", "by their labels"),
        ("max(x) == 1", "`query: max(x)` and `is: 1`"),
    ] {
        expect(&format!("query: {query}; is: 1"), Code::FilterOnTop, Severity::Error, hint);
    }
    for query in ["min(x == bool 1)", "sum(x > bool 0)", "max(x) or max(y)", "sum(x == bool 1) / count(x)"] {
        is_fine(&format!("query: {query}; is: 1"));
    }
}

#[test]
fn a_query_reads_the_time_that_is_claimed_of() {
    for query in [
        "max(x offset 1m)",
        "max(x offset -1m)",
        "max(x @ start())",
        "max_over_time(rate(x[1m])[5m:10s] offset 1h)",
        "max_over_time(rate(x[1m])[5m:10s] @ 1700000000)",
        "sum(rate(x[1m])) / sum(rate(x[1m] offset 1d))",
    ] {
        expect(&format!("query: {query}; is: 1"), Code::AnotherTime, Severity::Warning, "can fail and never pass");
    }
    is_fine("query: max(x offset 0s); is: 1");
}

#[test]
fn a_claim_could_fail() {
    for query in ["vector(1)", "time()", "\"1\"", "scalar(vector(1)) + 1"] {
        expect(&format!("query: {query}; is: 1"), Code::NoSeries, Severity::Error, "ask for a metric");
    }
    for keys in [
        "query: max(up); is: 1; during: cut; budget: 30s",
        "query: max(up); is: 1; budget: 100%",
        "query: max(up); is: 1; during: cut; budget: 100%; longest: 30s",
        "query: max(up); becomes: 1; after: cut.start; within: 5s; for: 10s; budget: 10s",
        "query: max(up); becomes: 1; after: cut.start; within: 5s; until: cut.end; budget: 40s",
    ] {
        expect(keys, Code::CannotFail, Severity::Error, "allow less");
    }
    for keys in [
        "query: max(up); is: 1; during: cut; budget: 29s",
        "query: max(up); is: 1; during: cut; budget: 100%; longest: 2s",
        "query: max(up); becomes: 1; after: cut.start; within: 5s; until: cut.end; budget: 15%",
    ] {
        is_fine(keys);
    }
}

#[test]
fn a_fallback_that_meets_the_condition_is_named() {
    let keys = "query: max(up) or vector(1); is: at least 1";
    expect(keys, Code::CannotFail, Severity::Warning, "leave the fallback out");
    expect(keys, Code::OrVectorZero, Severity::Warning, "`absent: 1`");
    is_fine("query: max(up) or vector(0); is: at least 1");
}

#[test]
fn a_step_is_given_time_to_act() {
    for at in ["cut.start", "cut.start - 1s", "method.start"] {
        let keys = format!("query: max(up); is: 1; at: {at}");
        let (_, problems) = of_claim(&keys);
        let early = problems.iter().filter(|problem| matches!(problem.code, Code::TooEarly | Code::BeforeMethod));
        assert_eq!(early.count(), 1, "{keys}");
    }
    expect("query: max(up); is: 1; at: cut.start", Code::TooEarly, Severity::Warning, "`at: cut.start + 5s`");
    is_fine("query: max(up); is: 1; at: cut.start + 1s");
    is_fine("query: max(up); is: 1; at: cut.end");
    expect(
        "query: max(up); becomes: 1; after: cut.start; within: 0s",
        Code::DeadlineTooShort,
        Severity::Error,
        "three sampling intervals",
    );
}

#[test]
fn a_fault_is_large_enough_to_be_noticed() {
    let fault = |effect: &str, lasting: &str| {
        let step = format!(
            "- name: other\n  inject: {{network: {{{effect}}}}}\n  into: {{namespace: shop}}\n  for: {lasting}"
        );
        let (_, problems) = found(Scaffold::Method, &step);
        assert!(!problems.iter().any(Problem::is_error), "{problems:?}");
        problems.iter().filter(|problem| problem.code == Code::TooSmall).count()
    };
    assert_eq!(fault("delay: 1us", "10s"), 1);
    assert_eq!(fault("loss: \"0.01%\"", "10s"), 1);
    assert_eq!(fault("delay: 1us, loss: \"0.01%\"", "5ms"), 3);
    assert_eq!(fault("delay: 1ms, loss: \"0.1%\"", "100ms"), 0);
}

#[test]
fn a_bracket_that_is_not_closed_is_an_error_at_its_place() {
    for (written, sign, hint) in [
        ("query: max(rate(up[1m])", "(rate", "add a `)`"),
        ("query: \"max(up\"", "(up\"", "add a `)`"),
        ("query: max(up))", ")\n", "leave it out"),
        ("query: max(up{a='b'", "{a=", "add a `}`"),
    ] {
        let (text, problems) = of_claim(&format!("{written}; is: 1"));
        let problem = problems.iter().find(|problem| problem.code == Code::QueryUnreadable).unwrap();
        assert!(problem.is_error(), "{written}");
        assert_eq!(problem.hint.as_deref(), Some(hint), "{written}");
        let place = problem.place.as_ref().unwrap();
        assert!(text[place.span.start..].starts_with(sign), "{written}: {}", &text[place.span.start..]);
    }
    // What only our parser does not know is still Prometheus' to say.
    let (_, problems) = of_claim("query: unheard_of(up); is: 1");
    let problem = problems.iter().find(|problem| problem.code == Code::QueryUnreadable).unwrap();
    assert!(!problem.is_error());
}

#[test]
fn arrows_are_read_as_what_they_mean() {
    for (written, meant) in [("=> 1", "at least 1"), ("=< 1", "at most 1"), ("<> 1", "not 1"), ("≥ 1", "at least 1")]
    {
        expect(&format!("query: max(up); is: \"{written}\""), Code::Symbol, Severity::Error, &format!("`{meant}`"));
    }
}

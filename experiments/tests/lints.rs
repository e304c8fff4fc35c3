//! What is doubtful in a claim is warned of in every list of claims, not in `expect` alone (judging.md, rules 9 and 10).
#![forbid(unsafe_code)]

use squall_experiments::text::{Code, Problem, Scaffold, SourceFile};
use squall_experiments::written::{Parameters, Purpose, read};

fn warnings(scaffold: Scaffold, example: &str, code: Code) -> Vec<Problem> {
    let file = SourceFile { path: "a.yaml".into(), text: scaffold.around(example) };
    let (_, problems) = read(&[file], &Parameters::default(), Purpose::Run);
    assert!(!problems.iter().any(Problem::is_error), "{problems:#?}");
    problems.into_iter().filter(|problem| problem.code == code).collect()
}

/// The same query in each place that a claim may stand in, and how its warning begins there.
fn everywhere(query: &str, keys: &str, code: Code) -> Vec<(&'static str, Vec<Problem>)> {
    let claim = format!("name: a\n  query: {query}\n  {keys}");
    // The scaffold has a steady state of its own: here it is another list.
    let text = Scaffold::Spec.around("").replace(
        "    - {name: steady, query: max(up), is: 1}\n",
        &format!("    - {}\n", claim.replace("\n  ", "\n      ")),
    );
    let file = SourceFile { path: "a.yaml".into(), text };
    let (_, problems) = read(&[file], &Parameters::default(), Purpose::Run);
    assert!(!problems.iter().any(Problem::is_error), "{problems:#?}");
    let steady = problems.into_iter().filter(|problem| problem.code == code).collect();
    vec![
        ("expect", warnings(Scaffold::Expect, &format!("- {claim}"), code)),
        ("steadyState", steady),
        ("abortIf", warnings(Scaffold::Spec, &format!("abortIf:\n- {claim}"), code)),
    ]
}

#[test]
fn several_series_are_warned_of_in_every_list_and_under_every_verb() {
    for (list, found) in everywhere("breaker_open", "is: 0", Code::NotAggregated) {
        assert_eq!(found.len(), 1, "{list}");
        let any = found[0].message.contains("any one of them aborts");
        assert_eq!(any, list == "abortIf", "{list}: {found:#?}");
    }
    for (list, found) in everywhere("max(breaker_open)", "is: 0", Code::NotAggregated) {
        assert!(found.is_empty(), "{list}: {found:#?}");
    }
    for verb in ["is: 1\n  at: cut.end", "becomes: 1\n  within: 9s\n  after: cut.start"] {
        let example = format!("- name: a\n  query: breaker_open\n  {verb}");
        assert_eq!(warnings(Scaffold::Expect, &example, Code::NotAggregated).len(), 1, "{verb}");
    }
}

#[test]
fn a_range_that_is_longer_than_the_window_is_warned_of() {
    let found = |range: &str| {
        let example = format!("- name: a\n  query: sum(rate(ok_total[{range}]))\n  is: at least 5\n  during: cut");
        warnings(Scaffold::Expect, &example, Code::RangeTooLong).len()
    };
    assert_eq!((found("2s"), found("1h")), (0, 1));
}

#[test]
fn a_denominator_that_can_be_zero_is_warned_of_in_every_list() {
    let ratio = ratio_of_rates();
    for (list, found) in everywhere(ratio, "is: at least 99%", Code::DenominatorZero) {
        assert_eq!(found.len(), 1, "{list}");
        let hint = found[0].hint.as_deref().unwrap_or_default();
        assert_eq!(hint.contains("demand events of it in `steadyState`"), list == "abortIf", "{hint}");
    }
    // Of what is judged sample by sample, the steady state can count.
    let once = format!("- name: a\n  query: {ratio}\n  becomes: at least 99%\n  within: 9s\n  after: cut.start");
    let found = warnings(Scaffold::Expect, &once, Code::DenominatorZero);
    assert_eq!(found[0].hint.as_deref(), Some("demand events of it in `steadyState` (`minEvents:`)"));
    for (list, found) in everywhere(ratio, "is: at least 99%\n  minEvents: 300", Code::DenominatorZero) {
        assert!(found.is_empty(), "{list}: {found:#?}");
    }
    // A safety stop over what the steady state has counted: its denominator is not zero when the method begins.
    let stop = |events: &str| {
        let steady = format!("- {{name: steady, indicator: success, is: at least 99%{events}}}");
        let text = Scaffold::Spec
            .around(&format!("indicators:\n  success:\n    query: {ratio}\nabortIf:\n- {{name: stop, indicator: success, is: below 50%}}"))
            .replace("- {name: steady, query: max(up), is: 1}", &steady);
        let file = SourceFile { path: "a.yaml".into(), text };
        let (_, problems) = read(&[file], &Parameters::default(), Purpose::Run);
        assert!(!problems.iter().any(Problem::is_error), "{problems:#?}");
        problems.iter().filter(|problem| problem.code == Code::DenominatorZero).count()
    };
    assert_eq!((stop(", minEvents: 300"), stop("")), (0, 2));
}

#[test]
fn min_events_where_nothing_counts_them_is_warned_of() {
    for (times, is_counted) in [
        ("is: at least 99%", true),
        ("totals: at least 99%", true),
        ("is: at least 99%\n  at: cut.end", false),
        ("becomes: at least 99%\n  within: 9s\n  after: cut.start", false),
        ("becomes: at least 99%\n  within: 9s\n  after: cut.start\n  for: 5s", true),
    ] {
        let example = format!("- name: a\n  query: sum(ok_total) / sum(all_total)\n  {times}\n  minEvents: 300");
        let found = warnings(Scaffold::Expect, &example, Code::MinEventsNotHere);
        assert_eq!(found.is_empty(), is_counted, "{times}: {found:#?}");
    }
    let stop = everywhere(ratio_of_rates(), "is: below 50%\n  minEvents: 10", Code::MinEventsNotHere);
    let counts: Vec<(&str, usize)> = stop.iter().map(|(list, found)| (*list, found.len())).collect();
    assert_eq!(counts, [("expect", 0), ("steadyState", 0), ("abortIf", 1)]);
}

#[test]
fn a_bound_needs_as_many_events_as_the_rule_of_three_says() {
    let found = |query: &str, condition: &str, events: u32| {
        let example = format!("- name: a\n  query: {query}\n  totals: {condition}\n  minEvents: {events}");
        warnings(Scaffold::Expect, &example, Code::TooFewEvents)
    };
    let ratio = "sum(ok_total) / sum(all_total)";
    for (condition, needed) in [
        ("at least 99.9%", 3000),
        ("above 99%", 300),
        ("at most 0.1%", 3000),
        ("below 1%", 300),
        ("at most 5%", 60),
        ("at least 0.95", 60),
    ] {
        let condition = if condition.contains('.') && !condition.contains('%') {
            format!("\"{condition}\"")
        } else {
            condition.to_owned()
        };
        assert_eq!(found(ratio, &condition, needed), [], "{condition}");
        let too_few = found(ratio, &condition, needed - 1);
        assert_eq!(too_few.len(), 1, "{condition}");
        let hint = too_few[0].hint.as_deref().unwrap_or_default();
        assert!(hint.starts_with(&format!("write `minEvents: {needed}`")), "{condition}: {hint}");
    }
    // No number of events shows that nothing ever fails, and a mean is no share.
    for (query, condition) in [
        (ratio, "at least 100%"),
        (ratio, "1"),
        (ratio, "above 2"),
        ("sum(t_seconds_sum) / sum(t_count)", "below 10ms"),
    ] {
        assert_eq!(found(query, condition, 10), [], "{query} {condition}");
    }
    let steady = everywhere(ratio_of_rates(), "is: at least 99.9%\n  minEvents: 10", Code::TooFewEvents);
    let counts: Vec<(&str, usize)> = steady.iter().map(|(list, found)| (*list, found.len())).collect();
    assert_eq!(counts, [("expect", 1), ("steadyState", 1), ("abortIf", 0)]);
}

fn ratio_of_rates() -> &'static str {
    "sum(rate(ok_total[10s])) / sum(rate(all_total[10s]))"
}

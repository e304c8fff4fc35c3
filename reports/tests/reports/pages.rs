//! What people and programs read, compared with what they read before.

use crate::samples::{self, all};
use insta::{assert_json_snapshot, assert_snapshot};
use squall_experiments::claim::Verb;
use squall_experiments::engine::Command;
use squall_experiments::history::{Entry, Event, PreflightFailure, Record, What};
use squall_experiments::judge::Verdict;
use squall_experiments::name::{FaultId, InstanceName};
use squall_reports::{TerminalOptions, json, summary, terminal, worst};

#[test]
fn terminals_show_every_verdict() {
    for (name, record) in all() {
        assert_snapshot!(format!("terminal-{name}"), terminal(&record, &TerminalOptions { colour: false, width: 100 }));
    }
}

#[test]
fn no_line_is_wider_than_the_terminal_but_for_commands() {
    for (name, record) in all() {
        let text = terminal(&record, &TerminalOptions { colour: false, width: 80 });
        for line in text.lines().filter(|line| !line.contains("squall ")) {
            assert!(line.chars().count() <= 80, "{name}: {line}");
        }
    }
}

#[test]
fn colour_adds_nothing_that_is_not_there_without_it() {
    for (name, record) in all() {
        let plain = terminal(&record, &TerminalOptions { colour: false, width: 100 });
        let coloured = terminal(&record, &TerminalOptions { colour: true, width: 100 });
        assert_ne!(plain, coloured, "{name}");
        let mut stripped = String::new();
        let mut inside = false;
        for letter in coloured.chars() {
            match (inside, letter) {
                (false, '\u{1b}') => inside = true,
                (true, 'm') => inside = false,
                (true, _) => {}
                (false, letter) => stripped.push(letter),
            }
        }
        assert_eq!(plain, stripped, "{name}");
    }
}

#[test]
fn json_holds_every_verdict() {
    for (name, record) in all() {
        assert_json_snapshot!(format!("json-{name}"), json(&record));
    }
}

#[test]
fn of_several_runs_the_worst_verdict_counts() {
    let records: Vec<Record> = all().into_iter().map(|(_, record)| record).collect();
    assert_snapshot!("summary", summary(&records, &TerminalOptions::default()));
    assert_eq!(worst(&records[..2]), Some(Verdict::Failed));
    assert_eq!(worst(&records[6..]), Some(Verdict::FaultsMayRemain), "nobody knows what an unfinished run left");
    assert_eq!(worst([]), None);
}

#[test]
fn a_record_that_was_stored_reports_the_same() {
    for (name, record) in all() {
        let stored = serde_json::to_string(&record).unwrap();
        let read: Record = serde_json::from_str(&stored).unwrap();
        assert_eq!(squall_reports::html(&record), squall_reports::html(&read), "{name}");
    }
}

#[test]
fn a_run_that_never_began_is_reported_too() {
    let mut record = samples::unfinished();
    record.entries.truncate(1);
    let reason = "halted by ana: release in progress".to_owned();
    let halted = Event::PreflightFailed(PreflightFailure::Halted { reason: reason.clone() });
    let at = record.entries[0].at;
    record.entries.push(Entry { number: 2, at, what: What::Event(halted) });
    record.judgement = Some(crate::story::judgement(Verdict::Aborted, &[&reason]));
    let never = "the run was aborted before its window had closed";
    let claims = &mut record.judgement.as_mut().unwrap().claims;
    *claims = samples::aborted().judgement.unwrap().claims;
    let consequence = format!("{}: {never}", claims[0].name);
    assert!(claims.iter().all(|claim| claim.reason == never), "{claims:#?}");
    record.judgement.as_mut().unwrap().reasons.push(consequence.clone());
    let text = terminal(&record, &TerminalOptions::default());
    assert!(
        text.contains(&reason) && !text.contains(never) && !text.contains("breaker-opens  "),
        "the cause and nothing else: {text}"
    );
    let page = squall_reports::html(&record);
    assert!(page.contains(&reason) && !page.contains(never) && !page.contains("<figure"), "{page}");
    assert_eq!(json(&record)["exitCode"], 5);
    assert_eq!(json(&record)["reasons"][1], consequence, "programs are told everything");
    assert_eq!(json(&record)["claims"][0]["reason"], never, "programs are told everything");
    record.entries.clear();
    assert!(squall_reports::html(&record).contains("<title>aborted: "), "a record without entries has its verdict");
}

#[test]
fn of_many_faults_the_terminal_shows_those_that_need_attention() {
    let mut record = samples::passed();
    let orders: Vec<(usize, Entry)> = record
        .entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| matches!(&entry.what, What::Command(Command::Inject { .. })))
        .map(|(place, entry)| (place, entry.clone()))
        .collect();
    let (place, pattern) = &orders[0];
    for number in 0..100 {
        let mut entry = pattern.clone();
        if let What::Command(Command::Inject { order, .. }) = &mut entry.what {
            order.id = FaultId::new(format!("lost-{number}"));
            order.instance = InstanceName::new(format!("lost-{number}"));
        }
        record.entries.insert(*place, entry);
    }
    let text = terminal(&record, &TerminalOptions::default());
    assert!(text.contains("and 78 more"), "{text}");
    assert_eq!(text.matches("not known to be gone").count(), 24, "{text}");
}

#[test]
fn a_placebo_is_never_said_to_have_passed() {
    let mut record = samples::placebo();
    let judgement = record.judgement.as_mut().unwrap();
    judgement.verdict = Verdict::Passed;
    judgement.reasons = vec!["no fault was injected: nothing was withstood".into()];
    let options = TerminalOptions { colour: false, width: 100 };
    let text = terminal(&record, &options);
    assert!(text.starts_with("✓ NOTHING VACUOUS  slow-payments-opens-breaker (placebo"), "{text}");
    assert!(!text.contains("PASSED") && !summary([&record], &options).contains("PASSED"));
    let page = squall_reports::html(&record);
    assert!(page.contains("<title>nothing vacuous: ") && !page.contains("seen to bite"));
}

#[test]
fn what_stands_for_no_series_is_part_of_what_was_asked() {
    let mut record = samples::passed();
    let claim = record.header.experiment.steady_state.first_mut().unwrap();
    claim.absent = Some(1.0);
    let text = terminal(&record, &TerminalOptions { colour: false, width: 120 });
    assert!(text.contains("again after recovery, 1 where there are no series"), "{text}");
}

#[test]
fn what_is_the_same_at_every_sample_has_no_worst_one() {
    let mut record = samples::passed();
    let claim = record.header.experiment.steady_state.first_mut().unwrap();
    let Verb::Is { predicate, .. } = &mut claim.verb else { panic!("no invariant") };
    *predicate = "99.54%".parse().unwrap();
    let text = terminal(&record, &TerminalOptions { colour: false, width: 120 });
    assert!(text.contains("always 99.54 %") && !text.contains("worst"), "{text}");
}

//! A record of version 1 with every kind of event and command in it, as it stands on disk.

use super::build::*;
use super::world::*;
use crate::claim::Role;
use crate::engine::Command;
use crate::experiment::{Edge, Lasting, StepId};
use crate::fault::{AgentEvent, Difference, EndCause, Refusal, RefusalKind};
use crate::history::{
    AbortCause, ActionEnd, Activity, Entry, Event, PreflightFailure, Record, RefusedTargets, WatchFailure, What,
    read_record, write_record,
};
use crate::judge::{Chunk, Reading, Sample, Series, WatchName};
use crate::name::{FaultId, NodeName};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const GOLDEN: &str = include_str!("../../../tests/golden/record-v1.json");

/// What a run does not bring about by itself.
fn rare_events(at: jiff::Timestamp) -> Vec<Event> {
    let (node, fault) = (NodeName::new("n1"), FaultId::new("r1-1"));
    let agent = |event| Event::Agent { node: node.clone(), fault: fault.clone(), event };
    let activity = Activity::Undo(StepId(3), 1);
    let series = Series {
        labels: BTreeMap::from([("instance".into(), "a:1".into())]),
        samples: vec![
            Sample(at, Reading::Number(1.5)),
            Sample(at, Reading::Number(f64::INFINITY)),
            Sample(at, Reading::Text("Completed".into())),
        ],
    };
    let chunk = Chunk {
        from: at,
        until: at,
        settled: at,
        values: vec![series.clone()],
        leaves: vec![vec![series.clone()]],
        scraped: vec![series],
        unheard: Vec::new(),
        warnings: vec!["partial data".into()],
    };
    vec![
        Event::PreflightFailed(PreflightFailure::Missing { reasons: vec!["no Prometheus".into()] }),
        Event::PreflightFailed(PreflightFailure::BadInput { reasons: vec!["no process 7".into()] }),
        Event::PreflightFailed(PreflightFailure::Halted { reason: "incident 42".into() }),
        Event::ActionEnded { activity, end: ActionEnd::Answered { status: 503, output: "busy".into() } },
        Event::ActionEnded { activity, end: ActionEnd::Stopped { output: String::new() } },
        Event::ActionEnded { activity, end: ActionEnd::TimedOut { output: String::new() } },
        Event::ActionEnded { activity, end: ActionEnd::NotStarted { reason: "no such file".into() } },
        Event::TargetsRefused {
            step: StepId(1),
            shot: 2,
            refused: RefusedTargets { reason: "the platform does not answer".into() },
        },
        agent(AgentEvent::Refused { refusal: Refusal { kind: RefusalKind::Overlap, reason: "held".into() } }),
        agent(AgentEvent::RevertFailed { errors: vec!["busy".into()] }),
        agent(AgentEvent::Reverted {
            cause: EndCause::Lease,
            evidence: None,
            differences: vec![Difference { what: "a rule".into(), before: "absent".into(), after: "there".into() }],
        }),
        Event::AgentLost { node: node.clone(), faults: BTreeSet::from([fault.clone()]), reason: "gone".into() },
        Event::Observed { watch: WatchName("holds".into()), chunk: Box::new(chunk) },
        Event::Unobserved {
            watch: WatchName("holds".into()),
            failure: WatchFailure { reason: "401".into(), lasting: true },
        },
        Event::AbortRequested(AbortCause::Signal { name: "INT".into() }),
        Event::AbortRequested(AbortCause::Halt { reason: "incident 42".into() }),
        Event::AbortRequested(AbortCause::RunnerDied),
        Event::StorageFailed { reason: "no space left on device".into() },
    ]
}

fn record() -> Record {
    let mut experiment = experiment(vec![
        perform("flag", &["unflag"], Lasting::Once),
        inject("cut", partition(), app("api"), Lasting::Meanwhile(vec![wait(1), wait_for("ready", 5)])),
        inject("down", kill(), app("db"), Lasting::Once),
        perform("load", &[], for_seconds(1)),
    ]);
    experiment.steady_state.push(steady("healthy", "1"));
    experiment.expect.push(during("holds", "1", "cut"));
    experiment.expect.push(is_at("rows", "1", http("http://rows/"), at("cut", Edge::End)));
    experiment.expect.push(claim(
        "counted",
        Role::Expect,
        http("http://rows/"),
        crate::claim::Verb::Totals {
            predicate: "at least 99%".parse().unwrap(),
            window: crate::claim::Window::Between { from: at("method", Edge::Start), to: at("method", Edge::End) },
        },
    ));
    experiment.abort_if.push(abort_if("burning", "0"));
    let mut world = SimulatedWorld::of(experiment);
    world.run();
    let mut record = world.record();
    // One of each kind says all that a hundred say.
    let mut kinds: BTreeMap<String, u32> = BTreeMap::new();
    record.entries.retain(|entry| {
        let seen = kinds.entry(kind(entry)).or_default();
        *seen += 1;
        *seen == 1
    });
    let last = record.entries.last().map_or(world.moment(Duration::ZERO), |entry| entry.at);
    let rare = rare_events(last.wall).into_iter().map(|event| Entry { number: 0, at: last, what: What::Event(event) });
    record.entries.extend(rare);
    for (number, entry) in (1..).zip(&mut record.entries) {
        entry.number = number;
    }
    record
}

/// `event.agent.on`, `command.inject`: the tags that stand in the JSON.
fn kind(entry: &Entry) -> String {
    fn tags(value: &serde_json::Value, found: &mut Vec<String>) {
        match value {
            serde_json::Value::String(tag) => found.push(tag.clone()),
            serde_json::Value::Object(map) if map.len() == 1 => {
                for (tag, inner) in map {
                    found.push(tag.clone());
                    tags(inner, found);
                }
            }
            serde_json::Value::Object(map) => {
                if let Some(event) = map.get("event").filter(|event| event.is_object()) {
                    tags(event, found);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    tags(&serde_json::to_value(&entry.what).unwrap(), &mut found);
    found.truncate(4);
    found.join(".")
}

#[test]
fn a_record_of_version_1_reads_and_writes_as_it_always_did() {
    let golden = read_record(GOLDEN).expect("every change that breaks this needs a new RECORD_VERSION");
    assert_eq!(write_record(&golden), GOLDEN.trim_end());
}

#[test]
fn what_is_written_today_reads_as_it_was_and_has_the_keys_of_the_golden_record() {
    let record = record();
    let written = write_record(&record);
    assert_eq!(read_record(&written).unwrap(), record);
    // A key that today's records have and the golden one lacks is a change of the format.
    let (today, golden) = (keys(&written), keys(GOLDEN));
    let new: Vec<&String> = today.difference(&golden).collect();
    assert!(new.is_empty(), "new keys {new:?}: a new RECORD_VERSION and this as its golden file:\n{written}");
}

fn keys(json: &str) -> BTreeSet<String> {
    fn walk(value: &serde_json::Value, found: &mut BTreeSet<String>) {
        match value {
            serde_json::Value::Object(map) => {
                for (key, inner) in map {
                    found.insert(key.clone());
                    walk(inner, found);
                }
            }
            serde_json::Value::Array(all) => all.iter().for_each(|inner| walk(inner, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    walk(&serde_json::from_str(json).unwrap(), &mut found);
    found
}

#[test]
fn the_golden_record_has_every_kind_of_event_and_command() {
    let kinds: BTreeSet<String> = read_record(GOLDEN).unwrap().entries.iter().map(kind).collect();
    for part in [
        "event.timePassed",
        "event.preflightPassed",
        "event.preflightFailed",
        "event.actionEnded",
        "event.targetsResolved",
        "event.targetsRefused",
        "event.agent.on",
        "event.agent.refused",
        "event.agent.seen",
        "event.agent.done",
        "event.agent.reverted",
        "event.agent.revertFailed",
        "event.agentLost",
        "event.observed",
        "event.unobserved",
        "event.abortRequested.signal",
        "event.abortRequested.halt",
        "event.abortRequested.runnerDied",
        "event.storageFailed",
        "command.enter",
        "command.preflight",
        "command.stepStarted",
        "command.stepEnded",
        "command.resolve",
        "command.inject",
        "command.revert",
        "command.begin",
        "command.stop",
        "command.watch",
        "command.unwatch",
        "command.finish",
    ] {
        assert!(kinds.iter().any(|kind| kind.starts_with(part)), "no {part} among {kinds:?}");
    }
    assert!(matches!(
        read_record(GOLDEN).unwrap().entries[0].what,
        What::Event(Event::TimePassed) | What::Command(Command::Enter(_))
    ));
}

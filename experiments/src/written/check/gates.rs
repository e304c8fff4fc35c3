//! Suites, schedules, game days and runs: their shapes. They are carried out by later versions.

use crate::text::{Code, Problems, Span};
use crate::written::document::Document;
use crate::written::experiment::List;
use crate::written::gates::{GameDaySpec, RunSpec, ScheduleSpec, SuiteSpec};

fn missing(problems: &mut Problems, owner: &Span, keys: &[(&str, bool)]) {
    for (key, _) in keys.iter().filter(|(_, is_missing)| *is_missing) {
        problems.note(Code::MissingKey, owner, format!("`{key}` is missing"));
    }
}

fn not_empty<T>(problems: &mut Problems, list: &List<T>, key: &str) {
    if let Some(list) = list
        && list.value.as_ref().is_some_and(Vec::is_empty)
    {
        problems.note(Code::EmptyValue, &list.span, format!("`{key}` is empty"));
    }
}

fn one_of(problems: &mut Problems, owner: &Span, given: &[bool], words: &str) {
    if given.iter().filter(|given| **given).count() != 1 {
        problems.note(Code::OneOf, owner, "exactly one is needed here").hint = Some(format!("one of: {words}"));
    }
}

pub(in crate::written) fn suite(document: &Document<SuiteSpec>, problems: &mut Problems) {
    let Some(spot) = &document.spec else { return };
    let Some(spec) = &spot.value else { return };
    missing(problems, &spot.span, &[("experiments", spec.experiments.is_none())]);
    not_empty(problems, &spec.experiments, "experiments");
    for entry in spec.experiments.iter().flat_map(|list| &list.value).flatten() {
        let Some(written) = &entry.value else { continue };
        missing(problems, &entry.span, &[("experiment", written.experiment.is_none())]);
        if let Some(times) = &written.times
            && times.value == Some(0)
        {
            problems.note(Code::BadNumber, &times.span, "a suite that runs an experiment 0 times proves nothing");
        }
    }
}

pub(in crate::written) fn schedule(document: &Document<ScheduleSpec>, problems: &mut Problems) {
    let Some(spot) = &document.spec else { return };
    let Some(spec) = &spot.value else { return };
    missing(problems, &spot.span, &[("cron", spec.cron.is_none()), ("timeZone", spec.time_zone.is_none())]);
    one_of(problems, &spot.span, &[spec.experiment.is_some(), spec.suite.is_some()], "experiment, suite");
    for blackout in spec.blackouts.iter().flat_map(|list| &list.value).flatten() {
        let Some(written) = &blackout.value else { continue };
        missing(problems, &blackout.span, &[("from", written.from.is_none()), ("to", written.to.is_none())]);
        if let (Some(from), Some(to)) = (&written.from, &written.to)
            && let (Some(first), Some(last)) = (from.value, to.value)
            && first > last
        {
            problems.note(Code::EmptyWindow, &to.span, format!("{} comes before {}", last.0, first.0));
        }
    }
}

pub(in crate::written) fn game_day(document: &Document<GameDaySpec>, problems: &mut Problems) {
    let Some(spot) = &document.spec else { return };
    let Some(spec) = &spot.value else { return };
    missing(problems, &spot.span, &[("briefing", spec.briefing.is_none()), ("steps", spec.steps.is_none())]);
    not_empty(problems, &spec.steps, "steps");
    for step in spec.steps.iter().flat_map(|list| &list.value).flatten() {
        let Some(written) = &step.value else { continue };
        let given = [written.experiment.is_some(), written.ask.is_some(), written.wait.is_some()];
        one_of(problems, &step.span, &given, "experiment, ask, wait");
    }
}

pub(in crate::written) fn run(document: &Document<RunSpec>, problems: &mut Problems) {
    let Some(spot) = &document.spec else { return };
    let Some(spec) = &spot.value else { return };
    one_of(problems, &spot.span, &[spec.experiment.is_some(), spec.suite.is_some()], "experiment, suite");
}

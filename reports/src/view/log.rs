//! The log: one line for each event and command that says something.

use super::At;
use super::steps::StepView;
use crate::words;
use squall_experiments::experiment::StepId;
use squall_experiments::history::{Event, Record, What};
use std::collections::BTreeMap;

/// A line of the log.
#[derive(Debug)]
pub(crate) struct LogLine {
    /// The entry's number; the first of several.
    pub(crate) number: u64,
    /// When.
    pub(crate) at: At,
    /// Whether the engine was told; otherwise it decided.
    pub(crate) told: bool,
    /// What, as a sentence.
    pub(crate) text: String,
}

impl LogLine {
    /// Its time, to tell apart what happens within a scrape.
    pub(crate) fn time(&self) -> String {
        format!("{:.2} s", self.at.0)
    }
}

/// Every entry; answers of watched sources that follow each other are one line.
pub(super) fn log(record: &Record, steps: &[StepView<'_>]) -> Vec<LogLine> {
    let label =
        |id: StepId| steps.iter().find(|step| step.id == id).map_or_else(|| id.to_string(), |step| step.label.clone());
    let mut lines = Vec::new();
    let mut answers: BTreeMap<&str, usize> = BTreeMap::new();
    let mut since: Option<(u64, At)> = None;
    let flush = |since: &mut Option<(u64, At)>, answers: &mut BTreeMap<&str, usize>, lines: &mut Vec<LogLine>| {
        if let Some((number, at)) = since.take() {
            let each: Vec<String> = answers.iter().map(|(watch, count)| format!("{watch} {count}×")).collect();
            lines.push(LogLine { number, at, told: true, text: format!("answers: {}", each.join(", ")) });
            answers.clear();
        }
    };
    for entry in &record.entries {
        let at = At::from(entry.at);
        let (told, text) = match &entry.what {
            What::Event(Event::Observed { watch, .. }) => {
                since.get_or_insert((entry.number, at));
                *answers.entry(watch.0.as_str()).or_default() += 1;
                continue;
            }
            What::Event(event) => (true, words::event(event, label)),
            What::Command(command) => (false, words::command(command, label)),
        };
        let Some(text) = text else { continue };
        flush(&mut since, &mut answers, &mut lines);
        lines.push(LogLine { number: entry.number, at, told, text });
    }
    flush(&mut since, &mut answers, &mut lines);
    lines
}

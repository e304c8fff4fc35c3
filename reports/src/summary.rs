//! Several runs at once: a line each, and the worst verdict.

use crate::columns::{clean, paint};
use crate::terminal::{TerminalOptions, verdict_style};
use crate::words::Standing;
use squall_experiments::history::Record;
use squall_experiments::judge::Verdict;
use std::fmt::Write;

/// The worst verdict by precedence (design.md section 3). A run without a judgement counts as
/// [`Verdict::FaultsMayRemain`], since nobody knows what it left; no run at all as `None`.
pub fn worst<'a>(records: impl IntoIterator<Item = &'a Record>) -> Option<Verdict> {
    records
        .into_iter()
        .map(|record| record.judgement.as_ref().map_or(Verdict::FaultsMayRemain, |judgement| judgement.verdict))
        .min()
}

/// A line for each run and one for all of them, ending with a line break.
pub fn summary<'a>(records: impl IntoIterator<Item = &'a Record>, options: &TerminalOptions) -> String {
    let records: Vec<&Record> = records.into_iter().collect();
    let standing = |record: &Record| {
        record.judgement.as_ref().map_or(Standing::Unfinished, |judgement| Standing::Judged(judgement.verdict))
    };
    let show = |standing: Standing, placebo: bool| {
        let text = format!("{} {}", standing.mark(), standing.headline(placebo).to_uppercase());
        paint(&format!("{text:<19}"), verdict_style(standing), options.colour)
    };
    let mut out = String::new();
    for record in &records {
        let header = &record.header;
        let placebo = if header.placebo { ", placebo" } else { "" };
        writeln!(
            out,
            "{}  {}  ({}{placebo})",
            show(standing(record), header.placebo),
            header.experiment.name,
            clean(header.run.as_str())
        )
        .expect("writing to a string cannot fail");
    }
    if let Some(worst) = worst(records.iter().copied()) {
        let count = records.len();
        let placebo = records.iter().all(|record| record.header.placebo);
        writeln!(out, "{}  all {count}: the worst verdict counts", show(Standing::Judged(worst), placebo))
            .expect("writing to a string cannot fail");
    }
    out
}

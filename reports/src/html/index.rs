//! Several runs on one page: the worst verdict, a line for each, a way to each report.

use super::prose::{harmless, prose};
use crate::summary::worst;
use crate::view::{ClaimView, View};
use crate::words::{self, Standing};
use askama::Template;
use squall_experiments::claim::Role;
use squall_experiments::experiment::Experiment;
use squall_experiments::history::Record;
use squall_experiments::judge::{Outcome, Verdict};
use std::collections::BTreeMap;
use std::time::Duration;

/// The folder of a run's reports, below the folder of the index: `report.html` and `report.json` are in it.
pub fn report_folder(record: &Record) -> String {
    format!("{}-{}", record.header.experiment.name, record.header.run)
}

/// Runs of one command as one HTML file, whose links lead to each [`report_folder`] beside it.
///
/// `missing` are the experiments that have not run: not yet, or not at all where the command ended early.
pub fn index(records: &[Record], missing: &[&Experiment]) -> String {
    let standing = overall(records, missing);
    let page = Page {
        mark: standing.mark(),
        word: standing.headline(all_placebo(records)),
        class: standing.class(),
        heading: heading(records.len(), missing.len()),
        tally: tally(records, missing.len()),
        when: when(records),
        meaning: prose(meaning(standing, records, missing)),
        rows: records.iter().map(row).collect(),
        missing: missing.iter().map(|one| (one.name.to_string(), one.title.clone())).collect(),
    };
    harmless(&page.render().expect("writing to a string cannot fail, and no filter of the template does"))
}

/// Whether nothing was injected in any of them.
fn all_placebo(records: &[Record]) -> bool {
    !records.is_empty() && records.iter().all(|record| record.header.placebo)
}

/// The worst verdict; what has not run cannot have passed.
fn overall(records: &[Record], missing: &[&Experiment]) -> Standing {
    match worst(records) {
        None => Standing::Unfinished,
        Some(Verdict::Passed) if !missing.is_empty() => Standing::Unfinished,
        Some(verdict) => Standing::Judged(verdict),
    }
}

fn heading(ran: usize, missing: usize) -> String {
    let experiments =
        |count: usize| if count == 1 { "1 experiment".to_owned() } else { format!("{count} experiments") };
    match missing {
        0 => format!("{} ran", experiments(ran)),
        _ => format!("{ran} of {} ran", experiments(ran + missing)),
    }
}

/// How many of each, the worst first: `1 failed, 2 passed`.
fn tally(records: &[Record], missing: usize) -> String {
    let mut counts: BTreeMap<Standing, usize> = BTreeMap::new();
    for record in records {
        let judged = record.judgement.as_ref().map(|judgement| judgement.verdict);
        *counts.entry(judged.map_or(Standing::Unfinished, Standing::Judged)).or_default() += 1;
    }
    let mut parts: Vec<String> =
        counts.iter().map(|(standing, count)| format!("{count} {}", standing.word())).collect();
    if missing > 0 {
        parts.push(format!("{missing} not run"));
    }
    parts.join(", ")
}

fn when(records: &[Record]) -> String {
    let Some(first) = records.iter().map(|record| record.header.began).min() else { return String::new() };
    let versions = records.first().map(|record| &record.header.versions);
    let on = versions.map(|versions| format!(" · squall {} on {}", versions.squall, versions.host)).unwrap_or_default();
    format!("{first:.0}{on}")
}

fn meaning(standing: Standing, records: &[Record], missing: &[&Experiment]) -> &'static str {
    match (standing, missing.is_empty()) {
        (Standing::Unfinished, _) => {
            "Not every experiment has run: the command is still going on, or its runner died. A run that it left \
             unfinished is in `squall runs`; the next `squall run` or `squall revert` closes it."
        }
        (Standing::Judged(Verdict::Passed), _) if records.len() == 1 => standing.meaning(records[0].header.placebo),
        (Standing::Judged(Verdict::Passed), _) if all_placebo(records) => {
            "No fault was injected, so nothing was withstood. No claim held that should need one."
        }
        (Standing::Judged(Verdict::Passed), _) => "Every run passed.",
        (_, true) => "The worst verdict counts for all.",
        (_, false) => "The worst verdict so far counts for all; not every experiment has run.",
    }
}

#[derive(Template)]
#[template(path = "index.html")]
struct Page {
    mark: &'static str,
    word: String,
    class: &'static str,
    heading: String,
    tally: String,
    when: String,
    meaning: String,
    rows: Vec<Row>,
    missing: Vec<(String, String)>,
}

struct Row {
    mark: &'static str,
    word: String,
    class: &'static str,
    placebo: bool,
    name: String,
    title: String,
    reason: String,
    /// How many reasons there are besides the first.
    more: usize,
    took: String,
    measures: Vec<Measured>,
    link: String,
    /// Commands that remove what may still be disturbed.
    remedies: Vec<String>,
}

struct Measured {
    mark: &'static str,
    word: String,
    class: &'static str,
    name: String,
    measure: String,
}

fn row(record: &Record) -> Row {
    let view = View::of(record);
    let header = &record.header;
    let reasons = view.reasons();
    // Expectations say what the run was about; of the rest only what went wrong is news.
    let is_news =
        |claim: &&ClaimView<'_>| claim.claim.role == Role::Expect || claim.state.outcome != Some(Outcome::Passed);
    let claims = if view.never_began() { &[] } else { view.claims.as_slice() };
    let (news, quiet): (Vec<_>, Vec<_>) = claims.iter().partition(is_news);
    let mut measures: Vec<Measured> = news
        .into_iter()
        .map(|claim| Measured {
            mark: claim.state.mark(),
            word: claim.state.word.clone(),
            class: claim.state.class(),
            name: claim.claim.name.to_string(),
            measure: claim.measure.clone().unwrap_or_default(),
        })
        .collect();
    // Named, so that what is shown adds up to the number of claims that the reason speaks of.
    if !quiet.is_empty() {
        let names: Vec<&str> = quiet.iter().map(|claim| claim.claim.name.as_str()).collect();
        measures.push(Measured {
            mark: "✓",
            word: "passed".to_owned(),
            class: "passed",
            name: format!("{} more held: {}", quiet.len(), names.join(", ")),
            measure: String::new(),
        });
    }
    if let Some(back) = view.judgement().and_then(|judgement| judgement.recovery.as_ref()) {
        measures.push(Measured {
            mark: "✓",
            word: "passed".to_owned(),
            class: "passed",
            name: "steady again".to_owned(),
            measure: format!("{} after the method", words::recovery(back)),
        });
    }
    Row {
        mark: view.standing.mark(),
        word: view.standing.headline(header.placebo),
        class: view.standing.class(),
        placebo: header.placebo,
        name: header.experiment.name.to_string(),
        title: header.experiment.title.clone(),
        reason: reasons.first().map_or_else(|| prose(view.standing.meaning(header.placebo)), |reason| prose(reason)),
        more: reasons.len().saturating_sub(1),
        took: words::span(Duration::from_secs_f64(view.last.0.max(0.0))),
        measures,
        link: format!("{}/report.html", linked(&report_folder(record))),
        remedies: view.remaining().iter().map(|remaining| remaining.remedy.clone()).collect(),
    }
}

/// A name as a part of a relative link: nothing in it can be taken for a scheme, a query or a folder above.
fn linked(name: &str) -> String {
    let mut out = String::from("./");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_nowhere_but_below() {
        assert_eq!(linked("breaker-r-7f3k2"), "./breaker-r-7f3k2");
        assert_eq!(linked("javascript:x/../\"y"), "./javascript%3Ax%2F..%2F%22y");
    }

    #[test]
    fn the_heading_counts() {
        assert_eq!(heading(1, 0), "1 experiment ran");
        assert_eq!(heading(2, 1), "2 of 3 experiments ran");
    }
}

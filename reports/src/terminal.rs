//! A run in a terminal: the verdict and its reasons, the claims, the faults, how to run it again.

use crate::columns::{clean, folded, joined, paint, rows_of_lines, table};
use crate::view::{FaultView, View};
use crate::words::{self, Standing, State};
use anstyle::{AnsiColor, Style};
use squall_experiments::history::Record;
use squall_experiments::judge::{Outcome, Verdict};
use std::fmt::Write;

/// How a terminal is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalOptions {
    /// Whether colours are wanted: a terminal, and no `NO_COLOR`.
    pub colour: bool,
    /// How many columns there are; fewer than 60 are taken as 60.
    pub width: usize,
}

impl Default for TerminalOptions {
    fn default() -> Self {
        Self { colour: false, width: 80 }
    }
}

/// Before a sentence that belongs to the line above it.
const INDENT: &str = "    ";

/// More faults than these do not help a reader; the other reports hold all.
const MOST_FAULTS: usize = 24;

/// A run as text, ending with a line break.
pub fn terminal(record: &Record, options: &TerminalOptions) -> String {
    let view = View::of(record);
    let page = Page { view: &view, colour: options.colour, width: options.width.max(60) };
    let mut out = String::new();
    page.head(&mut out);
    page.remaining(&mut out);
    page.claims(&mut out);
    page.faults(&mut out);
    page.foot(&mut out);
    out
}

struct Page<'v, 'a> {
    view: &'v View<'a>,
    colour: bool,
    width: usize,
}

impl Page<'_, '_> {
    fn head(&self, out: &mut String) {
        let header = &self.view.record.header;
        let word = self.view.standing.headline(header.placebo).to_uppercase();
        let verdict = format!("{} {word}", self.view.standing.mark());
        let placebo = if header.placebo { " (placebo: no fault was injected)" } else { "" };
        line(
            out,
            &format!(
                "{}  {}{placebo}",
                paint(&verdict, verdict_style(self.view.standing), self.colour),
                header.experiment.name
            ),
        );
        self.wrapped(out, "", &header.experiment.title);
        out.push('\n');
        let reasons = self.view.reasons();
        if reasons.is_empty() {
            self.wrapped(out, "", self.view.standing.meaning(header.placebo));
        }
        for reason in reasons {
            self.wrapped(out, "- ", reason);
        }
        out.push('\n');
    }

    fn remaining(&self, out: &mut String) {
        for remaining in self.view.remaining() {
            let on = remaining.instance.as_ref().map(|instance| format!(" on {instance}")).unwrap_or_default();
            let at = remaining.node.as_ref().map(|node| format!(" at node {node}")).unwrap_or_default();
            self.wrapped(out, "! ", &format!("{}{on}{at}: {}", remaining.step, remaining.reason));
            line(
                out,
                &format!("    remove it: {}", paint(&clean(&remaining.remedy), Style::new().bold(), self.colour)),
            );
        }
        if !self.view.remaining().is_empty() {
            out.push('\n');
        }
    }

    fn claims(&self, out: &mut String) {
        // Of a run that never began the cause is all there is to say.
        if self.view.claims.is_empty() || self.view.never_began() {
            return;
        }
        let mut rows = vec![["claim", "outcome", "measured"].map(str::to_owned)];
        rows.extend(self.view.claims.iter().map(|claim| {
            let outcome = format!("{} {}", claim.state.mark(), claim.state.word);
            [claim.claim.name.to_string(), outcome, claim.measure.clone().unwrap_or_default()]
        }));
        // What a claim asks for is a sentence, which reads badly in a column: it hangs below its claim.
        let asked = [None].into_iter().chain(self.view.claims.iter().map(Some));
        for (lines, claim) in rows_of_lines(&rows, self.width).into_iter().zip(asked) {
            let styles = match claim {
                None => [Style::new().bold(); 3],
                Some(claim) => [Style::new().bold(), outcome_style(claim.state.outcome), Style::new()],
            };
            for cells in lines {
                line(out, &joined(&cells, styles, self.colour));
            }
            for part in claim.iter().flat_map(|claim| folded(&clean(&claim.allowed), self.width - INDENT.len())) {
                line(out, &format!("{INDENT}{}", paint(&part, Style::new().dimmed(), self.colour)));
            }
        }
        out.push('\n');
        self.why(out);
    }

    /// What the reasons at the top do not say already; several claims with one reason share a line.
    fn why(&self, out: &mut String) {
        let said = |reason: &str| self.view.reasons().iter().any(|known| known.contains(reason));
        let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
        let judged = self.view.claims.iter().filter_map(|claim| claim.judged);
        for judged in judged.filter(|it| it.outcome != Outcome::Passed && !said(&it.reason)) {
            match reasons.iter_mut().find(|(reason, _)| *reason == judged.reason) {
                Some((_, names)) => names.push(judged.name.as_str()),
                None => reasons.push((&judged.reason, vec![judged.name.as_str()])),
            }
        }
        for (reason, names) in &reasons {
            self.wrapped(out, "- ", &format!("{}: {reason}", names.join(", ")));
        }
        if !reasons.is_empty() {
            out.push('\n');
        }
    }

    fn faults(&self, out: &mut String) {
        if self.view.never_began() {
            return;
        }
        if !self.view.faults.is_empty() {
            self.fault_table(out);
        }
        // Evidence of agents stands in the table; an action that counts as a fault has only its witness.
        let in_table = |name: &str| self.view.faults.iter().any(|fault| fault.order.step.as_str() == name);
        let witnesses = self.view.judgement().map(|judgement| judgement.witnesses.as_slice()).unwrap_or_default();
        let shown = witnesses.iter().filter(|it| it.outcome != Outcome::Passed || !in_table(it.name.as_str()));
        let mut more = false;
        for witness in shown {
            let word = State::of_witness(witness.outcome).word;
            self.wrapped(out, "- ", &format!("{}: {word}: {}", witness.name, witness.reason));
            more = true;
        }
        if more {
            out.push('\n');
        }
    }

    fn fault_table(&self, out: &mut String) {
        let mut rows = vec![["fault", "target", "evidence", "end"].map(str::to_owned)];
        let mut faults: Vec<&FaultView<'_>> = self.view.faults.iter().collect();
        if faults.len() > MOST_FAULTS {
            faults.sort_by_key(|fault| !needs_attention(fault));
            faults.truncate(MOST_FAULTS);
        }
        rows.extend(faults.iter().map(|fault| {
            let (step, target) = (fault.order.step.to_string(), fault.order.instance.to_string());
            [step, target, fault_evidence(fault), fault_end(fault)]
        }));
        line(out, &table(&rows, self.width, self.colour).to_string());
        out.push('\n');
        if faults.len() < self.view.faults.len() {
            let more = self.view.faults.len() - faults.len();
            line(out, &format!("... and {more} more: see the HTML or JSON report"));
            out.push('\n');
        }
    }

    fn foot(&self, out: &mut String) {
        let header = &self.view.record.header;
        if let Some(judgement) = self.view.judgement() {
            if let Some(recovery) = &judgement.recovery {
                let length = words::recovery(recovery);
                self.wrapped(out, "", &format!("The steady state was back {length} after the method's end."));
            }
            for wait in &judgement.waits {
                self.wrapped(out, "- ", &format!("{}: {}", wait.name, wait.reason));
            }
            for note in &judgement.notes {
                self.wrapped(out, "note: ", note);
            }
        }
        let length = words::span(std::time::Duration::from_secs_f64(self.view.last.0.max(0.0)));
        let facts = format!("run {}, seed {}, {length}, began {:.0}", header.run, header.seed, header.began);
        self.wrapped(out, "", &facts);
        line(out, &format!("again: {}", clean(&header.again)));
    }

    /// A paragraph that hangs below its bullet.
    fn wrapped(&self, out: &mut String, bullet: &str, text: &str) {
        let indent = " ".repeat(bullet.chars().count());
        for (place, part) in folded(&clean(text), self.width - indent.len()).iter().enumerate() {
            line(out, &format!("{}{part}", if place == 0 { bullet } else { &indent }));
        }
    }
}

/// Whether something about a fault is not as it should be.
fn needs_attention(fault: &FaultView<'_>) -> bool {
    fault.evidence.is_none() || fault.ended.is_none_or(|ended| !ended.differences.is_empty())
}

/// What a fault did, or why it did nothing.
pub(crate) fn fault_evidence(fault: &FaultView<'_>) -> String {
    match (fault.refused, fault.evidence) {
        (Some(refusal), _) => format!("refused, {}", words::refusal(refusal)),
        (None, Some(evidence)) => words::evidence(evidence),
        (None, None) => "no evidence".to_owned(),
    }
}

/// How a fault ended, and whether everything is as it was.
pub(crate) fn fault_end(fault: &FaultView<'_>) -> String {
    match (&fault.ended, fault.lost) {
        (Some(ended), _) => {
            let cause = ended.cause.map_or("over".to_owned(), |cause| format!("reverted {}", words::end_cause(cause)));
            match (ended.cause, ended.differences.len()) {
                (None, _) => cause,
                (Some(_), 0) => format!("{cause}, clean"),
                (Some(_), 1) => format!("{cause}, but 1 thing differs from before"),
                (Some(_), many) => format!("{cause}, but {many} things differ from before"),
            }
        }
        (None, _) if fault.refused.is_some() => "nothing to revert".to_owned(),
        (None, Some((at, reason))) => format!("agent lost at {at}: {reason}"),
        (None, None) if !fault.errors.is_empty() => format!("reverting failed: {}", fault.errors.join("; ")),
        (None, None) => "not known to be gone".to_owned(),
    }
}

fn line(out: &mut String, text: &str) {
    for part in text.lines() {
        writeln!(out, "{}", part.trim_end()).expect("writing to a string cannot fail");
    }
}

pub(crate) fn verdict_style(standing: Standing) -> Style {
    let colour = match standing {
        Standing::Judged(Verdict::Passed) => AnsiColor::Green,
        Standing::Judged(Verdict::Failed | Verdict::Error | Verdict::FaultsMayRemain) => AnsiColor::Red,
        Standing::Judged(Verdict::Inconclusive | Verdict::Aborted) | Standing::Unfinished => AnsiColor::Yellow,
    };
    Style::new().bold().fg_color(Some(colour.into()))
}

fn outcome_style(outcome: Option<Outcome>) -> Style {
    let colour = match outcome {
        Some(Outcome::Passed) => AnsiColor::Green,
        Some(Outcome::Failed | Outcome::Error) => AnsiColor::Red,
        Some(Outcome::Inconclusive) => AnsiColor::Yellow,
        None => return Style::new(),
    };
    Style::new().fg_color(Some(colour.into()))
}

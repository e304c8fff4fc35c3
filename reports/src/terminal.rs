//! A run in a terminal: the verdict and its reasons, the claims, the faults, how to run it again.

use crate::view::{FaultView, View};
use crate::words::{self, Standing, outcome_mark};
use anstyle::{AnsiColor, Style};
use squall_experiments::claim::Role;
use squall_experiments::history::Record;
use squall_experiments::judge::{Outcome, Verdict};
use std::fmt::Write;
use tabled::Table;
use tabled::builder::Builder;
use tabled::settings::object::{Columns, Rows};
use tabled::settings::peaker::PriorityMax;
use tabled::settings::{Color, Modify, Padding, Style as TableStyle, Width};

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
        let word = self.view.standing.word().to_uppercase();
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
        let mut rows = Builder::default();
        rows.push_record(["claim", "outcome", "measured", "asked for"]);
        let mut outcomes = Vec::new();
        for claim in &self.view.claims {
            let outcome = claim.judged.map(|judged| judged.outcome);
            // A safety stop that stayed quiet is no news.
            if claim.claim.role == Role::AbortIf && outcome == Some(Outcome::Passed) {
                continue;
            }
            let word = outcome.map_or_else(|| "not judged".to_owned(), |it| format!("{} {it}", outcome_mark(it)));
            let measure = claim.measure.clone().unwrap_or_default();
            rows.push_record([claim.claim.name.to_string(), word, clean(&measure), clean(&claim.allowed)]);
            outcomes.push(outcome);
        }
        if outcomes.is_empty() {
            return;
        }
        let mut table = self.table(rows);
        for (place, outcome) in outcomes.iter().enumerate() {
            if let (true, Some(outcome)) = (self.colour, outcome) {
                table.with(Modify::new((place + 1, 1)).with(cell_colour(*outcome)));
            }
        }
        line(out, &table.to_string());
        for claim in &self.view.claims {
            if let Some(judged) = claim.judged.filter(|judged| judged.outcome != Outcome::Passed) {
                self.wrapped(out, "- ", &format!("{}: {}", judged.name, judged.reason));
            }
        }
        out.push('\n');
    }

    fn faults(&self, out: &mut String) {
        if self.view.faults.is_empty() {
            return;
        }
        let mut rows = Builder::default();
        rows.push_record(["fault", "target", "evidence", "end"]);
        for fault in &self.view.faults {
            let (evidence, end) = (fault_evidence(fault), fault_end(fault));
            rows.push_record([
                fault.order.step.to_string(),
                clean(fault.order.instance.as_str()),
                clean(&evidence),
                clean(&end),
            ]);
        }
        line(out, &self.table(rows).to_string());
        for witness in self.view.judgement().map(|judgement| judgement.witnesses.as_slice()).unwrap_or_default() {
            if witness.outcome != Outcome::Passed {
                self.wrapped(out, "- ", &format!("{}: {}", witness.name, witness.reason));
            }
        }
        out.push('\n');
    }

    fn foot(&self, out: &mut String) {
        let header = &self.view.record.header;
        if let Some(judgement) = self.view.judgement() {
            if let Some(recovery) = &judgement.recovery {
                let measure = words::measure(recovery, words::Unit::Seconds, |time| time.to_string());
                self.wrapped(out, "", &format!("Steady again {measure}."));
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

    fn table(&self, rows: Builder) -> Table {
        let mut table = rows.build();
        table.with(TableStyle::blank());
        table.with(Padding::new(0, 1, 0, 0));
        table.with(Width::wrap(self.width).keep_words(true).priority(PriorityMax::right()));
        if self.colour {
            table.with(Modify::new(Rows::first()).with(Color::BOLD));
            table.with(Modify::new(Columns::first()).with(Color::BOLD));
        }
        table
    }

    /// A paragraph that hangs below its bullet.
    fn wrapped(&self, out: &mut String, bullet: &str, text: &str) {
        let indent = bullet.chars().count();
        let mut column = indent;
        let mut current = bullet.to_owned();
        for word in clean(text).split_whitespace() {
            let length = word.chars().count();
            if column > indent && column + 1 + length > self.width {
                line(out, &current);
                current = " ".repeat(indent);
                column = indent;
            }
            if column > indent {
                current.push(' ');
                column += 1;
            }
            current.push_str(word);
            column += length;
        }
        line(out, &current);
    }
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

/// What a program under test printed must not steer the terminal.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() && letter != '\n' { '\u{fffd}' } else { letter }).collect()
}

pub(crate) fn paint(text: &str, style: Style, colour: bool) -> String {
    if colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
}

pub(crate) fn verdict_style(standing: Standing) -> Style {
    let colour = match standing {
        Standing::Judged(Verdict::Passed) => AnsiColor::Green,
        Standing::Judged(Verdict::Failed | Verdict::Error | Verdict::FaultsMayRemain) => AnsiColor::Red,
        Standing::Judged(Verdict::Inconclusive | Verdict::Aborted) | Standing::Unfinished => AnsiColor::Yellow,
    };
    Style::new().bold().fg_color(Some(colour.into()))
}

fn cell_colour(outcome: Outcome) -> Color {
    match outcome {
        Outcome::Passed => Color::FG_GREEN,
        Outcome::Failed | Outcome::Error => Color::FG_RED,
        Outcome::Inconclusive => Color::FG_YELLOW,
    }
}

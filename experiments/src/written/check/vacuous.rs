//! What proves nothing: queries that hide what violates, that ask for nothing or for another time; claims that
//! cannot fail; faults too small to be noticed.

use super::checker::{Checker, at, get};
use crate::claim::{Allowance, Dwell, Predicate, Tolerance, Verb, Window};
use crate::experiment::{Edge, Event, Instant, Template};
use crate::judge::Reading;
use crate::promql::{Analysis, Filter, Unclosed};
use crate::text::{Code, Severity, Span, Value};
use crate::unit::{Length, Percent};
use crate::written::claim::Claim as WrittenClaim;
use std::time::Duration;

/// Less than this, nobody tells from what a network does anyway.
const SMALLEST_DELAY: Duration = Duration::from_millis(1);
/// As above.
const SMALLEST_LOSS: f64 = 0.001;
/// A shorter fault is over before a sample could show it.
const SHORTEST: Duration = Duration::from_millis(100);

impl Checker<'_> {
    /// Whether what a query rests on can be shown, and nothing in it hides what violates a claim.
    pub(super) fn evidence(&mut self, value: &Value<Template>, template: &Template, analysis: &Analysis) {
        let span = &value.span;
        if let Some(unclosed) = &analysis.unclosed {
            self.unclosed(span, template, unclosed);
        } else if let Some(reason) = &analysis.unreadable {
            let hint = "Prometheus may still know it, but its coverage cannot be shown: it can fail and never pass";
            self.hint(Code::QueryUnreadable, span, format!("the query could not be taken apart: {reason}"), hint);
        }
        let leaves = analysis.query.shape.as_ref().map(|shape| shape.leaves.as_slice());
        if leaves.is_some_and(<[_]>::is_empty) {
            let message = "the query asks for no series: it answers the same, whatever the system does";
            self.hint(Code::NoSeries, span, message, "ask for a metric of the system");
        }
        let leaves = leaves.unwrap_or_default();
        if leaves.iter().any(|leaf| leaf.pinned) {
            let message = "the query reads another time than the claim: `@`, or an `offset` into the future";
            self.hint(Code::AnotherTime, span, message, "leave it out: such a claim can fail and never pass");
        } else if leaves.iter().any(|leaf| !leaf.offset.is_zero()) {
            let message = "the query reads what was before: `offset`";
            let hint = "leave `offset` out (such a claim can fail and never pass); to compare with before the fault, write `at most 150% of baseline`";
            self.hint(Code::AnotherTime, span, message, hint);
        }
        if let Some(filter) = &analysis.filter {
            let (message, hint) = hides(filter);
            self.hint(Code::FilterOnTop, span, message, hint);
        }
        if let Some(fallback) = &analysis.fallback {
            let (text, value) = (&fallback.text, fallback.value.map(|value| value.to_string()));
            let gives = value.clone().unwrap_or_else(|| "a value".to_owned());
            let message = format!("`{text}` gives {gives} also when the targets are gone");
            let hint = format!("leave it out and write `absent: {}`", value.unwrap_or_else(|| "0".to_owned()));
            self.hint(Code::OrVectorZero, span, message, hint);
        }
    }

    /// A bracket without its other half: where it stands, if the text stands there as it is read.
    fn unclosed(&mut self, span: &Span, template: &Template, unclosed: &Unclosed) {
        let Unclosed { at, sign, missing } = unclosed;
        let before = template.as_text().and_then(|text| match span.len().checked_sub(text.len()) {
            Some(0) => Some(0),
            // In quotes.
            Some(2) => Some(1),
            Some(_) | None => None,
        });
        let place = before.map_or_else(
            || span.clone(),
            |before| {
                let begin = span.start + before + at;
                begin..begin + sign.len_utf8()
            },
        );
        let (message, hint) = match missing {
            Some(missing) => (format!("this `{sign}` of the query is not closed"), format!("add a `{missing}`")),
            None => (format!("this `{sign}` of the query closes nothing"), "leave it out".to_owned()),
        };
        let problem = self.note(Code::QueryUnreadable, &place, message);
        problem.severity = Severity::Error;
        problem.hint = Some(hint);
    }

    /// A condition that is met by what `or vector(...)` fills in.
    pub(super) fn met_by_fallback(&mut self, span: &Span, predicate: &Predicate, analysis: &Analysis) {
        let Some(fallback) = &analysis.fallback else { return };
        if fallback.value.is_some_and(|value| predicate.holds(&Reading::Number(value), None) == Some(true)) {
            let message = format!("`{}` meets this condition without any data", fallback.text);
            let problem = self.note(Code::CannotFail, span, message);
            problem.severity = Severity::Warning;
            problem.hint = Some("leave the fallback out; `absent` is believed only with proof".to_owned());
        }
    }

    /// Times that leave nothing to be violated.
    pub(super) fn can_fail(&mut self, written: &WrittenClaim, verb: &Verb) {
        match verb {
            Verb::Is { window: Window::Between { from, to }, tolerance, .. } => {
                let most = self.timeline.most_between_instants(from, to);
                self.tolerates_all(written, tolerance, most, "the window");
            }
            Verb::Is { window: Window::Baseline, tolerance, .. } => {
                self.tolerates_all(written, tolerance, None, "the window");
            }
            Verb::Becomes { after, dwell, .. } => match dwell {
                Dwell::Once => {}
                Dwell::For { length, tolerance } => {
                    self.tolerates_all(written, tolerance, Some(nanos(length.get())), "`for`");
                }
                Dwell::Until { until, tolerance } => {
                    let most = self.timeline.most_between_instants(after, until);
                    self.tolerates_all(written, tolerance, most, "the time until `until`");
                }
            },
            Verb::IsAt { at: instant, .. } => self.has_acted(written, instant),
            Verb::Totals { .. } | Verb::Aborts { .. } => {}
        }
    }

    fn tolerates_all(&mut self, written: &WrittenClaim, tolerance: &Tolerance, most: Option<i128>, whole: &str) {
        let all = |allowance: &Allowance| match allowance {
            Allowance::Share(share) => share.fraction() >= 1.0,
            Allowance::Time(length) => most.is_some_and(|most| nanos(length.get()) >= most),
        };
        let Some(budget) = tolerance.budget.as_ref().filter(|budget| all(budget)) else { return };
        let (Some(span), true) = (at(&written.budget).cloned(), tolerance.longest.as_ref().is_none_or(all)) else {
            return;
        };
        let budget = match budget {
            Allowance::Share(share) => share.to_string(),
            Allowance::Time(length) => length.to_string(),
        };
        let message = format!("a budget of {budget} allows all of {whole}: the claim cannot fail");
        self.hint(Code::CannotFail, &span, message, "allow less, or leave `budget` out");
    }

    /// At its own start a step has done nothing yet.
    fn has_acted(&mut self, written: &WrittenClaim, instant: &Instant) {
        let (Event::Step(_, edge) | Event::Method(edge)) = &instant.event;
        let Some(span) = at(&written.at).cloned() else { return };
        if *edge == Edge::Start && !instant.offset.is_positive() {
            let event = Instant { offset: jiff::SignedDuration::ZERO, ..instant.clone() };
            let message = format!("at `{instant}` nothing has come of it yet: the sample shows what was before");
            self.hint(Code::TooEarly, &span, message, format!("write `at: {event} + 5s`, or `becomes` with `within`"));
        }
    }

    /// A deadline that is over when it begins.
    pub(super) fn some_time(&mut self, within: Option<&Value<Length>>) {
        if let Some(within) = within.filter(|within| within.value.is_some_and(|length| length.get().is_zero())) {
            let hint = "give it three sampling intervals at least";
            self.hint(Code::DeadlineTooShort, &within.span, "a deadline of 0s holds no sample", hint);
        }
    }

    /// Whether a network fault is large enough to be told from an ordinary day.
    pub(super) fn is_large_enough(&mut self, delay: &Option<Value<Length>>, loss: &Option<Value<Percent>>) {
        let small_delay =
            get(delay).map(|delay| delay.get()).is_some_and(|delay| !delay.is_zero() && delay < SMALLEST_DELAY);
        if let (Some(span), true) = (at(delay).cloned(), small_delay) {
            let message = "a delay of less than 1ms is lost in what a network does anyway, and yet counts as a bite";
            self.hint(Code::TooSmall, &span, message, "write what the system should withstand, `400ms`");
        }
        let small_loss = get(loss).is_some_and(|loss| loss.fraction() > 0.0 && loss.fraction() < SMALLEST_LOSS);
        if let (Some(span), true) = (at(loss).cloned(), small_loss) {
            let message = "a loss of less than 0.1% is lost in what a network does anyway, and yet counts as a bite";
            self.hint(Code::TooSmall, &span, message, "write what the system should withstand, `20%`");
        }
    }

    /// Whether a fault lasts long enough to be seen.
    pub(super) fn lasts_long_enough(&mut self, lasting: &Option<Value<Length>>) {
        let short =
            get(lasting).map(|length| length.get()).is_some_and(|length| !length.is_zero() && length < SHORTEST);
        if let (Some(span), true) = (at(lasting).cloned(), short) {
            let message = "a fault of less than 100ms is over before a sample could show what it does";
            self.hint(Code::TooSmall, &span, message, "let it last some sampling intervals, `30s`");
        }
    }
}

fn nanos(length: Duration) -> i128 {
    i128::try_from(length.as_nanos()).unwrap_or(i128::MAX)
}

/// What a filter hides, and what to write instead.
fn hides(filter: &Filter) -> (String, String) {
    match filter {
        Filter::OnTop { condition, left } => (
            "the query filters: what violates it looks like missing data".to_owned(),
            match condition {
                Some(condition) => format!("write `query: {left}` and `is: {condition}`"),
                None => "write `bool` after the comparison, and `is: 1`".to_owned(),
            },
        ),
        Filter::Inside { what, instead } => (
            format!("`{what}` hides the series that do not satisfy it, so what violates the claim can vanish"),
            format!("write `{instead}`, which counts 1 or 0 and hides nothing, or compare in the claim"),
        ),
        Filter::Divisor { what, left } => (
            format!("`{what}` leaves no answer where it is not so, and what violates the claim can vanish with it"),
            format!("write `{left}`: a ratio without events is no number, and `minEvents` says how many it takes"),
        ),
        Filter::Set { word } => (
            format!("`{word}` hides series by what other series there are, so what violates the claim can vanish"),
            "choose the series by their labels: `metric{label=\"value\"}`".to_owned(),
        ),
    }
}

//! What a claim's query, together with its verb and its place, makes doubtful: warnings, for what may well be meant.

use super::checker::{Checker, at};
use super::sources::Resolved;
use crate::claim::{Dwell, Leaf, Predicate, Query, QueryShape, Role, Verb, Window};
use crate::promql::Analysis;
use crate::text::{Code, Severity, Span};
use crate::unit::Length;
use crate::written::claim::Claim as WrittenClaim;
use std::time::Duration;

/// Without a single failure in n events the rate of failures may still be up to 3/n (95 % confidence).
const RULE_OF_THREE: f64 = 3.0;

impl Checker<'_> {
    pub(super) fn lint(&mut self, written: &WrittenClaim, resolved: &Resolved, verb: &Verb, role: Role) {
        let Some(analysis) = &resolved.analysis else { return };
        let span = at(&written.query).or(at(&written.indicator)).cloned().unwrap_or_default();
        if let (Verb::Becomes { within, .. }, Some(shape)) = (verb, &analysis.query.shape) {
            let range = Length::from(shape.looks_back());
            if range > *within {
                let message = format!("the query looks back {range}, further than the deadline of {within}");
                self.hint(Code::RangeTooLong, &span, message, "use a range shorter than `within`, or a gauge");
            }
        }
        self.thins_out(&span, &analysis.query, verb);
        let exact = analysis.has_increase
            && matches!(verb.predicate().band(None), Some((low, high)) if low == high && low != 0.0);
        if exact {
            let message = format!("`increase` extrapolates: it is hardly ever exactly {}", verb.predicate());
            self.hint(Code::NotForCounters, &span, message, "use the plain counter with `totals`, or a bound");
        }
        if analysis.is_unaggregated {
            let message = match role {
                Role::Expect | Role::SteadyState => {
                    "the query may give several series, and every one must satisfy the claim"
                }
                Role::AbortIf => "the query may give several series, and any one of them aborts the run",
            };
            self.hint(
                Code::NotAggregated,
                &span,
                message,
                "say which: `max(...)` for any, `min(...)` for all, `sum(...)`",
            );
        }
        self.events_without_window(written, verb);
        self.denominator(&span, resolved, verb, role);
        self.events_for_the_bound(written, &span, resolved, analysis, verb);
    }

    /// A range that is longer than the window shows mostly what was before it: a total outage is a small part of it.
    fn thins_out(&mut self, span: &Span, query: &Query, verb: &Verb) {
        let (Verb::Is { window: Window::Between { from, to }, .. }, Some(shape)) = (verb, &query.shape) else { return };
        let range = shape.looks_back();
        let most = self.timeline.most_between_instants(from, to);
        let Some(most) = most.and_then(|nanos| u64::try_from(nanos).ok()).map(Duration::from_nanos) else { return };
        if range > most {
            let (range, most) = (Length::from(range), Length::from(most));
            let message = format!(
                "the query looks back {range}, and the window lasts {most} at most: what was before it hides what is in it"
            );
            self.hint(Code::RangeTooLong, span, message, "use a range much shorter than the window, or `totals`");
        }
    }

    /// `minEvents` counts over a window: elsewhere it would be read, and do nothing.
    fn events_without_window(&mut self, written: &WrittenClaim, verb: &Verb) {
        let Some(events) = at(&written.min_events).filter(|_| !has_window(verb)) else { return };
        let problem = self.note(Code::MinEventsNotHere, events, "events are counted over a window, and here is none");
        problem.severity = Severity::Warning;
        problem.hint = Some("demand them in `steadyState`, or in a claim with `is` or `totals`".to_owned());
    }

    /// A ratio has no value while its denominator is zero.
    fn denominator(&mut self, span: &Span, resolved: &Resolved, verb: &Verb, role: Role) {
        let Some(shape) = ratio(resolved.analysis.as_ref()) else { return };
        let below = shape.denominator.iter().filter_map(|place| shape.leaves.get(*place));
        let below: Vec<String> = below.map(|leaf| leaf.selector.to_string()).collect();
        if resolved.min_events.is_some() {
            if role == Role::SteadyState {
                self.counted.extend(below);
            }
            return;
        }
        // Without a window each sample is judged by itself; what the baseline has counted was not zero.
        if !has_window(verb) && below.iter().all(|selector| self.counted.contains(selector)) {
            return;
        }
        let (message, hint) = match role {
            Role::Expect | Role::SteadyState if has_window(verb) => (
                "without events this ratio has no value, and with a few it is noise",
                "add `minEvents:`; 300 events bound a rate to 1%",
            ),
            Role::Expect | Role::SteadyState => (
                "without events this ratio has no value, and with a few it is noise",
                "demand events of it in `steadyState` (`minEvents:`)",
            ),
            Role::AbortIf => (
                "without events this ratio has no value, the safety stop goes blind, and the run is reverted",
                "demand events of it in `steadyState` (`minEvents:`), or watch `sum(rate(errors_total[10s]))` by itself",
            ),
        };
        self.hint(Code::DenominatorZero, span, message, hint);
    }

    /// As many events as a bound needs, so that meeting it is no luck.
    fn events_for_the_bound(
        &mut self,
        written: &WrittenClaim,
        span: &Span,
        resolved: &Resolved,
        analysis: &Analysis,
        verb: &Verb,
    ) {
        let judged_over_a_window = matches!(verb, Verb::Is { .. } | Verb::Totals { .. });
        let (Some(events), Some(shape), true) = (resolved.min_events, ratio(Some(analysis)), judged_over_a_window)
        else {
            return;
        };
        let Some(needed) = needed(verb.predicate()).filter(|_| !is_a_mean(shape)) else { return };
        if events < needed {
            let span = at(&written.min_events).unwrap_or(span);
            let message = format!("{events} events without a failure cannot show `{}`", verb.predicate());
            let hint = format!("write `minEvents: {needed}`: n events without a failure bound the rate to 3/n");
            self.hint(Code::TooFewEvents, span, message, hint);
        }
    }
}

/// Whether a verb is judged over a window, in which events can be counted.
fn has_window(verb: &Verb) -> bool {
    match verb {
        Verb::Is { .. } | Verb::Totals { .. } => true,
        Verb::Becomes { dwell, .. } => match dwell {
            Dwell::Once => false,
            Dwell::For { .. } | Dwell::Until { .. } => true,
        },
        Verb::IsAt { .. } | Verb::Aborts { .. } => false,
    }
}

fn ratio(analysis: Option<&Analysis>) -> Option<&QueryShape> {
    analysis?.query.shape.as_ref().filter(|shape| !shape.denominator.is_empty())
}

/// How many events a bound on a share needs; none where it bounds no share.
fn needed(predicate: &Predicate) -> Option<u64> {
    let (low, high) = predicate.band(None)?;
    let allowed = match (low.is_finite(), high.is_finite()) {
        (true, false) => 1.0 - low,
        (false, true) => high,
        // A band is no bound on failures, and `100%` allows none at all, which no number of events shows.
        (true, true) | (false, false) => return None,
    };
    // 3 / 0.001 is a little more than 3000.
    let needed = (RULE_OF_THREE / allowed - 1e-6).ceil();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive whole number")]
    (allowed > 1e-9 && allowed < 1.0).then_some(needed as u64)
}

/// Whether a ratio is a mean, such as seconds per request, and no share of events.
fn is_a_mean(shape: &QueryShape) -> bool {
    let is_of_amounts = |leaf: &Leaf| {
        let text = leaf.selector.to_string();
        let metric = text.split('{').next().unwrap_or_default();
        ["_sum", "_seconds", "_seconds_total", "_bytes", "_bytes_total"].iter().any(|suffix| metric.ends_with(suffix))
    };
    let numerator = shape.leaves.iter().enumerate().filter(|(place, _)| !shape.denominator.contains(place));
    numerator.map(|(_, leaf)| leaf).any(is_of_amounts)
}

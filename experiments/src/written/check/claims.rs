//! Claims: one source, one verb, the times that go with it.

use super::checker::{Checker, at, get, key};
use super::holes::When;
use super::sources::{Resolved, of_claim};
use crate::claim::{Allowance, Claim, Dwell, Predicate, Role, Source, Tolerance, Verb, Window};
use crate::text::{Code, Problem, Span, Spot, Value};
use crate::written::claim::Claim as WrittenClaim;
use crate::written::experiment::List;

/// How many claims one experiment may have.
const MOST_CLAIMS: usize = 500;

impl Checker<'_> {
    pub(super) fn claims(&mut self, list: &List<WrittenClaim>, role: Role) -> Option<Vec<Claim>> {
        let Some(list) = list else { return Some(Vec::new()) };
        let spots = list.value.as_ref()?;
        if let Some(beyond) = spots.get(MOST_CLAIMS) {
            let message = format!("an experiment has at most {MOST_CLAIMS} claims of a kind");
            self.hint(Code::TooMany, &beyond.span, message, "split it");
            return None;
        }
        let claims: Vec<Option<Claim>> = spots.iter().map(|spot| self.claim(spot, role)).collect();
        claims.into_iter().collect()
    }

    fn claim(&mut self, spot: &Spot<WrittenClaim>, role: Role) -> Option<Claim> {
        let written = spot.value.as_ref()?;
        let name = self.required(written.name.as_ref(), &spot.span, "name");
        let when = if role == Role::Expect { When::Whenever } else { When::BeforeMethod };
        let resolved = self.source(&of_claim(&spot.span, written), when);
        let verb = match role {
            Role::Expect => self.expectation(written, &spot.span, resolved.as_ref()),
            Role::SteadyState | Role::AbortIf => self.condition_now(written, &spot.span, role, resolved.as_ref()),
        };
        let (name, resolved, verb) = (name?, resolved?, verb?);
        self.lint(written, &resolved, &verb, role);
        self.can_fail(written, &verb);
        Some(Claim {
            name,
            role,
            source: resolved.source,
            indicator: resolved.indicator,
            platform: resolved.platform,
            verb,
            absent: resolved.absent,
            min_events: resolved.min_events,
        })
    }

    /// `steadyState`, `abortIf` and `onlyIf`: `is`, without a window.
    fn condition_now(
        &mut self,
        written: &WrittenClaim,
        owner: &Span,
        role: Role,
        resolved: Option<&Resolved>,
    ) -> Option<Verb> {
        let list = if role == Role::SteadyState { "steadyState" } else { "abortIf" };
        for (verb, value) in [("becomes", &written.becomes), ("totals", &written.totals)] {
            if let Some(value) = value {
                self.hint(
                    Code::OneVerb,
                    &value.span,
                    format!("`{list}` takes `is`, not `{verb}`"),
                    "move the claim to `expect`",
                );
                return None;
            }
        }
        if written.is.is_none() {
            self.hint(Code::OneVerb, owner, "this claim says nothing", "add `is:`");
        }
        let why = if role == Role::SteadyState {
            "a steady state is judged over the baseline, and again after the method"
        } else {
            "`abortIf` is watched all the time"
        };
        let mut others = vec![
            ("during", key(&written.during)),
            ("from", key(&written.from)),
            ("to", key(&written.to)),
            ("at", key(&written.at)),
            ("after", key(&written.after)),
            ("within", key(&written.within)),
            ("until", key(&written.until)),
        ];
        if role == Role::SteadyState {
            others.push(("for", key(&written.r#for)));
        } else {
            others.push(("budget", key(&written.budget)));
            others.push(("longest", key(&written.longest)));
        }
        self.strangers(Code::TimesNotHere, &others, why);
        let predicate = self.condition(written.is.as_ref(), resolved);
        if role == Role::SteadyState {
            let tolerance = self.tolerance(written)?;
            return Some(Verb::Is { predicate: predicate?, window: Window::Baseline, tolerance });
        }
        let lasting = match &written.r#for {
            Some(length) => Some(length.value?),
            None => None,
        };
        Some(Verb::Aborts { predicate: predicate?, lasting })
    }

    fn expectation(&mut self, written: &WrittenClaim, owner: &Span, resolved: Option<&Resolved>) -> Option<Verb> {
        match (&written.is, &written.becomes, &written.totals) {
            (Some(_), None, None) => self.is(written, owner, resolved),
            (None, Some(_), None) => self.becomes(written, owner, resolved),
            (None, None, Some(value)) => self.totals(written, value, owner, resolved),
            (None, None, None) => {
                self.hint(Code::OneVerb, owner, "this claim says nothing", "add one of: is, becomes, totals");
                None
            }
            (Some(first), Some(second), _) | (Some(first), None, Some(second)) | (None, Some(first), Some(second)) => {
                let problem =
                    Problem::new(Code::OneVerb, "a claim says one thing").at(self.problems.place(&second.span));
                let problem =
                    problem.also(self.problems.place(&first.span), "the first one").hint("make two claims of it");
                self.problems.push(problem);
                None
            }
        }
    }

    fn is(&mut self, written: &WrittenClaim, owner: &Span, resolved: Option<&Resolved>) -> Option<Verb> {
        let deadline = [
            ("after", key(&written.after)),
            ("within", key(&written.within)),
            ("until", key(&written.until)),
            ("for", key(&written.r#for)),
        ];
        self.strangers(
            Code::TimesNotHere,
            &deadline,
            "it goes with `becomes`; `is` has a window (`during`, `from` and `to`) or `at`",
        );
        let predicate = self.condition(written.is.as_ref(), resolved);
        if written.at.is_some() {
            let window = [("during", key(&written.during)), ("from", key(&written.from)), ("to", key(&written.to))];
            self.strangers(Code::TimesNotHere, &window, "`at` is one instant");
            let tolerance = [("budget", key(&written.budget)), ("longest", key(&written.longest))];
            self.strangers(Code::Tolerance, &tolerance, "at one instant there is nothing to tolerate");
            let instant = self.instant(written.at.as_ref());
            return Some(Verb::IsAt { predicate: predicate?, at: instant? });
        }
        let window = self.window(owner, written.during.as_ref(), written.from.as_ref(), written.to.as_ref());
        let tolerance = self.tolerance(written);
        Some(Verb::Is { predicate: predicate?, window: window?, tolerance: tolerance? })
    }

    fn becomes(&mut self, written: &WrittenClaim, owner: &Span, resolved: Option<&Resolved>) -> Option<Verb> {
        let window = [
            ("during", key(&written.during)),
            ("from", key(&written.from)),
            ("to", key(&written.to)),
            ("at", key(&written.at)),
        ];
        self.strangers(Code::TimesNotHere, &window, "`becomes` has a deadline: `after` and `within`");
        for (key, is_missing) in [("after", written.after.is_none()), ("within", written.within.is_none())] {
            if is_missing {
                let hint = "`becomes` needs both `after` and `within`";
                self.hint(Code::TimesMissing, owner, format!("`{key}` is missing"), hint);
            }
        }
        let predicate = self.condition(written.becomes.as_ref(), resolved);
        let after = self.instant(written.after.as_ref());
        let until = self.instant(written.until.as_ref());
        let within = get(&written.within);
        self.some_time(written.within.as_ref());
        if let Some(resolved) = resolved {
            self.long_enough(written.within.as_ref(), resolved.interval());
        }
        if let (Some(after), Some(within), Some(until), Some(value)) = (&after, within, &until, &written.until) {
            self.until_after_deadline(after, within, until, &value.span);
        }
        let tolerance = self.tolerance(written);
        let dwell = match (&written.until, &written.r#for) {
            (None, None) => {
                let tolerances = [("budget", key(&written.budget)), ("longest", key(&written.longest))];
                self.strangers(Code::Tolerance, &tolerances, "once is enough here; it goes with `until` or `for`");
                Dwell::Once
            }
            (Some(_), None) => Dwell::Until { until: until?, tolerance: tolerance? },
            (None, Some(length)) => Dwell::For { length: length.value?, tolerance: tolerance? },
            (Some(_), Some(length)) => {
                self.hint(Code::TimesNotHere, &length.span, "`until` says how long already", "keep `until` or `for`");
                return None;
            }
        };
        Some(Verb::Becomes { predicate: predicate?, after: after?, within: within?, dwell })
    }

    fn totals(
        &mut self,
        written: &WrittenClaim,
        value: &Value<Predicate>,
        owner: &Span,
        resolved: Option<&Resolved>,
    ) -> Option<Verb> {
        let others = [
            ("at", key(&written.at)),
            ("after", key(&written.after)),
            ("within", key(&written.within)),
            ("until", key(&written.until)),
            ("for", key(&written.r#for)),
            ("budget", key(&written.budget)),
            ("longest", key(&written.longest)),
        ];
        self.strangers(Code::TimesNotHere, &others, "`totals` has a window: `during`, or `from` and `to`");
        let predicate = self.condition(Some(value), resolved);
        let window = self.window(owner, written.during.as_ref(), written.from.as_ref(), written.to.as_ref());
        if predicate.as_ref().is_some_and(Predicate::is_relative) {
            let hint = "compare with a number, or claim `is` on a `rate`";
            self.hint(Code::BaselineNotHere, &value.span, "the baseline is another window, with other totals", hint);
            return None;
        }
        let resolved = resolved?;
        let span = at(&written.query).or(at(&written.indicator)).unwrap_or(owner);
        let Some(analysis) = &resolved.analysis else {
            let hint = "`totals` needs a `query` over plain counters";
            self.hint(Code::TotalsNeedsCounters, span, "this source counts nothing", hint);
            return None;
        };
        let has_formula = analysis.query.shape.as_ref().is_some_and(|shape| shape.formula.is_some());
        if !has_formula && !self.is_incomplete(resolved) {
            let reason = analysis.not_totals.clone().or_else(|| analysis.unreadable.clone()).unwrap_or_default();
            let hint = "write plain counters: `sum(err_total)`, or `sum(ok_total) / sum(all_total)`";
            self.hint(Code::TotalsNeedsCounters, span, format!("`totals` cannot add this up: {reason}"), hint);
            return None;
        }
        Some(Verb::Totals { predicate: predicate?, window: window? })
    }

    /// Whether a query still has a parameter without a value in it.
    fn is_incomplete(&self, resolved: &Resolved) -> bool {
        let Source::Query(query) = &resolved.source else { return false };
        query.text.0.iter().any(|piece| matches!(piece, crate::experiment::Piece::Text(text) if text.contains("${")))
    }

    fn tolerance(&mut self, written: &WrittenClaim) -> Option<Tolerance> {
        let read = |value: &Option<Value<Allowance>>| value.as_ref().is_none_or(|value| value.value.is_some());
        if !read(&written.budget) || !read(&written.longest) {
            return None;
        }
        let tolerance = Tolerance { budget: get(&written.budget), longest: get(&written.longest) };
        if let Some(longest) = &written.longest {
            let longer = match (tolerance.budget, tolerance.longest) {
                (Some(Allowance::Time(budget)), Some(Allowance::Time(longest))) => longest > budget,
                (Some(Allowance::Share(budget)), Some(Allowance::Share(longest))) => longest > budget,
                _ => false,
            };
            if tolerance.budget.is_none() {
                let hint = "add `budget:`, the violation that is allowed all together";
                self.hint(Code::Tolerance, &longest.span, "`longest` without `budget` allows nothing", hint);
            } else if longer {
                let message = "a single violation cannot be longer than all together";
                self.hint(Code::Tolerance, &longest.span, message, "make `longest` shorter than `budget`");
            }
        }
        Some(tolerance)
    }
}

//! Sources: where a claim's value comes from, and what its query says of itself.

use super::actions::Request;
use super::checker::{Checker, at, get, spot};
use super::holes::{HolePlace, When};
use crate::claim::{Predicate, Source};
use crate::experiment::Template;
use crate::name::{IndicatorName, PlatformName, StepName};
use crate::promql::{Analysis, analyse};
use crate::text::{Code, Problem, Span, Spot, Value, nearest};
use crate::unit::Length;
use crate::written::action::{ExecSource, HttpSource, KubernetesSource};
use crate::written::claim::{Claim, Indicator, WaitFor, Witness};
use crate::written::literals::AnyNumber;

/// The keys that make up a source, wherever they are written.
pub(super) struct SourceKeys<'a> {
    owner: &'a Span,
    query: &'a Option<Value<Template>>,
    indicator: Option<&'a Value<IndicatorName>>,
    http: &'a Option<Spot<HttpSource>>,
    exec: &'a Option<Spot<ExecSource>>,
    kubernetes: &'a Option<Spot<KubernetesSource>>,
    step: Option<&'a Value<StepName>>,
    every: &'a Option<Value<Length>>,
    platform: &'a Option<Value<PlatformName>>,
    min_events: Option<&'a Value<u64>>,
    absent: &'a Option<Value<AnyNumber>>,
}

macro_rules! source_keys {
    ($($name:ident: $type:ty, $indicator:expr, $step:expr, $min_events:expr;)*) => {$(
        pub(super) fn $name<'a>(owner: &'a Span, from: &'a $type) -> SourceKeys<'a> {
            let (indicator, step, min_events): (fn(&'a $type) -> _, fn(&'a $type) -> _, fn(&'a $type) -> _) =
                ($indicator, $step, $min_events);
            SourceKeys {
                owner,
                query: &from.query,
                indicator: indicator(from),
                http: &from.http,
                exec: &from.exec,
                kubernetes: &from.kubernetes,
                step: step(from),
                every: &from.every,
                platform: &from.platform,
                min_events: min_events(from),
                absent: &from.absent,
            }
        }
    )*};
}
source_keys! {
    of_claim: Claim, |claim| claim.indicator.as_ref(), |claim| claim.step.as_ref(), |claim| claim.min_events.as_ref();
    of_indicator: Indicator, |_| None, |_| None, |indicator| indicator.min_events.as_ref();
    of_witness: Witness, |witness| witness.indicator.as_ref(), |_| None, |_| None;
    of_wait: WaitFor, |wait| wait.indicator.as_ref(), |wait| wait.step.as_ref(), |_| None;
}

/// A source with all that goes with it.
#[derive(Debug, Clone)]
pub(super) struct Resolved {
    pub(super) source: Source,
    pub(super) indicator: Option<IndicatorName>,
    pub(super) platform: Option<PlatformName>,
    pub(super) absent: Option<f64>,
    pub(super) min_events: Option<u64>,
    /// For a query: what its tree says.
    pub(super) analysis: Option<Analysis>,
    /// Whether its value may be a text.
    pub(super) gives_text: bool,
}

impl Resolved {
    /// How often it is asked, where the file says so.
    pub(super) fn interval(&self) -> Option<Length> {
        match &self.source {
            Source::Http { every, .. } | Source::Exec { every, .. } => Some(*every),
            Source::Query(_) | Source::Step(_) => None,
        }
    }
}

const SOURCES: &str = "`query`, `indicator`, `http`, `exec`, `kubernetes` or `step`";

impl Checker<'_> {
    pub(super) fn source(&mut self, keys: &SourceKeys<'_>, when: When) -> Option<Resolved> {
        let given = [
            at(keys.query),
            keys.indicator.map(|value| &value.span),
            spot(keys.http),
            spot(keys.exec),
            spot(keys.kubernetes),
            keys.step.map(|value| &value.span),
        ];
        let given: Vec<&Span> = given.into_iter().flatten().collect();
        match given.as_slice() {
            [_] => {}
            [] => {
                self.hint(Code::OneSource, keys.owner, "there is no source", format!("add one of {SOURCES}"));
                return None;
            }
            [first, second, ..] => {
                let problem = Problem::new(Code::OneSource, "there are two sources").at(self.problems.place(second));
                let problem = problem.also(self.problems.place(first), "the first one").hint("keep one of them");
                self.problems.push(problem);
                return None;
            }
        }
        self.check_every(keys);
        let mut resolved = self.chosen(keys, when)?;
        if let Some(platform) = keys.platform {
            resolved.platform = Some(platform.value.clone()?);
        }
        if let Some(absent) = keys.absent {
            if resolved.analysis.is_none() {
                self.note(
                    Code::AbsentNotHere,
                    &absent.span,
                    "`absent` is the value of a query without series; this is no query",
                );
            }
            resolved.absent = Some(absent.value?.0);
        }
        if let Some(min_events) = keys.min_events {
            let shape = resolved.analysis.as_ref().and_then(|analysis| analysis.query.shape.as_ref());
            let is_unreadable = resolved.analysis.as_ref().is_some_and(|analysis| analysis.unreadable.is_some());
            if shape.is_none_or(|shape| shape.denominator.is_empty()) {
                let message =
                    if is_unreadable { "the query could not be taken apart" } else { "the source is no ratio" };
                let hint = "`minEvents` counts the events of b in a query `a / b`";
                self.hint(Code::MinEventsNotHere, &min_events.span, message, hint);
            }
            resolved.min_events = Some(min_events.value?);
        }
        Some(resolved)
    }

    fn check_every(&mut self, keys: &SourceKeys<'_>) {
        let Some(every) = keys.every else { return };
        if keys.http.is_none() && keys.exec.is_none() && keys.kubernetes.is_none() {
            let message = "`every` does not belong here: only `http`, `exec` and `kubernetes` are asked";
            self.note(Code::SamplingNotHere, &every.span, message);
        } else if every.value.is_some_and(|length| length.get().is_zero()) {
            self.hint(Code::BadLength, &every.span, "a source cannot be asked every 0s", "write `1s`");
        }
    }

    fn chosen(&mut self, keys: &SourceKeys<'_>, when: When) -> Option<Resolved> {
        let bare = |source, analysis, gives_text| Resolved {
            source,
            indicator: None,
            platform: None,
            absent: None,
            min_events: None,
            analysis,
            gives_text,
        };
        let every = get(keys.every).unwrap_or(Length::from_secs(1));
        if let Some(query) = keys.query {
            let analysis = self.query(query, when)?;
            return Some(bare(Source::Query(analysis.query.clone()), Some(analysis), false));
        }
        if let Some(indicator) = keys.indicator {
            let name = indicator.value.clone()?;
            self.used_indicators.insert(name.clone());
            let Some(known) = self.indicators.get(&name) else {
                let known = self.indicators.keys().map(IndicatorName::as_str);
                let problem = Problem::new(Code::UnknownIndicator, format!("there is no indicator `{name}`"));
                let problem = problem.at(self.problems.place(&indicator.span)).suggest(name.as_str(), known);
                self.problems.push(problem);
                return None;
            };
            return known.clone().map(|known| Resolved { indicator: Some(name), ..known });
        }
        if let Some(http) = keys.http {
            let written = http.value.as_ref()?;
            let request =
                Request { url: &written.url, method: &written.method, headers: &written.headers, body: &written.body };
            let request = self.request(&http.span, &request, "GET", when);
            if let Some(json) = &written.json
                && json.value.as_ref().is_some_and(|path| !path.starts_with('.'))
            {
                self.hint(Code::BadValue, &json.span, "a path into JSON begins with `.`", "write `.a.b`");
            }
            let json = get(&written.json);
            let gives_text = json.is_some();
            return Some(bare(Source::Http { request: request?, json, every }, None, gives_text));
        }
        if let Some(exec) = keys.exec {
            let written = exec.value.as_ref()?;
            let program = self.program(&exec.span, &written.command, &written.env, when)?;
            let stdout = get(&written.stdout).unwrap_or(false);
            return Some(bare(Source::Exec { program, stdout, every }, None, stdout));
        }
        if let Some(kubernetes) = keys.kubernetes {
            if let Some(written) = &kubernetes.value {
                let object = self.required(written.object.as_ref(), &kubernetes.span, "object");
                if written.field.is_some() == written.condition.is_some() {
                    self.hint(
                        Code::OneOf,
                        &kubernetes.span,
                        "one value of the object is meant",
                        "one of: field, condition",
                    );
                }
                let _ = object;
            }
            self.later(&kubernetes.span, "the source `kubernetes`");
            return None;
        }
        let step = keys.step?;
        let name = step.value.clone()?;
        if !self.known_step(&name, &step.span) {
            return None;
        }
        if !self.names.steps.get(&name).is_some_and(|facts| facts.is_ending_action) {
            let message = format!("`{name}` is no action that ends by itself: it has no exit code or status");
            self.note(Code::NotAnAction, &step.span, message);
            return None;
        }
        if when == When::BeforeMethod {
            self.note(Code::NotAnAction, &step.span, format!("`{name}` has no value before the method"));
            return None;
        }
        Some(bare(Source::Step(name), None, false))
    }

    /// A query, with what is wrong with it wherever it is used.
    pub(super) fn query(&mut self, value: &Value<Template>, when: When) -> Option<Analysis> {
        let template = self.template(Some(value), HolePlace::Query, when)?;
        let span = &value.span;
        if template.as_text().is_some_and(|text| text.trim().is_empty()) {
            self.note(Code::EmptyValue, span, "the query is empty");
            return None;
        }
        let analysis = analyse(&template);
        // In a text with a parameter that has no value yet, nothing is where it will be.
        let is_incomplete = template.as_text().is_some_and(|text| text.contains("${") && !text.contains("${1}"));
        if is_incomplete {
            return Some(analysis);
        }
        self.evidence(value, &template, &analysis);
        if let Some(delta) = &analysis.delta_of {
            let message = format!("{delta} does not know resets");
            self.hint(
                Code::NotForCounters,
                span,
                message,
                "use `rate` or `increase`, or the plain counter with `totals`",
            );
        }
        if analysis.compares_increase {
            let message = "`increase` extrapolates: it is hardly ever exactly a whole number";
            self.hint(
                Code::NotForCounters,
                span,
                message,
                "compare with a bound, or use the plain counter with `totals`",
            );
        }
        if analysis.has_quantile {
            let message = "`histogram_quantile` never exceeds its last finite bucket";
            self.hint(
                Code::QuantileTop,
                span,
                message,
                "make sure that the condition's bound lies well below that bucket",
            );
        }
        Some(analysis)
    }

    /// Whether a condition can be met by what the source gives.
    pub(super) fn condition(
        &mut self,
        value: Option<&Value<Predicate>>,
        resolved: Option<&Resolved>,
    ) -> Option<Predicate> {
        let value = value?;
        let predicate = value.value.clone()?;
        let Some(resolved) = resolved else { return Some(predicate) };
        if predicate.is_textual() && !resolved.gives_text {
            let message = format!("`{predicate}` is text, and the source gives numbers");
            self.hint(Code::TextCondition, &value.span, message, meant(&predicate.to_string()));
            return None;
        }
        if predicate.is_relative() && matches!(resolved.source, Source::Step(_)) {
            self.note(Code::BaselineNotHere, &value.span, "a step has no value in the baseline");
            return None;
        }
        if let Some(analysis) = &resolved.analysis {
            self.met_by_fallback(&value.span, &predicate, analysis);
        }
        Some(predicate)
    }
}

/// The condition that a misspelt one was meant to be.
fn meant(text: &str) -> String {
    const WORDS: [&str; 5] = ["at least", "at most", "above", "below", "not"];
    let number = text.find(|letter: char| letter.is_ascii_digit()).unwrap_or(text.len());
    let (words, number) = text.split_at(number);
    match nearest(words.trim(), WORDS) {
        Some(near) if !number.is_empty() => format!("did you mean `{near} {number}`?"),
        _ => "write `1`, `not 1`, `at least 99%`, `below 5` or `between 1 and 3`".to_owned(),
    }
}

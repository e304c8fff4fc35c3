//! Claims, their sources and measures as sentences.

use super::number::{Unit, range};
use squall_experiments::claim::Source as ClaimSource;
use squall_experiments::claim::{Allowance, Claim, Dwell, HttpRequest, Program, Tolerance, Verb, Window};
use squall_experiments::experiment::{Edge, Event, Instant};
use squall_experiments::judge::Measure;

/// Where a value comes from, in two parts: the word of the language, and what is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// `query`, `http`, `exec` or `step`.
    pub(crate) word: &'static str,
    /// What is asked.
    pub(crate) text: String,
}

/// Where a value comes from. Secrets show as the holes they are.
pub(crate) fn source(source: &ClaimSource) -> Source {
    let (word, text) = match source {
        ClaimSource::Query(query) => ("query", query.text.to_string()),
        ClaimSource::Http { request, json, every } => {
            let field = json.as_ref().map(|json| format!(", its {json}")).unwrap_or_default();
            ("http", format!("{}{field}, every {every}", http(request)))
        }
        ClaimSource::Exec { program: asked, stdout, every } => {
            let what = if *stdout { "its output" } else { "its exit code" };
            ("exec", format!("{}, {what}, every {every}", program(asked)))
        }
        ClaimSource::Step(step) => ("step", step.to_string()),
    };
    Source { word, text }
}

/// A request in a line.
pub(crate) fn http(request: &HttpRequest) -> String {
    format!("{} {}", request.method, request.url)
}

/// A command in a line.
pub(crate) fn program(program: &Program) -> String {
    let words: Vec<String> = program
        .command
        .iter()
        .map(|word| {
            let word = word.to_string();
            if word.is_empty() || word.contains(char::is_whitespace) { format!("'{word}'") } else { word }
        })
        .collect();
    words.join(" ")
}

/// What a claim asks for, as the end of a sentence that begins with its source.
pub(crate) fn allowed(claim: &Claim) -> String {
    let mut text = match &claim.verb {
        Verb::Is { predicate, window, tolerance: how_much } => {
            format!("is {predicate} {}{}", during(window), tolerance(how_much))
        }
        Verb::IsAt { predicate, at } => format!("is {predicate} at {at}"),
        Verb::Becomes { predicate, after, within, dwell } => {
            let then = match dwell {
                Dwell::Once => String::new(),
                Dwell::Until { until, tolerance: how_much } => {
                    format!(", and stays so until {until}{}", tolerance(how_much))
                }
                Dwell::For { length, tolerance: how_much } => {
                    format!(", and stays so for {length}{}", tolerance(how_much))
                }
            };
            format!("becomes {predicate} within {within} after {after}{then}")
        }
        Verb::Totals { predicate, window } => format!("totals {predicate} {}", during(window)),
        Verb::Aborts { predicate, lasting } => {
            let lasting = lasting.map(|length| format!(" for {length}")).unwrap_or_default();
            format!("aborts the run when {predicate}{lasting}")
        }
    };
    if let Some(events) = claim.min_events {
        text.push_str(&format!(", on at least {events} events"));
    }
    text.push_str(&absent(claim.absent));
    text
}

/// What stands for the value of a query without series.
pub(crate) fn absent(absent: Option<f64>) -> String {
    absent.map(|value| format!(", {value} where there are no series")).unwrap_or_default()
}

fn during(window: &Window) -> String {
    let Window::Between { from, to } = window else {
        return "in the baseline, and again after recovery".to_owned();
    };
    let name = |instant: &Instant, wanted: Edge| match &instant.event {
        _ if !instant.offset.is_zero() => None,
        Event::Step(name, edge) if *edge == wanted => Some(name.to_string()),
        Event::Method(edge) if *edge == wanted => Some("the method".to_owned()),
        Event::Step(..) | Event::Method(_) => None,
    };
    match (name(from, Edge::Start), name(to, Edge::End)) {
        (Some(start), Some(end)) if start == end => format!("during {start}"),
        _ => format!("from {from} to {to}"),
    }
}

fn tolerance(tolerance: &Tolerance) -> String {
    match (&tolerance.budget, &tolerance.longest) {
        (None, None) => String::new(),
        (Some(budget), None) => format!(" but for {}", allowance(budget)),
        (None, Some(longest)) => format!(" but for spells of at most {}", allowance(longest)),
        (Some(budget), Some(longest)) => {
            format!(" but for {}, never longer than {} at a time", allowance(budget), allowance(longest))
        }
    }
}

/// A length of time, or a share of the window.
fn allowance(allowance: &Allowance) -> String {
    match allowance {
        Allowance::Time(length) => length.to_string(),
        Allowance::Share(share) => format!("{share} of the time"),
    }
}

/// What was measured, with its uncertainty. `at` puts the source's time into the run's. What is the same at every
/// sample (`always`) has no worst one.
pub(crate) fn measure(measure: &Measure, unit: Unit, always: bool, at: impl Fn(jiff::Timestamp) -> String) -> String {
    match measure {
        Measure::Worst { value, .. } if always => format!("always {}", unit.show(*value)),
        Measure::TimeToBecome { least, most } => format!("after {}", range(*least, *most)),
        Measure::Worst { value, at: when } => format!("worst {} at {}", unit.show(*value), at(*when)),
        Measure::Violation { least, most } if most.is_zero() => {
            debug_assert!(least.is_zero());
            "never violated".to_owned()
        }
        Measure::Violation { least, most } => format!("violated for {}", range(*least, *most)),
        Measure::Total { inner, outer } => {
            let (low, high) = if inner <= outer { (inner, outer) } else { (outer, inner) };
            let (low, high) = (unit.show(*low), unit.show(*high));
            if low == high { low } else { format!("{low} to {high}") }
        }
        Measure::Value { value } => value.clone(),
    }
}

/// How long the steady state took to be back, as the middle of a sentence that ends with "after the
/// method's end".
pub(crate) fn recovery(measure: &Measure) -> String {
    match measure {
        Measure::TimeToBecome { least, most } | Measure::Violation { least, most } => range(*least, *most),
        Measure::Worst { value, .. } => Unit::Seconds.show(*value),
        Measure::Total { outer, .. } => Unit::Seconds.show(*outer),
        Measure::Value { value } => value.clone(),
    }
}

//! Which steps a claim refers to: by its times, by the holes of its source, by name.

use crate::claim::{Claim, Dwell, HttpRequest, Program, Source, Verb, Window};
use crate::experiment::{Event, Instant, Template};
use crate::name::StepName;
use std::collections::BTreeSet;

/// Every instant a claim names.
pub(crate) fn instants(claim: &Claim) -> Vec<&Instant> {
    match &claim.verb {
        Verb::Is { window, .. } | Verb::Totals { window, .. } => of_window(window),
        Verb::IsAt { at, .. } => vec![at],
        Verb::Becomes { after, dwell, .. } => match dwell {
            Dwell::Until { until, .. } => vec![after, until],
            Dwell::Once | Dwell::For { .. } => vec![after],
        },
        Verb::Aborts { .. } => Vec::new(),
    }
}

fn of_window(window: &Window) -> Vec<&Instant> {
    match window {
        Window::Between { from, to } => vec![from, to],
        Window::Baseline => Vec::new(),
    }
}

/// Every step a claim refers to.
pub(crate) fn steps_of_claim(claim: &Claim) -> BTreeSet<StepName> {
    let mut steps = steps_of_source(&claim.source);
    steps.extend(instants(claim).into_iter().filter_map(|instant| match &instant.event {
        Event::Step(step, _) => Some(step.clone()),
        Event::Method(_) => None,
    }));
    steps
}

/// The steps whose values or result a source needs.
pub(crate) fn steps_of_source(source: &Source) -> BTreeSet<StepName> {
    match source {
        Source::Step(step) => BTreeSet::from([step.clone()]),
        Source::Query(_) | Source::Http { .. } | Source::Exec { .. } => {
            templates_of_source(source).into_iter().flat_map(Template::steps).cloned().collect()
        }
    }
}

/// Every template of a source.
fn templates_of_source(source: &Source) -> Vec<&Template> {
    match source {
        Source::Query(query) => {
            let leaves = query.shape.iter().flat_map(|shape| &shape.leaves).map(|leaf| &leaf.selector);
            std::iter::once(&query.text).chain(leaves).collect()
        }
        Source::Http { request, .. } => templates_of_request(request),
        Source::Exec { program, .. } => templates_of_program(program),
        Source::Step(_) => Vec::new(),
    }
}

fn templates_of_request(request: &HttpRequest) -> Vec<&Template> {
    std::iter::once(&request.url).chain(request.headers.values()).chain(&request.body).collect()
}

fn templates_of_program(program: &Program) -> Vec<&Template> {
    program.command.iter().chain(program.env.values()).collect()
}

//! How long is observed around the method: the baseline before, recovery and the last windows after.

use super::Bounds;
use crate::claim::{Claim, Dwell, Source, Verb, Window};
use crate::engine::bounds;
use crate::experiment::{Experiment, Instant};
use crate::judge::{Sampling, WatchName};
use std::collections::BTreeMap;
use std::time::Duration;

/// The claims that make the baseline as long as it is: the steady state, and what is compared with it.
pub(crate) fn baseline_claims(experiment: &Experiment) -> impl Iterator<Item = &Claim> {
    experiment.claims().filter(|claim| {
        matches!(claim.verb, Verb::Is { window: Window::Baseline, .. }) || claim.verb.predicate().is_relative()
    })
}

/// The baseline's length: 10 s, 30 sampling intervals, or three times the longest range.
pub(crate) fn baseline_length(experiment: &Experiment, sampling: &BTreeMap<WatchName, Sampling>) -> Duration {
    let of_claim = |claim: &Claim| {
        let known = sampling.get(&WatchName(claim.name.to_string())).map(|sampling| sampling.interval);
        let interval = match &claim.source {
            Source::Http { every, .. } | Source::Exec { every, .. } => Some(every.get()),
            Source::Query(_) | Source::Step(_) => known,
        };
        let range = match &claim.source {
            Source::Query(query) => query.shape.as_ref().map(|shape| shape.looks_back() * 3).unwrap_or_default(),
            Source::Http { .. } | Source::Exec { .. } | Source::Step(_) => Duration::ZERO,
        };
        range.max(interval.unwrap_or_default() * 30)
    };
    baseline_claims(experiment).map(of_claim).max().unwrap_or_default().max(bounds::BASELINE)
}

pub(super) fn baseline_bounds(
    experiment: &Experiment,
    sampling: &BTreeMap<WatchName, Sampling>,
    notes: &mut Vec<String>,
) -> Bounds {
    let length = baseline_length(experiment, sampling);
    let unknown: Vec<&str> = baseline_claims(experiment)
        .filter(|claim| matches!(claim.source, Source::Query(_)))
        .filter(|claim| !sampling.contains_key(&WatchName(claim.name.to_string())))
        .map(|claim| claim.name.as_str())
        .collect();
    if !unknown.is_empty() {
        notes.push(format!(
            "the baseline lasts 30 scrape intervals of {} if that is longer; preflight reads the interval",
            unknown.join(", ")
        ));
    }
    let more = experiment.steady_state.iter().any(|claim| claim.min_events.is_some());
    let latest = length + bounds::FIRST_DATA + if more { bounds::MORE_EVENTS } else { Duration::ZERO };
    Bounds { earliest: length, latest }
}

pub(super) fn recovery_bounds(experiment: &Experiment, baseline: Bounds) -> Bounds {
    let windows = experiment.expect.iter().map(tail_of).max().unwrap_or_default();
    if experiment.steady_state.is_empty() {
        return Bounds { earliest: windows, latest: windows + bounds::LATE_DATA };
    }
    let steady = experiment.recover_within.get() + baseline.earliest;
    Bounds { earliest: baseline.earliest.max(windows), latest: steady.max(windows) + bounds::LATE_DATA }
}

/// How long after the method's end a claim may still be watched.
fn tail_of(claim: &Claim) -> Duration {
    let after = |instant: &Instant| Duration::try_from(instant.offset).unwrap_or_default();
    match &claim.verb {
        Verb::Is { window: Window::Between { to, .. }, .. }
        | Verb::Totals { window: Window::Between { to, .. }, .. } => after(to),
        Verb::Is { .. } | Verb::Totals { .. } | Verb::Aborts { .. } => Duration::ZERO,
        Verb::IsAt { at, .. } => after(at),
        Verb::Becomes { after: instant, within, dwell, .. } => {
            let stays = match dwell {
                Dwell::For { length, .. } => length.get(),
                Dwell::Until { until, .. } => after(until),
                Dwell::Once => Duration::ZERO,
            };
            after(instant) + within.get() + stays
        }
    }
}

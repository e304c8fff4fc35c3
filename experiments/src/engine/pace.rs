//! Whether what is asked fits how often its source is sampled, which only preflight knows.

use super::engine::Engine;
use crate::claim::{Query, Source, Verb};
use crate::experiment::{Experiment, StepKind};
use crate::history::{Event, PreflightFailure, Record, What};
use crate::judge::{Sampling, WatchName};
use crate::unit::Length;
use std::collections::BTreeMap;
use std::time::Duration;

/// The language's codes of these two problems, which a crate without `language` does not know by type.
const DEADLINE_TOO_SHORT: &str = "SQ0509";
const RANGE_TOO_SHORT: &str = "SQ0605";

/// How sources are sampled.
type Samplings = BTreeMap<WatchName, Sampling>;

/// A source, for how long it is looked at, if there is a deadline.
struct Asked<'a> {
    name: String,
    source: &'a Source,
    within: Option<Length>,
}

fn asked(experiment: &Experiment) -> impl Iterator<Item = Asked<'_>> {
    let claims = experiment.claims().map(|claim| {
        let within = match &claim.verb {
            Verb::Becomes { within, .. } => Some(*within),
            Verb::Is { .. } | Verb::IsAt { .. } | Verb::Totals { .. } | Verb::Aborts { .. } => None,
        };
        Asked { name: claim.name.to_string(), source: &claim.source, within }
    });
    let steps = experiment.steps().into_iter().filter_map(|step| {
        let (source, within) = match &step.kind {
            StepKind::Inject(inject) => inject.witness.as_ref().map(|seen| (&seen.source, seen.within)),
            StepKind::Perform(perform) => perform.witness.as_ref().map(|seen| (&seen.source, seen.within)),
            StepKind::WaitFor(wait) => Some((&wait.source, wait.within)),
            StepKind::Wait(_) | StepKind::Parallel(_) => None,
        }?;
        Some(Asked { name: step.name.as_ref()?.to_string(), source, within: Some(within) })
    });
    claims.chain(steps)
}

/// Deadlines of queries that hold fewer than three samples: what is seen within them is luck. Sources that
/// say themselves how often they are asked are refused when the file is read.
pub(crate) fn too_short(experiment: &Experiment, sampling: &Samplings) -> Vec<String> {
    let short = asked(experiment).filter_map(|asked| {
        let (Source::Query(_), Some(within)) = (asked.source, asked.within) else { return None };
        let interval = sampling.get(&WatchName(asked.name.clone()))?.interval;
        let least = interval.saturating_mul(3);
        (within.get() < least).then(|| {
            let (interval, least) = (Length::from(interval), Length::from(least));
            format!(
                "`{}` has {within}, which holds fewer than three samples: its query has one every {interval}; give it \
                 at least {least}, or scrape more often ({DEADLINE_TOO_SHORT})",
                asked.name
            )
        })
    });
    short.collect()
}

/// Queries that look back too short a time to give a value every time, a sentence each.
fn notes(experiment: &Experiment, sampling: &Samplings) -> Vec<String> {
    let short = asked(experiment).filter_map(|asked| {
        let Source::Query(query) = asked.source else { return None };
        let interval = sampling.get(&WatchName(asked.name.clone()))?.interval;
        let said = range_too_short(query, interval)?;
        Some(format!("`{}`: {said} ({RANGE_TOO_SHORT})", asked.name))
    });
    short.collect()
}

/// A range that holds fewer than four scrapes, as a sentence.
fn range_too_short(query: &Query, interval: Duration) -> Option<String> {
    let shape = query.shape.as_ref()?;
    let ranges = shape.leaves.iter().map(|leaf| leaf.looks_back).filter(|range| !range.is_zero());
    let shortest = ranges.min().filter(|range| *range < interval.saturating_mul(4))?;
    let (range, interval) = (Length::from(shortest), Length::from(interval));
    Some(format!(
        "`{}` looks back {range}, fewer than 4 scrapes of {interval}: it will be empty now and then",
        query.text
    ))
}

/// Whether a run was refused because its file, inventory or settings are at fault: nothing was touched.
pub fn is_bad_input(record: &Record) -> bool {
    record.entries.iter().any(|entry| match &entry.what {
        What::Event(Event::PreflightFailed(PreflightFailure::BadInput { .. })) => true,
        What::Event(Event::PreflightPassed(found)) => !too_short(&record.header.experiment, &found.sampling).is_empty(),
        What::Event(_) | What::Command(_) => false,
    })
}

impl Engine {
    /// Refuses what cannot be judged at the pace of its source, and remarks on what hardly can.
    pub(super) fn compare_paces(&mut self, sampling: &Samplings) {
        let given = std::sync::Arc::clone(&self.given);
        for reason in too_short(&given.experiment, sampling) {
            self.ending.error(reason);
        }
        for note in notes(&given.experiment, sampling) {
            self.ending.note(note);
        }
    }
}

#[cfg(all(test, feature = "language"))]
mod tests {
    use super::*;
    use crate::experiment::Template;
    use crate::promql::query;

    #[test]
    fn the_codes_are_those_of_the_language() {
        assert_eq!(DEADLINE_TOO_SHORT, crate::text::Code::DeadlineTooShort.to_string());
        assert_eq!(RANGE_TOO_SHORT, crate::text::Code::RangeTooShort.to_string());
    }

    #[test]
    fn a_range_of_few_scrapes_is_too_short() {
        let query = query(&Template::text("rate(a[2s])"));
        assert!(range_too_short(&query, Duration::from_millis(500)).is_none());
        assert!(range_too_short(&query, Duration::from_secs(1)).unwrap().contains("looks back 2s"));
    }
}

//! How often the queries of an experiment have samples, asked before a run: the length of the baseline, and whether a
//! deadline can be judged, hang on it. A source that does not answer is no obstacle yet: preflight asks again.

use super::preflight::watched;
use super::sampling::query_facts;
use crate::metrics::{MetricSource, ScrapeTarget};
use squall_experiments::claim::Source;
use squall_experiments::engine::source_of;
use squall_experiments::experiment::Experiment;
use squall_experiments::judge::{Sampling, WatchName};
use squall_experiments::name::RunId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is known of the pace of an experiment's queries.
#[derive(Debug, Default)]
pub(crate) struct Paces {
    /// How each query is sampled, as far as its source has said.
    pub(crate) sampling: BTreeMap<WatchName, Sampling>,
    /// Of whom nothing is known, and why, a sentence each.
    pub(crate) unknown: Vec<String>,
}

/// Asks every source that answers about the queries of an experiment. `sources`: by platform, or "".
pub(crate) async fn paces(
    experiment: &Experiment,
    sources: &BTreeMap<String, Arc<dyn MetricSource>>,
    seed: u64,
) -> Paces {
    // Nothing has run yet; a selector that names the run has no series, whatever stands in it.
    let run = RunId::new("planned");
    let mut paces = Paces::default();
    let mut targets: BTreeMap<String, Option<Vec<ScrapeTarget>>> = BTreeMap::new();
    for watched in watched(experiment) {
        let Source::Query(query) = watched.source else { continue };
        let name = &watched.name;
        let Some((key, source)) = source_of(sources, watched.platform) else {
            paces.unknown.push(format!("how often `{name}` has samples: no Prometheus is known"));
            continue;
        };
        if !targets.contains_key(key) {
            let known = match source.clock().await {
                // Not every server that speaks PromQL tells its targets: then the samples themselves tell.
                Ok(_) => Some(source.targets().await.unwrap_or_default()),
                Err(error) => {
                    paces.unknown.push(format!("how often queries have samples: {error}"));
                    None
                }
            };
            targets.insert(key.clone(), known);
        }
        // Named already.
        let Some(Some(targets)) = targets.get(key) else { continue };
        match query_facts(source.as_ref(), targets, query, &run, seed).await {
            Ok(Some(facts)) => drop(paces.sampling.insert(watched.name, facts.sampling)),
            Ok(None) => {
                paces.unknown.push(format!("how often `{name}` has samples: nothing is scraped, and there are none"));
            }
            Err(error) => paces.unknown.push(format!("how often `{name}` has samples: {error}")),
        }
    }
    paces
}

//! What a run stands on: its platforms' instances, their agents, their metric sources.

use super::SkewedSource;
use crate::history::{Claimed, LiveRun, StateFolder};
use crate::metrics::{MetricError, MetricSource};
use crate::platform::{AgentLink, Hosts};
use jiff::{SignedDuration, Timestamp};
use squall_experiments::engine::source_of;
use squall_experiments::experiment::Experiment;
use squall_experiments::history::{PlatformFacts, RefusedTargets, ResolvedTargets};
use squall_experiments::name::{InstanceName, NodeName, PlatformName};
use squall_experiments::plan::Plan;
use squall_experiments::target::{Instance, Selector, Where};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Reads a platform's instances as they are now.
pub type ReadInstances = Arc<dyn Fn() -> Result<Vec<Instance>, String> + Send + Sync>;

/// What a run stands on.
pub struct Ground {
    /// Each platform's instances; one platform without a name where settings name none.
    pub platforms: BTreeMap<PlatformName, ReadInstances>,
    /// Each node's agent.
    pub agents: BTreeMap<NodeName, Arc<dyn AgentLink>>,
    /// Metric sources by platform, or "" where only one is known.
    pub sources: BTreeMap<String, Arc<dyn MetricSource>>,
    /// What is run.
    pub experiment: Experiment,
    /// What was planned.
    pub plan: Plan,
    /// Whether nothing is injected.
    pub placebo: bool,
    /// The run's id, for templates.
    pub run: squall_experiments::name::RunId,
    /// Where the experiment stands, as `FILE:LINE:COLUMN`.
    pub place: String,
    /// Its seed, for templates.
    pub seed: u64,
    /// Where halt and locks are.
    pub folder: StateFolder,
    /// This run's lock.
    pub live: Mutex<LiveRun>,
}

impl Ground {
    /// The agent of a node.
    pub fn agent(&self, node: &NodeName) -> Option<Arc<dyn AgentLink>> {
        self.agents.get(node).cloned()
    }

    /// The metric source of a platform, and its key.
    pub(super) fn source(&self, platform: Option<&PlatformName>) -> Option<(&String, &Arc<dyn MetricSource>)> {
        source_of(&self.sources, platform)
    }

    /// The sources with what preflight measured of their clocks.
    pub fn skewed(&self, facts: &BTreeMap<String, PlatformFacts>) -> BTreeMap<String, SkewedSource> {
        let skewed = |(name, source): (&String, &Arc<dyn MetricSource>)| {
            let skew = facts.get(name).map_or(SignedDuration::ZERO, |facts| facts.skew);
            (name.clone(), SkewedSource { source: Arc::clone(source), skew })
        };
        self.sources.iter().map(skewed).collect()
    }

    /// The instances of a selector's platform, as they are now.
    fn instances(&self, platform: Option<&PlatformName>) -> Result<Vec<Instance>, String> {
        let read = match platform {
            Some(name) => self.platforms.get(name).ok_or_else(|| format!("there is no platform `{name}`"))?,
            None if self.platforms.len() == 1 => self.platforms.values().next().expect("there is one"),
            None => return Err(format!("there are {} platforms, and the selector names none", self.platforms.len())),
        };
        read()
    }

    /// Finds the instances of a step, just before its injection.
    ///
    /// # Errors
    /// Why they cannot be found.
    pub async fn resolve(&self, into: &Selector, peers: &[Selector]) -> Result<ResolvedTargets, RefusedTargets> {
        self.find(into, peers).await.map_err(|reason| RefusedTargets { reason })
    }

    async fn find(&self, into: &Selector, peers: &[Selector]) -> Result<ResolvedTargets, String> {
        let instances = self.instances(into.platform.as_ref())?;
        let matching_where = match &into.r#where {
            Some(condition) => {
                let candidates = instances.iter().filter(|instance| into.matches(instance));
                Some(self.satisfying(condition, into.platform.as_ref(), candidates).await?)
            }
            None => None,
        };
        let (own, others): (Vec<Selector>, Vec<Selector>) =
            peers.iter().cloned().partition(|peers| peers.platform.is_none());
        let addresses = read_addresses(&instances, into, &own).await;
        let mut peers = BTreeMap::new();
        for name in others.iter().filter_map(|selector| selector.platform.as_ref()).collect::<BTreeSet<_>>() {
            let mut all = self.instances(Some(name)).map_err(|reason| format!("peers: {reason}"))?;
            all.retain(|instance| is_peer(name, instance, &others));
            add_addresses(name, &mut all, &others).await;
            peers.insert(name.clone(), all);
        }
        Ok(ResolvedTargets { instances, matching_where, addresses, peers })
    }

    /// The instances whose own series satisfies a condition, asked for two intervals ago.
    pub(crate) async fn satisfying<'a>(
        &self,
        condition: &Where,
        platform: Option<&PlatformName>,
        candidates: impl Iterator<Item = &'a Instance>,
    ) -> Result<BTreeSet<InstanceName>, String> {
        let (_, source) = self.source(platform).ok_or("`where` asks a query, and no Prometheus is known")?;
        asked_of_series(condition, source.as_ref(), candidates).await
    }

    /// Takes hold of every planned target, unless another live run has it.
    pub(super) fn claim(&self) -> Result<(), String> {
        let mut targets = Vec::new();
        for step in &self.plan.steps {
            let names: BTreeSet<&InstanceName> = step.targets.values().flatten().collect();
            for read in self.platforms.values() {
                targets.extend(read()?.into_iter().filter(|instance| names.contains(&instance.name)));
            }
        }
        let mut live = self.live.lock().expect("no holder of this lock panics");
        live.claim(&Claimed::of(&targets)).map_err(|error| squall_agent::explain(&error))
    }
}

/// The addresses, read in their namespaces, of targets and peers that list none.
pub(super) async fn read_addresses(
    instances: &[Instance],
    into: &Selector,
    peers: &[Selector],
) -> BTreeMap<InstanceName, Vec<IpAddr>> {
    let mut addresses = BTreeMap::new();
    // Targets too: a zone is cut off from every address outside it, and its own are read from its instances.
    let wanted = instances
        .iter()
        .filter(|instance| into.is_of_population(instance) || peers.iter().any(|peers| peers.matches(instance)));
    for instance in wanted.filter(|instance| instance.addresses.is_empty()) {
        // Whether they are needed the engine knows; it refuses where they are missing.
        if let Ok(found) = Hosts::addresses(instance).await {
            addresses.insert(instance.name.clone(), found);
        }
    }
    addresses
}

/// Fills in the addresses, read in their namespaces, of a platform's instances that peers match and that list none.
pub(super) async fn add_addresses(platform: &PlatformName, instances: &mut [Instance], peers: &[Selector]) {
    let silent = instances.iter_mut().filter(|instance| instance.addresses.is_empty());
    for instance in silent.filter(|instance| is_peer(platform, instance, peers)) {
        // Whether they are needed the engine knows; it refuses where they are missing.
        instance.addresses = Hosts::addresses(instance).await.unwrap_or_default();
    }
}

fn is_peer(platform: &PlatformName, instance: &Instance, peers: &[Selector]) -> bool {
    peers.iter().any(|peers| peers.platform.as_ref() == Some(platform) && peers.matches(instance))
}

/// The instances whose own series satisfies a condition.
pub(crate) async fn asked_of_series<'a>(
    condition: &Where,
    source: &dyn MetricSource,
    candidates: impl Iterator<Item = &'a Instance>,
) -> Result<BTreeSet<InstanceName>, String> {
    let query = condition.query.text.as_text().ok_or("`where` has a hole that is not filled")?;
    let said = |error: MetricError| format!("`where` cannot be asked: {error}");
    let intervals = source.targets().await.map_err(said)?.into_iter().map(|target| target.interval).max();
    let now = source.clock().await.map_err(said)?;
    let ago = SignedDuration::try_from(intervals.unwrap_or(Duration::from_secs(1)) * 2).unwrap_or_default();
    let at: Timestamp = now.checked_sub(ago).unwrap_or(now);
    let answer = source.value_at(query, at).await.map_err(said)?;
    let mut found = BTreeSet::new();
    for instance in candidates {
        if instance.series.is_empty() {
            let name = &instance.name;
            return Err(format!("`where` needs the labels of {name} in Prometheus: write its `series`"));
        }
        let own = answer
            .series
            .iter()
            .filter(|series| instance.series.iter().all(|(label, value)| series.labels.get(label) == Some(value)));
        let mut verdicts = own.flat_map(|series| &series.samples).map(|sample| condition.is.holds(&sample.1, None));
        let satisfies =
            verdicts.next().is_some_and(|first| first == Some(true) && verdicts.all(|each| each == Some(true)));
        if satisfies {
            found.insert(instance.name.clone());
        }
    }
    Ok(found)
}

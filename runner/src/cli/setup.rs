//! From settings and documents to the ground that runs stand on.

use super::exit::Stop;
use super::files::ToRun;
use crate::history::StateFolder;
use crate::metrics::{HttpClient, MetricSource, Prometheus};
use crate::platform::{AgentLink, SocketAgent, locate};
use crate::secrets::Secrets;
use crate::settings::Settings;
use crate::shell::paces::{Paces, paces};
use crate::shell::{ReadInstances, asked_of_series, foresight};
use squall_agent::state::StateFolder as AgentState;
use squall_experiments::engine::source_of;
use squall_experiments::experiment::{Action, Experiment, StepKind, Undo};
use squall_experiments::history::AgentPlace;
use squall_experiments::name::{InstanceName, NodeName, PlatformName};
use squall_experiments::plan::{Caps, Plan, PlanRefusal, World, plan};
use squall_experiments::target::Instance;
use squall_experiments::text::{Problem, SourceFile, render};
use squall_experiments::written::settings::Allow;
use squall_experiments::written::{self, AgentAddress, Inventory, Parameters, PlatformSource, Purpose};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Looked for where the settings name no platform and the files hold no Inventory.
const DEFAULT_INVENTORY: &str = "inventory.yaml";
/// The one platform that needs no name.
const LOCAL: &str = "local";
/// The longest that one request of an experiment may take.
const LONGEST_REQUEST: Duration = Duration::from_secs(60);

/// One environment, ready to be used.
pub(super) struct Setup {
    pub(super) settings: Settings,
    pub(super) folder: StateFolder,
    pub(super) squall: PathBuf,
    pub(super) client: HttpClient,
    pub(super) secrets: Arc<Secrets>,
    pub(super) platforms: BTreeMap<PlatformName, ReadInstances>,
    pub(super) agents: BTreeMap<NodeName, Arc<dyn AgentLink>>,
    pub(super) places: BTreeMap<NodeName, AgentPlace>,
    pub(super) sources: BTreeMap<String, Arc<dyn MetricSource>>,
    local: LocalAgent,
}

/// What becomes of this machine's agent when it is asked and there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LocalAgent {
    /// It is started.
    Started,
    /// It is left at that: one that this user starts would not say what the one that runs as root will.
    LeftAlone,
}

/// The world as a plan is made for it, the agents that did not answer, each with its reason, and what no metric
/// source has said, a sentence each.
pub(super) struct Known {
    pub(super) world: World,
    pub(super) unasked: BTreeMap<NodeName, String>,
    pub(super) unknown: Vec<String>,
}

impl Setup {
    /// Reads what the settings name. Nobody is asked anything yet.
    pub(super) fn new(settings: Settings, inventories: &[Inventory], local: LocalAgent) -> Result<Self, Stop> {
        let squall =
            std::env::current_exe().map_err(|error| Stop::error(format!("failed to find squall itself: {error}")))?;
        let secrets = Arc::new(settings.secrets().map_err(Stop::bad_input)?);
        let mut setup = Self {
            folder: StateFolder::of(settings.history().as_deref()),
            squall,
            client: HttpClient::waiting(LONGEST_REQUEST),
            secrets,
            platforms: BTreeMap::new(),
            agents: BTreeMap::new(),
            places: BTreeMap::new(),
            sources: BTreeMap::new(),
            local,
            settings,
        };
        setup.add_platforms(inventories)?;
        setup.add_sources()?;
        Ok(setup)
    }

    fn add_platforms(&mut self, inventories: &[Inventory]) -> Result<(), Stop> {
        let local: PlatformName = LOCAL.parse().expect("it is a name");
        match inventories {
            [] => {}
            [inventory] => {
                self.add_agents(inventory);
                let instances = inventory.instances.clone();
                self.platforms.insert(local, Arc::new(move || Ok(instances.clone())));
                return Ok(());
            }
            _ => {
                return Err(Stop::bad_input(
                    "there are several inventories in these files: name platforms in squall.yaml",
                ));
            }
        }
        let named: Vec<(PlatformName, PathBuf)> = if self.settings.written.platforms.is_empty() {
            let path = self.settings.inside(Path::new(DEFAULT_INVENTORY));
            path.exists().then_some((local, path)).into_iter().collect()
        } else {
            let mut named = Vec::new();
            for (name, platform) in &self.settings.written.platforms {
                let PlatformSource::Inventory(path) = &platform.source else {
                    let message = format!("the platform `{name}` is a cluster, which is not carried out yet");
                    return Err(Stop::bad_input(message));
                };
                named.push((name.clone(), self.settings.inside(path)));
            }
            named
        };
        for (name, path) in named {
            let inventory = read_inventory(&path).map_err(Stop::bad_input)?;
            self.add_agents(&inventory);
            let again = move || read_inventory(&path).map(|inventory| inventory.instances);
            self.platforms.insert(name, Arc::new(again));
        }
        Ok(())
    }

    fn add_agents(&mut self, inventory: &Inventory) {
        for (name, node) in &inventory.nodes {
            let place = match &node.agent {
                AgentAddress::Local => AgentPlace::Local { state: agent_state().path().to_owned() },
                AgentAddress::Unix(path) => AgentPlace::Socket { path: path.clone() },
                AgentAddress::Https(_) => continue,
            };
            self.agents.insert(name.clone(), self.link(&place));
            self.places.insert(name.clone(), place);
        }
    }

    /// The agent at a place.
    pub(super) fn link(&self, place: &AgentPlace) -> Arc<dyn AgentLink> {
        match (place, self.local) {
            (AgentPlace::Local { state }, LocalAgent::Started) => {
                Arc::new(SocketAgent::local(self.squall.clone(), &AgentState::at(state)))
            }
            (AgentPlace::Local { state }, LocalAgent::LeftAlone) => {
                Arc::new(SocketAgent::at(AgentState::at(state).socket()))
            }
            (AgentPlace::Socket { path }, _) => Arc::new(SocketAgent::at(path.clone())),
        }
    }

    fn add_sources(&mut self) -> Result<(), Stop> {
        let written = &self.settings.written;
        let own = written.platforms.iter().filter_map(|(name, one)| Some((name.to_string(), one.prometheus.as_ref()?)));
        for (name, access) in own.chain(written.prometheus.as_ref().map(|access| (String::new(), access))) {
            let prometheus = Prometheus::try_new(self.settings.access(access)).map_err(|error| {
                Stop::bad_input(format!("the settings' `prometheus`: failed to {}", squall_agent::explain(&error)))
            })?;
            self.sources.insert(name, Arc::new(prometheus));
        }
        Ok(())
    }

    /// Every instance of every platform, as they are now.
    fn instances(&self) -> Result<BTreeMap<PlatformName, Vec<Instance>>, Stop> {
        let read = |(name, read): (&PlatformName, &ReadInstances)| Ok((name.clone(), read().map_err(Stop::bad_input)?));
        self.platforms.iter().map(read).collect()
    }

    /// Asks platforms, sources and agents what a plan needs to know.
    pub(super) async fn look_around(&self, experiment: &Experiment, seed: u64) -> Result<Known, Stop> {
        let platforms = self.instances()?;
        let mut world = World { platforms, ..World::default() };
        for step in experiment.steps() {
            let StepKind::Inject(inject) = &step.kind else { continue };
            let Some(condition) = &inject.into.r#where else { continue };
            let platform = inject.into.platform.as_ref().or_else(|| world.platforms.keys().next());
            let candidates = platform.and_then(|name| world.platforms.get(name)).into_iter().flatten();
            let candidates: Vec<Instance> = candidates.filter(|one| inject.into.matches(one)).cloned().collect();
            let (_, source) = source_of(&self.sources, inject.into.platform.as_ref()).ok_or_else(|| {
                Stop::bad_input("`where` asks a query, and no Prometheus is known: set `prometheus` in squall.yaml")
            })?;
            let matching = asked_of_series(condition, source.as_ref(), candidates.iter()).await.map_err(Stop::error)?;
            world.matching_where.insert(step.id, matching);
        }
        let nodes: BTreeSet<NodeName> =
            world.platforms.values().flatten().map(|instance| instance.node.clone()).collect();
        let mut unasked = BTreeMap::new();
        if experiment.steps().iter().any(|step| matches!(step.kind, StepKind::Inject(_))) {
            for node in nodes {
                // An agent that is not there is named by the plan's notes, and by preflight.
                let Some(link) = self.agents.get(&node) else {
                    unasked.insert(node, "no agent is known".to_owned());
                    continue;
                };
                match link.describe().await {
                    Ok(description) => drop(world.agents.insert(node, description)),
                    Err(error) => drop(unasked.insert(node, error.to_string())),
                }
            }
        }
        let Paces { sampling, unknown } = paces(experiment, &self.sources, seed).await;
        world.sampling = sampling;
        Ok(Known { world, unasked, unknown })
    }

    /// Makes the plan: whom it would hit now, refusing what cannot or may not be done.
    pub(super) fn plan(&self, experiment: &Experiment, world: &World, seed: u64) -> Result<Plan, Stop> {
        self.refuse_what_is_not_allowed(experiment)?;
        let protected = self.settings.written.protected.clone().unwrap_or_default();
        let caps = Caps { protected, limits: self.settings.caps() };
        let made = plan(experiment, world, seed, &caps)
            .map_err(|refusals| refused(&format!("`{}` cannot be run as things are", experiment.name), &refusals))?;
        refuse_the_dead(&made, world)?;
        Ok(made)
    }

    fn refuse_what_is_not_allowed(&self, experiment: &Experiment) -> Result<(), Stop> {
        let Some(allowed) = &self.settings.written.allow else { return Ok(()) };
        let prepared = experiment.prepare.iter().map(|(_, name, perform)| (name.to_string(), perform));
        let steps = experiment.steps();
        let performed = steps.iter().filter_map(|step| match &step.kind {
            StepKind::Perform(perform) => Some((step.label(), perform.as_ref())),
            StepKind::Inject(_) | StepKind::Wait(_) | StepKind::WaitFor(_) | StepKind::Parallel(_) => None,
        });
        for (name, perform) in prepared.chain(performed) {
            let undo: &[Action] = match &perform.undo {
                Undo::By(actions) => actions,
                Undo::Irreversible if allowed.contains(&Allow::Irreversible) => &[],
                Undo::Irreversible => {
                    return Err(Stop::bad_input(format!("{name} is irreversible, and the settings do not allow that")));
                }
            };
            let mut actions = std::iter::once(&perform.action).chain(undo);
            if actions.any(|action| matches!(action, Action::Exec(_))) && !allowed.contains(&Allow::Exec) {
                return Err(Stop::bad_input(format!("{name} runs a command, and the settings do not allow `exec`")));
            }
        }
        Ok(())
    }
}

/// What cannot be done, as the end of a command.
pub(super) fn refused(what: &str, refusals: &[PlanRefusal]) -> Stop {
    let message = format!("{what}:\n{}", foresight::in_lines(refusals));
    if foresight::is_bad_input(refusals) { Stop::bad_input(message) } else { Stop::error(message) }
}

/// Everyone who would be hit must be there now: an inventory that names the dead is out of date.
fn refuse_the_dead(plan: &Plan, world: &World) -> Result<(), Stop> {
    let hit: BTreeSet<&InstanceName> = plan.steps.iter().flat_map(|step| step.targets.values().flatten()).collect();
    let instances = world.platforms.values().flatten().filter(|instance| hit.contains(&instance.name));
    let dead: Vec<String> = instances.filter_map(|instance| locate(instance).err()).collect();
    if dead.is_empty() {
        return Ok(());
    }
    Err(Stop::bad_input(format!("the inventory names what is not there:\n  {}", dead.join("\n  "))))
}

/// Where this machine's agent keeps its state: `SQUALL_AGENT_STATE`, else where every agent does.
pub(super) fn agent_state() -> AgentState {
    let named = std::env::var_os("SQUALL_AGENT_STATE").filter(|path| !path.is_empty());
    // Absolute: it is recorded, and what reverts there may start in another folder.
    let absolute = |path: OsString| std::path::absolute(&path).unwrap_or_else(|_| path.into());
    named.map_or_else(AgentState::by_default, |path| AgentState::at(absolute(path)))
}

/// Reads an inventory's file.
fn read_inventory(path: &Path) -> Result<Inventory, String> {
    let shown = path.display();
    let bytes = std::fs::read(path).map_err(|error| format!("the inventory `{shown}` cannot be read: {error}"))?;
    let file =
        SourceFile::from_bytes(shown.to_string(), &bytes).map_err(|problem| render(&[problem], &[], false, 100))?;
    let (documents, problems) = written::read(std::slice::from_ref(&file), &Parameters::default(), Purpose::Run);
    let errors: Vec<Problem> = problems.into_iter().filter(Problem::is_error).collect();
    if !errors.is_empty() {
        return Err(render(&errors, std::slice::from_ref(&file), false, 100));
    }
    let mut inventories = documents.inventories.into_iter();
    match (inventories.next(), inventories.next()) {
        (Some(inventory), None) => Ok(inventory),
        (None, _) => Err(format!("there is no Inventory in `{shown}`")),
        (Some(_), Some(_)) => Err(format!("there are several inventories in `{shown}`")),
    }
}

/// Everything a command that plans or runs needs.
pub(super) fn set_up(settings: Settings, what: &ToRun, local: LocalAgent) -> Result<Setup, Stop> {
    Setup::new(settings, &what.documents.inventories, local)
}

//! An inventory: nodes, and the instances on them.

use super::checker::{at, get, not_yet};
use super::selectors::text_map;
use crate::name::{ExperimentName, InstanceName, NodeName};
use crate::target::{Instance, Locator, ProcessLocator};
use crate::text::{Code, Problem, Problems, Span, Spot, Value};
use crate::written::Purpose;
use crate::written::document::Document;
use crate::written::inventory::{Instance as WrittenInstance, InventorySpec, Node as WrittenNode, Process};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where the network namespaces of `ip netns` stand.
const NAMED_NAMESPACES: &str = "/run/netns";

/// What hosts there are, and what runs on them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    /// Its name.
    pub name: ExperimentName,
    /// Its nodes by name.
    pub nodes: BTreeMap<NodeName, InventoryNode>,
    /// What can be hit, in the order in which it is written.
    pub instances: Vec<Instance>,
}

/// A node of an inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventoryNode {
    /// Its zone.
    pub zone: Option<String>,
    /// Its agent.
    pub agent: AgentAddress,
}

/// Where an agent is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentAddress {
    /// On this machine, started by the runner if there is none.
    Local,
    /// At this socket of this machine.
    Unix(PathBuf),
    /// At this `https://` address.
    Https(String),
}

pub(in crate::written) fn inventory(
    document: &Document<InventorySpec>,
    purpose: Purpose,
    problems: &mut Problems,
) -> Option<Inventory> {
    let spot = document.spec.as_ref()?;
    let spec = spot.value.as_ref()?;
    if spec.instances.is_none() {
        problems.note(Code::MissingKey, &spot.span, "`instances` is missing");
    }
    let mut reader = Reader { problems, purpose, nodes: BTreeMap::new(), spans: BTreeMap::new() };
    for node in spec.nodes.iter().flat_map(|list| &list.value).flatten() {
        reader.node(node);
    }
    if spec.nodes.is_none() {
        let local = InventoryNode { zone: None, agent: AgentAddress::Local };
        reader.nodes.insert(NodeName::new("local"), local);
    }
    let mut instances = Vec::new();
    let mut seen: BTreeMap<InstanceName, Span> = BTreeMap::new();
    for spot in spec.instances.iter().flat_map(|list| &list.value).flatten() {
        let Some(written) = &spot.value else { continue };
        let Some(instance) = reader.instance(written, &spot.span) else { continue };
        let span = at(&written.name).unwrap_or(&spot.span).clone();
        if let Some(first) = seen.get(&instance.name) {
            reader.twice("instance", instance.name.as_str(), &span, first);
        } else {
            seen.insert(instance.name.clone(), span);
            instances.push(instance);
        }
    }
    let name = get(&document.metadata.as_ref()?.value.as_ref()?.name)?;
    Some(Inventory { name, nodes: reader.nodes, instances })
}

struct Reader<'a> {
    problems: &'a mut Problems,
    purpose: Purpose,
    nodes: BTreeMap<NodeName, InventoryNode>,
    spans: BTreeMap<NodeName, Span>,
}

impl Reader<'_> {
    fn twice(&mut self, what: &str, name: &str, span: &Span, first: &Span) {
        let problem = Problem::new(Code::DuplicateEntry, format!("there are two {what}s called `{name}`"));
        self.problems.push(problem.at(self.problems.place(span)).also(self.problems.place(first), "the first one"));
    }

    fn node(&mut self, spot: &Spot<WrittenNode>) {
        let Some(written) = &spot.value else { return };
        let Some(name) = &written.name else {
            self.problems.note(Code::MissingKey, &spot.span, "`name` is missing");
            return;
        };
        let agent = match &written.agent {
            None => Some(AgentAddress::Local),
            Some(agent) => self.agent(agent),
        };
        let (Some(word), Some(agent)) = (&name.value, agent) else { return };
        if let Some(first) = self.spans.get(word).cloned() {
            return self.twice("node", word.as_str(), &name.span, &first);
        }
        self.spans.insert(word.clone(), name.span.clone());
        self.nodes.insert(word.clone(), InventoryNode { zone: get(&written.zone), agent });
    }

    fn agent(&mut self, value: &Value<String>) -> Option<AgentAddress> {
        let text = value.value.as_ref()?;
        if let Some(path) = text.strip_prefix("unix:").filter(|path| path.starts_with('/')) {
            return Some(AgentAddress::Unix(path.into()));
        }
        if text.strip_prefix("https://").is_some_and(|host| !host.is_empty()) {
            not_yet(self.problems, &value.span, "an agent on another machine", self.purpose);
            return Some(AgentAddress::Https(text.clone()));
        }
        let problem =
            self.problems.note(Code::BadValue, &value.span, format!("`{text}` is not the address of an agent"));
        problem.hint = Some("write `unix:/PATH` or `https://HOST:PORT`; leave it out for the local agent".into());
        None
    }

    fn instance(&mut self, written: &WrittenInstance, owner: &Span) -> Option<Instance> {
        if written.name.is_none() {
            self.problems.note(Code::MissingKey, owner, "`name` is missing");
        }
        let node = self.node_of(written, owner);
        let locator = self.locator(written, owner);
        let addresses = match &written.addresses {
            Some(list) => list.value.as_ref()?.iter().map(|value| Some(value.value?.0)).collect::<Option<Vec<_>>>()?,
            None => Vec::new(),
        };
        let map = |spot: &Option<_>| spot.as_ref().map_or(Some(BTreeMap::new()), text_map);
        let node = node?;
        Some(Instance {
            name: get(&written.name)?,
            namespace: get(&written.namespace),
            labels: map(&written.labels)?,
            zone: self.nodes.get(&node).and_then(|node| node.zone.clone()),
            node,
            addresses,
            locator: locator?,
            series: map(&written.series)?,
        })
    }

    fn node_of(&mut self, written: &WrittenInstance, owner: &Span) -> Option<NodeName> {
        if let Some(node) = &written.node {
            let name = node.value.clone()?;
            if self.nodes.contains_key(&name) {
                return Some(name);
            }
            let problem = Problem::new(Code::UnknownNode, format!("there is no node `{name}`"));
            let problem = problem.at(self.problems.place(&node.span));
            let problem = problem.suggest(name.as_str(), self.nodes.keys().map(NodeName::as_str));
            self.problems.push(problem);
            return None;
        }
        let mut names = self.nodes.keys();
        match (names.next(), names.next()) {
            (Some(only), None) => Some(only.clone()),
            _ => {
                let problem =
                    self.problems.note(Code::UnknownNode, owner, "`node` is missing: on which one does it run?");
                problem.hint = Some("with several nodes, or none, every instance names its own".into());
                None
            }
        }
    }

    fn locator(&mut self, written: &WrittenInstance, owner: &Span) -> Option<Locator> {
        let process = match &written.process {
            Some(process) => Some(match process.value.as_ref()? {
                Process::Pidfile(path) => ProcessLocator::Pidfile(self.absolute(path, "a pidfile")?),
                Process::Unit(unit) => ProcessLocator::Unit(unit.value.clone()?),
                Process::Cgroup(path) => ProcessLocator::Cgroup(self.absolute(path, "a cgroup")?),
            }),
            None => None,
        };
        let netns = match &written.netns {
            Some(netns) => {
                let text = netns.value.as_ref()?;
                Some(if text.contains('/') {
                    self.absolute(netns, "a namespace")?
                } else {
                    PathBuf::from(NAMED_NAMESPACES).join(text)
                })
            }
            None => None,
        };
        if process.is_none() && netns.is_none() {
            let problem =
                self.problems.note(Code::NothingToHold, owner, "nothing says how to take hold of this instance");
            problem.hint = Some("add `process: {pidfile: ...}`, `{unit: ...}` or `{cgroup: ...}`, or `netns:`".into());
            return None;
        }
        Some(Locator { process, netns })
    }

    fn absolute(&mut self, value: &Value<String>, what: &str) -> Option<PathBuf> {
        let text = value.value.as_ref()?;
        if text.starts_with('/') {
            return Some(text.into());
        }
        let problem = self.problems.note(Code::BadValue, &value.span, format!("`{text}` is a relative path"));
        problem.hint = Some(format!("the agent finds {what} by its whole path, beginning with `/`"));
        None
    }
}

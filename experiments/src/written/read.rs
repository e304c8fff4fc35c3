//! Files in; experiments, inventories and every problem out.

use super::check;
use super::document::Document;
use super::experiment::ExperimentSpec;
use super::gates::{GameDaySpec, RunSpec, ScheduleSpec, SuiteSpec};
use super::inventory::InventorySpec;
use super::parameters::{Filled, Parameters, Purpose, fill};
use crate::experiment::Experiment;
use crate::name::ExperimentName;
use crate::text::{Code, Node, Place, Problem, Problems, SourceFile, decode, documents};
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};

pub use super::check::inventory::{AgentAddress, Inventory, InventoryNode};

/// Everything that stood in some files.
#[derive(Debug, Clone, Default)]
pub struct Documents {
    /// Experiments, in the order in which they stand.
    pub experiments: Vec<ReadExperiment>,
    /// Inventories without errors.
    pub inventories: Vec<Inventory>,
    /// Documents of kinds that are read, but not yet carried out.
    pub others: Vec<OtherDocument>,
}

/// An experiment that was read.
#[derive(Debug, Clone)]
pub struct ReadExperiment {
    /// Its name, if that is one.
    pub name: Option<ExperimentName>,
    /// Where it is named; the file is its index among those that were read.
    pub place: Place,
    /// The experiment, if it can be run: no errors, no parameter without value, nothing that comes later.
    pub experiment: Option<Experiment>,
    /// What in it is not yet carried out, in a few words each.
    pub not_yet: Vec<String>,
    /// Declared parameters.
    pub parameters: BTreeSet<String>,
}

/// A document that is read, but not yet carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherDocument {
    /// Its kind.
    pub kind: DocumentKind,
    /// Its name, if that is one.
    pub name: Option<ExperimentName>,
    /// Where it is named.
    pub place: Place,
}

/// The kinds of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DocumentKind {
    /// An experiment.
    Experiment,
    /// A gate.
    Suite,
    /// When to run.
    Schedule,
    /// People take part.
    GameDay,
    /// One run.
    Run,
    /// Hosts and what runs on them.
    Inventory,
}

impl DocumentKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Experiment, Self::Suite, Self::Schedule, Self::GameDay, Self::Run, Self::Inventory];

    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Experiment => "Experiment",
            Self::Suite => "Suite",
            Self::Schedule => "Schedule",
            Self::GameDay => "GameDay",
            Self::Run => "Run",
            Self::Inventory => "Inventory",
        }
    }
}

/// Reads every document of every file; all problems at once, by file and place.
pub fn read(files: &[SourceFile], parameters: &Parameters, purpose: Purpose) -> (Documents, Vec<Problem>) {
    let mut reader = Reader { parameters, purpose, documents: Documents::default(), names: BTreeMap::new() };
    let mut found = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let mut problems = Problems::of(index);
        for root in documents(&file.text, &mut problems) {
            reader.document(root, &mut problems);
        }
        found.append(&mut problems.into_found());
    }
    let known: BTreeSet<&str> =
        reader.documents.experiments.iter().flat_map(|one| &one.parameters).map(String::as_str).collect();
    for name in parameters.set.keys().filter(|name| !known.contains(name.as_str())) {
        let problem = Problem::new(Code::UnknownParameter, format!("no experiment has a parameter `{name}`"));
        found.push(problem.suggest(name, known.iter().copied()));
    }
    Problem::sort(&mut found);
    found.dedup();
    (reader.documents, found)
}

struct Reader<'a> {
    parameters: &'a Parameters,
    purpose: Purpose,
    documents: Documents,
    names: BTreeMap<(DocumentKind, String), Place>,
}

impl Reader<'_> {
    fn document(&mut self, mut root: Node, problems: &mut Problems) {
        let Some(kind) = kind(&root, problems) else { return };
        let before = problems.found.len();
        if let Some(version) = root.get("apiVersion")
            && let Some(text) = version.as_text().filter(|text| text != "squall.dev/v1")
        {
            let problem = problems.note(Code::UnknownKind, &version.span, format!("there is no version `{text}`"));
            problem.hint = Some("write `squall.dev/v1`".into());
        }
        let name_node = root.get("metadata").and_then(|metadata| metadata.get("name"));
        let place = problems.place(name_node.map_or(&root.span, |node| &node.span));
        let name_text = name_node.and_then(Node::as_text);
        let name = name_text.as_deref().and_then(|name| name.parse().ok());
        if let Some(text) = &name_text {
            self.claim_name(kind, text, &place, problems);
        }
        let filled = if kind == DocumentKind::Experiment {
            fill(&mut root, self.parameters, self.purpose, problems)
        } else {
            Filled::default()
        };
        match kind {
            DocumentKind::Experiment => {
                let document = whole::<ExperimentSpec>(&root, problems);
                let checked = document.map(|document| check::experiment(&document, &filled, self.purpose, problems));
                let (experiment, not_yet) = checked.unwrap_or_default();
                let has_errors = problems.has_errors_since(before);
                let experiment = experiment.filter(|_| !has_errors && not_yet.is_empty());
                let parameters = filled.declared;
                self.documents.experiments.push(ReadExperiment { name, place, experiment, not_yet, parameters });
                return;
            }
            DocumentKind::Inventory => {
                let document = whole::<InventorySpec>(&root, problems);
                let inventory =
                    document.and_then(|document| check::inventory::inventory(&document, self.purpose, problems));
                let has_errors = problems.has_errors_since(before);
                self.documents.inventories.extend(inventory.filter(|_| !has_errors));
                return;
            }
            DocumentKind::Suite => {
                if let Some(document) = whole::<SuiteSpec>(&root, problems) {
                    check::gates::suite(&document, problems);
                }
            }
            DocumentKind::Schedule => {
                if let Some(document) = whole::<ScheduleSpec>(&root, problems) {
                    check::gates::schedule(&document, problems);
                }
            }
            DocumentKind::GameDay => {
                if let Some(document) = whole::<GameDaySpec>(&root, problems) {
                    check::gates::game_day(&document, problems);
                }
            }
            DocumentKind::Run => {
                if let Some(document) = whole::<RunSpec>(&root, problems) {
                    check::gates::run(&document, problems);
                }
            }
        }
        check::not_yet(problems, &place.span, &format!("kind `{}`", kind.word()), self.purpose);
        self.documents.others.push(OtherDocument { kind, name, place });
    }

    fn claim_name(&mut self, kind: DocumentKind, name: &str, place: &Place, problems: &mut Problems) {
        let key = (kind, name.to_owned());
        if let Some(first) = self.names.get(&key) {
            let message = format!("there are two documents `{}` called `{name}`", kind.word());
            let problem = Problem::new(Code::DuplicateDocument, message).at(place.clone());
            problems.push(problem.also(first.clone(), "the first one").hint("give one of them another name"));
        } else {
            self.names.insert(key, place.clone());
        }
    }
}

fn kind(root: &Node, problems: &mut Problems) -> Option<DocumentKind> {
    let Some(node) = root.get("kind") else {
        let start = root.span.start..root.span.start + 1;
        let problem = problems.note(Code::UnknownKind, &start, "this document says no `kind`");
        problem.hint = Some("begin with `apiVersion: squall.dev/v1` and `kind: Experiment`".into());
        return None;
    };
    let text = node.as_text().unwrap_or_default();
    let found = DocumentKind::ALL.into_iter().find(|kind| kind.word() == text);
    if found.is_none() {
        let problem =
            Problem::new(Code::UnknownKind, format!("there is no kind `{text}`")).at(problems.place(&node.span));
        problems.push(problem.suggest(&text, DocumentKind::ALL.map(DocumentKind::word)));
    }
    found
}

/// Decodes a document and notes which of its four parts are missing.
fn whole<S: DeserializeOwned>(root: &Node, problems: &mut Problems) -> Option<Document<S>> {
    let document: Document<S> = decode(root, problems)?;
    let first = root.get("kind").map_or(&root.span, |node| &node.span).clone();
    let missing = [
        ("apiVersion", document.api_version.is_none()),
        ("metadata", document.metadata.is_none()),
        ("spec", document.spec.is_none()),
    ];
    for (key, _) in missing.iter().filter(|(_, is_missing)| *is_missing) {
        problems.note(Code::MissingKey, &first, format!("`{key}` is missing"));
    }
    if let Some(metadata) = &document.metadata
        && metadata.value.as_ref().is_some_and(|metadata| metadata.name.is_none())
    {
        problems.note(Code::MissingKey, &metadata.span, "`name` is missing");
    }
    Some(document)
}

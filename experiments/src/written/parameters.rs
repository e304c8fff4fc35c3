//! `${...}`: parameters are filled in inside scalars, after YAML is parsed, so that a value can never
//! change the structure. What only the run knows stays a hole.

use super::literals::is_hole;
use crate::text::{Code, Kind, Node, Part, Problem, Problems, Span};
use std::collections::{BTreeMap, BTreeSet};

/// Values that come from outside the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    /// `--set`: these must exist in some experiment.
    pub set: BTreeMap<String, String>,
    /// The settings' `parameters`: names that no experiment uses are ignored.
    pub settings: BTreeMap<String, String>,
}

/// What files are read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To say what is wrong with them. Parameters may lack values, and what is not yet carried out is noted.
    Check,
    /// To plan or run them. Both are errors.
    Run,
}

/// The parameters of one experiment.
#[derive(Debug, Default)]
pub(super) struct Filled {
    /// Those that have a value.
    pub(super) values: BTreeMap<String, String>,
    /// Every one that is declared.
    pub(super) declared: BTreeSet<String>,
}

struct Declared {
    span: Span,
    value: Option<String>,
    used: bool,
}

/// Fills in the parameters of a document.
pub(super) fn fill(root: &mut Node, given: &Parameters, purpose: Purpose, problems: &mut Problems) -> Filled {
    let mut declared = declared(root, given);
    if let Kind::Mapping(pairs) = &mut root.kind {
        for (key, value) in pairs.iter_mut() {
            match (key.as_text().as_deref(), &mut value.kind) {
                (Some("spec"), Kind::Mapping(spec)) => {
                    let parts = spec.iter_mut().filter(|(key, _)| key.as_text().as_deref() != Some("parameters"));
                    parts.for_each(|(_, value)| walk(value, &mut declared, problems));
                }
                (Some("metadata"), _) => walk(value, &mut declared, problems),
                _ => {}
            }
        }
    }
    for (name, parameter) in &declared {
        if purpose == Purpose::Run && parameter.value.is_none() {
            let hint = format!("give it: `--set {name}=...`");
            problems.note(Code::ParameterMissing, &parameter.span, format!("parameter `{name}` has no value")).hint =
                Some(hint);
        } else if !parameter.used {
            problems.note(Code::UnusedParameter, &parameter.span, format!("parameter `{name}` is not used"));
        }
    }
    let names = declared.keys().cloned().collect();
    let values = declared.into_iter().filter_map(|(name, parameter)| Some((name, parameter.value?))).collect();
    Filled { values, declared: names }
}

fn declared(root: &Node, given: &Parameters) -> BTreeMap<String, Declared> {
    let list = root.get("spec").and_then(|spec| spec.get("parameters"));
    let Some(Node { kind: Kind::Sequence(items), .. }) = list else { return BTreeMap::new() };
    let mut declared = BTreeMap::new();
    for item in items {
        let Some((name, span)) = item.get("name").and_then(|node| Some((node.as_text()?, node.span.clone()))) else {
            continue;
        };
        let outside = given.set.get(&name).or_else(|| given.settings.get(&name)).cloned();
        let value = outside.or_else(|| item.get("default")?.as_text());
        declared.entry(name).or_insert(Declared { span, value, used: false });
    }
    declared
}

fn walk(node: &mut Node, declared: &mut BTreeMap<String, Declared>, problems: &mut Problems) {
    match &mut node.kind {
        Kind::Sequence(items) => items.iter_mut().for_each(|item| walk(item, declared, problems)),
        Kind::Mapping(pairs) => pairs.iter_mut().for_each(|(_, value)| walk(value, declared, problems)),
        Kind::Broken => {}
        Kind::Scalar(scalar) => {
            if scalar.parts.iter().all(|part| matches!(part, Part::Text(_))) {
                return;
            }
            let mut filled: Vec<Part> = Vec::new();
            for part in std::mem::take(&mut scalar.parts) {
                let part = match part {
                    Part::Hole(name) => hole(name, &node.span, declared, problems),
                    other => other,
                };
                match (filled.last_mut(), part) {
                    (Some(Part::Text(before)), Part::Text(text)) => before.push_str(&text),
                    (_, part) => filled.push(part),
                }
            }
            scalar.parts = filled;
        }
    }
}

fn hole(name: String, span: &Span, declared: &mut BTreeMap<String, Declared>, problems: &mut Problems) -> Part {
    if let Some(parameter) = declared.get_mut(&name) {
        parameter.used = true;
        return parameter.value.clone().map_or(Part::Missing(name), Part::Text);
    }
    if is_hole(&name) {
        return Part::Hole(name);
    }
    let known: Vec<&str> = declared.keys().map(String::as_str).chain(["run.id", "run.seed"]).collect();
    let problem = Problem::new(Code::UnknownHole, format!("`${{{name}}}` names nothing")).at(problems.place(span));
    problems.push(problem.suggest(&name, known));
    Part::Missing(name)
}

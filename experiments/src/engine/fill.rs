//! Filling the holes of sources and actions with what the run knows. Secrets stay holes: the runner
//! fills them at the last moment, and nothing that is stored ever holds one.

use super::engine::Engine;
use crate::claim::{HttpRequest, Leaf, Program, Query, QueryShape, Source};
use crate::experiment::{Piece, RenderError, Template, Values};
use crate::name::StepName;
use crate::target::Instance;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Fills a template, all but secrets.
pub(super) fn template(template: &Template, values: &Values) -> Result<Template, RenderError> {
    let mut pieces: Vec<Piece> = Vec::new();
    for piece in &template.0 {
        if let Piece::Secret(_) = piece {
            pieces.push(piece.clone());
            continue;
        }
        let text = Template(vec![piece.clone()]).render(values)?;
        match pieces.last_mut() {
            Some(Piece::Text(before)) => before.push_str(&text),
            _ => pieces.push(Piece::Text(text)),
        }
    }
    Ok(Template(pieces))
}

/// Fills a command.
pub(super) fn program(program: &Program, values: &Values) -> Result<Program, RenderError> {
    let command = program.command.iter().map(|word| template(word, values)).collect::<Result<_, _>>()?;
    let env = map(&program.env, values)?;
    Ok(Program { command, env })
}

/// Fills a request.
pub(super) fn request(request: &HttpRequest, values: &Values) -> Result<HttpRequest, RenderError> {
    Ok(HttpRequest {
        url: template(&request.url, values)?,
        method: request.method.clone(),
        headers: map(&request.headers, values)?,
        body: request.body.as_ref().map(|body| template(body, values)).transpose()?,
    })
}

/// Fills a source.
pub(super) fn source(source: &Source, values: &Values) -> Result<Source, RenderError> {
    Ok(match source {
        Source::Query(query) => Source::Query(Query {
            text: template(&query.text, values)?,
            shape: query.shape.as_ref().map(|shape| fill_shape(shape, values)).transpose()?,
        }),
        Source::Http { request: asked, json, every } => {
            Source::Http { request: request(asked, values)?, json: json.clone(), every: *every }
        }
        Source::Exec { program: run, stdout, every } => {
            Source::Exec { program: program(run, values)?, stdout: *stdout, every: *every }
        }
        Source::Step(step) => Source::Step(step.clone()),
    })
}

fn fill_shape(shape: &QueryShape, values: &Values) -> Result<QueryShape, RenderError> {
    let fill_leaf = |leaf: &Leaf| Ok(Leaf { selector: template(&leaf.selector, values)?, ..leaf.clone() });
    let leaves = shape.leaves.iter().map(fill_leaf).collect::<Result<_, RenderError>>()?;
    Ok(QueryShape { leaves, ..shape.clone() })
}

fn map(texts: &BTreeMap<String, Template>, values: &Values) -> Result<BTreeMap<String, Template>, RenderError> {
    texts.iter().map(|(key, text)| Ok((key.clone(), template(text, values)?))).collect()
}

/// The values of the instances a step hit, by key: names, zone, node, labels, and over those `series`.
pub(super) fn values_of(step: &StepName, hit: &[&Instance]) -> BTreeMap<(StepName, Option<String>), BTreeSet<String>> {
    let mut found: BTreeMap<(StepName, Option<String>), BTreeSet<String>> = BTreeMap::new();
    let mut add = |key: Option<&str>, value: String| {
        found.entry((step.clone(), key.map(str::to_owned))).or_default().insert(value);
    };
    for instance in hit {
        add(None, instance.name.to_string());
        let labels = instance.labels.iter().filter(|(key, _)| !instance.series.contains_key(*key));
        for (key, value) in
            instance.series.iter().chain(labels).filter(|(key, _)| !matches!(key.as_str(), "zone" | "node"))
        {
            add(Some(key), value.clone());
        }
        add(Some("node"), instance.node.to_string());
        if let Some(zone) = &instance.zone {
            add(Some("zone"), zone.clone());
        }
    }
    found
}

/// RFC 3339. Not every program that is given a time reads nine digits of a second.
fn to_milliseconds(time: Timestamp) -> String {
    format!("{time:.3}")
}

impl Engine {
    /// What the run knows of its own values now. Secrets are not among them.
    pub(super) fn values(&self) -> Values {
        let mut starts = BTreeMap::new();
        let mut ends = BTreeMap::new();
        for name in self.step_names() {
            let times = self.timeline.step(&name);
            if let Some(start) = times.start {
                starts.insert(name.clone(), to_milliseconds(start.first.wall));
            }
            if let Some(end) = times.end {
                ends.insert(name, to_milliseconds(end.last.wall));
            }
        }
        Values {
            run: self.given.run.clone(),
            seed: self.given.seed,
            targets: self.targets.clone(),
            starts,
            ends,
            secrets: BTreeMap::new(),
        }
    }

    fn step_names(&self) -> Vec<StepName> {
        let prepared = self.given.experiment.prepare.iter().map(|(_, name, _)| name.clone());
        let method = self.given.experiment.steps().into_iter().filter_map(|step| step.name.clone());
        prepared.chain(method).collect()
    }
}

//! The page's content: a view put into the words and drawings that the template lays out.

use super::chart::{Chart, chart};
use super::key::Window;
use super::prose::{harmless, prose};
use super::timeline::timeline;
use crate::view::{ClaimView, FaultView, LogLine, Span, StepView, View, WatchView};
use crate::words::{self, State};
use askama::Template;
use squall_experiments::claim::Role;
use squall_experiments::fault::{Difference, Support};
use squall_experiments::history::Record;
use squall_experiments::judge::{RemainingFault, WatchKind};
use std::time::Duration;

/// A run as one HTML file.
pub fn html(record: &Record) -> String {
    let view = View::of(record);
    let page = Page::of(&view).render().expect("writing to a string cannot fail, and no filter of the template does");
    harmless(&page)
}

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'v> {
    name: String,
    title: &'v str,
    when: String,
    mark: &'static str,
    word: String,
    class: &'static str,
    meaning: String,
    placebo: Option<Vec<(&'static str, String)>>,
    reasons: Vec<String>,
    remaining: &'v [RemainingFault],
    facts: Vec<(&'static str, String)>,
    recovery: Option<String>,
    claims: Vec<(&'static str, Vec<Card>)>,
    watches: Vec<Card>,
    never_began: bool,
    timeline: String,
    steps: Vec<StepRow>,
    faults: Vec<FaultGroup>,
    targets: Vec<[String; 6]>,
    platforms: Vec<[String; 3]>,
    agents: Vec<AgentRow>,
    parameters: Vec<(String, String)>,
    notes: Vec<String>,
    again: &'v str,
    file: &'v str,
    text: &'v str,
    log: &'v [LogLine],
}

/// A claim, a witness or a `waitFor`.
struct Card {
    id: String,
    name: String,
    state: State,
    reason: String,
    allowed: String,
    measure: String,
    source: words::Source,
    chart: Option<Chart>,
    silence: String,
}

struct StepRow {
    label: String,
    depth: usize,
    what: String,
    start: String,
    end: String,
    watched_by: String,
}

/// The faults of one step.
struct FaultGroup {
    step: String,
    what: String,
    judged: Option<(State, String, String)>,
    population: String,
    faults: Vec<FaultRow>,
}

struct FaultRow {
    target: String,
    node: String,
    backend: String,
    when: String,
    evidence: String,
    end: String,
    differences: Vec<Difference>,
}

struct AgentRow {
    node: String,
    version: String,
    kernel: String,
    capabilities: Vec<String>,
}

impl<'v> Page<'v> {
    fn of(view: &'v View<'v>) -> Self {
        let header = &view.record.header;
        let judgement = view.judgement();
        let windows: Vec<Window> = view
            .disturbances()
            .map(|(step, from, until)| {
                let placebo = if header.placebo { " (not injected)" } else { "" };
                Window { label: format!("{}{placebo}", step.label), from, until, injected: !header.placebo }
            })
            .collect();
        let mut groups = Vec::new();
        for (role, heading) in
            [(Role::Expect, "Expected"), (Role::SteadyState, "Steady state"), (Role::AbortIf, "Safety stops")]
        {
            let cards: Vec<Card> = view
                .claims
                .iter()
                .filter(|claim| claim.claim.role == role)
                .map(|claim| claim_card(claim, &windows))
                .collect();
            if !cards.is_empty() {
                groups.push((heading, cards));
            }
        }
        let recovery = judgement.and_then(|judgement| judgement.recovery.as_ref());
        let mut notes: Vec<String> = header.plan.notes.clone();
        notes.extend(view.preflight.iter().flat_map(|found| found.notes.iter().cloned()));
        notes.extend(judgement.iter().flat_map(|judgement| judgement.notes.iter().cloned()));
        Self {
            name: header.experiment.name.to_string(),
            title: &header.experiment.title,
            when: format!("{:.0}", header.began),
            mark: view.standing.mark(),
            word: view.standing.headline(header.placebo),
            class: view.standing.class(),
            meaning: prose(view.standing.meaning(header.placebo)),
            placebo: header.placebo.then(|| placebo(view)),
            reasons: view.reasons().iter().map(|reason| prose(reason)).collect(),
            remaining: view.remaining(),
            facts: facts(view),
            recovery: recovery.map(words::recovery),
            claims: groups,
            watches: view.watches.iter().map(|watch| watch_card(watch, &windows)).collect(),
            never_began: view.never_began(),
            timeline: timeline(view),
            steps: view.steps.iter().map(step_row).collect(),
            faults: view.steps.iter().filter_map(|step| fault_group(view, step)).collect(),
            targets: targets(view),
            platforms: platforms(view),
            agents: agents(view),
            parameters: header
                .experiment
                .parameters
                .iter()
                .map(|(name, value)| (name.to_string(), value.clone()))
                .collect(),
            notes: notes.iter().map(|note| prose(note)).collect(),
            again: &header.again,
            file: &header.file,
            text: &header.text,
            log: &view.log,
        }
    }
}

fn facts(view: &View<'_>) -> Vec<(&'static str, String)> {
    let header = &view.record.header;
    vec![
        ("Run", header.run.to_string()),
        ("Began", format!("{:.0}", header.began)),
        ("Took", words::span(Duration::from_secs_f64(view.last.0.max(0.0)))),
        ("Seed", header.seed.to_string()),
        ("File", header.file.clone()),
        ("Squall", format!("{} on {}, Linux {}", header.versions.squall, header.versions.host, header.versions.kernel)),
    ]
}

fn placebo(view: &View<'_>) -> Vec<(&'static str, String)> {
    let Some(reading) = view.judgement().and_then(|judgement| judgement.placebo.as_ref()) else {
        return Vec::new();
    };
    [
        ("Held without the fault, so they prove nothing", &reading.vacuous),
        ("Violated without any fault", &reading.violated),
        ("Could not be judged", &reading.without_data),
        ("Did not hold, as they should not without the fault", &reading.does_not_hold),
    ]
    .into_iter()
    .filter(|(_, names)| !names.is_empty())
    .map(|(what, names)| (what, names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")))
    .collect()
}

fn claim_card(view: &ClaimView<'_>, windows: &[Window]) -> Card {
    let id = format!("claim-{}-{}", role(view.claim.role), view.claim.name);
    let wanted = view.claim.verb.predicate().to_string();
    Card {
        chart: view.plot.as_ref().map(|plot| chart(&id, view.claim.name.as_str(), plot, windows, &wanted)),
        id,
        name: view.claim.name.to_string(),
        state: view.state.clone(),
        reason: view.judged.map(|judged| prose(&judged.reason)).unwrap_or_default(),
        allowed: view.allowed.clone(),
        measure: view.measure.clone().unwrap_or_default(),
        source: view.source.clone(),
        silence: silence(view),
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::SteadyState => "steady",
        Role::Expect => "expect",
        Role::AbortIf => "abort",
    }
}

/// How often the source gave no answer, and what it said last.
fn silence(view: &ClaimView<'_>) -> String {
    match view.failures.as_slice() {
        [] => String::new(),
        [(at, reason)] => format!("No answer at {at}: {reason}"),
        [(first, _), .., (last, reason)] => {
            format!("{} times no answer, from {first} to {last}; the last time: {reason}", view.failures.len())
        }
    }
}

fn watch_card(view: &WatchView<'_>, windows: &[Window]) -> Card {
    let id = format!("watch-{}", view.name);
    let kind = match view.kind {
        WatchKind::Witness => "witness of",
        WatchKind::WaitFor => "waited for by",
    };
    Card {
        chart: view.plot.as_ref().map(|plot| chart(&id, &view.name, plot, windows, &view.predicate.to_string())),
        id,
        name: format!("{kind} {}", view.name),
        state: view.state.clone(),
        // A witness' reason stands above, with the fault's evidence.
        reason: view
            .judged
            .filter(|_| view.kind == WatchKind::WaitFor)
            .map(|judged| prose(&judged.reason))
            .unwrap_or_default(),
        allowed: view.allowed.clone(),
        measure: String::new(),
        source: view.source.clone(),
        silence: String::new(),
    }
}

fn step_row(step: &StepView<'_>) -> StepRow {
    let interval = |edge: Option<Span>, missing: &str| match edge {
        None => missing.to_owned(),
        Some((asked, certain)) if (certain.0 - asked.0) < 0.05 => certain.to_string(),
        Some((asked, certain)) => format!("{:.1} to {certain}", asked.0),
    };
    StepRow {
        label: step.label.clone(),
        depth: step.depth,
        what: if step.prepare { format!("prepare: {}", step.what) } else { step.what.clone() },
        start: interval(step.start, "did not start"),
        end: interval(step.end, if step.start.is_some() { "did not end" } else { "" }),
        watched_by: step
            .planned
            .map(|planned| planned.watched_by.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
            .unwrap_or_default(),
    }
}

fn fault_group(view: &View<'_>, step: &StepView<'_>) -> Option<FaultGroup> {
    let faults: Vec<FaultRow> =
        view.faults.iter().filter(|fault| fault.order.step.as_str() == step.label).map(fault_row).collect();
    if faults.is_empty() && step.witness.is_none() {
        return None;
    }
    let planned: usize = step.planned.map_or(0, |planned| planned.targets.values().map(Vec::len).sum());
    let population = step.planned.map_or(0, |planned| planned.population);
    Some(FaultGroup {
        step: step.label.clone(),
        what: step.what.clone(),
        judged: step.witness.map(|witness| {
            let without: Vec<&str> = witness.without.iter().map(|name| name.as_str()).collect();
            let without =
                if without.is_empty() { String::new() } else { format!("(without evidence: {})", without.join(", ")) };
            (State::of_witness(witness.outcome), prose(&witness.reason), without)
        }),
        population: if population > 0 { format!("{planned} of {population} that match") } else { String::new() },
        faults,
    })
}

fn fault_row(fault: &FaultView<'_>) -> FaultRow {
    FaultRow {
        target: fault.order.instance.to_string(),
        node: fault.node.to_string(),
        backend: fault.on.map(|(_, backend)| backend.to_owned()).unwrap_or_default(),
        when: match fault.ended {
            Some(ended) => format!("{:.1} to {}", fault.began().0, ended.at),
            None => format!("from {}", fault.began()),
        },
        evidence: crate::terminal::fault_evidence(fault),
        end: crate::terminal::fault_end(fault),
        differences: fault.ended.map(|ended| ended.differences.to_vec()).unwrap_or_default(),
    }
}

fn targets(view: &View<'_>) -> Vec<[String; 6]> {
    view.targets
        .iter()
        .map(|target| {
            let instance = target.instance;
            let zone = instance.and_then(|instance| instance.zone.clone()).unwrap_or_default();
            let labels = instance.map(|instance| {
                let labels = instance.labels.iter().map(|(name, value)| format!("{name}={value}"));
                labels.collect::<Vec<_>>().join(", ")
            });
            let addresses = instance
                .map(|instance| instance.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
            let hit = match (target.hit.is_empty(), target.planned.is_empty()) {
                (false, false) => target.hit.join(", "),
                (false, true) => format!("{} (not planned)", target.hit.join(", ")),
                (true, _) => format!("none (planned: {})", target.planned.join(", ")),
            };
            [
                target.name.to_string(),
                target.node.to_string(),
                zone,
                labels.unwrap_or_default(),
                addresses.unwrap_or_default(),
                hit,
            ]
        })
        .collect()
}

fn platforms(view: &View<'_>) -> Vec<[String; 3]> {
    let found = view.preflight.iter().flat_map(|found| &found.platforms);
    found
        .map(|(name, facts)| {
            let name = if name.is_empty() { "Metric source".to_owned() } else { format!("Metric source {name}") };
            let skew = words::span(facts.skew.unsigned_abs());
            let skew = match facts.skew.signum() {
                0 => "agrees with the runner's".to_owned(),
                1.. => format!("{skew} ahead of the runner's"),
                _ => format!("{skew} behind the runner's"),
            };
            [name, facts.version.clone(), skew]
        })
        .collect()
}

fn agents(view: &View<'_>) -> Vec<AgentRow> {
    let found = view.preflight.iter().flat_map(|found| &found.agents);
    found
        .map(|(node, agent)| AgentRow {
            node: node.to_string(),
            version: agent.version.clone(),
            kernel: agent.kernel.clone(),
            capabilities: agent
                .capabilities
                .iter()
                .map(|capability| {
                    let effect = format!("{:?}", capability.effect).to_lowercase();
                    let direction = capability
                        .direction
                        .map(|direction| format!(" {}", format!("{direction:?}").to_lowercase()))
                        .unwrap_or_default();
                    match &capability.support {
                        Support::By { backend } => format!("{effect}{direction}: {backend}"),
                        Support::No { reason } => format!("{effect}{direction}: not here, {reason}"),
                    }
                })
                .collect(),
        })
        .collect()
}

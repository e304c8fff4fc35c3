//! A run as every report shows it.

use super::claims::SourceClock;
use super::fold::{Folded, fold};
use super::{At, Axis, ClaimView, FaultView, LogLine, Span, StepView, WatchView, claims, log, steps};
use crate::words::Standing;
use jiff::SignedDuration;
use squall_experiments::claim::Source;
use squall_experiments::engine::Phase;
use squall_experiments::experiment::Instant;
use squall_experiments::history::{Preflight, Record};
use squall_experiments::judge::{Judgement, Outcome, RemainingFault, WatchName};
use squall_experiments::name::{InstanceName, NodeName, PlatformName};
use squall_experiments::target::Instance;
use std::collections::BTreeMap;

/// A run.
#[derive(Debug)]
pub(crate) struct View<'a> {
    /// All of it.
    pub(crate) record: &'a Record,
    /// Its verdict, or that there is none.
    pub(crate) standing: Standing,
    /// What charts show.
    pub(crate) axis: Axis,
    /// The last entry's time.
    pub(crate) last: At,
    /// Its phases.
    pub(crate) phases: Vec<PhaseView>,
    /// Its steps: `prepare`, then the method.
    pub(crate) steps: Vec<StepView<'a>>,
    /// Every fault that was ordered.
    pub(crate) faults: Vec<FaultView<'a>>,
    /// Every claim, in the order of the file.
    pub(crate) claims: Vec<ClaimView<'a>>,
    /// Every witness and `waitFor`.
    pub(crate) watches: Vec<WatchView<'a>>,
    /// Every instance that was planned or hit.
    pub(crate) targets: Vec<TargetView<'a>>,
    /// What preflight found.
    pub(crate) preflight: Option<&'a Preflight>,
    /// What happened, line by line.
    pub(crate) log: Vec<LogLine>,
}

/// A phase.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PhaseView {
    /// Which.
    pub(crate) phase: Phase,
    /// Its beginning.
    pub(crate) from: At,
    /// Its end.
    pub(crate) until: At,
}

/// An instance that was planned or hit.
#[derive(Debug)]
pub(crate) struct TargetView<'a> {
    /// Its name.
    pub(crate) name: &'a InstanceName,
    /// Its node.
    pub(crate) node: &'a NodeName,
    /// What is known of it, once its step's targets were resolved.
    pub(crate) instance: Option<&'a Instance>,
    /// The steps it was planned for.
    pub(crate) planned: Vec<&'a str>,
    /// The steps that hit it.
    pub(crate) hit: Vec<&'a str>,
}

/// What is needed to put claims beside their samples.
pub(super) struct Frame<'f, 'a> {
    pub(super) record: &'a Record,
    pub(super) folded: &'f Folded<'a>,
    pub(super) steps: &'f [StepView<'a>],
    pub(super) axis: Axis,
    method: (Option<At>, Option<At>),
}

impl<'a> View<'a> {
    /// Folds a record.
    pub(crate) fn of(record: &'a Record) -> Self {
        let folded = fold(record);
        let phases = phases(&folded);
        let steps = steps::steps(record, &folded);
        let begun = |wanted: Phase| phases.iter().find(|phase| phase.phase == wanted).map(|phase| phase.from);
        let method = (begun(Phase::Method), begun(Phase::Recovery).or_else(|| begun(Phase::CleanUp)));
        let axis = axis(&phases, folded.last);
        let frame = Frame { record, folded: &folded, steps: &steps, axis, method };
        let claims = claims::claims(record, &frame);
        let watches = claims::watches(record, &frame);
        let targets = targets(record, &folded);
        let log = log::log(record, &steps);
        Self {
            record,
            standing: record.judgement.as_ref().map_or(Standing::Unfinished, |judged| Standing::Judged(judged.verdict)),
            axis,
            last: folded.last,
            phases,
            claims,
            watches,
            targets,
            log,
            preflight: folded.preflight,
            faults: folded.faults,
            steps,
        }
    }

    /// What was judged.
    pub(crate) fn judgement(&self) -> Option<&'a Judgement> {
        self.record.judgement.as_ref()
    }

    /// Why, a sentence each. Of a run that never began the cause alone: what followed from it is no news.
    pub(crate) fn reasons(&self) -> Vec<&'a str> {
        let Some(judgement) = self.judgement() else { return Vec::new() };
        let never_began = self.never_began();
        let of_claims = judgement.claims.iter().map(|claim| claim.reason.as_str());
        let of_witnesses = judgement.witnesses.iter().map(|witness| witness.reason.as_str());
        let consequences: Vec<&str> = of_claims.chain(of_witnesses).filter(|reason| !reason.is_empty()).collect();
        let follows = |reason: &str| never_began && consequences.iter().any(|known| reason.contains(known));
        let reasons = judgement.reasons.iter().enumerate();
        reasons.filter(|(place, it)| *place == 0 || !follows(it)).map(|(_, it)| it.as_str()).collect()
    }

    /// What may still be disturbed.
    pub(crate) fn remaining(&self) -> &'a [RemainingFault] {
        self.judgement().map(|judgement| judgement.remaining.as_slice()).unwrap_or_default()
    }

    /// Whether it ended before anything was watched: of its claims nothing is known but that.
    pub(crate) fn never_began(&self) -> bool {
        let is_judged = self.judgement().is_some();
        let watched = |phase: &PhaseView| matches!(phase.phase, Phase::Baseline | Phase::Method);
        // A record whose entries could not be kept has its judgement.
        let unknown = |claim: &ClaimView<'_>| {
            claim.judged.is_none_or(|it| it.outcome == Outcome::Inconclusive && it.measure.is_none())
        };
        is_judged && !self.phases.iter().any(watched) && self.claims.iter().all(unknown)
    }

    /// Steps that disturb something and began, with their windows from the first request to the
    /// last confirmation.
    pub(crate) fn disturbances(&self) -> impl Iterator<Item = (&StepView<'a>, At, At)> {
        self.steps.iter().filter(|step| step.is_fault).filter_map(|step| {
            let (from, certain) = step.start?;
            let until = step.end.map_or(self.last, |(_, until)| until);
            Some((step, from, until.max(certain)))
        })
    }
}

impl<'a> Frame<'_, 'a> {
    /// The clock of a claim's source: only a metric source has one of its own.
    pub(super) fn clock(&self, source: &Source, platform: Option<&PlatformName>) -> SourceClock {
        let facts = self.folded.preflight.and_then(|found| match platform {
            Some(name) => found.platforms.get(name.as_str()),
            None => found.platforms.values().next(),
        });
        let skew = match source {
            Source::Query(_) => facts.map_or(SignedDuration::ZERO, |facts| facts.skew),
            Source::Http { .. } | Source::Exec { .. } | Source::Step(_) => SignedDuration::ZERO,
        };
        SourceClock { began: self.record.header.began, skew }
    }

    /// When an instant was.
    pub(super) fn instant(&self, instant: &Instant) -> Option<Span> {
        steps::instant(instant, self.steps, self.method, &self.record.header.experiment)
    }

    /// Seconds between samples.
    pub(super) fn interval(&self, watch: &WatchName) -> Option<f64> {
        let sampling = self.folded.preflight?.sampling.get(watch)?;
        Some(sampling.interval.as_secs_f64())
    }
}

fn phases(folded: &Folded<'_>) -> Vec<PhaseView> {
    let ends = folded.phases.iter().skip(1).map(|(_, at)| *at).chain([folded.last]);
    folded
        .phases
        .iter()
        .zip(ends)
        .map(|((phase, from), until)| PhaseView { phase: *phase, from: *from, until })
        .collect()
}

/// From the baseline to the end of observation; a baseline that would fill the chart is cut.
fn axis(phases: &[PhaseView], last: At) -> Axis {
    let begun = |wanted: Phase| phases.iter().find(|phase| phase.phase == wanted).map(|phase| phase.from);
    let until = begun(Phase::CleanUp).unwrap_or(last);
    let baseline = begun(Phase::Baseline).unwrap_or_default();
    let from = match begun(Phase::Method) {
        Some(method) => baseline.max(At(method.0 - (until.0 - method.0) / 2.0)),
        None => baseline,
    };
    Axis { from, until: At(until.0.max(from.0 + 1.0)) }
}

fn targets<'a>(record: &'a Record, folded: &Folded<'a>) -> Vec<TargetView<'a>> {
    let mut known: BTreeMap<&InstanceName, &Instance> = BTreeMap::new();
    for (_, found) in &folded.resolved {
        known.extend(found.instances.iter().map(|instance| (&instance.name, instance)));
    }
    let mut targets: BTreeMap<&InstanceName, TargetView<'a>> = BTreeMap::new();
    let mut note = |name: &'a InstanceName, node: &'a NodeName| {
        let instance = known.get(name).copied();
        let target = TargetView { name, node, instance, planned: Vec::new(), hit: Vec::new() };
        targets.entry(name).or_insert(target);
    };
    for step in &record.header.plan.steps {
        for (node, names) in &step.targets {
            names.iter().for_each(|name| note(name, node));
        }
    }
    folded.faults.iter().for_each(|fault| note(&fault.order.instance, fault.node));
    for step in &record.header.plan.steps {
        for name in step.targets.values().flatten() {
            if let Some(target) = targets.get_mut(name) {
                target.planned.push(&step.label);
            }
        }
    }
    for fault in &folded.faults {
        let step = fault.order.step.as_str();
        if let Some(target) = targets.get_mut(&fault.order.instance)
            && !target.hit.contains(&step)
        {
            target.hit.push(step);
        }
    }
    targets.into_values().collect()
}

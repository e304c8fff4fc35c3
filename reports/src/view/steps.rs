//! The steps of a run, with their starts and ends as intervals.

use super::fold::{Folded, StepMoments};
use super::{At, Span};
use crate::words;
use squall_experiments::experiment::{
    Action, Edge, Event, Experiment, Instant, Lasting, Perform, Step, StepId, StepKind,
};
use squall_experiments::history::Record;
use squall_experiments::judge::WitnessJudgement;
use squall_experiments::plan::PlannedStep;

/// A step: what it is, and when it was.
#[derive(Debug)]
pub(crate) struct StepView<'a> {
    /// Its place.
    pub(crate) id: StepId,
    /// Its name, or what it does.
    pub(crate) label: String,
    /// How deep it is nested.
    pub(crate) depth: usize,
    /// What it does, in a few words.
    pub(crate) what: String,
    /// Whether it stands in `prepare`.
    pub(crate) prepare: bool,
    /// Whether it disturbs something: a fault, or an action with a witness.
    pub(crate) is_fault: bool,
    /// Whether it happens once, without a length.
    pub(crate) once: bool,
    /// `[requested, certain]`; `None`: never started.
    pub(crate) start: Option<Span>,
    /// `[requested, certain]`; `None`: not ended.
    pub(crate) end: Option<Span>,
    /// As planned.
    pub(crate) planned: Option<&'a PlannedStep>,
    /// Whether it was seen to bite.
    pub(crate) witness: Option<&'a WitnessJudgement>,
}

/// Every step: those of `prepare`, then the method's, outer before inner.
pub(super) fn steps<'a>(record: &'a Record, folded: &Folded<'a>) -> Vec<StepView<'a>> {
    let header = &record.header;
    let view = |id: StepId, label: String, depth: usize| {
        let planned = header.plan.steps.iter().find(|planned| planned.step == id);
        let moments = folded.steps.get(&id).copied().unwrap_or_default();
        let (start, end) = edges(moments);
        StepView {
            id,
            label,
            depth,
            what: planned.map(|planned| planned.what.clone()).unwrap_or_default(),
            prepare: false,
            is_fault: false,
            once: false,
            start,
            end,
            planned,
            witness: record
                .judgement
                .as_ref()
                .and_then(|judgement| judgement.witnesses.iter().find(|witness| witness.step == id)),
        }
    };
    let mut steps = Vec::new();
    for (id, name, perform) in &header.experiment.prepare {
        let mut step = view(*id, name.to_string(), 0);
        step.prepare = true;
        if step.what.is_empty() {
            step.what = action(perform);
        }
        steps.push(step);
    }
    walk(&header.experiment.method, 0, &mut |step, depth| {
        let mut shown = view(step.id, step.label(), depth);
        if shown.what.is_empty() {
            shown.what = what(step);
        }
        (shown.is_fault, shown.once) = match &step.kind {
            StepKind::Inject(inject) => (true, matches!(inject.lasting, Lasting::Once)),
            StepKind::Perform(perform) => (perform.witness.is_some(), matches!(perform.lasting, Lasting::Once)),
            StepKind::Wait(_) | StepKind::WaitFor(_) | StepKind::Parallel(_) => (false, false),
        };
        steps.push(shown);
    });
    steps
}

fn walk<'a>(steps: &'a [Step], depth: usize, take: &mut impl FnMut(&'a Step, usize)) {
    for step in steps {
        take(step, depth);
        walk(step.children(), depth + 1, take);
    }
}

fn edges(moments: StepMoments) -> (Option<Span>, Option<Span>) {
    let start = moments.started.map(|certain| (moments.asked.unwrap_or(certain).min(certain), certain));
    let end = moments.ended.map(|certain| {
        // A shot of an `every` is reverted long before the step ends.
        let asked = moments.asked_to_end.filter(|asked| *asked <= certain).unwrap_or(certain);
        (asked, certain)
    });
    (start, end)
}

fn what(step: &Step) -> String {
    match &step.kind {
        StepKind::Inject(inject) => inject.fault.word().to_owned(),
        StepKind::Perform(perform) => action(perform),
        StepKind::Wait(length) => format!("wait {length}"),
        StepKind::WaitFor(wait) => {
            format!("wait until {} is {}, at most {}", words::source(&wait.source).text, wait.is, wait.within)
        }
        StepKind::Parallel(_) => "steps started together".to_owned(),
    }
}

fn action(perform: &Perform) -> String {
    match &perform.action {
        Action::Exec(program) => format!("run {}", words::program(program)),
        Action::Http(request) => words::http(request),
    }
}

/// When an instant was: `[not before, not after]`.
pub(super) fn instant(
    instant: &Instant,
    steps: &[StepView<'_>],
    method: (Option<At>, Option<At>),
    experiment: &Experiment,
) -> Option<Span> {
    let (first, last) = match &instant.event {
        Event::Step(name, edge) => {
            let id = experiment
                .steps()
                .into_iter()
                .find(|step| step.name.as_ref() == Some(name))
                .map(|step| step.id)
                .or_else(|| experiment.prepare.iter().find(|(_, other, _)| other == name).map(|(id, ..)| *id))?;
            let step = steps.iter().find(|step| step.id == id)?;
            match edge {
                Edge::Start => step.start?,
                Edge::End => step.end?,
            }
        }
        Event::Method(Edge::Start) => {
            let at = method.0?;
            (at, at)
        }
        Event::Method(Edge::End) => {
            let at = method.1?;
            (at, at)
        }
    };
    let offset = instant.offset.as_secs_f64();
    Some((At(first.0 + offset), At(last.0 + offset)))
}

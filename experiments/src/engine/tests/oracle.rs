//! What a passed run must have seen, by the entries of its history alone.
//!
//! The judge reads intervals, coverage and transitions; this reads a list of samples and asks the little that
//! nobody could do without. It shares no function with the judge, and it is only ever asked of a run that passed:
//! what it does not object to need not be a pass.

use crate::claim::{Claim, Verb, Window};
use crate::engine::{Command, Phase};
use crate::experiment::{Edge, Event as InstantEvent, Experiment, Instant, Step, StepId, StepKind, Witness};
use crate::fault::{AgentEvent, Evidence};
use crate::history::{ActionEnd, Activity, Entry, Event, What};
use crate::judge::Reading;
use crate::name::FaultId;
use std::collections::{BTreeMap, BTreeSet};

/// Seconds since the run began.
type Seconds = f64;

/// Samples come every second and take half of one.
const INTERVAL: Seconds = 1.0;
const TIMEOUT: Seconds = 0.5;
/// Two and a half intervals, and what an answer may take.
const LONGEST_GAP: Seconds = 3.01;

/// The history, sorted by what happened.
#[derive(Default)]
struct Seen {
    samples: BTreeMap<String, BTreeMap<i64, Option<f64>>>,
    phases: BTreeMap<Phase, Seconds>,
    started: BTreeMap<StepId, Seconds>,
    ended: BTreeMap<StepId, Seconds>,
    /// By step: its faults, and when the first of them was told to end.
    faults: BTreeMap<String, BTreeSet<FaultId>>,
    told_to_end: BTreeMap<String, Seconds>,
    bitten: BTreeSet<FaultId>,
    begun: BTreeSet<StepId>,
    /// Whether each action ended well, by what was said first while it ran.
    actions: BTreeMap<StepId, bool>,
    stopped: BTreeSet<StepId>,
    interrupted: Option<String>,
}

impl Seen {
    fn of(entries: &[Entry]) -> Self {
        let mut seen = Self::default();
        for entry in entries {
            let at = entry.at.elapsed.as_secs_f64();
            match &entry.what {
                What::Command(command) => seen.command(command, at),
                What::Event(event) => seen.event(event, entry),
            }
        }
        seen
    }

    fn command(&mut self, command: &Command, at: Seconds) {
        match command {
            Command::Enter(phase) => {
                self.phases.entry(*phase).or_insert(at);
            }
            Command::StepStarted(step) => {
                self.started.insert(*step, at);
            }
            Command::StepEnded(step) => {
                self.ended.insert(*step, at);
            }
            Command::Inject { order, .. } => {
                self.faults.entry(order.step.to_string()).or_default().insert(order.id.clone());
                if order.fault.is_one_shot() {
                    // What happens at once begins to end when it is sent; of several shots the last one counts.
                    self.told_to_end.insert(order.step.to_string(), at);
                }
            }
            Command::Revert { fault, .. } => {
                let owner = self.faults.iter().find(|(_, faults)| faults.contains(fault));
                if let Some((step, _)) = owner {
                    self.told_to_end.entry(step.clone()).or_insert(at);
                }
            }
            Command::Begin { activity: Activity::Action(step), .. } => {
                self.begun.insert(*step);
            }
            Command::Stop(Activity::Action(step)) => {
                self.stopped.insert(*step);
            }
            _ => {}
        }
    }

    fn event(&mut self, event: &Event, entry: &Entry) {
        match event {
            Event::Observed { watch, chunk } => {
                let of = self.samples.entry(watch.0.clone()).or_default();
                for sample in chunk.values.iter().flat_map(|series| &series.samples) {
                    let ago = entry.at.wall.as_millisecond() - sample.0.as_millisecond();
                    let value = match sample.1 {
                        Reading::Number(number) => Some(number),
                        Reading::Text(_) => None,
                    };
                    of.insert(i64::try_from(entry.at.elapsed.as_millis()).unwrap() - ago, value);
                }
            }
            Event::Agent { fault, event, .. } => {
                let evidence = match event {
                    AgentEvent::Seen { evidence } | AgentEvent::Done { evidence } => Some(evidence),
                    AgentEvent::Reverted { evidence, .. } => evidence.as_ref(),
                    AgentEvent::On { .. } | AgentEvent::Refused { .. } | AgentEvent::RevertFailed { .. } => None,
                };
                let touched = evidence.is_some_and(|evidence| match evidence {
                    Evidence::Packets { dropped, delayed, .. } => *dropped + *delayed > 0,
                    Evidence::Signalled { processes, .. } => processes.iter().any(|process| process.exited),
                    Evidence::Paused { held, .. } => *held > 0,
                });
                if touched {
                    self.bitten.insert(fault.clone());
                }
            }
            Event::ActionEnded { activity: Activity::Action(step), end } if self.begun.contains(step) => {
                self.actions.entry(*step).or_insert(matches!(end, ActionEnd::Exited { code: 0, .. }));
            }
            Event::AbortRequested(_) | Event::StorageFailed { .. } if !self.phases.contains_key(&Phase::CleanUp) => {
                self.interrupted.get_or_insert(format!("{event:?}"));
            }
            _ => {}
        }
    }

    /// Times at which a source was true or false, in order.
    fn of_source(&self, name: &str, from: Seconds, until: Seconds) -> Vec<(Seconds, bool)> {
        let samples = self.samples.get(name).into_iter().flatten();
        let samples = samples.map(|(at, value)| (seconds(*at), *value == Some(1.0)));
        samples.filter(|(at, _)| from <= *at && *at <= until).collect()
    }

    fn at(&self, step: &Step) -> Option<(Seconds, Seconds)> {
        Some((*self.started.get(&step.id)?, *self.ended.get(&step.id)?))
    }

    /// True at every sample of a time, and no time without one.
    fn held(&self, name: &str, from: Seconds, until: Seconds) -> Result<(), String> {
        let samples = self.of_source(name, from, until);
        if let Some((at, _)) = samples.iter().find(|(_, is_true)| !is_true) {
            return Err(format!("{name} was false at {at}"));
        }
        let times = samples.iter().map(|(at, _)| *at).chain([until]);
        let mut last = from;
        for at in times {
            if at - last > LONGEST_GAP {
                return Err(format!("{name} was not seen from {last} to {at}"));
            }
            last = at;
        }
        if samples.is_empty() { Err(format!("{name} was never seen from {from} to {until}")) } else { Ok(()) }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a run lasts minutes")]
fn seconds(millis: i64) -> Seconds {
    millis as Seconds / 1000.0
}

/// What a run that is said to have passed has not seen.
pub(super) fn objection(experiment: &Experiment, entries: &[Entry]) -> Option<String> {
    objections(experiment, &Seen::of(entries)).err()
}

fn objections(experiment: &Experiment, seen: &Seen) -> Result<(), String> {
    let phase = |phase| seen.phases.get(&phase).copied().ok_or_else(|| format!("there was no {phase}"));
    if let Some(interruption) = &seen.interrupted {
        return Err(format!("it was interrupted: {interruption}"));
    }
    let (baseline, method, recovery) = (phase(Phase::Baseline)?, phase(Phase::Method)?, phase(Phase::Recovery)?);
    if experiment.expect.is_empty() {
        return Err("nothing was claimed".to_owned());
    }
    let mut faults = 0;
    for step in experiment.steps() {
        faults += usize::from(of_step(step, seen, (baseline, method))?);
    }
    if faults == 0 {
        return Err("nothing was injected".to_owned());
    }
    for claim in &experiment.steady_state {
        let name = claim.name.as_str();
        seen.held(name, method - 10.0, method - TIMEOUT)?;
        let back = seen.of_source(name, recovery - INTERVAL, Seconds::INFINITY);
        let steady = back.iter().any(|(at, _)| seen.held(name, *at, *at + 9.0).is_ok());
        if !steady {
            return Err(format!("{name} never was steady again"));
        }
    }
    for claim in &experiment.abort_if {
        // It aborts on 0; a silence, or a reading that says nothing, is for the judge to weigh.
        let is_meanwhile = |at: i64| method <= seconds(at) && seconds(at) <= recovery;
        let samples = seen.samples.get(claim.name.as_str());
        if samples.into_iter().flatten().any(|(at, value)| is_meanwhile(*at) && *value == Some(0.0)) {
            return Err(format!("{} should have stopped the run", claim.name));
        }
    }
    experiment.expect.iter().try_for_each(|claim| of_claim(claim, experiment, seen))
}

/// Whether it is a fault; that it ran, and was seen to do what it does.
fn of_step(step: &Step, seen: &Seen, baseline: (Seconds, Seconds)) -> Result<bool, String> {
    let name = step.name.as_ref().map(ToString::to_string).unwrap_or_default();
    match &step.kind {
        StepKind::Inject(inject) => {
            let injected = seen.faults.get(&name).ok_or_else(|| format!("{name} was never injected"))?;
            match &inject.witness {
                Some(witness) => witnessed(step, &name, witness, seen, baseline)?,
                None if injected.is_disjoint(&seen.bitten) => return Err(format!("{name} was not seen to bite")),
                None => {}
            }
            Ok(true)
        }
        StepKind::Perform(perform) => {
            let ran = seen.started.contains_key(&step.id);
            let ended = seen.actions.get(&step.id);
            if !ran || (ended == Some(&false) && !seen.stopped.contains(&step.id)) {
                return Err(format!("{name} did not succeed"));
            }
            Ok(perform.witness.is_some())
        }
        StepKind::WaitFor(wait) => {
            let started = *seen.started.get(&step.id).ok_or_else(|| format!("{name} was never waited for"))?;
            let within = started + wait.within.get().as_secs_f64();
            let met = seen.of_source(&name, started, within).iter().any(|(_, is_true)| *is_true);
            if met { Ok(false) } else { Err(format!("{name} was not met in time")) }
        }
        StepKind::Wait(_) | StepKind::Parallel(_) => Ok(false),
    }
}

/// False in the baseline; false, then true around the start; false again after the end.
fn witnessed(
    step: &Step,
    name: &str,
    witness: &Witness,
    seen: &Seen,
    (baseline, method): (Seconds, Seconds),
) -> Result<(), String> {
    let within = witness.within.get().as_secs_f64();
    let (start, end) = seen.at(step).ok_or_else(|| format!("{name} did not end"))?;
    let any = |from, until, wanted| seen.of_source(name, from, until).iter().any(|(_, is_true)| *is_true == wanted);
    if any(baseline, method - TIMEOUT, true) {
        return Err(format!("{name}'s witness was true without a fault"));
    }
    if !any(baseline, start, false) || !any(start - INTERVAL, start + within, true) {
        return Err(format!("{name}'s witness did not see it come"));
    }
    let told = seen.told_to_end.get(name).copied().unwrap_or(end).min(end);
    if !any(told, end + within, false) {
        return Err(format!("{name}'s witness did not see it go"));
    }
    Ok(())
}

fn of_claim(claim: &Claim, experiment: &Experiment, seen: &Seen) -> Result<(), String> {
    let name = claim.name.as_str();
    let step = |instant: &Instant| {
        let InstantEvent::Step(of, edge) = &instant.event else { panic!("the generator names steps") };
        let step = experiment.steps().into_iter().find(|step| step.name.as_ref() == Some(of));
        let (start, end) = step.and_then(|step| seen.at(step)).ok_or_else(|| format!("{of} did not run"))?;
        // It was told to end before it had ended.
        let told = seen.told_to_end.get(of.as_str()).copied().unwrap_or(end).min(end);
        Ok::<_, String>(if *edge == Edge::Start { (start, start) } else { (told, end) })
    };
    match &claim.verb {
        Verb::Is { window: Window::Between { from, to }, .. } => {
            let (from, until) = (step(from)?.1, step(to)?.0);
            seen.held(name, from, until - TIMEOUT)
        }
        Verb::IsAt { at, .. } => {
            let at = step(at)?.1;
            match seen.of_source(name, at, at + 60.0).first() {
                Some((_, true)) => Ok(()),
                Some((at, false)) => Err(format!("{name} was false at {at}")),
                None => Err(format!("{name} was never seen after {at}")),
            }
        }
        Verb::Becomes { after, within, .. } => {
            let InstantEvent::Step(of, _) = &after.event else { panic!("the generator names steps") };
            let begun = experiment.steps().into_iter().find(|step| step.name.as_ref() == Some(of));
            let begun = begun.and_then(|step| seen.started.get(&step.id)).copied().unwrap_or_default();
            let (first, last) = step(after)?;
            let until = last + within.get().as_secs_f64();
            let samples = seen.of_source(name, begun - INTERVAL - TIMEOUT, until);
            let changed = samples.iter().enumerate().any(|(place, (at, is_true))| {
                *is_true && *at >= first - INTERVAL && samples[..place].iter().any(|(_, is_true)| !is_true)
            });
            if changed { Ok(()) } else { Err(format!("{name} was not seen to change from {begun} to {until}")) }
        }
        other => panic!("the generator claims no {other:?}"),
    }
}

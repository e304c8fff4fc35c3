//! What the settings allow an experiment to do on this host: commands, and what cannot be undone.
//!
//! A command is a command wherever it stands: as an action, as its undo, and as a source that is asked every second.

use squall_experiments::claim::{Claim, Role, Source};
use squall_experiments::experiment::{Action, Experiment, Perform, StepKind, Undo, Witness};
use squall_experiments::written::settings::Allow;
use std::collections::BTreeSet;

/// Says the first thing that the settings do not allow, and where in the experiment it stands.
///
/// # Errors
/// As a sentence, for people.
pub(super) fn refuse_what_is_not_allowed(experiment: &Experiment, allowed: &BTreeSet<Allow>) -> Result<(), String> {
    let prepared = experiment.prepare.iter().map(|(_, name, perform)| (name.to_string(), perform));
    let steps = experiment.steps();
    let performed = steps.iter().filter_map(|step| match &step.kind {
        StepKind::Perform(perform) => Some((step.label(), perform.as_ref())),
        StepKind::Inject(_) | StepKind::Wait(_) | StepKind::WaitFor(_) | StepKind::Parallel(_) => None,
    });
    let mut performs: Vec<(String, &Perform)> = prepared.chain(performed).collect();
    if !allowed.contains(&Allow::Irreversible)
        && let Some((name, _)) = performs.iter().find(|(_, perform)| perform.undo == Undo::Irreversible)
    {
        return Err(format!("{name} is irreversible, and the settings do not allow that"));
    }
    if allowed.contains(&Allow::Exec) {
        return Ok(());
    }
    performs.retain(|(_, perform)| acts_by_command(perform));
    let acting = performs.into_iter().map(|(name, _)| name).next();
    let asking = || sources(experiment).find(|(_, source)| matches!(source, Source::Exec { .. })).map(|(what, _)| what);
    match acting.or_else(asking) {
        Some(what) => Err(format!(
            "{what} runs a command, and the settings do not allow `exec`: leave it out, or add `exec` to `allow`"
        )),
        None => Ok(()),
    }
}

fn acts_by_command(perform: &Perform) -> bool {
    let undo: &[Action] = match &perform.undo {
        Undo::By(actions) => actions,
        Undo::Irreversible => &[],
    };
    std::iter::once(&perform.action).chain(undo).any(|action| matches!(action, Action::Exec(_)))
}

/// Everything that is watched, each with the words that it is found by.
fn sources(experiment: &Experiment) -> impl Iterator<Item = (String, &Source)> {
    let claims = experiment.claims().map(|claim| (place(claim), &claim.source));
    let prepared =
        experiment.prepare.iter().filter_map(|(_, name, perform)| of_witness(name, perform.witness.as_ref()));
    let watched = experiment.steps().into_iter().filter_map(|step| match &step.kind {
        StepKind::WaitFor(wait) => Some((format!("the `waitFor` {}", step.label()), &wait.source)),
        StepKind::Inject(inject) => of_witness(&step.label(), inject.witness.as_ref()),
        StepKind::Perform(perform) => of_witness(&step.label(), perform.witness.as_ref()),
        StepKind::Wait(_) | StepKind::Parallel(_) => None,
    });
    claims.chain(prepared).chain(watched)
}

fn of_witness<'a>(step: &impl std::fmt::Display, witness: Option<&'a Witness>) -> Option<(String, &'a Source)> {
    witness.map(|witness| (format!("the `witness` of {step}"), &witness.source))
}

fn place(claim: &Claim) -> String {
    let list = match claim.role {
        Role::SteadyState => "steadyState",
        Role::Expect => "expect",
        Role::AbortIf => "abortIf",
    };
    match &claim.indicator {
        Some(indicator) => format!("{} under `{list}`, by the indicator `{indicator}`,", claim.name),
        None => format!("{} under `{list}`", claim.name),
    }
}

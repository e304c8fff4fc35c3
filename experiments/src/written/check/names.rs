//! One flat set of names: steps, nested steps, claims, indicators, parameters.

use crate::name::StepName;
use crate::text::{Code, Problem, Problems, Span, Spot};
use crate::written::action::Action;
use crate::written::claim::Claim;
use crate::written::experiment::{ExperimentSpec, List};
use crate::written::fault::Fault;
use crate::written::step::Step;
use std::collections::BTreeMap;

/// Names that mean something by themselves.
const RESERVED: [&str; 4] = ["method", "run", "secret", "baseline"];

/// What is known of a step before it is read closely.
#[derive(Debug, Clone)]
pub(super) struct StepFacts {
    /// Its place among the steps of the method; `None`: it belongs to `prepare`.
    pub(super) index: Option<usize>,
    pub(super) is_fault: bool,
    /// An action that ends by itself, or something else.
    pub(super) is_ending_action: bool,
    /// It happens at once: its own window is empty.
    pub(super) is_one_shot: bool,
}

#[derive(Debug, Default)]
pub(super) struct Names {
    taken: BTreeMap<String, Span>,
    pub(super) steps: BTreeMap<StepName, StepFacts>,
}

impl Names {
    pub(super) fn collect(spec: &ExperimentSpec, problems: &mut Problems) -> Self {
        let mut names = Self::default();
        for parameter in items(&spec.parameters) {
            if let Some(name) = &parameter.name
                && let Some(text) = &name.value
            {
                names.take(text.as_str(), &name.span, problems);
            }
        }
        for (name, _) in spec.indicators.iter().flat_map(|spot| &spot.value).flat_map(|entries| &entries.0) {
            if let Some(text) = &name.value {
                names.take(text, &name.span, problems);
            }
        }
        for claim in [&spec.steady_state, &spec.expect, &spec.abort_if].into_iter().flat_map(items::<Claim>) {
            if let Some(name) = &claim.name
                && let Some(text) = &name.value
            {
                names.take(text.as_str(), &name.span, problems);
            }
        }
        let mut index = 0;
        names.steps(&spec.prepare, &mut None, problems);
        names.steps(&spec.method, &mut Some(&mut index), problems);
        names
    }

    fn take(&mut self, name: &str, span: &Span, problems: &mut Problems) {
        if RESERVED.contains(&name) {
            let hint = format!("reserved are {}", RESERVED.map(|word| format!("`{word}`")).join(", "));
            problems.note(Code::ReservedName, span, format!("`{name}` has a meaning of its own")).hint = Some(hint);
        } else if let Some(known) = self.taken.get(name) {
            let (first, second) = if known.start <= span.start { (known, span) } else { (span, known) };
            let problem = Problem::new(Code::DuplicateName, format!("`{name}` is the name of two things"));
            let problem = problem.at(problems.place(second)).also(problems.place(first), "the first one");
            problems.push(problem.hint("steps, claims, indicators and parameters share one set of names"));
        } else {
            self.taken.insert(name.to_owned(), span.clone());
        }
    }

    /// Walks outer before inner, as steps are numbered.
    fn steps(&mut self, list: &List<Step>, index: &mut Option<&mut usize>, problems: &mut Problems) {
        for spot in list.iter().flat_map(|list| &list.value).flatten() {
            let own = index.as_deref_mut().map(|index| {
                *index += 1;
                *index - 1
            });
            let Some(step) = &spot.value else { continue };
            if let Some(name) = &step.name
                && let Some(word) = &name.value
            {
                self.take(word.as_str(), &name.span, problems);
                self.steps.entry(word.clone()).or_insert_with(|| facts(step, own));
            }
            self.steps(&step.parallel, index, problems);
            self.steps(&step.meanwhile, index, problems);
        }
    }

    pub(super) fn step_words(&self) -> impl Iterator<Item = &str> {
        self.steps.keys().map(StepName::as_str)
    }
}

fn facts(step: &Step, index: Option<usize>) -> StepFacts {
    let lasts = step.r#for.is_some() || step.meanwhile.is_some();
    let fault = step.inject.as_ref().and_then(|fault| fault.value.as_ref());
    let action: Option<&Action> = step.perform.as_ref().and_then(|action| action.value.as_ref());
    StepFacts {
        index,
        is_fault: step.inject.is_some() || (action.is_some() && step.witness.is_some()),
        is_ending_action: index.is_some() && step.perform.is_some() && !lasts,
        is_one_shot: fault.is_some_and(is_one_shot) && !lasts,
    }
}

/// Whether a fault happens at once unless it is held.
pub(super) fn is_one_shot(fault: &Fault) -> bool {
    matches!(fault, Fault::Kill(_) | Fault::Evict(_))
}

/// The items of a list that could be read.
pub(super) fn items<T>(list: &List<T>) -> impl Iterator<Item = &T> {
    list.iter().flat_map(|list: &Spot<Vec<Spot<T>>>| &list.value).flatten().filter_map(|spot| spot.value.as_ref())
}

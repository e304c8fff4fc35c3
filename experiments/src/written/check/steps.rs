//! Steps: one kind each, what belongs to it, how long it lasts, how it is undone.

use super::checker::{Checker, at, get, key, spot};
use super::holes::When;
use super::names::is_one_shot;
use super::sources::{of_wait, of_witness};
use crate::experiment::{Inject, Lasting, Perform, Preparation, Step, StepId, StepKind, Undo, WaitFor, Witness};
use crate::fault::Fault;
use crate::text::{Code, Problem, Span, Spot};
use crate::unit::Length;
use crate::written::claim::{WaitFor as WrittenWaitFor, Witness as WrittenWitness};
use crate::written::experiment::List;
use crate::written::fault::Fault as WrittenFault;
use crate::written::step::Step as WrittenStep;

/// How deep steps may nest: a schema for Kubernetes cannot recurse.
const DEEPEST: usize = 3;
/// How many steps one experiment may have.
pub(super) const MOST_STEPS: u32 = 500;

const KINDS: [&str; 6] = ["inject", "perform", "wait", "waitFor", "ask", "parallel"];

impl Checker<'_> {
    pub(super) fn steps(&mut self, list: &List<WrittenStep>, depth: usize) -> Option<Vec<Step>> {
        let spots = list.as_ref()?.value.as_ref()?;
        let steps: Vec<Option<Step>> = spots.iter().map(|spot| self.step(spot, depth)).collect();
        steps.into_iter().collect()
    }

    /// A list of steps inside a step, which may not be empty.
    fn inner(&mut self, list: &List<WrittenStep>, depth: usize) -> Option<Vec<Step>> {
        let spot = list.as_ref()?;
        if spot.value.as_ref().is_some_and(Vec::is_empty) {
            self.note(Code::EmptyValue, &spot.span, "there is no step here");
        }
        self.steps(list, depth + 1)
    }

    fn number(&mut self, span: &Span) -> StepId {
        if self.steps == MOST_STEPS {
            self.hint(Code::TooMany, span, format!("an experiment has at most {MOST_STEPS} steps"), "split it");
        }
        self.steps += 1;
        StepId(self.steps - 1)
    }

    fn step(&mut self, spot: &Spot<WrittenStep>, depth: usize) -> Option<Step> {
        let id = self.number(&spot.span);
        let written = spot.value.as_ref()?;
        if depth > DEEPEST {
            let hint = "move the steps out: `parallel` and `meanwhile` may hold each other once";
            self.hint(Code::StepsTooDeep, &spot.span, format!("steps nest at most {DEEPEST} deep"), hint);
        }
        self.one_kind(written, &spot.span)?;
        self.belongs(written);
        let index = usize::try_from(id.0 - self.preparations).unwrap_or(usize::MAX);
        let start = self.timeline.start_of(index).map_or(When::Whenever, When::At);
        let end = self.timeline.end_of(index).map_or(When::Whenever, When::At);
        let name = get(&written.name);
        let needs_name = written.inject.is_some() || written.perform.is_some() || written.wait_for.is_some();
        if needs_name && written.name.is_none() {
            self.hint(
                Code::StepNeedsName,
                &spot.span,
                "this step has no name",
                "add `name:`; claims and reports refer to it",
            );
        }
        let kind = if written.inject.is_some() {
            self.inject(written, depth, start)?
        } else if written.perform.is_some() {
            self.perform(written, depth, start, end)?
        } else if let Some(wait) = &written.wait {
            StepKind::Wait(wait.value?)
        } else if let Some(wait_for) = &written.wait_for {
            self.wait_for(written, wait_for, start)?
        } else if let Some(ask) = &written.ask {
            if written.within.is_none() {
                self.note(Code::TimesMissing, &ask.span, "`within` is missing: nobody waits for ever");
            }
            self.later(&ask.span, "`ask`");
            return None;
        } else {
            StepKind::Parallel(self.inner(&written.parallel, depth)?)
        };
        (!needs_name || name.is_some()).then_some(Step { id, name, kind })
    }

    fn one_kind(&mut self, written: &WrittenStep, owner: &Span) -> Option<()> {
        let kinds = [
            spot(&written.inject),
            spot(&written.perform),
            at(&written.wait),
            spot(&written.wait_for),
            at(&written.ask),
            spot(&written.parallel),
        ];
        let given: Vec<&Span> = kinds.into_iter().flatten().collect();
        match given.as_slice() {
            [_] => Some(()),
            [] => {
                self.hint(Code::OneOf, owner, "this step does nothing", format!("add one of: {}", KINDS.join(", ")));
                None
            }
            [first, second, ..] => {
                let problem = Problem::new(Code::OneOf, "a step does one thing").at(self.problems.place(second));
                let problem = problem.also(self.problems.place(first), "the first one").hint("make two steps of it");
                self.problems.push(problem);
                None
            }
        }
    }

    /// Keys that belong to another kind of step.
    fn belongs(&mut self, written: &WrittenStep) {
        let inject = written.inject.is_some();
        let perform = written.perform.is_some();
        let lasting = [("for", key(&written.r#for)), ("meanwhile", spot(&written.meanwhile))];
        let of_faults = [("into", spot(&written.into)), ("every", key(&written.every))];
        let of_actions = [
            ("undo", spot(&written.undo)),
            ("irreversible", key(&written.irreversible)),
            ("timeout", key(&written.timeout)),
        ];
        let witness = [("witness", spot(&written.witness))];
        let within = [("within", key(&written.within))];
        if !inject {
            self.strangers(Code::KeyNotHere, &of_faults, "it goes with `inject`");
        }
        if !perform {
            self.strangers(Code::KeyNotHere, &of_actions, "it goes with `perform`");
        }
        if !inject && !perform {
            self.strangers(Code::KeyNotHere, &lasting, "it goes with `inject` and `perform`");
            self.strangers(Code::KeyNotHere, &witness, "it goes with `inject` and `perform`");
        }
        if written.wait_for.is_none() && written.ask.is_none() {
            self.strangers(Code::KeyNotHere, &within, "it goes with `waitFor`, `ask`, or inside `witness`");
        }
    }

    /// `for` or `meanwhile`, never both.
    fn lasting(&mut self, written: &WrittenStep, depth: usize) -> Option<Lasting> {
        match (&written.r#for, &written.meanwhile) {
            (None, None) => Some(Lasting::Once),
            (Some(length), None) => {
                let value = length.value?;
                if value.get().is_zero() {
                    self.hint(
                        Code::Lasting,
                        &length.span,
                        "a step that lasts 0s does nothing",
                        "write how long, such as `30s`",
                    );
                }
                Some(Lasting::For(value))
            }
            (None, Some(_)) => self.inner(&written.meanwhile, depth).map(Lasting::Meanwhile),
            (Some(length), Some(meanwhile)) => {
                let problem = Problem::new(Code::Lasting, "a step has `for` or `meanwhile`, never both");
                let problem = problem.at(self.problems.place(&meanwhile.span));
                let problem = problem.also(self.problems.place(&length.span), "it is given a length here");
                self.problems.push(problem.hint("leave `for` out and end the list with a `wait`"));
                self.inner(&written.meanwhile, depth);
                None
            }
        }
    }

    fn inject(&mut self, written: &WrittenStep, depth: usize, start: When) -> Option<StepKind> {
        let fault = written.inject.as_ref()?;
        let is_held = written.r#for.is_some() || written.meanwhile.is_some();
        let checked = self.fault(fault, is_held && written.every.is_none(), start);
        let into = match &written.into {
            Some(into) => {
                if matches!(fault.value, Some(WrittenFault::ZoneLoss(_))) {
                    self.only_zone(into);
                }
                self.selector(into, start)
            }
            None => {
                self.note(Code::MissingKey, &fault.span, "`into` is missing: whom does it hit?");
                None
            }
        };
        let lasting = self.lasting(written, depth);
        self.lasts_long_enough(&written.r#for);
        let happens_at_once = fault.value.as_ref().is_none_or(is_one_shot);
        if !is_held && !happens_at_once {
            self.hint(Code::Lasting, &fault.span, "this fault has no end", "add `for:` or `meanwhile:`");
        }
        let every = self.every(written, happens_at_once);
        let witness = match &written.witness {
            Some(witness) => Some(self.witness(witness, start)?),
            None => None,
        };
        let (fault, into, lasting) = (checked?, into?, lasting?);
        if lasting == Lasting::Once && !matches!(fault, Fault::Kill(_)) {
            return None;
        }
        Some(StepKind::Inject(Box::new(Inject { fault, into, lasting, every: every?, witness })))
    }

    /// `every` repeats what happens at once, for as long as `for` says. The outer `None`: it is broken.
    fn every(&mut self, written: &WrittenStep, happens_at_once: bool) -> Option<Option<Length>> {
        let Some(every) = &written.every else { return Some(None) };
        if !happens_at_once {
            let hint = "leave `every` out; a fault that lasts can stand in several steps";
            self.hint(
                Code::EveryNotHere,
                &every.span,
                "`every` repeats a fault that happens at once; this one lasts",
                hint,
            );
        } else if written.r#for.is_none() {
            let hint = "add `for:`, which says how long it goes on";
            self.hint(Code::EveryNotHere, &every.span, "`every` goes with `for`", hint);
        }
        let length = every.value?;
        if length.get().is_zero() {
            self.note(Code::EveryNotHere, &every.span, "`every` of 0s would never pause");
        }
        Some(Some(length))
    }

    fn perform(&mut self, written: &WrittenStep, depth: usize, start: When, end: When) -> Option<StepKind> {
        let action = written.perform.as_ref()?;
        let checked = self.action(action, start);
        let undo = self.undo(written, &action.span, end);
        let lasting = self.lasting(written, depth);
        let lasts = written.r#for.is_some() || written.meanwhile.is_some();
        if let (true, Some(timeout)) = (lasts, &written.timeout) {
            let hint = "leave it out: the action lasts as long as `for` or `meanwhile` says";
            self.hint(Code::KeyNotHere, &timeout.span, "`timeout` is for an action that ends by itself", hint);
        }
        let witness = match &written.witness {
            Some(witness) => {
                if !lasts {
                    let hint = "add `for:` or `meanwhile:`, or claim with `becomes` what the action changes";
                    self.hint(
                        Code::WitnessNotHere,
                        &witness.span,
                        "this action does not last: a witness could not become false again",
                        hint,
                    );
                }
                Some(self.witness(witness, start)?)
            }
            None => None,
        };
        let timeout = match &written.timeout {
            Some(timeout) => timeout.value?,
            None => Length::from_secs(60),
        };
        Some(StepKind::Perform(Box::new(Perform {
            action: checked?,
            undo: undo?,
            lasting: lasting?,
            timeout,
            witness,
        })))
    }

    fn undo(&mut self, written: &WrittenStep, owner: &Span, end: When) -> Option<Undo> {
        let irreversible = written.irreversible.as_ref();
        match (&written.undo, irreversible.is_some_and(|value| value.value == Some(true))) {
            (Some(undo), true) => {
                let hint = "keep `undo` if it can be undone, or `irreversible: true` if it cannot";
                self.hint(Code::HowToUndo, &undo.span, "an action that cannot be undone has no `undo`", hint);
                None
            }
            (Some(_), false) => self.actions(&written.undo, end).map(Undo::By),
            (None, true) => Some(Undo::Irreversible),
            (None, false) => {
                if irreversible.is_none_or(|value| value.value.is_some()) {
                    let hint = "add `undo:` with the actions that put it back, `undo: []` if nothing is left to put back, or `irreversible: true`";
                    self.hint(Code::HowToUndo, owner, "this action does not say how it is undone", hint);
                }
                None
            }
        }
    }

    fn witness(&mut self, spot: &Spot<WrittenWitness>, start: When) -> Option<Witness> {
        let written = spot.value.as_ref()?;
        let resolved = self.source(&of_witness(&spot.span, written), start);
        if written.becomes.is_none() {
            self.note(Code::MissingKey, &spot.span, "`becomes` is missing: what does the witness see?");
        }
        let becomes = self.condition(written.becomes.as_ref(), resolved.as_ref());
        let within = match &written.within {
            Some(within) => within.value?,
            None => Length::from_secs(5),
        };
        let resolved = resolved?;
        self.some_time(written.within.as_ref());
        self.long_enough(written.within.as_ref(), resolved.interval());
        Some(Witness {
            source: resolved.source,
            platform: resolved.platform,
            becomes: becomes?,
            within,
            absent: resolved.absent,
        })
    }

    fn wait_for(&mut self, written: &WrittenStep, spot: &Spot<WrittenWaitFor>, start: When) -> Option<StepKind> {
        if written.within.is_none() {
            let hint = "add `within:` beside `waitFor`";
            self.hint(Code::TimesMissing, &spot.span, "`within` is missing: nobody waits for ever", hint);
        }
        let inner = spot.value.as_ref()?;
        let resolved = self.source(&of_wait(&spot.span, inner), start);
        if inner.is.is_none() {
            self.note(Code::MissingKey, &spot.span, "`is` is missing: what is waited for?");
        }
        let is = self.condition(inner.is.as_ref(), resolved.as_ref());
        let (resolved, within) = (resolved?, written.within.as_ref()?.value?);
        self.some_time(written.within.as_ref());
        self.long_enough(written.within.as_ref(), resolved.interval());
        let wait =
            WaitFor { source: resolved.source, platform: resolved.platform, is: is?, within, absent: resolved.absent };
        Some(StepKind::WaitFor(Box::new(wait)))
    }

    /// The actions of `prepare`.
    pub(super) fn preparations(&mut self, list: &List<WrittenStep>) -> Option<Vec<Preparation>> {
        let Some(list) = list else { return Some(Vec::new()) };
        let mut preparations = Vec::new();
        let mut fine = true;
        for spot in list.value.as_ref()? {
            match self.preparation(spot) {
                Some(preparation) => preparations.push(preparation),
                None => fine = false,
            }
        }
        self.preparations = self.steps;
        fine.then_some(preparations)
    }

    fn preparation(&mut self, spot: &Spot<WrittenStep>) -> Option<Preparation> {
        let id = self.number(&spot.span);
        let written = spot.value.as_ref()?;
        let Some(action) = &written.perform else {
            let hint = "write `perform:`; faults and waits belong to `method`";
            self.hint(Code::PrepareStep, &spot.span, "`prepare` holds actions only", hint);
            return None;
        };
        self.one_kind(written, &spot.span)?;
        let others = [
            ("for", key(&written.r#for)),
            ("meanwhile", self::spot(&written.meanwhile)),
            ("timeout", key(&written.timeout)),
            ("witness", self::spot(&written.witness)),
            ("into", self::spot(&written.into)),
            ("every", key(&written.every)),
            ("within", key(&written.within)),
        ];
        self.strangers(Code::PrepareStep, &others, "an action in `prepare` lasts the whole run");
        if written.name.is_none() {
            self.hint(Code::StepNeedsName, &spot.span, "this action has no name", "add `name:`; reports refer to it");
        }
        let checked = self.action(action, When::BeforeMethod);
        let undo = self.undo(written, &action.span, When::Whenever);
        let perform = Perform {
            action: checked?,
            undo: undo?,
            lasting: Lasting::Once,
            timeout: Length::from_secs(60),
            witness: None,
        };
        Some((id, get(&written.name)?, perform))
    }
}

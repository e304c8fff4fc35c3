//! `${STEP.targets}`, `${STEP.start}`, `${secret.X}`: where each may stand, and whether it is known by then.

use super::checker::Checker;
use super::timeline::Node;
use super::times::event;
use crate::experiment::{Edge, Event, Piece, Template};
use crate::name::StepName;
use crate::text::{Code, Problem, Span, Value};

/// What a text is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HolePlace {
    /// A PromQL query: targets, and what belongs to the run.
    Query,
    /// An argument of an action, or of an `exec` or `http` source: times of steps as well.
    Argument,
    /// Headers, body, environment: secrets as well.
    Secretive,
}

/// When a text must be complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// Before the method: no step has a value.
    BeforeMethod,
    /// At this event.
    At(Node),
    /// Whenever it can be: its reader waits.
    Whenever,
}

impl Checker<'_> {
    /// Checks the holes of a template; gives it back if they are in order.
    pub(super) fn template(
        &mut self,
        value: Option<&Value<Template>>,
        place: HolePlace,
        when: When,
    ) -> Option<Template> {
        let value = value?;
        let template = value.value.clone()?;
        let mut fine = true;
        for piece in &template.0 {
            fine &= match piece {
                Piece::Text(_) | Piece::RunId | Piece::RunSeed => true,
                Piece::Secret(name) => self.secret(name, place, &value.span),
                Piece::Targets(step, _) => {
                    self.targets(step, &value.span)
                        && self.is_known(&event(step, Edge::Start), when, piece, &value.span)
                }
                Piece::Start(step) => self.time(step, Edge::Start, place, when, piece, &value.span),
                Piece::End(step) => self.time(step, Edge::End, place, when, piece, &value.span),
            };
        }
        fine.then_some(template)
    }

    fn secret(&mut self, name: &str, place: HolePlace, span: &Span) -> bool {
        if place == HolePlace::Secretive {
            return true;
        }
        let message = format!("`${{secret.{name}}}` would be shown in reports here");
        self.hint(Code::HoleNotHere, span, message, "secrets stand in `headers`, `body` and `env` only");
        false
    }

    fn targets(&mut self, step: &StepName, span: &Span) -> bool {
        match self.names.steps.get(step) {
            Some(facts) if facts.is_fault => true,
            Some(_) => {
                self.note(Code::UnknownStep, span, format!("`{step}` is no fault: it has no targets"));
                false
            }
            None => self.known_step(step, span),
        }
    }

    fn time(&mut self, step: &StepName, edge: Edge, place: HolePlace, when: When, piece: &Piece, span: &Span) -> bool {
        if place == HolePlace::Query {
            let message = format!("`{}` cannot stand in a query", hole(piece));
            self.hint(Code::HoleNotHere, span, message, "say when with the claim's times: `from`, `to`, `after`, `at`");
            return false;
        }
        let known = step.as_str() == "method" || self.known_step(step, span);
        known && self.is_known(&event(step, edge), when, piece, span)
    }

    fn is_known(&mut self, event: &Event, when: When, piece: &Piece, span: &Span) -> bool {
        let reason = match when {
            When::Whenever => return true,
            When::At(node) if self.is_before(event, node) => return true,
            When::At(_) => "it is needed before that",
            When::BeforeMethod => "it is needed before the method",
        };
        let problem = Problem::new(Code::NotKnownYet, format!("`{}` is not known yet: {reason}", hole(piece)));
        let problem = problem.at(self.problems.place(span));
        self.problems.push(problem);
        false
    }
}

fn hole(piece: &Piece) -> String {
    Template(vec![piece.clone()]).to_string()
}

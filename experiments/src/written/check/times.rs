//! Instants and windows: steps exist, windows are not empty, deadlines can be met.

use super::checker::Checker;
use super::timeline::METHOD_START;
use crate::claim::Window;
use crate::experiment::{Edge, Event, Instant};
use crate::name::StepName;
use crate::text::{Code, Problem, Span, Value};
use crate::unit::Length;
use jiff::SignedDuration;

pub(super) fn event(name: &StepName, edge: Edge) -> Event {
    if name.as_str() == "method" { Event::Method(edge) } else { Event::Step(name.clone(), edge) }
}

fn instant(event: Event) -> Instant {
    Instant { event, offset: SignedDuration::ZERO }
}

impl Checker<'_> {
    /// A step that a key names: it must stand in the method.
    pub(super) fn known_step(&mut self, name: &StepName, span: &Span) -> bool {
        match self.names.steps.get(name) {
            Some(facts) if facts.index.is_some() => true,
            Some(_) => {
                let message = format!("`{name}` stands in `prepare`: it lasts the whole run and has no events");
                self.note(Code::UnknownStep, span, message);
                false
            }
            None => {
                let problem =
                    Problem::new(Code::UnknownStep, format!("there is no step `{name}`")).at(self.problems.place(span));
                let problem = problem.suggest(name.as_str(), self.names.step_words().chain(["method"]));
                self.problems.push(problem);
                false
            }
        }
    }

    /// An instant whose step exists and that does not lie before the method.
    pub(super) fn instant(&mut self, value: Option<&Value<Instant>>) -> Option<Instant> {
        let value = value?;
        let found = value.value.clone()?;
        if let Event::Step(name, _) = &found.event
            && !self.known_step(name, &value.span)
        {
            return None;
        }
        let start = instant(Event::Method(Edge::Start));
        if self.timeline.most_between_instants(&start, &found).is_some_and(|most| most < 0) {
            self.note(Code::BeforeMethod, &value.span, format!("`{found}` lies before the method starts"));
            return None;
        }
        Some(found)
    }

    /// `during`, or `from` and `to`, or the whole method.
    pub(super) fn window(
        &mut self,
        owner: &Span,
        during: Option<&Value<StepName>>,
        from: Option<&Value<Instant>>,
        to: Option<&Value<Instant>>,
    ) -> Option<Window> {
        match (during, from, to) {
            (None, None, None) => Some(Window::Between {
                from: instant(Event::Method(Edge::Start)),
                to: instant(Event::Method(Edge::End)),
            }),
            (Some(during), None, None) => self.during(during),
            (None, Some(from), Some(to)) => {
                let (start, end) = (self.instant(Some(from)), self.instant(Some(to)));
                let (start, end) = (start?, end?);
                if self.timeline.most_between_instants(&start, &end).is_some_and(|most| most <= 0) {
                    let message = format!("from `{start}` to `{end}` there is nothing");
                    let place = self.problems.place(&from.span);
                    let problem = Problem::new(Code::EmptyWindow, message).at(self.problems.place(&to.span));
                    self.problems.push(problem.also(place, "the window begins here"));
                    return None;
                }
                Some(Window::Between { from: start, to: end })
            }
            (Some(during), _, _) => {
                self.hint(
                    Code::TimesNotHere,
                    &during.span,
                    "a window is said twice",
                    "keep `during`, or `from` and `to`",
                );
                None
            }
            (None, _, _) => {
                let missing = if from.is_none() { "from" } else { "to" };
                let span = from.or(to).map_or(owner, |value| &value.span).clone();
                self.hint(
                    Code::TimesMissing,
                    &span,
                    format!("`{missing}` is missing"),
                    "a window needs both `from` and `to`",
                );
                None
            }
        }
    }

    fn during(&mut self, during: &Value<StepName>) -> Option<Window> {
        let name = during.value.as_ref()?;
        if name.as_str() != "method" && !self.known_step(name, &during.span) {
            return None;
        }
        if self.names.steps.get(name).is_some_and(|facts| facts.is_one_shot) {
            let hint = format!("write `from: {name}.start` and `to: {name}.end + 5s`");
            self.hint(
                Code::OneShotWindow,
                &during.span,
                format!("`{name}` happens at once: there is nothing during it"),
                hint,
            );
            return None;
        }
        Some(Window::Between { from: instant(event(name, Edge::Start)), to: instant(event(name, Edge::End)) })
    }

    /// `until` must come after the latest moment at which the change may happen.
    pub(super) fn until_after_deadline(&mut self, after: &Instant, within: Length, until: &Instant, span: &Span) {
        let Some(most) = self.timeline.most_between_instants(after, until) else { return };
        let within_nanos = i128::try_from(within.get().as_nanos()).unwrap_or(i128::MAX);
        if most <= 0 {
            self.note(Code::UntilTooEarly, span, format!("`{until}` comes no later than `{after}`"));
        } else if most < within_nanos {
            let most = Length::from(std::time::Duration::from_nanos(u64::try_from(most).unwrap_or(u64::MAX)));
            let message = format!("`{until}` comes {most} after `{after}`, before the deadline of {within}");
            self.hint(Code::UntilTooEarly, span, message, "a change as late as the deadline could not last until then");
        }
    }

    /// A deadline must hold three samples.
    pub(super) fn long_enough(&mut self, within: Option<&Value<Length>>, interval: Option<Length>) {
        let (Some(within), Some(interval)) = (within, interval) else { return };
        let Some(length) = within.value else { return };
        if length.get() < interval.get().saturating_mul(3) {
            let message = format!("{length} holds fewer than three samples: the source is asked every {interval}");
            self.hint(Code::DeadlineTooShort, &within.span, message, "ask more often (`every`), or give it more time");
        }
    }

    /// Whether an event has certainly happened when another one does.
    pub(super) fn is_before(&mut self, event: &Event, when: super::timeline::Node) -> bool {
        let Some(node) = self.timeline.event(event) else { return true };
        node == METHOD_START || self.timeline.most_between(when, node).is_some_and(|most| most <= 0)
    }
}

//! When events happen, as far as the file tells: differences between any two of them.
//!
//! Each step gives bounds on differences (`end - start = 30s`, `end - start <= within`). The largest
//! possible difference of two events is then the shortest path between them, which is all that is needed to
//! say "this window is empty in every run".

use super::names::is_one_shot;
use crate::experiment::{Edge, Event, Instant};
use crate::name::StepName;
use crate::text::{Spot, Value};
use crate::unit::Length;
use crate::written::experiment::List;
use crate::written::step::Step;
use std::collections::{BTreeMap, VecDeque};

/// Nanoseconds.
type Nanos = i128;

const SECOND: Nanos = 1_000_000_000;
/// What the engine gives an action or a kill that says nothing.
const UNSAID: Nanos = 60 * SECOND;

/// An event's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Node(usize);

pub(super) const METHOD_START: Node = Node(0);
pub(super) const METHOD_END: Node = Node(1);

#[derive(Debug, Default)]
pub(super) struct Timeline {
    /// From each event, the largest difference to others.
    edges: Vec<Vec<(usize, Nanos)>>,
    /// Start and end of each step of the method, in order.
    steps: Vec<(Node, Node)>,
    named: BTreeMap<StepName, usize>,
    known: BTreeMap<usize, Vec<Option<Nanos>>>,
}

impl Timeline {
    pub(super) fn new(method: &List<Step>) -> Self {
        let mut timeline = Self { edges: vec![Vec::new(), Vec::new()], ..Self::default() };
        let last = timeline.sequence(method, METHOD_START, 0);
        timeline.equal(last, METHOD_END, 0);
        timeline
    }

    fn node(&mut self) -> Node {
        self.edges.push(Vec::new());
        Node(self.edges.len() - 1)
    }

    fn at_most(&mut self, from: Node, to: Node, difference: Nanos) {
        self.edges[from.0].push((to.0, difference));
    }

    fn between(&mut self, from: Node, to: Node, least: Nanos, most: Option<Nanos>) {
        self.at_most(to, from, -least);
        if let Some(most) = most {
            self.at_most(from, to, most);
        }
    }

    fn equal(&mut self, from: Node, to: Node, difference: Nanos) {
        self.between(from, to, difference, Some(difference));
    }

    fn sequence(&mut self, list: &List<Step>, start: Node, depth: usize) -> Node {
        let mut now = start;
        for spot in list.iter().flat_map(|list| &list.value).flatten() {
            now = self.step(spot, now, depth);
        }
        now
    }

    /// Adds a step that starts now; gives the event at which the next one starts.
    fn step(&mut self, spot: &Spot<Step>, start: Node, depth: usize) -> Node {
        let end = self.node();
        self.steps.push((start, end));
        let Some(step) = &spot.value else {
            self.between(start, end, 0, None);
            return end;
        };
        if let Some(name) = step.name.as_ref().and_then(|name| name.value.clone()) {
            self.named.entry(name).or_insert(self.steps.len() - 1);
        }
        if step.parallel.is_some() {
            let branches = step.parallel.iter().flat_map(|list| &list.value).flatten();
            self.between(start, end, 0, longest(step));
            for branch in branches {
                let done = self.step(branch, start, depth + 1);
                self.between(done, end, 0, None);
            }
        } else if step.meanwhile.is_some() {
            let done = self.sequence(&step.meanwhile, start, depth + 1);
            self.equal(done, end, 0);
        } else if let (Some(every), Some(lasts)) = (&step.every, &step.r#for) {
            let done = self.node();
            match (nanos(every), nanos(lasts)) {
                (Some(every), Some(lasts)) if every > 0 => {
                    let last_shot = (lasts - 1).max(0) / every * every;
                    self.equal(start, done, lasts);
                    self.between(start, end, last_shot, Some(last_shot + UNSAID));
                }
                _ => {
                    self.between(start, done, 0, None);
                    self.between(start, end, 0, None);
                }
            }
            return done;
        } else {
            let (least, most) = length(step);
            self.between(start, end, least, most);
        }
        end
    }

    /// The event's number; `None` if there is no such step in the method.
    pub(super) fn event(&self, event: &Event) -> Option<Node> {
        match event {
            Event::Method(Edge::Start) => Some(METHOD_START),
            Event::Method(Edge::End) => Some(METHOD_END),
            Event::Step(name, edge) => {
                let (start, end) = self.steps[*self.named.get(name)?];
                Some(if *edge == Edge::Start { start } else { end })
            }
        }
    }

    /// When the step of this number starts.
    pub(super) fn start_of(&self, index: usize) -> Option<Node> {
        self.steps.get(index).map(|(start, _)| *start)
    }

    /// When the step of this number ends.
    pub(super) fn end_of(&self, index: usize) -> Option<Node> {
        self.steps.get(index).map(|(_, end)| *end)
    }

    /// The most that can lie between two events, in any run; `None`: there is no bound.
    pub(super) fn most_between(&mut self, from: Node, to: Node) -> Option<Nanos> {
        if !self.known.contains_key(&from.0) {
            let distances = self.distances(from.0);
            self.known.insert(from.0, distances);
        }
        self.known[&from.0][to.0]
    }

    /// The same for instants, with their offsets.
    pub(super) fn most_between_instants(&mut self, from: &Instant, to: &Instant) -> Option<Nanos> {
        let (start, end) = (self.event(&from.event)?, self.event(&to.event)?);
        Some(self.most_between(start, end)? + to.offset.as_nanos() - from.offset.as_nanos())
    }

    fn distances(&self, from: usize) -> Vec<Option<Nanos>> {
        let mut distances: Vec<Option<Nanos>> = vec![None; self.edges.len()];
        let mut waiting = VecDeque::from([from]);
        let mut queued = vec![false; self.edges.len()];
        // A method that contradicts itself would go round for ever; none can be written, but nothing hangs on it.
        let mut budget = self.edges.len().saturating_mul(64);
        distances[from] = Some(0);
        while let Some(node) = waiting.pop_front() {
            queued[node] = false;
            budget = match budget.checked_sub(1) {
                Some(less) => less,
                None => break,
            };
            let Some(here) = distances[node] else { continue };
            for &(next, difference) in &self.edges[node] {
                if distances[next].is_none_or(|known| here + difference < known) {
                    distances[next] = Some(here + difference);
                    if !std::mem::replace(&mut queued[next], true) {
                        waiting.push_back(next);
                    }
                }
            }
        }
        distances
    }
}

fn nanos(length: &Value<Length>) -> Option<Nanos> {
    length.value.and_then(|length| Nanos::try_from(length.get().as_nanos()).ok())
}

/// The least and the most a step without inner steps takes.
fn length(step: &Step) -> (Nanos, Option<Nanos>) {
    let exactly = |length: &Value<Length>| nanos(length).map_or((0, None), |length| (length, Some(length)));
    if let Some(lasts) = step.r#for.as_ref().or(step.wait.as_ref()) {
        return exactly(lasts);
    }
    if step.wait_for.is_some() || step.ask.is_some() {
        return (0, step.within.as_ref().and_then(nanos));
    }
    if step.perform.is_some() {
        return (0, step.timeout.as_ref().map_or(Some(UNSAID), nanos));
    }
    let fault = step.inject.as_ref().and_then(|fault| fault.value.as_ref());
    if fault.is_some_and(is_one_shot) { (0, Some(UNSAID)) } else { (0, None) }
}

/// The most a step takes, inner steps included.
fn longest(step: &Step) -> Option<Nanos> {
    let inner = |list: &List<Step>| -> Vec<Option<Nanos>> {
        let steps = list.iter().flat_map(|list| &list.value).flatten();
        steps.map(|spot| spot.value.as_ref().and_then(longest)).collect()
    };
    if step.parallel.is_some() {
        return inner(&step.parallel).into_iter().try_fold(0, |most, next| Some(most.max(next?)));
    }
    if step.meanwhile.is_some() {
        return inner(&step.meanwhile).into_iter().try_fold(0, |sum, next| Some(sum + next?));
    }
    length(step).1
}

//! A world that answers late, wrongly, twice or never, as a list of bytes decides.

use super::build::*;
use super::world::*;
use crate::engine::Command;
use crate::experiment::{Experiment, StepKind};
use crate::fault::{AgentEvent, Difference, EndCause, Refusal, RefusalKind};
use crate::history::{AbortCause, ActionEnd, Activity, Event, PreflightFailure, RefusedTargets, WatchFailure};
use crate::judge::WatchName;
use crate::name::{FaultId, NodeName};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

/// Decides from a list of bytes, over and over; all zero: the world behaves.
pub(super) struct Whims {
    bytes: Vec<u8>,
    place: usize,
}

impl Whims {
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        Self { bytes, place: 0 }
    }

    fn next(&mut self) -> u8 {
        self.place += 1;
        self.bytes[self.place % self.bytes.len()]
    }

    pub(super) fn answer(&mut self, command: &Command) -> Option<Vec<(Duration, Event)>> {
        let whim = self.next();
        let late = Duration::from_millis(u64::from(self.next()) * 150);
        match command {
            Command::Preflight => match whim {
                0..240 => None,
                240..248 => Some(vec![]),
                _ => {
                    let failure = PreflightFailure::Missing { reasons: vec!["no Prometheus".into()] };
                    Some(vec![(late, Event::PreflightFailed(failure))])
                }
            },
            Command::Resolve { step, shot, .. } => match whim {
                0..230 => None,
                230..240 => Some(vec![]),
                _ => {
                    let refused = RefusedTargets { reason: "the platform does not answer".into() };
                    Some(vec![(late, Event::TargetsRefused { step: *step, shot: *shot, refused })])
                }
            },
            Command::Inject { node, order } => {
                let event = |event| agent_event(node, &order.id, event);
                let refusal = Refusal { kind: RefusalKind::Failed, reason: "broke".into() };
                match whim {
                    0..170 => None,
                    170..190 => Some(vec![(late, event(on()))]),
                    190..205 => Some(vec![]),
                    205..220 => Some(vec![(late, event(AgentEvent::Refused { refusal }))]),
                    220..235 => Some(vec![(Duration::ZERO, event(on())), (late, event(reverted(EndCause::Lease)))]),
                    _ => {
                        let lost = Event::AgentLost {
                            node: node.clone(),
                            faults: BTreeSet::from([order.id.clone()]),
                            reason: "gone".into(),
                        };
                        Some(vec![(Duration::ZERO, event(on())), (late, lost)])
                    }
                }
            }
            Command::Revert { node, fault } => {
                let event = |event| agent_event(node, fault, event);
                match whim {
                    0..180 => None,
                    180..200 => Some(vec![(late, event(reverted(EndCause::Asked)))]),
                    200..215 => Some(vec![]),
                    215..230 => Some(vec![
                        (Duration::ZERO, event(AgentEvent::RevertFailed { errors: vec!["busy".into()] })),
                        (late, event(reverted(EndCause::Asked))),
                    ]),
                    _ => {
                        let differences =
                            vec![Difference { what: "a rule".into(), before: "absent".into(), after: "there".into() }];
                        let cause = EndCause::Asked;
                        Some(vec![(late, event(AgentEvent::Reverted { cause, evidence: None, differences }))])
                    }
                }
            }
            Command::Begin { activity, .. } => match whim {
                0..190 => None,
                190..205 => Some(vec![]),
                205..230 => Some(vec![(late, ended(*activity, exited(1)))]),
                _ => Some(vec![(late, ended(*activity, ActionEnd::NotStarted { reason: "no such file".into() }))]),
            },
            Command::Stop(activity) => match whim {
                0..220 => None,
                220..235 => Some(vec![]),
                _ => Some(vec![(late, ended(*activity, exited(143)))]),
            },
            Command::Watch(order) => match whim {
                0..220 => None,
                _ => {
                    let failure = WatchFailure { reason: "connection refused".into(), lasting: false };
                    Some(vec![(late, Event::Unobserved { watch: order.watch.clone(), failure })])
                }
            },
            Command::Enter(_)
            | Command::StepStarted(_)
            | Command::StepEnded(_)
            | Command::Unwatch(_)
            | Command::Finish(_) => None,
        }
    }
}

/// Something that comes unasked.
pub(super) fn surprise(kind: u8) -> Event {
    let fault = FaultId::new(format!("r1-{}", kind % 7));
    let node = NodeName::new(format!("n{}", kind % 3 + 1));
    match kind {
        0..60 => Event::AbortRequested(AbortCause::Signal { name: "INT".into() }),
        60..90 => Event::AbortRequested(AbortCause::Halt { reason: "stop".into() }),
        90..120 => Event::StorageFailed { reason: "disk full".into() },
        120..160 => Event::AgentLost { node, faults: BTreeSet::from([fault]), reason: "gone".into() },
        165..190 => agent_event(&node, &fault, reverted(EndCause::TargetGone)),
        190..210 => agent_event(
            &node,
            &fault,
            AgentEvent::Done { evidence: evidence(&crate::fault::OrderFault::Pause { process: None }) },
        ),
        210..220 => agent_event(&node, &fault, reverted(EndCause::Person)),
        220..240 => Event::ActionEnded {
            activity: Activity::Action(crate::experiment::StepId(u32::from(kind % 5))),
            end: exited(2),
        },
        _ => Event::Unobserved {
            watch: WatchName("healthy".into()),
            failure: WatchFailure { reason: "401".into(), lasting: true },
        },
    }
}

/// Where a run that should pass is dented: a watch, from when, how many seconds, what its source says then.
pub(super) type Dent = (usize, u64, u64, Option<f64>);

/// A world in which sources say what the faults should bring about, but for some dents.
pub(super) fn mostly_passing(experiment: Experiment, mut whims: Whims, dents: Vec<Dent>) -> SimulatedWorld {
    let waits: BTreeSet<String> = experiment
        .steps()
        .into_iter()
        .filter(|step| matches!(step.kind, StepKind::WaitFor(_)))
        .filter_map(|step| step.name.as_ref().map(ToString::to_string))
        .collect();
    let first = experiment.steps().into_iter().find(|step| step.name.is_some()).map(|step| step.id);
    let (on, off) = (Rc::new(RefCell::new(BTreeSet::new())), Rc::new(RefCell::new(BTreeSet::new())));
    let (has_begun, has_ended) = (Rc::clone(&on), Rc::clone(&off));
    SimulatedWorld::new(header(experiment))
        .answering(move |command, _| {
            match command {
                Command::StepStarted(step) => drop(on.borrow_mut().insert(*step)),
                Command::StepEnded(step) => drop(off.borrow_mut().insert(*step)),
                _ => {}
            }
            whims.answer(command)
        })
        .valued(move |name, at| {
            let names = ["healthy", "holds", "rows", "again", "burning", "s"];
            let is_meant = |known: &str| known == name || (known == "s" && name.starts_with('s'));
            let dent = |(which, from, length, _): &&Dent| {
                is_meant(names[*which]) && (*from..from + length).contains(&at.as_secs())
            };
            if let Some((.., value)) = dents.iter().find(dent) {
                return *value;
            }
            let is_on = |step| has_begun.borrow().contains(&step) && !has_ended.borrow().contains(&step);
            let truth = match name {
                "again" => first.is_none_or(|step| has_ended.borrow().contains(&step)),
                step if waits.contains(step) => true,
                step => match step.strip_prefix('s').and_then(|number| number.parse().ok()) {
                    Some(number) => is_on(crate::experiment::StepId(number)),
                    None => true,
                },
            };
            Some(f64::from(u8::from(truth)))
        })
}

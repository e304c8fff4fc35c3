//! Events and commands as lines of a log. Values of watched sources are counted elsewhere, not
//! listed: the charts show them.

use super::claim::{http, program};
use super::{end_cause, evidence, refusal};
use squall_experiments::engine::Command;
use squall_experiments::experiment::{Action, StepId};
use squall_experiments::fault::{AgentEvent, NetworkOrder, OrderFault};
use squall_experiments::history::{AbortCause, ActionEnd, Activity, Event, PreflightFailure};

/// What the engine was told; `step` names a step. `None`: nothing worth a line.
pub(crate) fn event(event: &Event, step: impl Fn(StepId) -> String) -> Option<String> {
    Some(match event {
        Event::TimePassed | Event::Observed { .. } => return None,
        Event::PreflightPassed(found) => match found.agents.len() {
            1 => "preflight passed with 1 agent".to_owned(),
            many => format!("preflight passed with {many} agents"),
        },
        Event::PreflightFailed(PreflightFailure::Missing { reasons } | PreflightFailure::BadInput { reasons }) => {
            format!("preflight failed: {}", reasons.join("; "))
        }
        Event::PreflightFailed(PreflightFailure::Halted { reason }) => format!("halted before the start: {reason}"),
        Event::ActionEnded { activity: which, end } => format!("{} {}", activity(*which, step), ended(end)),
        Event::TargetsResolved { step: id, shot, found } => {
            let shot = if *shot > 0 { format!(", shot {}", shot + 1) } else { String::new() };
            format!("{}: {} instances known{shot}", step(*id), found.instances.len())
        }
        Event::TargetsRefused { step: id, refused, .. } => {
            format!("{}: targets cannot be resolved: {}", step(*id), refused.reason)
        }
        Event::Agent { node, fault, event } => format!("agent {node}, fault {fault}: {}", agent(event)),
        Event::AgentLost { node, faults, reason } => {
            format!("agent {node} does not answer ({reason}); it may hold {} faults", faults.len())
        }
        Event::Unobserved { watch, failure } => format!("{watch}: no answer: {}", failure.reason),
        Event::AbortRequested(cause) => match cause {
            AbortCause::Signal { name } => format!("abort: SIG{name}"),
            AbortCause::Halt { reason } => format!("abort: halt was called: {reason}"),
            AbortCause::RunnerDied => "abort: the runner had died".to_owned(),
        },
        Event::StorageFailed { reason } => format!("the history cannot be written: {reason}"),
    })
}

/// What the engine decided. `None`: nothing worth a line.
pub(crate) fn command(command: &Command, step: impl Fn(StepId) -> String) -> Option<String> {
    Some(match command {
        Command::Enter(phase) => format!("phase: {phase}"),
        Command::Preflight => "look whether everything needed is there".to_owned(),
        Command::StepStarted(id) => format!("{} has started", step(*id)),
        Command::StepEnded(id) => format!("{} has ended", step(*id)),
        Command::Resolve { step: id, .. } => format!("{}: find the targets", step(*id)),
        Command::Inject { node, order } => {
            format!("inject {}: {} into {} by agent {node}", order.id, fault(&order.fault), order.instance)
        }
        Command::Revert { node, fault } => format!("revert {fault} at agent {node}"),
        Command::Begin { activity: which, action: what, .. } => format!("{}: {}", activity(*which, step), action(what)),
        Command::Stop(which) => format!("{}: told to end", activity(*which, step)),
        Command::Watch(order) => format!("watch {}", order.watch),
        Command::Unwatch(watch) => format!("watch {watch} no longer"),
        Command::Finish(judgement) => format!("the verdict: {}", judgement.verdict),
    })
}

fn activity(activity: Activity, step: impl Fn(StepId) -> String) -> String {
    match activity {
        Activity::Action(id) => step(id),
        Activity::Undo(id, place) => format!("{}, undo {}", step(id), place + 1),
    }
}

fn action(action: &Action) -> String {
    match action {
        Action::Exec(asked) => format!("run {}", program(asked)),
        Action::Http(request) => http(request),
    }
}

fn ended(end: &ActionEnd) -> String {
    let said = |output: &str| {
        let last = output.trim().lines().next_back().unwrap_or_default();
        if last.is_empty() { String::new() } else { format!(": {last}") }
    };
    match end {
        ActionEnd::Exited { code, output } => format!("ended with exit code {code}{}", said(output)),
        ActionEnd::Answered { status: 0, output } => format!("was not answered{}", said(output)),
        ActionEnd::Answered { status, output } => format!("was answered with {status}{}", said(output)),
        ActionEnd::Stopped { output } => format!("ended when told to{}", said(output)),
        ActionEnd::TimedOut { output } => format!("took too long and was ended{}", said(output)),
        ActionEnd::NotStarted { reason } => format!("could not be begun: {reason}"),
    }
}

fn agent(event: &AgentEvent) -> String {
    match event {
        AgentEvent::On { backend } => format!("on, by {backend}"),
        AgentEvent::Refused { refusal: why } => format!("refused, {}", refusal(why)),
        AgentEvent::Seen { evidence: seen } => evidence(seen),
        AgentEvent::Done { evidence: seen } => format!("done: {}", evidence(seen)),
        AgentEvent::Reverted { cause, differences, .. } => {
            let clean = match differences.len() {
                0 => "everything is as it was".to_owned(),
                many => format!("{many} things differ from before"),
            };
            format!("reverted {}; {clean}", end_cause(*cause))
        }
        AgentEvent::RevertFailed { errors } => format!("reverting failed: {}", errors.join("; ")),
    }
}

/// An order's fault in a few words.
pub(crate) fn fault(fault: &OrderFault) -> String {
    match fault {
        OrderFault::Kill { signal, process, hold_down, .. } => {
            let which = process.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
            let held = if *hold_down { ", held down" } else { "" };
            format!("kill{which} with SIG{signal}{held}")
        }
        OrderFault::Pause { process } => {
            format!("pause{}", process.as_ref().map(|name| format!(" {name}")).unwrap_or_default())
        }
        OrderFault::Network(order) => network(order),
    }
}

fn network(order: &NetworkOrder) -> String {
    let parts = [
        order.partition.then(|| "partition".to_owned()),
        order.delay.map(|delay| format!("delay {delay}")),
        order.jitter.map(|jitter| format!("jitter {jitter}")),
        order.loss.map(|loss| format!("loss {loss}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    format!("network {}", parts.join(", "))
}

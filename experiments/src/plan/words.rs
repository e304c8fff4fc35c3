//! Steps in a few words, for people.

use super::compile::way_in_words;
use super::shots::shots;
use crate::claim::Source;
use crate::experiment::{Action, Step, StepKind};
use crate::fault::{Fault, ZoneLossMode};

/// What a step does: `network delay 400ms`.
pub(super) fn what_it_does(step: &Step) -> String {
    match &step.kind {
        StepKind::Inject(inject) => match inject.every {
            Some(every) => format!("{} every {every}, {} times", fault_in_words(&inject.fault), shots(inject)),
            None => fault_in_words(&inject.fault),
        },
        StepKind::Perform(perform) => action_in_words(&perform.action),
        StepKind::Wait(length) => format!("wait {length}"),
        StepKind::WaitFor(wait) => {
            format!("wait until {} is {}, at most {}", source_in_words(&wait.source), wait.is, wait.within)
        }
        StepKind::Parallel(branches) => format!("{} steps together", branches.len()),
    }
}

fn source_in_words(source: &Source) -> String {
    match source {
        Source::Query(query) => format!("`{}`", query.text),
        Source::Http { request, .. } => format!("http {}", request.url),
        Source::Exec { program, .. } => {
            let words: Vec<String> = program.command.iter().map(ToString::to_string).collect();
            format!("exec {}", words.join(" "))
        }
        Source::Step(step) => format!("the result of {step}"),
    }
}

/// What an action does, in a few words.
fn action_in_words(action: &Action) -> String {
    match action {
        Action::Exec(program) => {
            let words: Vec<String> = program.command.iter().map(ToString::to_string).collect();
            format!("exec {}", words.join(" "))
        }
        Action::Http(request) => format!("http {} {}", request.method, request.url),
    }
}

/// A fault in a few words: `network delay 400ms jitter 40ms`.
fn fault_in_words(fault: &Fault) -> String {
    let mut words = vec![fault.word().to_owned()];
    match fault {
        Fault::Kill(kill) => {
            words.push(kill.signal.to_string());
            words.extend(kill.process.iter().map(|process| format!("process {process}")));
            words.extend(kill.grace.iter().map(|grace| format!("grace {grace}")));
        }
        Fault::Pause(pause) => words.extend(pause.process.iter().map(|process| format!("process {process}"))),
        Fault::Network(network) => {
            words.extend(network.partition.then(|| "partition".to_owned()));
            words.extend(network.delay.iter().map(|delay| format!("delay {delay}")));
            words.extend(network.jitter.iter().map(|jitter| format!("jitter {jitter}")));
            words.extend(network.loss.iter().map(|loss| format!("loss {loss}")));
            words.extend(network.direction.iter().map(|way| way_in_words(*way).to_owned()));
            if !network.ports.is_empty() {
                let ports: Vec<String> = network.ports.iter().map(ToString::to_string).collect();
                words.push(format!("ports {}", ports.join(", ")));
            }
        }
        Fault::ZoneLoss(zone) => words.push(
            match zone.mode {
                ZoneLossMode::Isolate => "isolate",
                ZoneLossMode::Power => "power",
            }
            .to_owned(),
        ),
    }
    words.join(" ")
}

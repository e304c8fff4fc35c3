//! The loop: take every event that is ready, decide, store, perform.

use super::storing::{Pending, Stored};
use super::{ActionNews, ActionRequest, Actions, Agents, Ground, Observer, Signals};
use crate::clock::RunClock;
use crate::history::{HaltWatch, Writer};
use squall_experiments::engine::{Command, Engine};
use squall_experiments::history::{AbortCause, ActionEnd, Entry, Event, What};
use squall_experiments::judge::{Judgement, Verdict};
use squall_experiments::moment::Moment;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

/// What decides: the engine, or a script in tests.
pub trait Decide {
    /// Takes an event, says what is to be done.
    fn step(&mut self, now: Moment, event: Event) -> Vec<Command>;
    /// When it wants to be woken, in elapsed time.
    fn next_deadline(&self) -> Option<Duration>;
}

impl Decide for Engine {
    fn step(&mut self, now: Moment, event: Event) -> Vec<Command> {
        Engine::step(self, now, event)
    }
    fn next_deadline(&self) -> Option<Duration> {
        Engine::next_deadline(self)
    }
}

/// Everything that carries out commands for one run.
pub struct Shell<'a> {
    /// The run's clock.
    pub clock: RunClock,
    /// Platforms and metric sources.
    pub ground: Arc<Ground>,
    /// Sessions with agents.
    pub agents: Agents,
    /// `exec` and `http`.
    pub actions: Actions,
    /// Watched sources.
    pub observer: Observer,
    /// What ends the run early.
    pub signals: &'a mut Signals,
    /// So does halt, unless the run is being closed after a crash.
    pub halt: Option<HaltWatch>,
    /// Where everybody tells events.
    pub events: UnboundedSender<Event>,
    /// Where they are heard.
    pub inbox: UnboundedReceiver<Event>,
    /// Where actions tell their ends.
    pub news: UnboundedReceiver<ActionNews>,
}

/// Runs until the engine says that it is over. `last`: the number of the last entry that is stored already;
/// `first`: what begins it; `seen` looks after every turn.
pub async fn turn<D: Decide>(
    engine: &mut D,
    mut shell: Shell<'_>,
    writer: Writer,
    last: u64,
    first: Event,
    mut seen: impl FnMut(&D, Moment),
) -> Judgement {
    let mut pending = Pending::new(writer);
    let mut number = last;
    let mut ready = vec![first];
    let mut finished = None;
    loop {
        let mut entries = Vec::new();
        let mut commands = Vec::new();
        for event in ready.drain(..) {
            let at = shell.clock.now();
            shell.hear(&event);
            let decided = engine.step(at, event.clone());
            for what in std::iter::once(What::Event(event)).chain(decided.iter().cloned().map(What::Command)) {
                number += 1;
                entries.push(Entry { number, at, what });
            }
            commands.extend(decided);
        }
        if !entries.is_empty() {
            let (held, free): (Vec<_>, Vec<_>) = commands.into_iter().partition(Command::touches_a_target);
            pending.append(entries, held);
            for command in free {
                if let Some(judgement) = shell.perform(command, &mut pending) {
                    finished = Some(judgement);
                }
            }
            seen(engine, shell.clock.now());
        }
        if let Some(judgement) = finished {
            return close(judgement, &shell, pending).await;
        }
        let wake = engine.next_deadline().map(|at| at.saturating_sub(shell.clock.now().elapsed));
        tokio::select! {
            biased;
            event = shell.signals.next() => ready.push(event),
            halt = called(&mut shell.halt) => ready.push(halt),
            stored = pending.next() => match stored {
                Stored::Done(held) => {
                    for command in held {
                        shell.perform(command, &mut pending);
                    }
                }
                Stored::Failed(Some(reason)) => ready.push(Event::StorageFailed { reason }),
                Stored::Failed(None) => {}
            },
            Some(event) = shell.inbox.recv() => ready.push(event),
            Some(news) = shell.news.recv() => match news {
                // Not waited for: the parent-death signal ends the process even if nobody remembers it.
                ActionNews::Started(process) => drop(pending.writer().started(process)),
                ActionNews::Ended(activity, end) => ready.push(Event::ActionEnded { activity, end }),
            },
            () = sleep(wake) => ready.push(Event::TimePassed),
        }
        while let Ok(event) = shell.inbox.try_recv() {
            ready.push(event);
        }
    }
}

async fn sleep(wake: Option<Duration>) {
    match wake {
        Some(wake) => tokio::time::sleep(wake).await,
        None => std::future::pending().await,
    }
}

async fn called(halt: &mut Option<HaltWatch>) -> Event {
    let Some(watch) = halt else { return std::future::pending().await };
    let reason = watch.called().await.in_words();
    *halt = None;
    Event::AbortRequested(AbortCause::Halt { reason })
}

/// Stores the judgement. A run whose record is not whole has not passed.
async fn close(mut judgement: Judgement, shell: &Shell<'_>, mut pending: Pending) -> Judgement {
    let ended = shell.clock.now().wall;
    let mut stored = pending.settle().await;
    for _ in 0..2 {
        if let Err(reason) = &stored
            && judgement.verdict > Verdict::Error
        {
            judgement.verdict = Verdict::Error;
            judgement.reasons.insert(0, format!("the history could not be stored: {reason}"));
        }
        let finish = pending.writer().finish(ended, judgement.clone());
        stored = match tokio::time::timeout(Duration::from_secs(10), finish).await {
            Ok(Ok(Ok(()))) => return judgement,
            Ok(Ok(Err(error))) => Err(squall_agent::explain(&error)),
            Ok(Err(_)) | Err(_) => Err("it takes too long to write".to_owned()),
        };
    }
    judgement
}

impl Shell<'_> {
    /// What the shell itself has to know of what happened.
    fn hear(&mut self, event: &Event) {
        if let Event::PreflightPassed(found) = event {
            self.observer.know(self.ground.skewed(&found.platforms), found.sampling.clone());
        }
    }

    /// Carries out a command; the judgement, if it was the last one.
    fn perform(&mut self, command: Command, pending: &mut Pending) -> Option<Judgement> {
        match command {
            Command::Enter(_) | Command::StepStarted(_) | Command::StepEnded(_) => {}
            Command::Preflight => {
                let (ground, events) = (Arc::clone(&self.ground), self.events.clone());
                tokio::spawn(async move {
                    let _over = events.send(ground.preflight().await);
                });
            }
            Command::Resolve { step, shot, into, peers } => {
                let (ground, events) = (Arc::clone(&self.ground), self.events.clone());
                tokio::spawn(async move {
                    let event = match ground.resolve(&into, &peers).await {
                        Ok(found) => Event::TargetsResolved { step, shot, found: Box::new(found) },
                        Err(refused) => Event::TargetsRefused { step, shot, refused },
                    };
                    let _over = events.send(event);
                });
            }
            Command::Inject { node, order } => {
                self.connect(&node);
                self.agents.inject(&node, *order);
            }
            Command::Revert { node, fault } => {
                pending.forget_fault(&fault);
                self.connect(&node);
                self.agents.revert(&node, fault);
            }
            Command::Begin { activity, action, timeout } => {
                let timeout = timeout.map(|timeout| timeout.get());
                self.actions.begin(ActionRequest { activity, action, timeout });
            }
            Command::Stop(activity) => {
                if pending.forget_action(activity) {
                    let end = ActionEnd::Stopped { output: String::new() };
                    let _over = self.events.send(Event::ActionEnded { activity, end });
                }
                self.actions.stop(activity);
            }
            Command::Watch(order) => self.observer.watch(*order),
            Command::Unwatch(watch) => self.observer.unwatch(&watch),
            Command::Finish(judgement) => return Some(*judgement),
        }
        None
    }

    fn connect(&mut self, node: &squall_experiments::name::NodeName) {
        if let Some(link) = self.ground.agent(node) {
            self.agents.connect(node.clone(), link);
        }
    }
}

//! Between deciding and doing: what touches a target waits until it is stored, and nothing else waits.
//!
//! ```text
//! step -> entries --------> history (a thread)
//!      -> commands that touch a target ... held until stored -> performed
//!      -> all others -----------------------------------------> performed
//! ```

use crate::history::{Storing, Writer};
use squall_experiments::engine::Command;
use squall_experiments::history::{Activity, Entry};
use squall_experiments::name::FaultId;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// A history that takes longer is stuck: what waits for it will not be done.
const PATIENCE: Duration = Duration::from_secs(10);

/// Appends that are on their way, in order, with what waits for each.
pub(super) struct Pending {
    writer: Writer,
    queue: VecDeque<Append>,
    /// What could not be stored; tried again with the next append, so that no entry is missing.
    unsaved: Vec<Entry>,
    failed_before: bool,
}

struct Append {
    storing: Storing,
    since: Instant,
    entries: Vec<Entry>,
    held: Vec<Command>,
}

/// What became of the oldest append.
#[derive(Debug, PartialEq)]
pub(super) enum Stored {
    /// These may be carried out.
    Done(Vec<Command>),
    /// These were dropped, and the engine is to be told; `None`: it knows already, and nothing was dropped.
    Failed(Option<String>),
}

impl Pending {
    pub(super) fn new(writer: Writer) -> Self {
        Self { writer, queue: VecDeque::new(), unsaved: Vec::new(), failed_before: false }
    }

    pub(super) fn writer(&self) -> &Writer {
        &self.writer
    }

    /// Hands entries over. `held` is given back once they are stored.
    pub(super) fn append(&mut self, entries: Vec<Entry>, held: Vec<Command>) {
        let mut all = std::mem::take(&mut self.unsaved);
        all.extend(entries);
        let storing = self.writer.append(all.clone(), !held.is_empty());
        self.queue.push_back(Append { storing, since: Instant::now(), entries: all, held });
    }

    /// Takes back an injection that has not been delivered, because its revert has been decided meanwhile.
    pub(super) fn forget_fault(&mut self, fault: &FaultId) {
        for append in &mut self.queue {
            append.held.retain(|held| !matches!(held, Command::Inject { order, .. } if order.id == *fault));
        }
    }

    /// Takes back an action that has not begun; whether there was one.
    pub(super) fn forget_action(&mut self, wanted: Activity) -> bool {
        let is_it = |held: &Command| matches!(held, Command::Begin { activity, .. } if *activity == wanted);
        let found = self.queue.iter().any(|append| append.held.iter().any(is_it));
        for append in &mut self.queue {
            append.held.retain(|held| !is_it(held));
        }
        found
    }

    /// The fate of the oldest append; waits for ever while there is none.
    pub(super) async fn next(&mut self) -> Stored {
        let Some(oldest) = self.queue.front_mut() else { return std::future::pending().await };
        let patience = oldest.since + PATIENCE;
        let result = tokio::time::timeout_at(patience, &mut oldest.storing).await;
        let append = self.queue.pop_front().expect("the oldest is still there");
        let reason = match result {
            Ok(Ok(Ok(()))) => return Stored::Done(append.held),
            Ok(Ok(Err(error))) => squall_agent::explain(&error),
            Ok(Err(_)) => "the history is written no longer".to_owned(),
            Err(_) => "the history takes too long to write".to_owned(),
        };
        self.unsaved.extend(append.entries);
        let known = std::mem::replace(&mut self.failed_before, true);
        Stored::Failed((!known || !append.held.is_empty()).then_some(reason))
    }

    /// Waits for everything that is on its way, and tries once more what could not be stored.
    pub(super) async fn settle(&mut self) -> Result<(), String> {
        let mut last = Ok(());
        for attempt in 0..2 {
            if attempt > 0 {
                if self.unsaved.is_empty() {
                    break;
                }
                last = Ok(());
                self.append(Vec::new(), Vec::new());
            }
            while !self.queue.is_empty() {
                if let Stored::Failed(reason) = self.next().await {
                    last = Err(reason.unwrap_or_else(|| "the history cannot be written".to_owned()));
                }
            }
        }
        last
    }
}

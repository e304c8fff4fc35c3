//! The ledger's own thread: syncing a disk may take long, and no revert waits for it.

use super::entry::Entry;
use super::file::Ledger;
use crate::explain;
use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

/// Told when an entry is on the disk, or why it is not.
type Answer = Box<dyn FnOnce(Result<(), String>) + Send>;

/// Where entries are handed in.
#[derive(Debug)]
pub struct LedgerWriter {
    jobs: Sender<Job>,
    thread: thread::JoinHandle<()>,
}

enum Job {
    /// Must be on the disk; the answer says whether.
    Sync(Entry, Answer),
    /// Should be; kept for later when the disk is full.
    Note(Entry),
    /// Nothing is pending: begin anew with these if it has grown.
    Compact(Vec<Entry>),
}

impl LedgerWriter {
    /// Starts the thread.
    pub fn start(ledger: Ledger) -> io::Result<Self> {
        let (jobs, inbox) = mpsc::channel();
        let thread = thread::Builder::new().name("ledger".to_owned()).spawn(move || write(ledger, &inbox))?;
        Ok(Self { jobs, thread })
    }

    /// Writes and syncs, and then answers.
    pub fn sync(&self, entry: Entry, answer: impl FnOnce(Result<(), String>) + Send + 'static) {
        if let Err(mpsc::SendError(Job::Sync(_, answer))) = self.jobs.send(Job::Sync(entry, Box::new(answer))) {
            answer(Err("the ledger's thread has ended".to_owned()));
        }
    }

    /// Writes when it can. Nobody waits.
    pub fn note(&self, entry: Entry) {
        let _ended = self.jobs.send(Job::Note(entry));
    }

    /// Forgets what is over, if there is much of it. `kept` is all that still counts.
    pub fn compact(&self, kept: Vec<Entry>) {
        let _ended = self.jobs.send(Job::Compact(kept));
    }

    /// Waits until everything handed in is written, or cannot be.
    pub fn finish(self) {
        drop(self.jobs);
        let _panicked = self.thread.join();
    }
}

/// A ledger without anything pending is written anew beyond this.
const COMPACT_BEYOND: u64 = 256 * 1024;

fn write(mut ledger: Ledger, inbox: &Receiver<Job>) {
    // Notes that found no room. They say that something is over: losing them costs a needless revert at most.
    let mut unwritten: Vec<Entry> = Vec::new();
    while let Ok(job) = inbox.recv() {
        match job {
            Job::Sync(entry, answer) => {
                unwritten.push(entry);
                let result = ledger.append(&unwritten);
                match &result {
                    Ok(()) => unwritten.clear(),
                    Err(_) => drop(unwritten.pop()),
                }
                answer(result.map_err(|error| explain(&error)));
            }
            Job::Note(entry) => {
                unwritten.push(entry);
                match ledger.append(&unwritten) {
                    Ok(()) => unwritten.clear(),
                    Err(error) => tracing::warn!(error = explain(&error), "a note waits for room in the ledger"),
                }
            }
            Job::Compact(kept) if ledger.length() > COMPACT_BEYOND => match Ledger::begin_anew(ledger.path(), &kept) {
                Ok(anew) => {
                    ledger = anew;
                    unwritten.clear();
                }
                Err(error) => tracing::warn!(error = explain(&error), "the ledger could not be written anew"),
            },
            Job::Compact(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use squall_experiments::fault::Fence;
    use squall_experiments::name::{FaultId, RunId};
    use std::fs;

    #[test]
    fn what_is_handed_in_is_written_in_order_and_a_long_ledger_is_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let kept = || Entry::Epoch(Fence { run: RunId::new("r"), epoch: 2 });
        let writer = LedgerWriter::start(Ledger::begin_anew(&path, &[]).unwrap()).unwrap();
        let long = FaultId::new("x".repeat(10_000));
        writer.compact(vec![kept()]);
        for _ in 0..30 {
            writer.note(Entry::Ended(long.clone()));
        }
        let (answer, answered) = mpsc::channel();
        let (seen, long_ago) = (path.clone(), 30);
        writer.sync(Entry::Ended(FaultId::new("last")), move |result| {
            let lines = fs::read_to_string(seen).unwrap().lines().count();
            answer.send((result, lines)).unwrap();
        });
        assert_eq!(answered.recv().unwrap(), (Ok(()), long_ago + 1), "a short ledger was not written anew");
        writer.compact(vec![kept()]);
        writer.note(Entry::Ended(FaultId::new("after")));
        writer.finish();
        let text = fs::read_to_string(&path).unwrap();
        let entries: Vec<Entry> = text.lines().map(|line| Entry::read(line).unwrap()).collect();
        assert_eq!(entries, [kept(), Entry::Ended(FaultId::new("after"))]);
    }
}

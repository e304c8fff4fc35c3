//! A thread that writes the history, so that a slow disk holds up no revert and no renewal.

use super::{StartedProcess, Store, StoreError};
use jiff::Timestamp;
use squall_experiments::history::Entry;
use squall_experiments::judge::Judgement;
use squall_experiments::name::RunId;
use std::sync::mpsc;
use tokio::sync::oneshot;

/// Answers once it is stored, or why it is not.
pub type Storing = oneshot::Receiver<Result<(), StoreError>>;

/// What the writing thread is asked.
type Job = Box<dyn FnOnce(&mut Store) + Send>;

/// Hands everything of one run to the thread that writes, in order.
pub struct Writer {
    jobs: mpsc::Sender<Job>,
    run: RunId,
}

impl Writer {
    /// Starts the thread. It ends when the writer is dropped and everything is written.
    ///
    /// # Errors
    /// The system starts no thread.
    pub fn start(mut store: Store, run: RunId) -> std::io::Result<Self> {
        let (jobs, inbox) = mpsc::channel::<Job>();
        std::thread::Builder::new().name("history".to_owned()).spawn(move || {
            for job in inbox {
                job(&mut store);
            }
        })?;
        Ok(Self { jobs, run })
    }

    /// Appends entries; `durable`: synced before it says so.
    pub fn append(&self, entries: Vec<Entry>, durable: bool) -> Storing {
        self.ask(move |store, run| store.append(run, &entries, durable))
    }

    /// Notes a process, so that recovery can end it.
    pub fn started(&self, process: StartedProcess) -> Storing {
        self.ask(move |store, run| store.started(run, &process))
    }

    /// Closes the run.
    pub fn finish(&self, ended: Timestamp, judgement: Judgement) -> Storing {
        self.ask(move |store, run| store.finish(run, ended, &judgement))
    }

    fn ask(&self, job: impl FnOnce(&mut Store, &RunId) -> Result<(), StoreError> + Send + 'static) -> Storing {
        let (answer, storing) = oneshot::channel();
        let run = self.run.clone();
        let job = Box::new(move |store: &mut Store| {
            // Nobody waits for this one any more: it is stored all the same.
            let _unheard = answer.send(job(store, &run));
        });
        // If the thread is gone the answer is dropped with the job, and the receiver says so.
        let _gone = self.jobs.send(job);
        storing
    }
}

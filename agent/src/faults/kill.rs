//! `kill`: signals by pidfd, so that a number that is used again is never hit.
//!
//! There is nothing to put back: a supervisor starts what was killed. Reverting a fault that holds an
//! instance down means to stop killing what reappears, and that also ends with the agent.

use crate::instance::{find_targets, main_process};
use crate::process::Process;
use squall_experiments::fault::{Evidence, ProcessSeen, Refusal, RefusalKind, Signal};
use squall_experiments::target::{Locator, ProcessLocator};
use std::collections::HashSet;
use std::fs;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

/// How often a locator is asked for what reappeared.
const POLL: Duration = Duration::from_millis(50);
/// Of the processes that reappeared, this many of the newest stand in the evidence; all are counted.
const LATEST_SHOWN: usize = 16;
/// So many different failures are named: a supervisor may bring the same one back for hours.
const FAILURES_NAMED: usize = 16;

/// Whoever holds an instance down looks every [`POLL`]; after this long without a look he has hung, and what came back
/// meanwhile was up.
const HANGS_AFTER: Duration = Duration::from_secs(1);

/// How a kill was ordered.
#[derive(Debug, Clone)]
pub struct KillOrder {
    /// What is sent.
    pub signal: Signal,
    /// Only processes of this command name.
    pub called: Option<String>,
    /// TERM first, KILL after this.
    pub grace: Option<Duration>,
    /// Whether whatever reappears is killed too.
    pub hold_down: bool,
}

impl KillOrder {
    fn check(&self) -> Result<(), Refusal> {
        let reason = if self.signal.stops() {
            format!("{} stops a process for good, and nothing would end that: pause it", self.signal)
        } else if self.hold_down && !is_deadly(self.signal) {
            format!("{} does not hold an instance down: KILL or TERM do", self.signal)
        } else {
            return Ok(());
        };
        Err(Refusal { kind: RefusalKind::Unsupported, reason })
    }
}

/// Signals that were sent, and what came of them.
#[derive(Debug)]
pub struct Kill {
    order: KillOrder,
    locator: Locator,
    /// Those of the instance's processes when the fault began that were signalled.
    first: Vec<Signalled>,
    /// Those that reappeared, the newest last.
    reappeared: Vec<Signalled>,
    restarts: u32,
    /// What could not be signalled, or must not be, and why.
    failed: Vec<String>,
    kill_at: Option<Instant>,
    known: HashSet<(u32, u64)>,
    /// The pidfile whose process has had its signal.
    handled: Option<PidfileStamp>,
    /// When it was looked after last.
    pub(super) looked: Instant,
    /// For how long an instance that should be held down was not looked after, until it is told.
    unwatched: Option<Duration>,
}

/// A pidfile as it was at one moment. One that has not been written since names a process that had its
/// signal, and once that is dead its number may be anybody's.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PidfileStamp {
    inode: u64,
    length: u64,
    written: (i64, i64),
}

impl PidfileStamp {
    /// As it is now; `None`: the instance is not found by a pidfile, or that is gone.
    fn of(locator: &Locator) -> Option<Self> {
        let Some(ProcessLocator::Pidfile(path)) = &locator.process else { return None };
        let facts = fs::metadata(path).ok()?;
        Some(Self { inode: facts.ino(), length: facts.len(), written: (facts.mtime(), facts.mtime_nsec()) })
    }
}

/// A process that a signal was really sent to.
#[derive(Debug)]
struct Signalled {
    process: Process,
    /// The last one.
    sent: Signal,
    exited: bool,
}

impl Kill {
    /// Sends the first signal to every process. Those that cannot be signalled do not spare the others: it is
    /// refused only if not one was signalled.
    pub fn inject(order: KillOrder, locator: Locator, processes: Vec<Process>) -> Result<Self, Refusal> {
        order.check()?;
        let first_signal = match order.grace {
            Some(_) if order.signal == Signal::KILL => Signal::TERM,
            _ => order.signal,
        };
        let kill_at = order.grace.map(|grace| Instant::now() + grace);
        let known = processes.iter().map(|process| (process.pid(), process.start())).collect();
        // If it is not what these processes were found by any more, it names one that has not been signalled yet.
        let handled = PidfileStamp::of(&locator).filter(|_| {
            let named = main_process(&locator);
            named.is_some_and(|named| processes.iter().any(|process| process.pid() == named))
        });
        let mut first = Vec::new();
        let mut refusals = Vec::new();
        for process in processes {
            match Signalled::by(process, first_signal) {
                Ok(signalled) => first.extend(signalled),
                Err(refusal) => refusals.push(refusal),
            }
        }
        let failed: Vec<String> = refusals.iter().map(|refusal| refusal.reason.clone()).collect();
        if first.is_empty() {
            return Err(match refusals.first() {
                Some(refusal) => Refusal { kind: refusal.kind, reason: failed.join("; ") },
                None => Refusal {
                    kind: RefusalKind::NoTarget,
                    reason: "its processes ended before they were signalled".to_owned(),
                },
            });
        }
        let reappeared = Vec::new();
        let (looked, unwatched) = (Instant::now(), None);
        Ok(Self { order, locator, first, reappeared, restarts: 0, failed, kill_at, known, handled, looked, unwatched })
    }

    /// Whether at least one of these processes could be signalled. None is.
    pub fn foresee(order: &KillOrder, processes: &[Process]) -> Result<(), Refusal> {
        order.check()?;
        let refusals = processes.iter().map(|process| match process.may_signal() {
            Ok(()) => Ok(()),
            Err(error) => Err(cannot_signal(process, &error)),
        });
        let mut first = None;
        for result in refusals {
            match result {
                Ok(()) => return Ok(()),
                Err(refusal) => drop(first.get_or_insert(refusal)),
            }
        }
        first.map_or(Ok(()), Err)
    }

    /// Nothing is to be put back; nothing more is killed once this object is dropped.
    pub fn revert(&mut self) {
        self.notice_gap();
        self.kill_at = None;
        self.order.hold_down = false;
        self.notice_exits();
    }

    /// Looks after exits, the end of the grace, and what reappeared.
    pub fn tend(&mut self) {
        self.notice_gap();
        self.notice_exits();
        if self.kill_at.is_some_and(|at| at <= Instant::now()) {
            self.kill_at = None;
            let living = self.first.iter_mut().filter(|signalled| !signalled.exited);
            let refusals: Vec<Refusal> = living.filter_map(|signalled| signalled.again(Signal::KILL).err()).collect();
            for refusal in refusals {
                self.note_failure(refusal);
            }
        }
        if self.order.hold_down {
            self.kill_what_reappeared();
        }
    }

    /// When it is to be tended next, at the latest.
    pub fn tend_within(&self) -> Duration {
        let grace = self.kill_at.map(|at| at.saturating_duration_since(Instant::now()));
        match (grace, self.order.hold_down) {
            (Some(grace), true) => grace.min(POLL),
            (None, true) => POLL,
            (Some(grace), false) => grace,
            (None, false) => Duration::MAX,
        }
    }

    /// Readable as soon as a process has exited.
    pub fn watched(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let waiting = |signalled: &&Signalled| !signalled.exited;
        self.first.iter().chain(&self.reappeared).filter(waiting).map(|signalled| signalled.process.as_fd())
    }

    /// Whether a one-shot is over: its exits are seen; a signal that need not be deadly counts when delivered.
    pub fn is_done(&self) -> bool {
        !self.order.hold_down && (!is_deadly(self.order.signal) || self.first.iter().all(|signalled| signalled.exited))
    }

    /// Each process and what became of it.
    pub fn evidence(&mut self) -> Evidence {
        self.notice_exits();
        let newest = self.reappeared.iter().skip(self.reappeared.len().saturating_sub(LATEST_SHOWN));
        let processes = self.first.iter().chain(newest).map(|signalled| ProcessSeen {
            pid: signalled.process.pid(),
            command: signalled.process.command().to_owned(),
            signal: signalled.sent,
            exited: signalled.exited,
        });
        Evidence::Signalled { processes: processes.collect(), restarts: self.restarts, failed: self.failed.clone() }
    }

    /// For how long an instance that should have been held down was not looked after, once.
    pub fn broke(&mut self) -> Option<Duration> {
        self.unwatched.take()
    }

    fn notice_gap(&mut self) {
        let gap = std::mem::replace(&mut self.looked, Instant::now()).elapsed();
        if self.order.hold_down && gap > HANGS_AFTER {
            self.unwatched = Some(gap);
        }
    }

    fn notice_exits(&mut self) {
        for signalled in self.first.iter_mut().chain(&mut self.reappeared).filter(|signalled| !signalled.exited) {
            signalled.exited = signalled.process.has_exited();
        }
        // Only the newest are shown, and a held-down instance may come back for hours.
        let surplus = self.reappeared.len().saturating_sub(4 * LATEST_SHOWN);
        self.reappeared.drain(..surplus);
    }

    fn kill_what_reappeared(&mut self) {
        let stamp = PidfileStamp::of(&self.locator);
        if stamp.is_some() && stamp == self.handled {
            return;
        }
        let found = match find_targets(&self.locator, self.order.called.as_deref()) {
            Ok(found) => found,
            // While it is down nothing is found: that is how it should be.
            Err(refusal) if refusal.kind == RefusalKind::NoTarget => return,
            Err(refusal) => return self.note_failure(refusal),
        };
        self.handled = stamp;
        let mut is_restart = false;
        for process in found {
            let identity = (process.pid(), process.start());
            // What is known has had its signal, and may still be in its grace.
            if self.known.insert(identity) {
                is_restart = true;
                match Signalled::by(process, Signal::KILL) {
                    Ok(signalled) => self.reappeared.extend(signalled),
                    Err(refusal) => self.note_failure(refusal),
                }
            }
        }
        self.restarts += u32::from(is_restart);
    }

    fn note_failure(&mut self, refusal: Refusal) {
        if self.failed.len() < FAILURES_NAMED && !self.failed.contains(&refusal.reason) {
            tracing::warn!(reason = refusal.reason, "a process was not signalled");
            self.failed.push(refusal.reason);
        }
    }
}

impl Signalled {
    /// Sends a process its first signal; `None`: it ended by itself before.
    fn by(process: Process, signal: Signal) -> Result<Option<Self>, Refusal> {
        Ok(send(&process, signal)?.then_some(Self { process, sent: signal, exited: false }))
    }

    fn again(&mut self, signal: Signal) -> Result<(), Refusal> {
        if send(&self.process, signal)? {
            self.sent = signal;
        }
        Ok(())
    }
}

fn send(process: &Process, signal: Signal) -> Result<bool, Refusal> {
    process.signal(signal).map_err(|error| cannot_signal(process, &error))
}

fn cannot_signal(process: &Process, error: &std::io::Error) -> Refusal {
    Refusal {
        kind: if error.kind() == std::io::ErrorKind::PermissionDenied {
            RefusalKind::Unsupported
        } else {
            RefusalKind::Failed
        },
        reason: format!("signal process {} ({}): {error}", process.pid(), process.command()),
    }
}

fn is_deadly(signal: Signal) -> bool {
    signal == Signal::KILL || signal == Signal::TERM
}

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
        Ok(Self { order, locator, first, reappeared, restarts: 0, failed, kill_at, known, handled })
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
        self.kill_at = None;
        self.order.hold_down = false;
        self.notice_exits();
    }

    /// Looks after exits, the end of the grace, and what reappeared.
    pub fn tend(&mut self) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::ProcessFacts;
    use crate::process::testing::Doomed;
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command};

    fn order(signal: Signal) -> KillOrder {
        KillOrder { signal, called: None, grace: None, hold_down: false }
    }

    fn hold(child: &Child) -> Vec<Process> {
        vec![Process::open(child.id()).unwrap().unwrap()]
    }

    fn eventually_exited(process: &Process) {
        let until = Instant::now() + Duration::from_secs(10);
        while !process.has_exited() {
            assert!(Instant::now() < until, "{process:?}");
            std::thread::yield_now();
        }
    }

    fn eventually(kill: &mut Kill, done: impl Fn(&Kill) -> bool) {
        let until = Instant::now() + Duration::from_secs(10);
        while !done(kill) {
            assert!(Instant::now() < until, "{kill:?}");
            kill.tend();
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_killed_process_is_seen_to_exit() {
        let mut child = Doomed::spawn(Command::new("sleep").arg("100"));
        let mut kill = Kill::inject(order(Signal::KILL), Locator::default(), hold(&child)).unwrap();
        eventually(&mut kill, Kill::is_done);
        let Evidence::Signalled { processes, restarts, .. } = kill.evidence() else { panic!("wrong evidence") };
        assert!(processes.len() == 1 && processes[0].exited && processes[0].signal == Signal::KILL && restarts == 0);
        child.wait().unwrap();
    }

    #[test]
    fn what_ignores_term_is_killed_after_the_grace() {
        let script = "trap '' TERM; echo ready; while :; do sleep 0.05; done";
        let mut child = Doomed::spawn(Command::new("sh").args(["-c", script]).stdout(std::process::Stdio::piped()));
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
        let grace = Duration::from_millis(200);
        let order = KillOrder { grace: Some(grace), ..order(Signal::KILL) };
        let began = Instant::now();
        let mut kill = Kill::inject(order, Locator::default(), hold(&child)).unwrap();
        eventually(&mut kill, Kill::is_done);
        assert!(began.elapsed() >= grace);
        let Evidence::Signalled { processes, .. } = kill.evidence() else { panic!("wrong evidence") };
        assert_eq!(processes[0].signal, Signal::KILL);
        child.wait().unwrap();
    }

    #[test]
    fn a_signal_that_need_not_be_deadly_is_done_when_delivered() {
        let child = Doomed::spawn(Command::new("sleep").arg("100"));
        let mut kill = Kill::inject(order("CONT".parse().unwrap()), Locator::default(), hold(&child)).unwrap();
        kill.tend();
        assert!(kill.is_done());
    }

    #[test]
    fn a_signal_that_stops_for_good_is_refused() {
        let child = Doomed::spawn(Command::new("sleep").arg("100"));
        for name in ["STOP", "TSTP", "TTIN", "TTOU"] {
            let signal = name.parse().unwrap();
            let refusal = Kill::inject(order(signal), Locator::default(), hold(&child)).unwrap_err();
            assert_eq!(refusal.kind, RefusalKind::Unsupported, "{name}: {refusal:?}");
        }
        assert_ne!(ProcessFacts::of(child.id()).unwrap().state, 'T');
    }

    #[test]
    fn what_ended_by_itself_was_not_signalled() {
        let mut child = Doomed::spawn(Command::new("sleep").arg("100"));
        let mut living = Doomed::spawn(Command::new("sleep").arg("100"));
        let both = || hold(&child).into_iter().chain(hold(&living)).collect::<Vec<_>>();
        let (held, alone) = (both(), hold(&child));
        // Dead and not reaped: the kernel still takes signals for it.
        child.kill().unwrap();
        eventually_exited(&alone[0]);
        let refusal = Kill::inject(order(Signal::KILL), Locator::default(), alone).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::NoTarget, "{refusal:?}");
        let mut kill = Kill::inject(order(Signal::KILL), Locator::default(), held).unwrap();
        eventually(&mut kill, Kill::is_done);
        let Evidence::Signalled { processes, .. } = kill.evidence() else { panic!("wrong evidence") };
        assert_eq!(processes.iter().map(|seen| seen.pid).collect::<Vec<_>>(), [living.id()]);
        living.wait().unwrap();
    }

    #[test]
    fn one_that_may_not_be_signalled_does_not_spare_the_others() {
        if !rustix::process::geteuid().is_root() {
            return eprintln!("skipped: needs root");
        }
        const NOBODY: u32 = 65_534;
        let ours = Doomed::spawn(Command::new("sleep").arg("100"));
        let mut theirs = Doomed::spawn(Command::new("sleep").arg("100").uid(NOBODY));
        let (first, both) = (hold(&ours), hold(&ours).into_iter().chain(hold(&theirs)).collect::<Vec<_>>());
        let inject = move || {
            // Of this thread only.
            let nobody = Some(rustix::process::Uid::from_raw(NOBODY));
            rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
            let alone = Kill::inject(order(Signal::KILL), Locator::default(), first);
            (alone.unwrap_err(), Kill::inject(order(Signal::KILL), Locator::default(), both))
        };
        let (alone, both) = std::thread::spawn(inject).join().unwrap();
        assert_eq!(alone.kind, RefusalKind::Unsupported, "{alone:?}");
        let mut kill = both.unwrap();
        eventually(&mut kill, Kill::is_done);
        let Evidence::Signalled { processes, failed, .. } = kill.evidence() else { panic!("wrong evidence") };
        assert_eq!(processes.iter().map(|seen| (seen.pid, seen.exited)).collect::<Vec<_>>(), [(theirs.id(), true)]);
        assert!(failed.len() == 1 && failed[0].contains(&ours.id().to_string()), "{failed:?}");
        theirs.wait().unwrap();
    }

    #[test]
    fn a_pidfile_that_comes_to_name_the_agent_is_reported_and_nothing_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let pidfile = folder.path().join("pid");
        let mut first = Doomed::spawn(Command::new("sleep").arg("100"));
        fs::write(&pidfile, first.id().to_string()).unwrap();
        let locator = Locator { process: Some(ProcessLocator::Pidfile(pidfile.clone())), netns: None };
        let order = KillOrder { hold_down: true, ..order(Signal::KILL) };
        let mut kill = Kill::inject(order, locator, hold(&first)).unwrap();
        eventually(&mut kill, |kill| kill.first[0].exited);
        first.wait().unwrap();
        let mut bystander = Doomed::spawn(Command::new("sleep").arg("100"));
        fs::write(&pidfile, format!("{}\n", std::process::id())).unwrap();
        kill.tend();
        kill.tend();
        let Evidence::Signalled { restarts, failed, .. } = kill.evidence() else { panic!("wrong evidence") };
        assert!(failed.len() == 1 && failed[0].contains("the agent"), "{failed:?}");
        assert!(restarts == 0 && bystander.try_wait().unwrap().is_none(), "its children are spared as well");
        bystander.kill().unwrap();
    }

    #[test]
    fn whatever_reappears_is_killed_until_the_revert() {
        let folder = tempfile::tempdir().unwrap();
        let pidfile = folder.path().join("pid");
        let start = || {
            let child = Doomed::spawn(Command::new("sleep").arg("100"));
            std::fs::write(&pidfile, child.id().to_string()).unwrap();
            child
        };
        let mut first = start();
        let locator = Locator { process: Some(ProcessLocator::Pidfile(pidfile.clone())), netns: None };
        let order = KillOrder { hold_down: true, ..order(Signal::KILL) };
        let mut kill = Kill::inject(order, locator, hold(&first)).unwrap();
        eventually(&mut kill, |kill| kill.first[0].exited);
        first.wait().unwrap();
        let mut second = start();
        eventually(&mut kill, |kill| kill.restarts == 1 && kill.reappeared[0].exited);
        second.wait().unwrap();
        assert!(!kill.is_done());
        kill.revert();
        let mut third = start();
        kill.tend();
        assert!(third.try_wait().unwrap().is_none(), "after the revert nothing is killed");
    }

    #[test]
    fn a_stranger_that_got_the_number_of_a_dead_process_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let pidfile = folder.path().join("pid");
        let write = |pid: u32| fs::write(&pidfile, format!("{pid:10}")).unwrap();
        let mut first = Doomed::spawn(Command::new("sleep").arg("100"));
        write(first.id());
        let written = fs::metadata(&pidfile).unwrap().modified().unwrap();
        let locator = Locator { process: Some(ProcessLocator::Pidfile(pidfile.clone())), netns: None };
        let order = KillOrder { hold_down: true, ..order(Signal::KILL) };
        let mut kill = Kill::inject(order, locator, hold(&first)).unwrap();
        eventually(&mut kill, |kill| kill.first[0].exited);
        first.wait().unwrap();
        // The old pidfile, to the nanosecond; only whom its number means has changed.
        let mut stranger = Doomed::spawn(Command::new("sleep").arg("100"));
        write(stranger.id());
        fs::File::options().write(true).open(&pidfile).unwrap().set_modified(written).unwrap();
        kill.tend();
        assert!(stranger.try_wait().unwrap().is_none() && kill.restarts == 0);
        write(stranger.id());
        eventually(&mut kill, |kill| kill.restarts == 1);
        stranger.wait().unwrap();
    }
}

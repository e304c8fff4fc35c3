//! `pause`: every thread of an instance held by ptrace.
//!
//! The kernel lets them go when the tracer ends, however it ends; SIGSTOP and the cgroup freezer
//! outlive whoever used them. The tracer is a *thread*: all of this runs on the fault's own thread,
//! and everything is released at the latest when that ends.

use crate::process::{Process, ProcessFacts};
use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use squall_experiments::fault::{Difference, Evidence, Refusal, RefusalKind};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, Instant};

/// A thread that does not stop in this time hangs in the kernel.
const STOPS_WITHIN: Duration = Duration::from_secs(2);
/// How often exits of held threads are collected, so that whoever waits for them learns of them.
const COLLECT: Duration = Duration::from_millis(50);
/// A thread that was let go is seen to be free in this time.
const GOES_ON_WITHIN: Duration = Duration::from_millis(500);
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// `PTRACE_EVENT_STOP`: the event of an interrupt, and of a stop that a signal of the target's own caused.
const EVENT_STOP: i32 = 128;

/// Threads that are held.
#[derive(Debug)]
pub struct Pause {
    processes: Vec<Process>,
    threads: BTreeMap<Pid, Held>,
    /// Threads that ended while they stood still: somebody killed them, and they were held until then.
    ended: usize,
    /// Processes that somebody else had stopped before.
    stopped_before: BTreeSet<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// Asked to stop.
    Asked,
    /// Stands still; a signal that was on its way goes on with the release.
    Stopped(Option<Signal>),
}

impl Pause {
    /// Stops every thread, until no new one appears and `find` finds no new process. That it finds none at all is
    /// no error: they may have ended. Any other refusal of its lets everything go again.
    pub fn inject(processes: Vec<Process>, find: impl Fn() -> Result<Vec<Process>, Refusal>) -> Result<Self, Refusal> {
        let mut pause =
            Self { processes: Vec::new(), threads: BTreeMap::new(), ended: 0, stopped_before: BTreeSet::new() };
        let mut new = processes;
        while !new.is_empty() {
            // What has not been stopped yet may have started another process meanwhile.
            new = match pause.hold_also(new).and_then(|()| find()) {
                Ok(found) => found,
                Err(refusal) if refusal.kind == RefusalKind::NoTarget => Vec::new(),
                Err(refusal) => {
                    pause.release();
                    return Err(refusal);
                }
            };
            new.retain(|process| pause.processes.iter().all(|held| held.pid() != process.pid()));
        }
        if pause.threads.is_empty() {
            let reason = "its processes ended before they were held".into();
            return Err(Refusal { kind: RefusalKind::NoTarget, reason });
        }
        Ok(pause)
    }

    /// Whether these processes could be held. None is.
    pub fn foresee(processes: &[Process]) -> Result<(), Refusal> {
        for process in processes {
            refuse_traced(process)?;
            // Opening this asks the kernel the very question that seizing would, Yama's answer included, and
            // nothing is done to the process: ptrace(2), "Ptrace access mode checking", PTRACE_MODE_ATTACH.
            match fs::File::open(format!("/proc/{}/mem", process.pid())) {
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                    return Err(cannot_trace(process, Errno::EPERM));
                }
                Ok(_) | Err(_) => {}
            }
        }
        Ok(())
    }

    fn hold_also(&mut self, processes: Vec<Process>) -> Result<(), Refusal> {
        processes.iter().try_for_each(refuse_traced)?;
        let stopped = processes.iter().map(Process::pid).filter(|pid| is_stopped(*pid));
        self.stopped_before.extend(stopped);
        self.processes.extend(processes);
        self.stop_all()
    }

    /// Lets every thread go. What cannot be let go is returned; it goes when this thread ends.
    pub fn revert(&mut self) -> Result<(), Vec<String>> {
        let errors = self.release();
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// What is not as it was before, once all is let go: threads that are still traced, by whomever, and
    /// processes that do not go on.
    pub fn differences(&self) -> Vec<Difference> {
        let until = Instant::now() + GOES_ON_WITHIN;
        loop {
            let differences = self.differences_now();
            if differences.is_empty() || Instant::now() > until {
                return differences;
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    fn differences_now(&self) -> Vec<Difference> {
        let mut differences = Vec::new();
        for process in self.processes.iter().filter(|process| !process.has_exited()) {
            let (pid, command) = (process.pid(), process.command());
            for thread in threads_of(pid) {
                if let Some(tracer) = u32::try_from(thread.as_raw()).ok().and_then(tracer_of) {
                    differences.push(Difference {
                        what: format!("tracer of thread {thread} of process {pid} ({command})"),
                        before: "none".to_owned(),
                        after: format!("thread {tracer}"),
                    });
                }
            }
            if is_stopped(pid) && !self.stopped_before.contains(&pid) {
                differences.push(Difference {
                    what: format!("state of process {pid} ({command})"),
                    before: "not stopped".to_owned(),
                    after: "stopped".to_owned(),
                });
            }
        }
        differences
    }

    /// Collects what exited while held: a held process that is killed must not linger.
    pub fn tend(&mut self) {
        self.collect();
    }

    /// When it is to be tended next, at the latest.
    pub fn tend_within(&self) -> Duration {
        COLLECT
    }

    /// Whether every process that was held has ended.
    pub fn is_target_gone(&self) -> bool {
        self.processes.iter().all(Process::has_exited)
    }

    /// Threads held, of those there are. Who was held until it died is not forgotten.
    pub fn evidence(&mut self) -> Evidence {
        self.collect();
        let living = self.processes.iter().filter(|process| !process.has_exited());
        let missed = living.flat_map(|process| threads_of(process.pid())).filter(|one| !self.threads.contains_key(one));
        let threads = missed.count() + self.threads.len() + self.ended;
        let held = self.threads.values().filter(|held| matches!(held, Held::Stopped(_))).count() + self.ended;
        let died = self.processes.iter().filter(|process| process.has_exited()).count();
        let [held, threads, died] = [held, threads, died].map(|count| u32::try_from(count).unwrap_or(u32::MAX));
        Evidence::Paused { held, threads, died }
    }

    fn stop_all(&mut self) -> Result<(), Refusal> {
        let give_up_at = Instant::now() + STOPS_WITHIN;
        loop {
            // A thread that runs may start another one, a stopped one cannot: when a pass finds nothing
            // new and all that is known stands still, nothing can appear any more.
            let is_news = self.seize_new_threads()?;
            self.collect();
            if !is_news && self.threads.values().all(|held| matches!(held, Held::Stopped(_))) {
                return Ok(());
            }
            if Instant::now() > give_up_at {
                let moving = self.threads.values().filter(|held| **held == Held::Asked).count();
                let reason = format!("{moving} of {} threads do not stop: they hang in the kernel", self.threads.len());
                return Err(Refusal { kind: RefusalKind::Failed, reason });
            }
            std::thread::yield_now();
        }
    }

    fn seize_new_threads(&mut self) -> Result<bool, Refusal> {
        let mut is_news = false;
        for process in self.processes.iter().filter(|process| !process.has_exited()) {
            for thread in threads_of(process.pid()) {
                if self.threads.contains_key(&thread) {
                    continue;
                }
                match ptrace::seize(thread, ptrace::Options::empty()) {
                    Ok(()) => {}
                    // It ended meanwhile.
                    Err(Errno::ESRCH) => continue,
                    Err(error) => return Err(cannot_trace(process, error)),
                }
                is_news = true;
                self.threads.insert(thread, Held::Asked);
                match ptrace::interrupt(thread) {
                    Ok(()) | Err(Errno::ESRCH) => {}
                    Err(error) => return Err(cannot_trace(process, error)),
                }
            }
        }
        Ok(is_news)
    }

    fn collect(&mut self) {
        let mut ended = Vec::new();
        for (thread, held) in &mut self.threads {
            match waitpid(*thread, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL)) {
                Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) | Err(Errno::ECHILD | Errno::ESRCH) => {
                    ended.push(*thread);
                }
                Ok(WaitStatus::PtraceEvent(_, _, EVENT_STOP)) => *held = Held::Stopped(None),
                // A signal came before the interrupt: its thread stands still on the way to it.
                Ok(WaitStatus::Stopped(_, signal)) => *held = Held::Stopped(Some(signal)),
                Ok(WaitStatus::PtraceEvent(..) | WaitStatus::PtraceSyscall(_)) => *held = Held::Stopped(None),
                Ok(WaitStatus::StillAlive | WaitStatus::Continued(_)) => {}
                Err(error) => tracing::warn!(%thread, %error, "could not look after a held thread"),
            }
        }
        for thread in ended {
            if let Some(Held::Stopped(_)) = self.threads.remove(&thread) {
                self.ended += 1;
            }
        }
    }

    fn release(&mut self) -> Vec<String> {
        self.collect();
        let mut errors = Vec::new();
        self.threads.retain(|thread, held| {
            let signal = match held {
                Held::Stopped(signal) => *signal,
                Held::Asked => None,
            };
            match ptrace::detach(*thread, signal) {
                Ok(()) => false,
                // Gone, or killed while held: there is nothing to let go.
                Err(Errno::ESRCH) if !fs::exists(format!("/proc/{thread}")).unwrap_or(true) => false,
                Err(Errno::ESRCH) if is_over(*thread) => false,
                Err(error) => {
                    errors.push(format!("let thread {thread} go: {error}"));
                    true
                }
            }
        });
        errors
    }
}

/// By a signal, not by a tracer.
fn is_stopped(pid: u32) -> bool {
    ProcessFacts::of(pid).is_some_and(|facts| facts.state == 'T')
}

/// The process that traces another one.
pub fn tracer_of(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let tracer: u32 = status.lines().find_map(|line| line.strip_prefix("TracerPid:"))?.trim().parse().ok()?;
    (tracer != 0).then_some(tracer)
}

fn threads_of(pid: u32) -> Vec<Pid> {
    let entries = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.map(Pid::from_raw).filter(|thread| !is_over(*thread)).collect()
}

/// A leader that ended before its threads stays in the list and can neither run nor be held.
fn is_over(thread: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{thread}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(')').and_then(|(_, after)| after.trim_start().chars().next());
    matches!(state, None | Some('Z' | 'X'))
}

fn refuse_traced(process: &Process) -> Result<(), Refusal> {
    let Some(tracer) = tracer_of(process.pid()) else { return Ok(()) };
    let reason = format!(
        "process {} ({}) is traced by process {tracer} already, and a process has one tracer only",
        process.pid(),
        process.command()
    );
    Err(Refusal { kind: RefusalKind::Unsupported, reason })
}

fn cannot_trace(process: &Process, error: Errno) -> Refusal {
    let why = match error {
        Errno::EPERM => {
            " (it needs CAP_SYS_PTRACE, and kernel.yama.ptrace_scope below 3; a process that is being traced cannot be held)"
        }
        _ => "",
    };
    let reason = format!("hold process {} ({}) by ptrace: {error}{why}", process.pid(), process.command());
    Refusal { kind: if error == Errno::EPERM { RefusalKind::Unsupported } else { RefusalKind::Failed }, reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::testing::Doomed;
    use std::process::Command;

    #[expect(clippy::unnecessary_wraps, reason = "it stands for a search that may fail")]
    fn nothing_more() -> Result<Vec<Process>, Refusal> {
        Ok(Vec::new())
    }

    fn state_of(pid: u32) -> char {
        ProcessFacts::of(pid).unwrap().state
    }

    fn eventually(what: &str, done: impl Fn() -> bool) {
        let until = Instant::now() + Duration::from_secs(10);
        while !done() {
            assert!(Instant::now() < until, "{what}");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_paused_process_stands_still_and_goes_on() {
        let child = Doomed::spawn(Command::new("sh").args(["-c", "while :; do :; done"]));
        let mut pause = Pause::inject(vec![Process::open(child.id()).unwrap().unwrap()], nothing_more).unwrap();
        assert_eq!(state_of(child.id()), 't');
        assert_eq!(pause.evidence(), Evidence::Paused { held: 1, threads: 1, died: 0 });
        assert!(tracer_of(child.id()).is_some());
        pause.revert().unwrap();
        pause.revert().unwrap();
        assert_eq!(tracer_of(child.id()), None);
        eventually("it runs", || state_of(child.id()) == 'R');
    }

    #[test]
    fn every_thread_is_held() {
        // A thread of this test's own process would stop the test, so another program with threads is asked.
        let child = Doomed::spawn(
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "faults::pause::tests::plays_a_process_with_threads", "--ignored", "--nocapture"])
                .stdout(std::process::Stdio::null()),
        );
        eventually("its threads begin", || threads_of(child.id()).len() >= 6);
        let mut pause = Pause::inject(vec![Process::open(child.id()).unwrap().unwrap()], nothing_more).unwrap();
        let Evidence::Paused { held, threads, died: 0 } = pause.evidence() else { panic!("wrong evidence") };
        assert!(held == threads && held >= 6, "{held} of {threads}");
        pause.revert().unwrap();
    }

    #[test]
    #[ignore = "played by another test"]
    fn plays_a_process_with_threads() {
        let busy = || std::thread::spawn(|| std::thread::sleep(Duration::from_secs(100)));
        let threads: Vec<_> = (0..5).map(|_| busy()).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }

    #[test]
    fn a_process_killed_while_held_is_seen_to_end() {
        let mut child = Doomed::spawn(Command::new("sleep").arg("100"));
        let mut pause = Pause::inject(vec![Process::open(child.id()).unwrap().unwrap()], nothing_more).unwrap();
        child.kill().unwrap();
        let until = Instant::now() + Duration::from_secs(10);
        while !pause.is_target_gone() {
            assert!(Instant::now() < until);
            pause.tend();
        }
        assert_eq!(pause.evidence(), Evidence::Paused { held: 1, threads: 1, died: 1 }, "it was held until it died");
        // Here the parent and the tracer are one process: either of the two may have collected the exit.
        let _collected = child.wait();
        pause.revert().unwrap();
    }

    #[test]
    fn what_is_traced_already_is_refused() {
        let child = Doomed::spawn(Command::new("sleep").arg("100"));
        let hold = || vec![Process::open(child.id()).unwrap().unwrap()];
        let mut pause = Pause::inject(hold(), nothing_more).unwrap();
        let refusal = Pause::inject(hold(), nothing_more).unwrap_err();
        assert!(refusal.kind == RefusalKind::Unsupported && refusal.reason.contains("one tracer only"), "{refusal:?}");
        pause.revert().unwrap();
    }
}

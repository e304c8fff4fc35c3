//! One process, held so that its number can never come to mean another.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};
use squall_experiments::fault::Signal;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A process held by its pidfd.
#[derive(Debug)]
pub struct Process {
    pid: u32,
    start: u64,
    command: String,
    pidfd: OwnedFd,
}

/// What `/proc/PID/stat` says of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessFacts {
    /// Its parent.
    pub parent: u32,
    /// Clock ticks after boot.
    pub start: u64,
    /// `Z` and `X` are over.
    pub state: char,
    /// Its command name, at most 15 bytes.
    pub command: String,
}

impl ProcessFacts {
    /// What is known of a process; `None`: there is none.
    pub fn of(pid: u32) -> Option<Self> {
        Self::read(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The command stands in parentheses and may hold any byte, so what follows is counted from the last one.
    fn read(stat: &str) -> Option<Self> {
        let (before, after) = stat.rsplit_once(')')?;
        let command = before.split_once('(')?.1.to_owned();
        let fields: Vec<&str> = after.split_whitespace().collect();
        Some(Self {
            state: fields.first()?.chars().next()?,
            parent: fields.get(1)?.parse().ok()?,
            start: fields.get(19)?.parse().ok()?,
            command,
        })
    }

    fn is_over(&self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x')
    }
}

impl Process {
    /// Takes hold of a process; `None`: there is none, or it has ended.
    ///
    /// The number may be reused between reading about it and opening it. So the facts are read again
    /// while the pidfd is held: if they are the same and it has not ended, they are this process'.
    pub fn open(pid: u32) -> io::Result<Option<Self>> {
        let Some(number) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(None) };
        let pidfd = match pidfd_open(number, PidfdFlags::empty()) {
            Ok(pidfd) => pidfd,
            Err(Errno::SRCH | Errno::INVAL) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let Some(facts) = ProcessFacts::of(pid).filter(|facts| !facts.is_over()) else { return Ok(None) };
        let process = Self { pid, start: facts.start, command: facts.command, pidfd };
        Ok((!process.has_exited()).then_some(process))
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// When it began, in clock ticks after boot.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Its command name.
    pub fn command(&self) -> &str {
        &self.command
    }

    /// Whether it goes by this command name: the kernel's, cut to 15 bytes, or its program's file name.
    pub fn is_called(&self, name: &str) -> bool {
        self.command == name
            || fs::read(format!("/proc/{}/cmdline", self.pid)).is_ok_and(|line| {
                let program = line.split(|byte| *byte == 0).next().unwrap_or_default();
                program.rsplit(|byte| *byte == b'/').next() == Some(name.as_bytes())
            })
    }

    /// Whether its exit is seen through the pidfd, reaped or not.
    pub fn has_exited(&self) -> bool {
        let mut watched = [PollFd::new(&self.pidfd, PollFlags::IN)];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut watched, Some(&at_once)).is_ok_and(|ready| ready > 0)
    }

    /// Whether a signal would be let through; none is sent. A process that has ended already is no error.
    pub fn may_signal(&self) -> io::Result<()> {
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else { return Ok(()) };
        match rustix::process::test_kill_process(pid) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends a signal. A process that has ended already is no error: `false`.
    pub fn signal(&self, signal: Signal) -> io::Result<bool> {
        // The kernel takes signals for what nobody has reaped yet.
        if self.has_exited() {
            return Ok(false);
        }
        match pidfd_send_signal(&self.pidfd, in_kernel(signal)) {
            Ok(()) => Ok(true),
            Err(Errno::SRCH) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

/// Every process there is, by its number.
pub fn all_processes() -> io::Result<BTreeMap<u32, ProcessFacts>> {
    let mut processes = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        if let Some(pid) = name.to_str().and_then(|name| name.parse().ok())
            && let Some(facts) = ProcessFacts::of(pid)
        {
            processes.insert(pid, facts);
        }
    }
    Ok(processes)
}

/// The process itself and everything that descends from it.
pub fn with_descendants(root: u32, processes: &BTreeMap<u32, ProcessFacts>) -> Vec<u32> {
    let mut family = vec![root];
    let mut next = 0;
    while let Some(&parent) = family.get(next) {
        let children = processes.iter().filter(|(_, facts)| facts.parent == parent).map(|(pid, _)| *pid);
        let new: Vec<u32> = children.filter(|pid| !family.contains(pid)).collect();
        family.extend(new);
        next += 1;
    }
    family
}

fn in_kernel(signal: Signal) -> rustix::process::Signal {
    use rustix::process::Signal as Kernel;
    match signal.number() {
        1 => Kernel::HUP,
        2 => Kernel::INT,
        3 => Kernel::QUIT,
        4 => Kernel::ILL,
        5 => Kernel::TRAP,
        6 => Kernel::ABORT,
        7 => Kernel::BUS,
        8 => Kernel::FPE,
        10 => Kernel::USR1,
        11 => Kernel::SEGV,
        12 => Kernel::USR2,
        13 => Kernel::PIPE,
        14 => Kernel::ALARM,
        15 => Kernel::TERM,
        16 => Kernel::STKFLT,
        17 => Kernel::CHILD,
        18 => Kernel::CONT,
        19 => Kernel::STOP,
        20 => Kernel::TSTP,
        21 => Kernel::TTIN,
        22 => Kernel::TTOU,
        23 => Kernel::URG,
        24 => Kernel::XCPU,
        25 => Kernel::XFSZ,
        26 => Kernel::VTALARM,
        27 => Kernel::PROF,
        28 => Kernel::WINCH,
        29 => Kernel::IO,
        30 => Kernel::POWER,
        31 => Kernel::SYS,
        _ => Kernel::KILL,
    }
}

#[cfg(test)]
mod tests {
    use super::testing::Doomed;
    use super::*;
    use std::process::Command;

    #[test]
    fn a_command_name_with_parentheses_and_spaces_is_read() {
        let stat = format!("7 (a ) (b) S 3 {} 42 x", vec!["0"; 17].join(" "));
        let facts = ProcessFacts::read(&stat).unwrap();
        assert_eq!((facts.parent, facts.start, facts.state, facts.command.as_str()), (3, 42, 'S', "a ) (b"));
    }

    #[test]
    fn a_held_process_is_signalled_and_its_exit_is_seen() {
        let mut child = Doomed::spawn(Command::new("sleep").arg("100"));
        let process = Process::open(child.id()).unwrap().unwrap();
        assert!(!process.has_exited() && process.is_called("sleep") && !process.is_called("sleeper"));
        assert!(process.signal(Signal::KILL).unwrap());
        child.wait().unwrap();
        assert!(process.has_exited());
        assert!(!process.signal(Signal::KILL).unwrap(), "later signals go nowhere");
        assert!(Process::open(child.id()).unwrap().is_none());
    }

    #[test]
    fn every_signal_that_can_be_written_keeps_its_number() {
        for name in Signal::names() {
            let signal: Signal = name.parse().unwrap();
            assert_eq!(in_kernel(signal).as_raw(), signal.number(), "{name}");
        }
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! Processes for tests.

    use std::ops::{Deref, DerefMut};
    use std::process::{Child, Command};

    /// A child that dies with its test, however that ends.
    #[derive(Debug)]
    pub struct Doomed(Child);

    impl Doomed {
        pub fn spawn(command: &mut Command) -> Self {
            Self(command.spawn().unwrap())
        }
    }

    impl Deref for Doomed {
        type Target = Child;
        fn deref(&self) -> &Child {
            &self.0
        }
    }

    impl DerefMut for Doomed {
        fn deref_mut(&mut self) -> &mut Child {
            &mut self.0
        }
    }

    impl Drop for Doomed {
        fn drop(&mut self) {
            let _ended = self.0.kill();
            let _reaped = self.0.wait();
        }
    }
}

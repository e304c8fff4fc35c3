//! Takes hold of an instance: its processes by pidfd, its network namespace by an open descriptor.

use crate::leases::Hold;
use crate::process::{Process, ProcessFacts, all_processes, with_descendants};
use squall_experiments::fault::{NetworkOrder, Order, OrderFault, Peers, Refusal, RefusalKind};
use squall_experiments::target::{Locator, ProcessLocator};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where cgroups are found: version 2 (also beside version 1), and systemd's own tree of version 1.
const CGROUP_ROOTS: [&str; 3] = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup", "/sys/fs/cgroup/systemd"];

/// An instance that is held.
#[derive(Debug)]
pub struct Instance {
    /// Its processes. Only `kill` and `pause` always need them.
    pub processes: Vec<Process>,
    /// Its network namespace, where the fault needs one.
    pub namespace: Option<Namespace>,
}

/// A network namespace, held open.
#[derive(Debug)]
pub struct Namespace {
    descriptor: OwnedFd,
    inode: u64,
    /// Where it was opened, if it has a place of its own; else it is gone with its processes.
    path: Option<PathBuf>,
}

impl Namespace {
    fn open(path: &Path, has_own_place: bool) -> io::Result<Self> {
        let file = File::open(path)?;
        let inode = file.metadata()?.ino();
        Ok(Self { descriptor: file.into(), inode, path: has_own_place.then(|| path.to_owned()) })
    }

    /// Its inode.
    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// Whether it is still found where it was. A namespace without a place of its own lives with its processes.
    pub fn is_in_place(&self) -> Option<bool> {
        let path = self.path.as_ref()?;
        Some(fs::metadata(path).is_ok_and(|now| now.ino() == self.inode))
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl Instance {
    /// Takes hold of whatever an order needs, and refuses what must not be hit.
    pub fn take_hold(order: &Order) -> Result<Self, Refusal> {
        let locator = &order.locator;
        let instance = match &order.fault {
            OrderFault::Kill { process, .. } | OrderFault::Pause { process } => {
                Self { processes: find_targets(locator, process.as_deref())?, namespace: None }
            }
            OrderFault::Network(network) => {
                let processes = match &locator.process {
                    Some(_) if locator.netns.is_none() => find_processes(locator, None)?,
                    _ => Vec::new(),
                };
                let namespace = find_namespace(locator, &processes)?;
                refuse_own_namespace(&namespace, network)?;
                Self { processes, namespace: Some(namespace) }
            }
        };
        Ok(instance)
    }

    /// What no fault of another run may hold at the same time.
    pub fn holds(&self, locator: &Locator) -> BTreeSet<Hold> {
        let processes =
            self.processes.iter().map(|process| Hold::Process { pid: process.pid(), start: process.start() });
        let mut holds: BTreeSet<Hold> = processes.collect();
        holds.extend(self.namespace.as_ref().map(|namespace| Hold::Namespace(namespace.inode)));
        holds.extend(locator.process.as_ref().map(|place| Hold::Place(place_name(place))));
        if let Some(path) = &locator.netns {
            // A process killed in a namespace and the namespace's packets are one instance's.
            holds.extend(fs::metadata(path).ok().map(|facts| Hold::Namespace(facts.ino())));
        }
        holds
    }

    /// Whether it vanished: its namespace's place, or else every process it was found by.
    pub fn is_gone(&self) -> bool {
        match self.namespace.as_ref().and_then(Namespace::is_in_place) {
            Some(is_in_place) => !is_in_place,
            None => !self.processes.is_empty() && self.processes.iter().all(Process::has_exited),
        }
    }
}

fn place_name(place: &ProcessLocator) -> String {
    match place {
        ProcessLocator::Pidfile(path) => format!("pidfile {}", path.display()),
        ProcessLocator::Unit(name) => format!("unit {name}"),
        ProcessLocator::Cgroup(path) => format!("cgroup {}", path.display()),
    }
}

/// The processes a locator names now, at least one, and none that must not be hit. What it names changes, so
/// whoever looks again to hit what he finds asks again.
pub fn find_targets(locator: &Locator, called: Option<&str>) -> Result<Vec<Process>, Refusal> {
    let processes = find_processes(locator, called)?;
    refuse_protected(&processes)?;
    Ok(processes)
}

/// The processes a locator names now, at least one.
fn find_processes(locator: &Locator, called: Option<&str>) -> Result<Vec<Process>, Refusal> {
    let failed = |doing: String| move |error: io::Error| refusal(RefusalKind::Failed, format!("{doing}: {error}"));
    let pids = match (&locator.process, &locator.netns) {
        (Some(place), _) => pids_at(place)?,
        (None, Some(path)) => {
            pids_in_namespace(path).map_err(failed(format!("find the processes in `{}`", path.display())))?
        }
        (None, None) => {
            return Err(refusal(RefusalKind::NoTarget, "the instance names neither a process nor a namespace"));
        }
    };
    let mut processes = Vec::new();
    for pid in pids {
        if let Some(process) = Process::open(pid).map_err(failed(format!("take hold of process {pid}")))?
            && called.is_none_or(|name| process.is_called(name))
        {
            processes.push(process);
        }
    }
    if processes.is_empty() {
        let place = match (&locator.process, &locator.netns) {
            (Some(place), _) => place_name(place),
            (None, path) => format!("namespace {}", path.clone().unwrap_or_default().display()),
        };
        let what = called.map_or_else(|| "process".to_owned(), |name| format!("process called `{name}`"));
        return Err(refusal(RefusalKind::NoTarget, format!("no living {what} at {place}")));
    }
    Ok(processes)
}

/// The processes that are at a place now; a cgroup, say, may be there and hold none.
///
/// # Errors
/// The place is not there, or cannot be read.
pub fn pids_at(place: &ProcessLocator) -> Result<Vec<u32>, Refusal> {
    match place {
        ProcessLocator::Pidfile(path) => pids_by_pidfile(path),
        ProcessLocator::Unit(name) => pids_of_cgroup(&unit_cgroup(name)?),
        ProcessLocator::Cgroup(path) => pids_of_cgroup(&cgroup_folder(path)?),
    }
}

/// The process a pidfile names now.
pub fn main_process(locator: &Locator) -> Option<u32> {
    let Some(ProcessLocator::Pidfile(path)) = &locator.process else { return None };
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn refusal(kind: RefusalKind, reason: impl Into<String>) -> Refusal {
    Refusal { kind, reason: reason.into() }
}

fn pids_by_pidfile(path: &Path) -> Result<Vec<u32>, Refusal> {
    let text = fs::read_to_string(path)
        .map_err(|error| refusal(RefusalKind::NoTarget, format!("read pidfile `{}`: {error}", path.display())))?;
    let main: u32 = text
        .trim()
        .parse()
        .map_err(|_| refusal(RefusalKind::NoTarget, format!("pidfile `{}` holds no process number", path.display())))?;
    if ProcessFacts::of(main).is_none() {
        return Ok(Vec::new());
    }
    let processes =
        all_processes().map_err(|error| refusal(RefusalKind::Failed, format!("list processes: {error}")))?;
    Ok(with_descendants(main, &processes))
}

fn unit_cgroup(name: &str) -> Result<PathBuf, Refusal> {
    /// Deep enough for a template's unit in a user's slice.
    const DEPTH: usize = 6;
    fn search(folder: &Path, name: &str, depth: usize) -> Option<PathBuf> {
        let mut inner = Vec::new();
        for entry in fs::read_dir(folder).ok()?.flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if entry.file_name() == *name {
                    return Some(entry.path());
                }
                inner.push(entry.path());
            }
        }
        (depth > 0).then(|| inner.iter().find_map(|folder| search(folder, name, depth - 1))).flatten()
    }
    let name = if name.contains('.') { name.to_owned() } else { format!("{name}.service") };
    CGROUP_ROOTS
        .iter()
        .filter(|root| holds_processes(Path::new(root)))
        .find_map(|root| search(Path::new(root), &name, DEPTH))
        .ok_or_else(|| refusal(RefusalKind::NoTarget, format!("unit `{name}` has no cgroup: it does not run")))
}

fn cgroup_folder(path: &Path) -> Result<PathBuf, Refusal> {
    let below = path.strip_prefix("/").unwrap_or(path);
    if below.components().any(|part| part.as_os_str() == "..") {
        return Err(refusal(RefusalKind::NoTarget, format!("cgroup `{}` leaves the cgroup root", path.display())));
    }
    CGROUP_ROOTS
        .iter()
        .map(|root| Path::new(root).join(below))
        .find(|folder| holds_processes(folder))
        .ok_or_else(|| refusal(RefusalKind::NoTarget, format!("no cgroup `{}`", path.display())))
}

fn holds_processes(folder: &Path) -> bool {
    folder.join("cgroup.procs").is_file()
}

/// Every process of a cgroup and of the cgroups in it.
fn pids_of_cgroup(folder: &Path) -> Result<Vec<u32>, Refusal> {
    let mut pids = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        // A cgroup may vanish while it is read: then it has no processes.
        let text = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
        pids.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()));
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        folders.extend(
            entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()),
        );
    }
    Ok(pids)
}

fn pids_in_namespace(path: &Path) -> io::Result<Vec<u32>> {
    let inode = fs::metadata(path)?.ino();
    let inside = |pid: &u32| fs::metadata(format!("/proc/{pid}/ns/net")).is_ok_and(|facts| facts.ino() == inode);
    Ok(all_processes()?.into_keys().filter(inside).collect())
}

fn find_namespace(locator: &Locator, processes: &[Process]) -> Result<Namespace, Refusal> {
    if let Some(path) = &locator.netns {
        return Namespace::open(path, true).map_err(|error| {
            refusal(RefusalKind::NoTarget, format!("open network namespace `{}`: {error}", path.display()))
        });
    }
    for process in processes {
        let path = PathBuf::from(format!("/proc/{}/ns/net", process.pid()));
        // If the process lives after the file was opened, the file was this process'.
        if let Ok(namespace) = Namespace::open(&path, false)
            && !process.has_exited()
        {
            return Ok(namespace);
        }
    }
    Err(refusal(RefusalKind::NoTarget, "the instance's processes ended before its network namespace could be opened"))
}

/// PID 1, this agent and whatever it descends from.
fn refuse_protected(processes: &[Process]) -> Result<(), Refusal> {
    let mut protected = BTreeSet::from([1]);
    let mut next = Some(std::process::id());
    while let Some(pid) = next.filter(|pid| *pid > 1 && protected.insert(*pid)) {
        next = ProcessFacts::of(pid).map(|facts| facts.parent);
    }
    match processes.iter().find(|process| protected.contains(&process.pid())) {
        None => Ok(()),
        Some(process) => {
            let whom = if process.pid() == 1 { "the system's first process" } else { "the agent or what started it" };
            let reason = format!("process {} ({}) is {whom}", process.pid(), process.command());
            Err(refusal(RefusalKind::Protected, reason))
        }
    }
}

/// Cutting the agent's own namespace could cut the agent, and its operator, off.
fn refuse_own_namespace(namespace: &Namespace, network: &NetworkOrder) -> Result<(), Refusal> {
    let own = fs::metadata("/proc/self/ns/net")
        .map_err(|error| refusal(RefusalKind::Failed, format!("read the agent's own network namespace: {error}")))?;
    if own.ino() == namespace.inode && !is_narrow(network) {
        let reason = "it is the agent's own network namespace: narrow the fault by `ports`, or by `peers` \
                      that are no more than a /8 (IPv6: a /16) together";
        return Err(refusal(RefusalKind::Protected, reason));
    }
    Ok(())
}

/// Whether a fault leaves most of the network alone. Peers such as `0.0.0.0/0`, or its two halves, would
/// cut the node off as surely as no peers at all.
fn is_narrow(network: &NetworkOrder) -> bool {
    let Peers::Only(blocks) = &network.peers else { return !network.ports.is_empty() };
    let share = |is_ipv4: bool| -> f64 {
        let family = blocks.iter().filter(|block| block.network().is_ipv4() == is_ipv4);
        family.map(|block| 0.5_f64.powi(i32::from(block.prefix()))).sum()
    };
    !network.ports.is_empty() || (share(true) <= 0.5_f64.powi(8) && share(false) <= 0.5_f64.powi(16))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privilege::is_root;
    use crate::process::testing::Doomed;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    #[test]
    fn peers_that_are_nearly_everyone_narrow_nothing() {
        let order = |peers: &[&str], ports: &[u16]| NetworkOrder {
            partition: true,
            peers: Peers::Only(peers.iter().map(|block| block.parse().unwrap()).collect()),
            ports: ports.to_vec(),
            ..NetworkOrder::about_all(squall_experiments::fault::Direction::Both)
        };
        for wide in [&["0.0.0.0/0"][..], &["0.0.0.0/1", "128.0.0.0/1"], &["10.0.0.0/8", "11.0.0.0/8"], &["::/0"]] {
            assert!(!is_narrow(&order(wide, &[])), "{wide:?}");
        }
        assert!(is_narrow(&order(&["10.0.0.0/8", "fd00::/16"], &[])));
        assert!(is_narrow(&order(&["0.0.0.0/0"], &[9999])));
    }

    fn sleeps() -> Doomed {
        Doomed::spawn(Command::new("sleep").arg("1000"))
    }

    fn pids(locator: &Locator, called: Option<&str>) -> Vec<u32> {
        let mut pids: Vec<u32> = find_processes(locator, called).unwrap().iter().map(Process::pid).collect();
        pids.sort_unstable();
        pids
    }

    fn by(process: ProcessLocator) -> Locator {
        Locator { process: Some(process), netns: None }
    }

    #[test]
    fn a_pidfile_names_a_process_and_its_descendants() {
        let folder = tempfile::tempdir().unwrap();
        let pidfile = folder.path().join("pid");
        let locator = by(ProcessLocator::Pidfile(pidfile.clone()));
        assert_eq!(find_processes(&locator, None).unwrap_err().kind, RefusalKind::NoTarget);
        let parent = Doomed::spawn(
            Command::new("sh").args(["-c", "trap 'kill %1' TERM; sleep 1000 & wait"]).stdout(Stdio::null()),
        );
        fs::write(&pidfile, format!("{}\n", parent.id())).unwrap();
        let until = Instant::now() + Duration::from_secs(10);
        while find_processes(&locator, Some("sleep")).is_err() {
            assert!(Instant::now() < until, "its child never came");
        }
        assert_eq!(pids(&locator, None).len(), 2);
        assert_eq!(pids(&locator, Some("sh")), [parent.id()]);
        let none = find_processes(&locator, Some("nginx")).unwrap_err();
        assert!(none.kind == RefusalKind::NoTarget && none.reason.contains("called `nginx`"), "{none:?}");
        for child in find_processes(&locator, Some("sleep")).unwrap() {
            child.signal(squall_experiments::fault::Signal::KILL).unwrap();
        }
    }

    #[test]
    fn a_cgroup_and_a_unit_name_the_processes_in_them() {
        struct Cgroup(PathBuf);
        impl Drop for Cgroup {
            fn drop(&mut self) {
                let _not_empty = fs::remove_dir(&self.0);
            }
        }
        let root = CGROUP_ROOTS.iter().map(Path::new).find(|root| holds_processes(root));
        let (true, Some(root)) = (is_root(), root) else { return };
        let name = format!("squall-test-{}.service", std::process::id());
        let cgroup = Cgroup(root.join(&name));
        if fs::create_dir(&cgroup.0).is_err() {
            return eprintln!("skipped: no cgroup may be made here");
        }
        let process = sleeps();
        fs::write(cgroup.0.join("cgroup.procs"), process.id().to_string()).unwrap();
        assert_eq!(pids(&by(ProcessLocator::Cgroup(PathBuf::from("/").join(&name))), None), [process.id()]);
        assert_eq!(pids(&by(ProcessLocator::Unit(name.clone())), None), [process.id()]);
        assert_eq!(pids(&by(ProcessLocator::Unit(name.trim_end_matches(".service").to_owned())), None), [process.id()]);
        let outside = find_processes(&by(ProcessLocator::Cgroup("../../etc".into())), None).unwrap_err();
        assert!(outside.reason.contains("leaves the cgroup root"), "{outside:?}");
        drop(process);
        let until = Instant::now() + Duration::from_secs(10);
        while fs::remove_dir(&cgroup.0).is_err() {
            assert!(Instant::now() < until, "the cgroup stays");
        }
    }

    #[test]
    fn a_namespace_alone_names_every_process_in_it() {
        if !is_root() {
            return;
        }
        let process = Doomed::spawn(Command::new("unshare").args(["--net", "sleep", "1000"]));
        let path = PathBuf::from(format!("/proc/{}/ns/net", process.id()));
        let own = fs::metadata("/proc/self/ns/net").unwrap().ino();
        let until = Instant::now() + Duration::from_secs(10);
        while fs::metadata(&path).unwrap().ino() == own {
            assert!(Instant::now() < until, "it never got a namespace of its own");
        }
        assert_eq!(pids(&Locator { process: None, netns: Some(path) }, None), [process.id()]);
    }
}

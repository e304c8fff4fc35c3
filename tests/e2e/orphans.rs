//! Nothing of a world is left behind, whoever dies and however.
//!
//! The holder is `lab up`, a process of its own, so that it can be killed in the test's place.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use squall_tests::programs::lab_binary;

use crate::eventually;
use crate::turn::turn;

const SOON: Duration = Duration::from_secs(10);

/// A world held by another process.
struct Held {
    holder: Child,
    directory: PathBuf,
    /// The namespaces of everything in it (none of them ours), as `/proc` shows them.
    namespaces: BTreeSet<PathBuf>,
}

impl Held {
    fn start(mut lab: Command) -> Self {
        lab.args(["up", "--scenario", "zones", "--", "sleep", "1000"]).stdin(Stdio::null());
        let mut holder = lab.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(holder.stderr.take().unwrap()).lines().map_while(Result::ok);
        let directory = lines.find_map(|line| line.strip_prefix("lab: ready in ").map(PathBuf::from)).expect("ready");
        // It may have more to say; nobody listens, but the pipe must not break.
        std::thread::spawn(move || lines.for_each(drop));
        let ours = namespaces_of(&std::process::id().to_string());
        let mut held = Self { holder, directory, namespaces: BTreeSet::new() };
        eventually("its command runs", SOON, || {
            let processes = descendants(held.holder.id());
            held.namespaces = processes.iter().flat_map(|pid| namespaces_of(&pid.to_string())).collect();
            held.namespaces.retain(|namespace| !ours.contains(namespace));
            // pid + mnt + net of the world, and a net for each of three instances.
            held.namespaces.len() >= 6
        });
        held
    }

    /// The process between the holder and the world.
    fn unshare(&self) -> u32 {
        let is_unshare =
            |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "unshare\n");
        children(self.holder.id()).into_iter().find(is_unshare).expect("the holder has an unshare")
    }

    fn assert_nothing_is_left(&self) {
        eventually("no process is left in any of its namespaces", SOON, || {
            processes().iter().all(|pid| namespaces_of(pid).is_disjoint(&self.namespaces))
        });
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains("backend-z1") && !mounts.contains(&*self.directory.to_string_lossy()), "{mounts}");
        assert!(!Path::new("/run/netns/backend-z1").exists());
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

#[test]
fn a_killed_holder_leaves_nothing_behind() {
    let _turn = turn(1);
    let mut held = Held::start(Command::new(lab_binary().unwrap()));
    held.holder.kill().unwrap();
    held.holder.wait().unwrap();
    held.assert_nothing_is_left();
    eventually("its directory is removed", SOON, || !held.directory.exists());
}

#[test]
fn a_world_whose_own_processes_are_killed_leaves_nothing_behind() {
    let _turn = turn(1);
    let mut held = Held::start(Command::new(lab_binary().unwrap()));
    kill(Pid::from_raw(held.unshare().cast_signed()), Signal::SIGKILL).unwrap();
    held.assert_nothing_is_left();
    // The world's first process had no time to remove it: the holder does, and says that its world is gone.
    eventually("its directory is removed", SOON, || !held.directory.exists());
    eventually("its holder ends", SOON, || held.holder.try_wait().unwrap().is_some_and(|status| !status.success()));
}

#[test]
fn a_world_needs_no_root_where_user_namespaces_are_allowed() {
    let _turn = turn(1);
    if !nix::unistd::geteuid().is_root() {
        return; // Then every test here is this test.
    }
    let mut lab = Command::new("setpriv");
    lab.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(lab_binary().unwrap());
    lab.current_dir("/").env("TMPDIR", "/tmp");
    let mut held = Held::start(lab);
    held.holder.kill().unwrap();
    held.holder.wait().unwrap();
    held.assert_nothing_is_left();
    eventually("its directory is removed", SOON, || !held.directory.exists());
}

fn processes() -> Vec<String> {
    let names = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).collect()
}

/// The pid, mount and network namespaces of a process; none if it is gone.
fn namespaces_of(pid: &str) -> BTreeSet<PathBuf> {
    ["pid", "mnt", "net"].iter().filter_map(|kind| fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok()).collect()
}

fn children(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

fn descendants(pid: u32) -> Vec<u32> {
    let children = children(pid);
    let below = children.iter().flat_map(|child| descendants(*child)).collect::<Vec<_>>();
    [children, below].concat()
}

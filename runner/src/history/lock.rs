//! Locks of live runs: a lock that is held means its runner lives; what it holds must not overlap.

use super::StateFolder;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use squall_experiments::name::{InstanceName, RunId};
use squall_experiments::target::{Instance, ProcessLocator};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

/// Held for a moment by whoever looks or takes.
const GATE: &str = ".gate";

/// What a run takes hold of: by what cannot be two things at once, for the message the instance.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Claimed(BTreeMap<String, InstanceName>);

impl Claimed {
    /// Everything the instances' locators name.
    pub fn of<'a>(instances: impl IntoIterator<Item = &'a Instance>) -> Self {
        let mut claimed = BTreeMap::new();
        for instance in instances {
            let process = instance.locator.process.as_ref().map(|process| match process {
                ProcessLocator::Pidfile(path) => format!("pidfile {}", path.display()),
                ProcessLocator::Unit(name) => format!("unit {name}"),
                ProcessLocator::Cgroup(path) => format!("cgroup {}", path.display()),
            });
            let netns = instance.locator.netns.as_ref().map(|path| format!("netns {}", path.display()));
            for part in process.into_iter().chain(netns) {
                claimed.insert(format!("{} {part}", instance.node), instance.name.clone());
            }
        }
        Self(claimed)
    }

    fn first_shared(&self, other: &Self) -> Option<&InstanceName> {
        self.0.iter().find(|(key, _)| other.0.contains_key(*key)).map(|(_, name)| name)
    }
}

/// Why a run cannot take its lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// A live run holds one of the targets.
    #[error("run `{other}` is live and holds `{instance}`: wait for it, or end it")]
    Overlap {
        /// The other run.
        other: RunId,
        /// What both want.
        instance: InstanceName,
    },
    /// Files cannot be used.
    #[error("use the lock `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// A live run's lock. Dropping it, or dying, gives it up.
#[derive(Debug)]
pub struct LiveRun {
    file: File,
    path: PathBuf,
}

impl LiveRun {
    /// Takes the lock of a run; `None`: somebody has it, so its runner lives.
    ///
    /// # Errors
    /// Files that cannot be used.
    pub fn take(folder: &StateFolder, run: &RunId) -> Result<Option<Self>, LockError> {
        let live = folder.live();
        std::fs::create_dir_all(&live).map_err(|source| LockError::File { path: live.clone(), source })?;
        let _one_at_a_time = hold(&live.join(GATE), FlockOperation::LockExclusive)?;
        let path = live.join(run.as_str());
        match hold(&path, FlockOperation::NonBlockingLockExclusive) {
            Ok(file) => Ok(Some(Self { file, path })),
            Err(LockError::File { source, .. }) if source.kind() == std::io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Takes hold of targets, unless another live run holds one of them.
    ///
    /// # Errors
    /// An overlap, or files that cannot be used.
    pub fn claim(&mut self, claimed: &Claimed) -> Result<(), LockError> {
        let live = self.path.parent().unwrap_or(Path::new("."));
        // Look and take are one: two runners that start together must see each other.
        let _one_at_a_time = hold(&live.join(GATE), FlockOperation::LockExclusive)?;
        let entries = std::fs::read_dir(live).map_err(|source| LockError::File { path: live.to_owned(), source })?;
        for path in entries.flatten().map(|entry| entry.path()) {
            let other = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if other == GATE || path == self.path {
                continue;
            }
            if let Some(theirs) = held(&path)?
                && let Some(instance) = theirs.first_shared(claimed)
            {
                return Err(LockError::Overlap { other: RunId::new(other), instance: instance.clone() });
            }
        }
        let text = serde_json::to_vec(claimed).expect("a map of texts is JSON");
        let written = self.file.set_len(0).and_then(|()| self.file.rewind()).and_then(|()| self.file.write_all(&text));
        written.map_err(|source| LockError::File { path: self.path.clone(), source })
    }
}

impl Drop for LiveRun {
    fn drop(&mut self) {
        // While it is still held: nobody can be waiting for this very file.
        let _already_gone = std::fs::remove_file(&self.path);
        let _unlocked_by_close = flock(&self.file, FlockOperation::Unlock);
    }
}

fn hold(path: &Path, operation: FlockOperation) -> Result<File, LockError> {
    let failed = |source| LockError::File { path: path.to_owned(), source };
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
    flock(&file, operation).map_err(|errno| failed(errno.into()))?;
    Ok(file)
}

/// What a run holds, if it lives.
fn held(path: &Path) -> Result<Option<Claimed>, LockError> {
    let failed = |source| LockError::File { path: path.to_owned(), source };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if flock(&file, FlockOperation::NonBlockingLockShared).is_ok() {
        return Ok(None);
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(failed)?;
    if text.is_empty() {
        return Ok(Some(Claimed::default()));
    }
    serde_json::from_str(&text).map(Some).map_err(|error| failed(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use squall_experiments::name::NodeName;
    use squall_experiments::target::Locator;

    fn claimed(netns: &str) -> Claimed {
        Claimed::of([&Instance {
            name: InstanceName::new(format!("of-{netns}")),
            namespace: None,
            labels: BTreeMap::new(),
            node: NodeName::new("n1"),
            zone: None,
            addresses: Vec::new(),
            locator: Locator { process: None, netns: Some(netns.into()) },
            series: BTreeMap::new(),
        }])
    }

    fn live(folder: &StateFolder, run: &str) -> LiveRun {
        LiveRun::take(folder, &RunId::new(run)).unwrap().unwrap()
    }

    #[test]
    fn two_live_runs_never_share_a_target() {
        let folder = tempfile::tempdir().unwrap();
        let folder = StateFolder::of(Some(folder.path()));
        let (mut first, mut second) = (live(&folder, "r1"), live(&folder, "r2"));
        first.claim(&claimed("a")).unwrap();
        let refused = second.claim(&claimed("a")).unwrap_err();
        assert_eq!(refused.to_string(), "run `r1` is live and holds `of-a`: wait for it, or end it");
        second.claim(&claimed("b")).unwrap();
        drop(first);
        live(&folder, "r3").claim(&claimed("a")).unwrap();
    }

    #[test]
    fn only_a_dead_run_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let folder = StateFolder::of(Some(folder.path()));
        let first = live(&folder, "r1");
        assert!(LiveRun::take(&folder, &RunId::new("r1")).unwrap().is_none());
        drop(first);
        assert!(LiveRun::take(&folder, &RunId::new("r1")).unwrap().is_some());
    }
}

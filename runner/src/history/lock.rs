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
    /// Takes the lock of a run, unless a live run holds one of its targets.
    ///
    /// # Errors
    /// An overlap, or files that cannot be used.
    pub fn begin(folder: &StateFolder, run: &RunId, claimed: &Claimed) -> Result<Self, LockError> {
        let live = folder.live();
        std::fs::create_dir_all(&live).map_err(|source| LockError::File { path: live.clone(), source })?;
        // Look and take are one: two runners that start together must see each other.
        let _one_at_a_time = hold(&live.join(".gate"), FlockOperation::LockExclusive)?;
        let entries = std::fs::read_dir(&live).map_err(|source| LockError::File { path: live.clone(), source })?;
        for entry in entries.flatten() {
            let other = entry.file_name().to_string_lossy().into_owned();
            if other == ".gate" || other == run.as_str() {
                continue;
            }
            if let Some(theirs) = held(&entry.path())?
                && let Some(instance) = theirs.first_shared(claimed)
            {
                return Err(LockError::Overlap { other: RunId::new(other), instance: instance.clone() });
            }
        }
        let path = live.join(run.as_str());
        let mut file = hold(&path, FlockOperation::NonBlockingLockExclusive)?;
        let text = serde_json::to_vec(claimed).expect("a map of texts is JSON");
        let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(&text));
        written.map_err(|source| LockError::File { path: path.clone(), source })?;
        Ok(Self { file, path })
    }

    /// Takes the lock of a run whose runner died; `None`: it lives.
    ///
    /// # Errors
    /// Files that cannot be used.
    pub fn take_over(folder: &StateFolder, run: &RunId) -> Result<Option<Self>, LockError> {
        let live = folder.live();
        std::fs::create_dir_all(&live).map_err(|source| LockError::File { path: live.clone(), source })?;
        let _one_at_a_time = hold(&live.join(".gate"), FlockOperation::LockExclusive)?;
        let path = live.join(run.as_str());
        match hold(&path, FlockOperation::NonBlockingLockExclusive) {
            Ok(file) => Ok(Some(Self { file, path })),
            Err(LockError::File { source, .. }) if source.kind() == std::io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
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

    #[test]
    fn two_live_runs_never_share_a_target() {
        let folder = tempfile::tempdir().unwrap();
        let folder = StateFolder::of(Some(folder.path()));
        let first = LiveRun::begin(&folder, &RunId::new("r1"), &claimed("a")).unwrap();
        let refused = LiveRun::begin(&folder, &RunId::new("r2"), &claimed("a")).unwrap_err();
        assert_eq!(refused.to_string(), "run `r1` is live and holds `of-a`: wait for it, or end it");
        let _other = LiveRun::begin(&folder, &RunId::new("r2"), &claimed("b")).unwrap();
        drop(first);
        LiveRun::begin(&folder, &RunId::new("r3"), &claimed("a")).unwrap();
    }

    #[test]
    fn only_a_dead_run_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let folder = StateFolder::of(Some(folder.path()));
        let live = LiveRun::begin(&folder, &RunId::new("r1"), &claimed("a")).unwrap();
        assert!(LiveRun::take_over(&folder, &RunId::new("r1")).unwrap().is_none());
        drop(live);
        assert!(LiveRun::take_over(&folder, &RunId::new("r1")).unwrap().is_some());
    }
}

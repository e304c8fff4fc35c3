//! The state directory: who has it, and what is where in it.

use rustix::process::geteuid;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Why a state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It could not be made or read.
    #[error("open the state directory `{}`", path.display())]
    Open {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Somebody else could write into it.
    #[error("use the state directory `{}`: it belongs to user {owner}, and this agent runs as user {own}", path.display())]
    Foreign {
        /// Where.
        path: PathBuf,
        /// Whose.
        owner: u32,
        /// Ours.
        own: u32,
    },
    /// Another agent has it.
    #[error("take the state directory `{}`: another agent{} has it", path.display(), whom(*agent))]
    Taken {
        /// Where.
        path: PathBuf,
        /// The other agent's process number, if it has written it.
        agent: Option<u32>,
    },
}

fn whom(agent: Option<u32>) -> String {
    agent.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}

/// The paths in a state directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateFolder {
    path: PathBuf,
}

impl StateFolder {
    /// At this path, which need not exist.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where root's agent keeps its state.
    pub const OF_ROOT: &str = "/run/squall-agent";

    /// Where an agent keeps its state unless told otherwise: [`OF_ROOT`](Self::OF_ROOT) for root, else below
    /// `$XDG_RUNTIME_DIR`, else below the temporary directory.
    pub fn by_default() -> Self {
        if geteuid().is_root() {
            return Self::at(Self::OF_ROOT);
        }
        // A relative path is no path at all, says the XDG Base Directory Specification.
        let own = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|folder| folder.is_absolute());
        Self::at(match own {
            Some(folder) => folder.join("squall-agent"),
            None => std::env::temp_dir().join(format!("squall-agent-{}", geteuid().as_raw())),
        })
    }

    /// Root's, for whoever is not root.
    pub fn of_root_beside() -> Option<Self> {
        (!geteuid().is_root()).then(|| Self::at(Self::OF_ROOT))
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where its agent listens unless told otherwise.
    pub fn socket(&self) -> PathBuf {
        self.path.join("agent.sock")
    }

    /// Where its ledger is.
    pub fn ledger(&self) -> PathBuf {
        self.path.join("ledger.jsonl")
    }

    /// Where its agent writes what happened and who called.
    pub fn log(&self) -> PathBuf {
        self.path.join("agent.log")
    }

    /// Takes the folder for this process, making it if it is not there.
    pub fn take(&self) -> Result<StateLock, StateError> {
        let failed = |source| StateError::Open { path: self.path.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(&self.path).map_err(failed)?;
        let facts = fs::metadata(&self.path).map_err(failed)?;
        let own = geteuid().as_raw();
        if facts.uid() != own {
            return Err(StateError::Foreign { path: self.path.clone(), owner: facts.uid(), own });
        }
        fs::set_permissions(&self.path, fs::Permissions::from_mode(0o700)).map_err(failed)?;
        let mut open = OpenOptions::new();
        open.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = open.open(self.lock_path()).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let agent = self.agent().map(|(pid, _)| pid);
                return Err(StateError::Taken { path: self.path.clone(), agent });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let pid = std::process::id();
        let start = crate::process::ProcessFacts::of(pid).map_or(0, |facts| facts.start);
        file.set_len(0).and_then(|()| writeln!(file, "{pid} {start}")).map_err(failed)?;
        Ok(StateLock { _file: file })
    }

    /// Process number and start time of the agent that has, or last had, the folder.
    pub fn agent(&self) -> Option<(u32, u64)> {
        let mut text = String::new();
        File::open(self.lock_path()).ok()?.take(64).read_to_string(&mut text).ok()?;
        let (pid, start) = text.trim().split_once(' ')?;
        Some((pid.parse().ok()?, start.parse().ok()?))
    }

    fn lock_path(&self) -> PathBuf {
        self.path.join("lock")
    }
}

/// The folder is this process' until this is dropped, or the process ends.
#[derive(Debug)]
pub struct StateLock {
    _file: File,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_has_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::at(folder.path().join("deep/state"));
        let lock = state.take().unwrap();
        let error = state.take().unwrap_err();
        assert!(matches!(error, StateError::Taken { agent: Some(pid), .. } if pid == std::process::id()), "{error}");
        drop(lock);
        state.take().unwrap();
        assert_eq!(fs::metadata(state.path()).unwrap().permissions().mode() & 0o777, 0o700);
    }
}

//! Where everything is kept.

use std::path::{Path, PathBuf};

/// The folder with history, locks, halt and the local agent's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateFolder(PathBuf);

impl StateFolder {
    /// The one that is written in the settings, else `$XDG_STATE_HOME/squall`, else `~/.local/state/squall`.
    pub fn of(written: Option<&Path>) -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let default = || match (set("XDG_STATE_HOME"), set("HOME")) {
            (Some(state), _) => state.join("squall"),
            (None, Some(home)) => home.join(".local/state/squall"),
            (None, None) => PathBuf::from("/var/lib/squall"),
        };
        Self(written.map_or_else(default, Path::to_owned))
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The history's file.
    pub fn history(&self) -> PathBuf {
        self.0.join("history.sqlite")
    }

    /// Where live runs hold their locks.
    pub fn live(&self) -> PathBuf {
        self.0.join("live")
    }

    /// The local agent's folder.
    pub fn agent(&self) -> PathBuf {
        self.0.join("agent")
    }
}

//! `squall halt`: one file stops everything, in every process that uses this state folder.

use super::StateFolder;
use jiff::Timestamp;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use tokio::sync::oneshot;

/// Somebody has called halt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Halt {
    /// What they said.
    pub reason: String,
    /// When.
    pub since: Timestamp,
}

/// Why halt cannot be called, lifted or looked for.
#[derive(Debug, thiserror::Error)]
#[error("use `{}`", path.display())]
pub struct HaltError {
    path: PathBuf,
    #[source]
    source: std::io::Error,
}

impl Halt {
    fn file(folder: &StateFolder) -> PathBuf {
        folder.path().join("halt")
    }

    /// Calls halt: live runs revert and abort, none begins.
    ///
    /// # Errors
    /// The state folder cannot be written.
    pub fn call(folder: &StateFolder, reason: &str, now: Timestamp) -> Result<(), HaltError> {
        let path = Self::file(folder);
        let failed = |source| HaltError { path: path.clone(), source };
        let halt = Self { reason: reason.to_owned(), since: now };
        std::fs::create_dir_all(folder.path()).map_err(failed)?;
        // Renamed into place: whoever is woken reads all of it.
        let draft = path.with_extension("draft");
        let text = serde_json::to_vec(&halt).expect("two texts are JSON");
        std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, &path)).map_err(failed)
    }

    /// Lifts it; false: nobody had called it.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn lift(folder: &StateFolder) -> Result<bool, HaltError> {
        let path = Self::file(folder);
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(HaltError { path, source }),
        }
    }

    /// Whether halt is called. A file that cannot be read halts too.
    pub fn called(folder: &StateFolder) -> Option<Self> {
        let unreadable =
            |error: String| Self { reason: format!("the halt file: {error}"), since: Timestamp::UNIX_EPOCH };
        match std::fs::read(Self::file(folder)) {
            Ok(text) => Some(serde_json::from_slice(&text).unwrap_or_else(|error| unreadable(error.to_string()))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => Some(unreadable(error.to_string())),
        }
    }
}

/// Waits for somebody to call halt; the kernel wakes it.
pub struct HaltWatch(oneshot::Receiver<Halt>);

impl HaltWatch {
    /// Watches the state folder, and makes it if there is none.
    ///
    /// # Errors
    /// The folder cannot be watched.
    pub fn start(folder: &StateFolder) -> Result<Self, HaltError> {
        let failed = |source| HaltError { path: folder.path().to_owned(), source };
        std::fs::create_dir_all(folder.path()).map_err(failed)?;
        let watch = inotify::init(CreateFlags::CLOEXEC).map_err(|errno| failed(errno.into()))?;
        inotify::add_watch(&watch, folder.path(), WatchFlags::MOVED_TO | WatchFlags::CLOSE_WRITE)
            .map_err(|errno| failed(errno.into()))?;
        let (send, receive) = oneshot::channel();
        let folder = folder.clone();
        // A thread, because it sleeps in the kernel: registering a descriptor with the runtime is unsafe in tokio.
        // It ends at the first halt, or with the process.
        std::thread::Builder::new()
            .name("halt".to_owned())
            .spawn(move || {
                let mut events = [0; 4096];
                let halt = loop {
                    if let Some(halt) = Halt::called(&folder) {
                        break halt;
                    }
                    match rustix::io::read(&watch, &mut events) {
                        Ok(_) | Err(rustix::io::Errno::INTR) => {}
                        Err(_) => return,
                    }
                };
                let _nobody_waits = send.send(halt);
            })
            .map_err(failed)?;
        Ok(Self(receive))
    }

    /// Returns once halt is called, the first time; at once if it was.
    pub async fn called(&mut self) -> Halt {
        match (&mut self.0).await {
            Ok(halt) => halt,
            // The folder can be watched no longer: nobody will be heard.
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn a_waiting_run_hears_of_a_halt() {
        let folder = tempfile::tempdir().unwrap();
        let folder = StateFolder::of(Some(folder.path()));
        let mut watch = HaltWatch::start(&folder).unwrap();
        std::fs::write(folder.path().join("unrelated"), "x").unwrap();
        Halt::call(&folder, "the site is down", Timestamp::UNIX_EPOCH).unwrap();
        let halt = tokio::time::timeout(Duration::from_secs(5), watch.called()).await.unwrap();
        assert_eq!(halt.reason, "the site is down");
        assert!(Halt::lift(&folder).unwrap());
        assert!(!Halt::lift(&folder).unwrap());
        assert_eq!(Halt::called(&folder), None);
    }
}

//! `squall halt`: one file stops everything, in every process that uses this state folder.

use super::StateFolder;
use jiff::Timestamp;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use tokio::sync::oneshot;

/// Somebody has called halt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Halt {
    /// What they said.
    pub reason: String,
    /// When.
    pub since: Timestamp,
    /// Who, and on which machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// Why halt cannot be called, lifted or looked for.
#[derive(Debug, thiserror::Error)]
#[error("use `{}`", path.display())]
pub struct HaltError {
    path: PathBuf,
    #[source]
    source: std::io::Error,
}

impl HaltError {
    /// What cannot be used.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Halt {
    fn file(folder: &StateFolder) -> PathBuf {
        folder.path().join("halt")
    }

    /// Calls halt: live runs revert and abort, none begins.
    ///
    /// # Errors
    /// The state folder cannot be written.
    pub fn call(folder: &StateFolder, reason: &str, by: &str, now: Timestamp) -> Result<(), HaltError> {
        let path = Self::file(folder);
        let failed = |source| HaltError { path: path.clone(), source };
        let halt = Self { reason: reason.to_owned(), since: now, by: Some(by.to_owned()) };
        std::fs::create_dir_all(folder.path()).map_err(failed)?;
        // Renamed into place: whoever is woken reads all of it.
        let draft = path.with_extension("draft");
        let text = serde_json::to_vec(&halt).expect("three texts are JSON");
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
            |error: String| Self { reason: format!("the halt file: {error}"), since: Timestamp::UNIX_EPOCH, by: None };
        match std::fs::read(Self::file(folder)) {
            Ok(text) => Some(serde_json::from_slice(&text).unwrap_or_else(|error| unreadable(error.to_string()))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => Some(unreadable(error.to_string())),
        }
    }

    /// What they said, who and when, and what ends it: all that somebody whose run is refused needs.
    pub fn in_words(&self) -> String {
        let by = self.by.as_deref().map(|by| format!("by {by} ")).unwrap_or_default();
        // Of a file that cannot be read nobody knows when.
        let is_known = self.since != Timestamp::UNIX_EPOCH;
        let called =
            if is_known { format!(" (called {by}at {})", self.since.strftime("%F %TZ")) } else { String::new() };
        format!("{}{called}; `squall resume` lets runs begin again", self.reason)
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
        let now = "2026-11-22T05:00:00.123456789Z".parse().unwrap();
        Halt::call(&folder, "the site is down", "ada on laptop", now).unwrap();
        let halt = tokio::time::timeout(Duration::from_secs(5), watch.called()).await.unwrap();
        assert_eq!(
            halt.in_words(),
            "the site is down (called by ada on laptop at 2026-11-22 05:00:00Z); `squall resume` lets runs begin again"
        );
        assert!(Halt::lift(&folder).unwrap());
        assert!(!Halt::lift(&folder).unwrap());
        assert_eq!(Halt::called(&folder), None);
    }

    #[test]
    fn a_halt_of_an_earlier_squall_and_a_broken_one_still_halt() {
        let folder = tempfile::tempdir().unwrap();
        let folder = StateFolder::of(Some(folder.path()));
        for (text, words) in [
            (r#"{"reason":"release","since":"2026-11-22T05:00:00Z"}"#, "release (called at 2026-11-22 05:00:00Z); "),
            ("{", "the halt file: "),
        ] {
            std::fs::write(folder.path().join("halt"), text).unwrap();
            let said = Halt::called(&folder).unwrap().in_words();
            assert!(said.starts_with(words) && said.ends_with("`squall resume` lets runs begin again"), "{said}");
        }
    }
}

//! The ledger's file: appended to, synced, truncated after a failed write, written anew when empty.

use super::entry::Entry;
use super::replay::Replay;
use jiff::Timestamp;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Why the ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// It could not be opened or read.
    #[error("read the ledger `{}`", path.display())]
    Read {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It could not be written or synced.
    #[error("write the ledger `{}`", path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// An open ledger.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    file: File,
    /// All that is whole; whatever follows is from a failed write.
    length: u64,
    kept_aside: Option<PathBuf>,
}

impl Ledger {
    /// Reads the ledger without opening it for writing. One that is not there is empty.
    pub fn read(path: &Path) -> Result<Replay, LedgerError> {
        match fs::read(path) {
            Ok(bytes) => Ok(Replay::read(&bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Replay::default()),
            Err(source) => Err(LedgerError::Read { path: path.to_owned(), source }),
        }
    }

    /// Begins a new ledger that holds only `entries`, in place of whatever was there: first written
    /// and synced beside it, then put in its place, so that a crash leaves the one or the other. If that had lines
    /// that cannot be read, they may speak of faults that nobody has looked after: it is kept under another name.
    pub fn begin_anew(path: &Path, entries: &[Entry]) -> Result<Self, LedgerError> {
        let failed = |source| LedgerError::Write { path: path.to_owned(), source };
        let beside = path.with_extension("new");
        let text: String = entries.iter().map(|entry| entry.line(Timestamp::now())).collect();
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside).map_err(failed)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        let kept_aside = if Self::read(path)?.bad.is_empty() { None } else { Some(keep_aside(path).map_err(failed)?) };
        fs::rename(&beside, path).map_err(failed)?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        let file = OpenOptions::new().append(true).open(path).map_err(failed)?;
        Ok(Self { path: path.to_owned(), file, length: text.len() as u64, kept_aside })
    }

    /// Appends entries and waits until they are on the disk. On failure nothing of them counts.
    pub fn append(&mut self, entries: &[Entry]) -> Result<(), LedgerError> {
        let text: String = entries.iter().map(|entry| entry.line(Timestamp::now())).collect();
        match self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data()) {
            Ok(()) => {
                self.length += text.len() as u64;
                Ok(())
            }
            Err(source) => {
                // A part of a line in the middle would read as a bad line later.
                if let Err(error) = self.file.set_len(self.length) {
                    tracing::warn!(%error, "could not cut the ledger back after a failed write");
                }
                Err(LedgerError::Write { path: self.path.clone(), source })
            }
        }
    }

    /// Bytes it has.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Where the ledger before this one is, if it had lines that cannot be read.
    pub fn kept_aside(&self) -> Option<&Path> {
        self.kept_aside.as_deref()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Gives the file a second name, which needs no room and leaves neither name without it.
fn keep_aside(path: &Path) -> io::Result<PathBuf> {
    let mut number = 1_u32;
    loop {
        let aside = path.with_extension(format!("bad-{number}"));
        match fs::hard_link(path, &aside) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            result => return result.map(|()| aside),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use squall_experiments::name::FaultId;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_is_appended_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        assert_eq!(Ledger::read(&path).unwrap(), Replay::default());
        let started = Entry::Started { boot: "b".into(), pid: 1, agent: "0".into() };
        let mut ledger = Ledger::begin_anew(&path, std::slice::from_ref(&started)).unwrap();
        ledger.append(&[Entry::Ended(FaultId::new("a")), Entry::Ended(FaultId::new("b"))]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 3);
        assert_eq!(ledger.length(), fs::metadata(&path).unwrap().len());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(Ledger::read(&path).unwrap().bad.is_empty());
        Ledger::begin_anew(&path, &[started]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1);
    }

    #[test]
    fn a_ledger_with_lines_that_cannot_be_read_is_kept_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.jsonl");
        let ended = Entry::Ended(FaultId::new("a"));
        assert_eq!(Ledger::begin_anew(&path, std::slice::from_ref(&ended)).unwrap().kept_aside(), None);
        assert_eq!(Ledger::begin_anew(&path, std::slice::from_ref(&ended)).unwrap().kept_aside(), None);
        for number in 1..3 {
            let bad = format!("noise {number}\n{}", fs::read_to_string(&path).unwrap());
            fs::write(&path, &bad).unwrap();
            let ledger = Ledger::begin_anew(&path, std::slice::from_ref(&ended)).unwrap();
            let aside = folder.path().join(format!("ledger.bad-{number}"));
            assert_eq!(ledger.kept_aside(), Some(aside.as_path()));
            assert_eq!(fs::read_to_string(&aside).unwrap(), bad);
            assert!(Ledger::read(&path).unwrap().bad.is_empty());
        }
    }

    #[test]
    fn a_full_disk_is_an_error_and_leaves_whole_lines() {
        // /dev/full says ENOSPC to every write.
        let file = OpenOptions::new().append(true).open("/dev/full").unwrap();
        let mut ledger = Ledger { path: "/dev/full".into(), file, length: 0, kept_aside: None };
        let error = ledger.append(&[Entry::Ended(FaultId::new("a"))]).unwrap_err();
        assert!(matches!(error, LedgerError::Write { .. }), "{error}");
        assert_eq!(ledger.length(), 0);
    }
}

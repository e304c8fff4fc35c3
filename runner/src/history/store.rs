//! The history as SQLite keeps it: an operator can open it with `sqlite3`.

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};
use squall_experiments::history::{Activity, Entry, Header, Record};
use squall_experiments::judge::{Judgement, Verdict};
use squall_experiments::name::{ExperimentName, RunId};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Counts changes of the tables. A file of a newer version is refused.
const SCHEMA_VERSION: i64 = 3;

/// What each version adds to the one before it.
const VERSIONS: [&str; 3] = [
    FIRST,
    "alter table run add column remaining text;",
    // A runner's own epoch is 1. A run of an older Squall may have been taken over, and its epoch was 2 then.
    "alter table run add column epoch integer not null default 1;
     update run set epoch = 2;",
];

const FIRST: &str = "
    create table run (
        id text primary key,
        began text not null,
        experiment text not null,
        header text not null,
        ended text,
        judgement text
    ) strict;
    create table entry (
        run text not null references run(id),
        number integer not null,
        entry text not null,
        primary key (run, number)
    ) strict, without rowid;
    create table process (
        run text not null references run(id),
        activity text not null,
        pid integer not null,
        started integer not null,
        boot text not null
    ) strict;
";

/// The history's database.
pub struct Store {
    pub(super) connection: Connection,
    path: PathBuf,
}

/// Why the history cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Its folder cannot be made.
    #[error("make the history's folder `{}`", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// SQLite says no.
    #[error("use the history `{}`", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// What is stored cannot be read back.
    #[error("read run `{run}` of the history")]
    Unreadable {
        /// The run.
        run: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A newer Squall wrote it.
    #[error("use the history `{}`: a newer Squall wrote it (version {version})", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: i64,
    },
    /// The thread that writes is gone, or takes too long.
    #[error("write the history: {0}")]
    Stuck(&'static str),
}

impl StoreError {
    /// What this user cannot write, or cannot reach at all.
    pub fn out_of_reach(&self) -> Option<&Path> {
        use rusqlite::ErrorCode::{CannotOpen, PermissionDenied, ReadOnly};
        match self {
            Self::Folder { path, .. } => Some(path),
            Self::Database { path, source } => {
                let code = source.sqlite_error_code()?;
                matches!(code, CannotOpen | PermissionDenied | ReadOnly).then_some(path)
            }
            Self::Unreadable { .. } | Self::Newer { .. } | Self::Stuck(_) => None,
        }
    }
}

/// One run in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunLine {
    /// The run.
    pub run: RunId,
    /// When it began.
    pub began: Timestamp,
    /// What was run.
    pub experiment: ExperimentName,
    /// How it ended; `None`: it goes on, or its runner died.
    pub verdict: Option<Verdict>,
    /// Whether nothing was injected.
    pub placebo: bool,
    /// Whether what it may have left is known to be gone since.
    pub cleaned: bool,
}

/// A process the runner started, so that it can be ended after a crash and never mistaken for another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartedProcess {
    /// What it was started for.
    pub activity: Activity,
    /// Its number, and its session's.
    pub pid: u32,
    /// Its start time in clock ticks since boot.
    pub started: u64,
    /// The boot it belongs to.
    pub boot: String,
}

impl Store {
    /// Opens the history for writing, and makes it if there is none.
    ///
    /// # Errors
    /// The folder or the file cannot be made or used.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|source| StoreError::Folder { path: folder.to_owned(), source })?;
        }
        let mut store = Self::connect(path, OpenFlags::default())?;
        store.prepare()?;
        Ok(store)
    }

    /// Opens a history that is there, to look at it; `None`: there is none.
    ///
    /// # Errors
    /// The file cannot be used.
    pub fn open_to_read(path: &Path) -> Result<Option<Self>, StoreError> {
        if !path.exists() {
            return Ok(None);
        }
        // Not read-only: a reader of a WAL database may have to recover it.
        let mut store = Self::connect(path, OpenFlags::default() & !OpenFlags::SQLITE_OPEN_CREATE)?;
        if store.check_version()? < SCHEMA_VERSION {
            store.prepare()?;
        }
        Ok(Some(store))
    }

    fn connect(path: &Path, flags: OpenFlags) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Database { path: path.to_owned(), source };
        let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.busy_timeout(Duration::from_secs(5)).map_err(failed)?;
        Ok(Self { connection, path: path.to_owned() })
    }

    pub(super) fn failed(&self) -> impl Fn(rusqlite::Error) -> StoreError + use<> {
        let path = self.path.clone();
        move |source| StoreError::Database { path: path.clone(), source }
    }

    fn check_version(&self) -> Result<i64, StoreError> {
        let version: i64 =
            self.connection.query_row("pragma user_version", [], |row| row.get(0)).map_err(self.failed())?;
        if version > SCHEMA_VERSION {
            return Err(StoreError::Newer { path: self.path.clone(), version });
        }
        Ok(version)
    }

    fn prepare(&mut self) -> Result<(), StoreError> {
        let failed = self.failed();
        self.connection.pragma_update(None, "journal_mode", "wal").map_err(&failed)?;
        self.connection.pragma_update(None, "foreign_keys", true).map_err(&failed)?;
        let transaction =
            self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(&failed)?;
        let version: i64 = transaction.query_row("pragma user_version", [], |row| row.get(0)).map_err(&failed)?;
        if version < SCHEMA_VERSION {
            let has = usize::try_from(version).unwrap_or_default();
            for added in VERSIONS.iter().skip(has) {
                transaction.execute_batch(added).map_err(&failed)?;
            }
            transaction.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(&failed)?;
        }
        transaction.commit().map_err(&failed)?;
        self.check_version().map(|_| ())
    }

    /// Stores that a run begins.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn begin(&mut self, header: &Header) -> Result<(), StoreError> {
        let text = serde_json::to_string(header).expect("a header is JSON: all its keys are text");
        let (run, began, name) = (header.run.as_str(), header.began.to_string(), header.experiment.name.as_str());
        self.connection
            .execute(
                "insert into run (id, began, experiment, header) values (?1, ?2, ?3, ?4)",
                params![run, began, name, text],
            )
            .map(|_| ())
            .map_err(self.failed())
    }

    /// Appends entries in one transaction. `durable`: synced to the disk before it returns.
    ///
    /// # Errors
    /// The file cannot be written; then none of the entries is stored.
    pub fn append(&mut self, run: &RunId, entries: &[Entry], durable: bool) -> Result<(), StoreError> {
        let failed = self.failed();
        let level = if durable { "full" } else { "normal" };
        self.connection.pragma_update(None, "synchronous", level).map_err(&failed)?;
        let transaction = self.connection.transaction().map_err(&failed)?;
        {
            let sql = "insert or replace into entry (run, number, entry) values (?1, ?2, ?3)";
            let mut insert = transaction.prepare_cached(sql).map_err(&failed)?;
            for entry in entries {
                let text = serde_json::to_string(entry).expect("an entry is JSON: all its keys are text");
                let number = i64::try_from(entry.number).unwrap_or(i64::MAX);
                insert.execute(params![run.as_str(), number, text]).map_err(&failed)?;
            }
        }
        transaction.commit().map_err(&failed)
    }

    /// Stores what was made of a run, which closes it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(&mut self, run: &RunId, ended: Timestamp, judgement: &Judgement) -> Result<(), StoreError> {
        let text = serde_json::to_string(judgement).expect("a judgement is JSON: all its keys are text");
        self.connection.pragma_update(None, "synchronous", "full").map_err(self.failed())?;
        self.connection
            .execute(
                "update run set ended = ?2, judgement = ?3 where id = ?1",
                params![run.as_str(), ended.to_string(), text],
            )
            .map(|_| ())
            .map_err(self.failed())
    }

    /// Stores that a process was started.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn started(&mut self, run: &RunId, process: &StartedProcess) -> Result<(), StoreError> {
        let activity = serde_json::to_string(&process.activity).expect("an activity is JSON");
        let started = i64::try_from(process.started).unwrap_or(i64::MAX);
        self.connection
            .execute(
                "insert into process (run, activity, pid, started, boot) values (?1, ?2, ?3, ?4, ?5)",
                params![run.as_str(), activity, process.pid, started, process.boot],
            )
            .map(|_| ())
            .map_err(self.failed())
    }

    /// Processes that a run started.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn processes(&self, run: &RunId) -> Result<Vec<StartedProcess>, StoreError> {
        let failed = self.failed();
        let mut statement = self
            .connection
            .prepare("select activity, pid, started, boot from process where run = ?1 order by rowid")
            .map_err(&failed)?;
        let rows = statement
            .query_map([run.as_str()], |row| {
                Ok((row.get::<_, String>(0)?, row.get(1)?, row.get::<_, i64>(2)?, row.get(3)?))
            })
            .map_err(&failed)?;
        rows.map(|row| {
            let (activity, pid, started, boot) = row.map_err(&failed)?;
            let activity = unreadable(run, serde_json::from_str(&activity))?;
            Ok(StartedProcess { activity, pid, started: u64::try_from(started).unwrap_or_default(), boot })
        })
        .collect()
    }

    /// Every run, newest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn runs(&self) -> Result<Vec<RunLine>, StoreError> {
        let failed = self.failed();
        let mut statement = self
            .connection
            .prepare(
                "select id, began, experiment, judgement ->> '$.verdict', header ->> '$.placebo', remaining from run
                 order by began desc, rowid desc",
            )
            .map_err(&failed)?;
        let rows = statement
            .query_map([], |row| {
                let text = |index| row.get::<_, String>(index);
                Ok((
                    text(0)?,
                    text(1)?,
                    text(2)?,
                    row.get::<_, Option<String>>(3)?,
                    row.get::<_, Option<bool>>(4)?,
                    row.get::<_, Option<String>>(5)?,
                ))
            })
            .map_err(&failed)?;
        rows.map(|row| {
            let (id, began, experiment, verdict, placebo, left) = row.map_err(&failed)?;
            let run = RunId::new(id);
            let text = |text: String| serde_json::Value::String(text);
            Ok(RunLine {
                began: unreadable(&run, serde_json::from_value(text(began)))?,
                experiment: unreadable(&run, serde_json::from_value(text(experiment)))?,
                verdict: unreadable(&run, verdict.map(|verdict| serde_json::from_value(text(verdict))).transpose())?,
                placebo: placebo.unwrap_or_default(),
                cleaned: super::left::read(&run, left)?.is_some_and(|left| left.is_empty()),
                run,
            })
        })
        .collect()
    }

    /// Runs without a judgement, oldest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn unfinished(&self) -> Result<Vec<RunId>, StoreError> {
        let failed = self.failed();
        let sql = "select id from run where judgement is null order by began, rowid";
        let mut statement = self.connection.prepare(sql).map_err(&failed)?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).map_err(&failed)?;
        rows.map(|row| row.map(RunId::new).map_err(&failed)).collect()
    }

    /// One run, whole; `None`: there is no such run.
    ///
    /// # Errors
    /// The file cannot be read, or holds what this version cannot.
    pub fn record(&self, run: &RunId) -> Result<Option<Record>, StoreError> {
        let failed = self.failed();
        let found = self
            .connection
            .query_row("select header, judgement from run where id = ?1", [run.as_str()], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?))
            })
            .optional()
            .map_err(&failed)?;
        let Some((header, judgement)) = found else { return Ok(None) };
        let sql = "select entry from entry where run = ?1 order by number";
        let mut statement = self.connection.prepare(sql).map_err(&failed)?;
        let rows = statement.query_map([run.as_str()], |row| row.get::<_, String>(0)).map_err(&failed)?;
        let entries = rows
            .map(|row| unreadable(run, serde_json::from_str(&row.map_err(&failed)?)))
            .collect::<Result<Vec<Entry>, StoreError>>()?;
        Ok(Some(Record {
            header: unreadable(run, serde_json::from_str(&header))?,
            entries,
            judgement: unreadable(run, judgement.map(|text| serde_json::from_str(&text)).transpose())?,
        }))
    }

    /// Refuses every write: what a read-only file system looks like.
    #[cfg(test)]
    pub(crate) fn refuse_writes(&self) {
        self.connection.pragma_update(None, "query_only", true).unwrap();
    }

    /// Lets the file grow by no more than a page: what a full disk looks like.
    #[cfg(test)]
    pub(super) fn fill_the_disk(&self) {
        let pages: i64 = self.connection.query_row("pragma page_count", [], |row| row.get(0)).unwrap();
        self.connection.query_row(&format!("pragma max_page_count = {pages}"), [], |_| Ok(())).unwrap();
    }
}

pub(super) fn unreadable<T>(run: &RunId, read: Result<T, serde_json::Error>) -> Result<T, StoreError> {
    read.map_err(|source| StoreError::Unreadable { run: run.to_string(), source })
}

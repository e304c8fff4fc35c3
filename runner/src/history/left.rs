//! What runs may have left, remembered until it is known to be gone.
//!
//! ```text
//! judged "faults may remain" --revert--> less is left --revert--> nothing is left: clean
//! ```
//!
//! The run's judgement stays what it was: this is kept beside it.

use super::store::{Store, StoreError, unreadable};
use rusqlite::{OptionalExtension as _, params};
use serde::{Deserialize, Serialize};
use squall_experiments::engine::{Leftovers, Reverted};
use squall_experiments::history::Activity;
use squall_experiments::name::{FaultId, RunId};
use std::collections::BTreeMap;

/// What was still left when it was last tried.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StillLeft {
    faults: BTreeMap<FaultId, String>,
    // A list: an activity is no text, and only text is a key of JSON.
    activities: Vec<(Activity, String)>,
}

impl From<&Reverted> for StillLeft {
    fn from(outcome: &Reverted) -> Self {
        let activities = outcome.activities.iter().map(|(activity, reason)| (*activity, reason.clone()));
        Self { faults: outcome.faults.clone(), activities: activities.collect() }
    }
}

impl StillLeft {
    /// Whether nothing was.
    pub fn is_empty(&self) -> bool {
        self.faults.is_empty() && self.activities.is_empty()
    }

    /// Takes away what has been reverted and undone since the record was written.
    pub fn narrow(&self, left: &mut Leftovers) {
        left.faults.retain(|fault| self.faults.contains_key(&fault.order.id));
        left.undos.retain(|undo| self.activities.iter().any(|(activity, _)| *activity == undo.activity));
        // Their processes were ended at the first try.
        left.running.clear();
    }
}

impl Store {
    /// Runs that ended with faults that may remain, and are not known to be clean since; oldest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn unclean(&self) -> Result<Vec<RunId>, StoreError> {
        let failed = self.failed();
        let sql = "select id, remaining from run where judgement ->> '$.verdict' = 'faultsMayRemain'
                   order by began, rowid";
        let mut statement = self.connection.prepare(sql).map_err(&failed)?;
        let rows = statement
            .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?)))
            .map_err(&failed)?;
        let mut runs = Vec::new();
        for row in rows {
            let (id, left) = row.map_err(&failed)?;
            let run = RunId::new(id);
            if !read(&run, left)?.is_some_and(|left| left.is_empty()) {
                runs.push(run);
            }
        }
        Ok(runs)
    }

    /// What was still left of a run when it was last tried; `None`: nobody has tried since it ended.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn still_left(&self, run: &RunId) -> Result<Option<StillLeft>, StoreError> {
        let sql = "select remaining from run where id = ?1";
        let found = self.connection.query_row(sql, [run.as_str()], |row| row.get::<_, Option<String>>(0));
        read(run, found.optional().map_err(self.failed())?.flatten())
    }

    /// Counts one more takeover of a run; its epoch, which no earlier runner or recovery of the run has had.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn take_over(&mut self, run: &RunId) -> Result<u64, StoreError> {
        self.connection.pragma_update(None, "synchronous", "full").map_err(self.failed())?;
        let sql = "update run set epoch = epoch + 1 where id = ?1 returning epoch";
        let epoch: i64 = self.connection.query_row(sql, [run.as_str()], |row| row.get(0)).map_err(self.failed())?;
        Ok(u64::try_from(epoch).unwrap_or(u64::MAX))
    }

    /// Stores what is still left of a run.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn leave(&mut self, run: &RunId, left: &StillLeft) -> Result<(), StoreError> {
        let text = serde_json::to_string(left).expect("what is left is JSON: all its keys are text");
        self.connection.pragma_update(None, "synchronous", "full").map_err(self.failed())?;
        self.connection
            .execute("update run set remaining = ?2 where id = ?1", params![run.as_str(), text])
            .map(|_| ())
            .map_err(self.failed())
    }
}

pub(super) fn read(run: &RunId, text: Option<String>) -> Result<Option<StillLeft>, StoreError> {
    unreadable(run, text.map(|text| serde_json::from_str(&text)).transpose())
}

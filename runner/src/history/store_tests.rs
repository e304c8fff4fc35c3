//! What the history keeps, and what a disk that is full or read-only does to it.

use super::samples::{entry, header, judgement};
use super::{StartedProcess, StillLeft, Store, StoreError, Writer};
use squall_experiments::engine::Reverted;
use squall_experiments::experiment::StepId;
use squall_experiments::history::Activity;
use squall_experiments::judge::Verdict;
use squall_experiments::name::RunId;

#[test]
fn a_run_is_read_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/history.sqlite");
    assert!(Store::open_to_read(&path).unwrap().is_none());
    let run = RunId::new("r1");
    let mut store = Store::open(&path).unwrap();
    store.begin(&header("r1")).unwrap();
    store.append(&run, &[entry(1), entry(2)], true).unwrap();
    store.append(&run, &[entry(3)], false).unwrap();
    assert_eq!(store.unfinished().unwrap(), std::slice::from_ref(&run));
    assert_eq!(store.runs().unwrap()[0].verdict, None);

    let verdict = judgement(Verdict::FaultsMayRemain);
    store.finish(&run, header("r1").began, &verdict).unwrap();
    drop(store);
    let store = Store::open_to_read(&path).unwrap().unwrap();
    let record = store.record(&run).unwrap().unwrap();
    assert_eq!(record.header, header("r1"));
    assert_eq!(record.entries, [entry(1), entry(2), entry(3)]);
    assert_eq!(record.judgement, Some(verdict));
    assert!(store.unfinished().unwrap().is_empty());
    assert_eq!(store.runs().unwrap()[0].verdict, Some(Verdict::FaultsMayRemain));
    assert!(store.record(&RunId::new("r2")).unwrap().is_none());
}

#[test]
fn every_takeover_has_an_epoch_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    let run = RunId::new("r1");
    let mut store = Store::open(&path).unwrap();
    store.begin(&header("r1")).unwrap();
    assert_eq!(store.take_over(&run).unwrap(), 2, "the runner's own is 1");
    drop(store);
    let mut store = Store::open(&path).unwrap();
    assert_eq!(store.take_over(&run).unwrap(), 3, "one that crashed leaves it counted");
    assert!(store.take_over(&RunId::new("r2")).is_err());
}

#[test]
fn started_processes_are_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunId::new("r1");
    let mut store = Store::open(&folder.path().join("history.sqlite")).unwrap();
    store.begin(&header("r1")).unwrap();
    let process =
        StartedProcess { activity: Activity::Undo(StepId(3), 1), pid: 42, started: 1 << 40, boot: "b".into() };
    store.started(&run, &process).unwrap();
    assert_eq!(store.processes(&run).unwrap(), [process]);
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_what_was_stored_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    let mut store = Store::open(&path).unwrap();
    store.begin(&header("r1")).unwrap();
    store.fill_the_disk();
    let writer = Writer::start(store, RunId::new("r1")).unwrap();
    let many = (1..5000).map(entry).collect();
    let error = writer.append(many, true).await.unwrap().unwrap_err();
    assert!(matches!(&error, StoreError::Database { source, .. } if source.to_string().contains("full")), "{error:?}");
    drop(writer);
    let store = Store::open_to_read(&path).unwrap().unwrap();
    assert!(store.record(&RunId::new("r1")).unwrap().unwrap().entries.is_empty());
}

#[test]
fn a_file_of_a_newer_version_or_of_something_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    drop(Store::open(&path).unwrap());
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::Newer { version: 99, .. })));
    let other = folder.path().join("other.sqlite");
    std::fs::write(&other, "this is no database, and long enough to be looked at".repeat(20)).unwrap();
    assert!(matches!(Store::open(&other), Err(StoreError::Database { .. })));
    assert!(matches!(Store::open(&other.join("below/history.sqlite")), Err(StoreError::Folder { .. })));
}

#[test]
fn what_a_run_may_have_left_is_remembered_until_it_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunId::new("r1");
    let mut store = Store::open(&folder.path().join("history.sqlite")).unwrap();
    store.begin(&header("r1")).unwrap();
    store.finish(&run, header("r1").began, &judgement(Verdict::FaultsMayRemain)).unwrap();
    assert_eq!(store.unclean().unwrap(), std::slice::from_ref(&run), "nobody has tried");
    let mut outcome = Reverted::default();
    outcome.activities.insert(Activity::Undo(StepId(3), 1), "exit code 1".into());
    store.leave(&run, &StillLeft::from(&outcome)).unwrap();
    assert_eq!(store.still_left(&run).unwrap(), Some(StillLeft::from(&outcome)));
    assert_eq!(store.unclean().unwrap(), std::slice::from_ref(&run), "it was tried in vain");
    store.leave(&run, &StillLeft::default()).unwrap();
    assert!(store.unclean().unwrap().is_empty());
    assert!(store.runs().unwrap()[0].cleaned);
}

#[test]
fn a_history_of_version_1_is_used_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    let mut store = Store::open(&path).unwrap();
    store.begin(&header("r1")).unwrap();
    store.finish(&RunId::new("r1"), header("r1").began, &judgement(Verdict::FaultsMayRemain)).unwrap();
    drop(store);
    let old = rusqlite::Connection::open(&path).unwrap();
    let columns = "alter table run drop column remaining; alter table run drop column epoch;";
    old.execute_batch(&format!("{columns} pragma user_version = 1;")).unwrap();
    drop(old);
    let mut store = Store::open_to_read(&path).unwrap().unwrap();
    assert_eq!(store.unclean().unwrap(), [RunId::new("r1")]);
    assert_eq!(store.take_over(&RunId::new("r1")).unwrap(), 3, "it may have been taken over");
}

//! A command that is asked for a value leaves no process behind, however the asking ends.

use crate::world::{lives, until};
use squall::secrets::Secrets;
use squall::shell::Probe;
use squall_experiments::claim::{Program, Source};
use squall_experiments::experiment::Template;
use squall_experiments::judge::Reading;
use squall_experiments::unit::Length;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

fn probe() -> Probe {
    let client = squall::metrics::HttpClient::waiting(LONG);
    Probe::new(env!("CARGO_BIN_EXE_squall").into(), client, Arc::new(Secrets::default()))
}

/// A shell that starts a process, says its number in a file, and goes on with `then`.
fn starts_another(file: &Path, then: &str) -> Source {
    let shown = file.display();
    let script = format!("sleep 600 & echo $! > {shown}.new; mv {shown}.new {shown}; {then}");
    let command = ["sh", "-c", &script].map(Template::text).to_vec();
    let program = Program { command, env: std::collections::BTreeMap::new() };
    Source::Exec { program, stdout: true, every: Length::from_secs(1) }
}

fn number(file: &Path) -> Option<u32> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[tokio::test]
async fn one_that_answers_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let read = probe().read(&starts_another(&file, "echo 7"), LONG).await;
    assert_eq!(read, Ok(Reading::Number(7.0)), "it is not waited for who holds its output");
    let other = number(&file).unwrap();
    until("what it started ends", || !lives(other));
}

#[tokio::test]
async fn one_that_takes_too_long_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let refused = probe().read(&starts_another(&file, "wait"), Duration::from_secs(3)).await.unwrap_err();
    assert!(refused.contains("longer than 3s"), "{refused}");
    let other = number(&file).unwrap();
    until("what it started ends", || !lives(other));
}

#[tokio::test]
async fn one_that_nobody_asks_any_more_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let (watched, source) = (file.clone(), starts_another(&file, "wait"));
    let asking = tokio::spawn(async move { probe().read(&source, LONG).await });
    let other = tokio::time::timeout(LONG, async {
        loop {
            if let Some(other) = number(&watched) {
                break other;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let other = other.await.unwrap();
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    until("what it started ends", || !lives(other));
}

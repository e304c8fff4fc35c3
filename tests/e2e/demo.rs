//! `lab demo`, interrupted: what a newcomer's Ctrl-C does. Uninterrupted it is what `just demo` runs.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use squall_tests::programs::lab_binary;

use crate::turn::turn;

#[test]
fn an_interrupt_reverts_reports_and_tears_the_town_down() {
    let _turn = turn(1);
    let reports = tempfile::tempdir().unwrap();
    let mut lab = Command::new(lab_binary().unwrap());
    lab.args(["demo", "--reports"]).arg(reports.path()).stdin(Stdio::null()).stdout(Stdio::null());
    // A terminal sends Ctrl-C to the whole process group in its foreground.
    let mut lab = lab.stderr(Stdio::piped()).process_group(0).spawn().unwrap();
    let mut lines = BufReader::new(lab.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("method:")), "it comes to the first experiment's method");
    killpg(Pid::from_raw(lab.id().cast_signed()), Signal::SIGINT).unwrap();
    let said: Vec<String> = lines.collect();
    assert_eq!(lab.wait().unwrap().code(), Some(5), "aborted, and no part of the town died of it: {said:#?}");
    let index = reports.path().canonicalize().unwrap().join("index.html");
    let shown = index.display().to_string();
    assert!(said.last().is_some_and(|line| line.ends_with(&shown)), "it says where the reports are: {said:#?}");
    let page = std::fs::read_to_string(index).unwrap();
    assert!(page.contains("1 of 3 experiments ran") && page.contains("has not run"), "the index tells of all three");
}

//! `runs`, `report`, `halt`, `resume`: what has been, and what shall not be.

use super::exit::{Exit, Stop};
use super::output::{Outputs, terminal_options};
use crate::history::{Halt, LiveRun, StateFolder, Store};
use jiff::Timestamp;
use squall_experiments::history::Record;
use squall_experiments::judge::Verdict;
use squall_experiments::name::RunId;
use std::io::Write as _;

/// Lists the runs, newest first.
pub fn runs(folder: &StateFolder, json: bool) -> Result<Exit, Stop> {
    let Some(store) = Store::open_to_read(&folder.history()).map_err(|error| Stop::failed(&error))? else {
        eprintln!("no runs yet");
        return Ok(Exit::Passed);
    };
    let lines = store.runs().map_err(|error| Stop::failed(&error))?;
    if lines.is_empty() {
        eprintln!("no runs yet");
    }
    let mut out = anstream::stdout().lock();
    for line in lines {
        let verdict = match line.verdict {
            Some(Verdict::FaultsMayRemain) if line.cleaned => "faults remained, and were removed since".to_owned(),
            Some(verdict) => verdict.to_string(),
            None if is_live(folder, &line.run) => "goes on".to_owned(),
            None => "never finished: `squall revert` closes it".to_owned(),
        };
        let placebo = if line.placebo { " (placebo)" } else { "" };
        let written = if json {
            let object = serde_json::json!({
                "run": line.run, "began": format!("{:.3}", line.began), "experiment": line.experiment,
                "placebo": line.placebo, "verdict": line.verdict, "cleaned": line.cleaned,
            });
            writeln!(out, "{object}")
        } else {
            let began = line.began.strftime("%F %TZ");
            writeln!(out, "{}  {began}  {:<40}  {verdict}{placebo}", line.run, line.experiment)
        };
        if written.is_err() {
            break;
        }
    }
    Ok(Exit::Passed)
}

fn is_live(folder: &StateFolder, run: &RunId) -> bool {
    matches!(LiveRun::take(folder, run), Ok(None))
}

/// The record of a run.
fn find(folder: &StateFolder, wanted: &str) -> Result<Record, Stop> {
    let none = || no_such_run(wanted);
    let store = Store::open_to_read(&folder.history()).map_err(|error| Stop::failed(&error))?.ok_or_else(none)?;
    store.record(&find_run(&store, wanted)?).map_err(|error| Stop::failed(&error))?.ok_or_else(none)
}

fn no_such_run(wanted: &str) -> Stop {
    if wanted == "last" {
        return Stop::bad_input("there are no runs yet");
    }
    Stop::bad_input(format!("there is no run `{wanted}`: `squall runs` lists them, and `last` is the newest"))
}

/// A run by its id; `last`, or the beginning of an id that only one run has.
pub(super) fn find_run(store: &Store, wanted: &str) -> Result<RunId, Stop> {
    let lines = store.runs().map_err(|error| Stop::failed(&error))?;
    let exact = lines.iter().find(|line| line.run.as_str() == wanted);
    let mut matching = lines.iter().filter(|line| wanted == "last" || line.run.as_str().starts_with(wanted));
    let line = match (exact, matching.next(), matching.next()) {
        (Some(line), _, _) | (None, Some(line), None) => line,
        (None, Some(line), Some(_)) if wanted == "last" => line,
        (None, Some(one), Some(other)) => {
            let (one, other) = (&one.run, &other.run);
            let message = format!("several runs begin with `{wanted}`, such as {one} and {other}: write more of it");
            return Err(Stop::bad_input(message));
        }
        (None, None, _) => return Err(no_such_run(wanted)),
    };
    Ok(line.run.clone())
}

/// Shows a run again. Exits with the run's own code.
pub fn report(folder: &StateFolder, wanted: &str, outputs: &Outputs) -> Result<Exit, Stop> {
    let record = find(folder, wanted)?;
    let records = [record];
    outputs.check(1)?;
    outputs.write(&records, &[])?;
    outputs.finish(&records, &[]);
    if outputs.json_to_stdout() {
        return Ok(exit_of(&records[0]));
    }
    let text = squall_reports::terminal(&records[0], &terminal_options());
    let _closed = anstream::stdout().write_all(text.as_bytes());
    Ok(exit_of(&records[0]))
}

fn exit_of(record: &Record) -> Exit {
    super::run::exit(std::slice::from_ref(record))
}

/// Calls halt.
pub fn halt(folder: &StateFolder, reason: &str) -> Result<Exit, Stop> {
    if let Some(before) = Halt::called(folder) {
        eprintln!("note: runs were halted already: {}", before.in_words());
    }
    Halt::call(folder, reason, &caller(), Timestamp::now()).map_err(|error| Stop::failed(&error))?;
    // Told first, looked for afterwards: a run that begins in between is halted, and may be named or not.
    let live = live_runs(folder)?;
    let history = std::path::absolute(folder.path()).unwrap_or_else(|_| folder.path().to_owned());
    let history = history.display();
    match live.as_slice() {
        [] => eprintln!(
            "halted: no run with the history in {history} is live, and none begins there until `squall resume`.\n\
             A run with another history goes on: name its settings (`--settings FILE`), or end every fault on a \
             node with `squall agent revert --all` there"
        ),
        runs => {
            let names: Vec<&str> = runs.iter().map(RunId::as_str).collect();
            eprintln!("halted: {} reverts and ends; none begins until `squall resume`", names.join(", "));
        }
    }
    Ok(Exit::Passed)
}

/// Says that no run begins now, before anybody decides to begin one.
pub(super) fn tell_of_halt(folder: &StateFolder) {
    if let Some(halt) = Halt::called(folder) {
        eprintln!("note: runs are halted: {}", halt.in_words());
    }
}

/// Who is at the keyboard, also behind `sudo`, and at which machine.
fn caller() -> String {
    let named = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let user = named("SUDO_USER").or_else(|| named("USER")).or_else(|| named("LOGNAME"));
    let user = user.or_else(account).unwrap_or_else(|| format!("user {}", rustix::process::getuid().as_raw()));
    format!("{user} on {}", rustix::system::uname().nodename().to_string_lossy())
}

/// The account's name, where the environment has none.
fn account() -> Option<String> {
    let number = rustix::process::getuid().as_raw().to_string();
    let accounts = std::fs::read_to_string("/etc/passwd").ok()?;
    let fields = accounts.lines().map(|line| line.split(':').collect::<Vec<_>>());
    fields.into_iter().find(|fields| fields.get(2) == Some(&number.as_str())).map(|fields| fields[0].to_owned())
}

fn live_runs(folder: &StateFolder) -> Result<Vec<RunId>, Stop> {
    let Some(store) = Store::open_to_read(&folder.history()).map_err(|error| Stop::failed(&error))? else {
        return Ok(Vec::new());
    };
    let mut unfinished = store.unfinished().map_err(|error| Stop::failed(&error))?;
    unfinished.retain(|run| is_live(folder, run));
    Ok(unfinished)
}

/// Lifts it.
pub fn resume(folder: &StateFolder) -> Result<Exit, Stop> {
    let was = Halt::lift(folder).map_err(|error| Stop::failed(&error))?;
    eprintln!("{}", if was { "runs may begin again" } else { "nobody had called halt" });
    Ok(Exit::Passed)
}

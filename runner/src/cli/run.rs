//! `squall run`: plan, ask, run, judge, report.

use super::arguments::RunArguments;
use super::confirm::confirm;
use super::exit::{Exit, Stop};
use super::files::read_to_run;
use super::output::terminal_options;
use super::past::tell_of_halt;
use super::plan_text::plan_text;
use super::revert::leave_nothing_behind;
use super::setup::{LocalAgent, Setup, set_up};
use crate::clock::RunClock;
use crate::history::{HaltWatch, LiveRun, Store, Writer};
use crate::progress::Display;
use crate::settings::Settings;
use crate::shell::{Actions, Agents, Ground, Observer, Probe, Shell, Signals, turn};
use squall_experiments::engine::{Engine, is_bad_input};
use squall_experiments::experiment::Experiment;
use squall_experiments::fault::Fence;
use squall_experiments::history::{Event, Header, RECORD_VERSION, Record, Versions, What};
use squall_experiments::judge::Verdict;
use squall_experiments::name::RunId;
use squall_experiments::plan::Plan;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc::unbounded_channel;

/// Between two looks at the progress: judging all that is known costs more than anybody can read.
const GLANCE: Duration = Duration::from_millis(250);

/// An experiment that may be run.
struct Planned<'a> {
    experiment: &'a Experiment,
    plan: Plan,
    file: String,
    place: String,
    text: String,
    again: String,
}

/// Runs every experiment of the files, one after another.
pub(super) async fn run(arguments: &RunArguments) -> Result<Exit, Stop> {
    // From here on Ctrl-C ends a run by reverting it, whatever the moment; between two runs it ends the command.
    let mut signals =
        Signals::listen().map_err(|error| Stop::error(format!("failed to listen for signals: {error}")))?;
    let settings = Settings::load(arguments.environment.settings().as_deref()).map_err(Stop::bad_input)?;
    let what = read_to_run(&arguments.what, &settings)?;
    arguments.outputs.check(what.documents.experiments.len())?;
    let setup = set_up(settings, &what, LocalAgent::Started)?;
    leave_nothing_behind(&setup).await?;
    let seed = arguments.what.seed.unwrap_or_else(rand::random);
    let mut planned = Vec::new();
    for read in &what.documents.experiments {
        let Some(experiment) = &read.experiment else { continue };
        let file = &what.files[read.place.file];
        let world = setup.look_around(experiment, seed).await?.world;
        let plan = setup.plan(experiment, &world, seed)?;
        // Its own file, and those without an experiment: an Inventory, say.
        let of_others: BTreeSet<usize> = what.documents.experiments.iter().map(|other| other.place.file).collect();
        let files = arguments.what.files.iter().enumerate();
        let files = files.filter(|(number, _)| *number == read.place.file || !of_others.contains(number));
        let again = again(arguments, files.map(|(_, file)| file.as_path()), seed);
        let (place, text) = (file.place(read.place.span.start), file.text.clone());
        planned.push(Planned { experiment, plan, file: file.path.clone(), place, text, again });
    }
    for one in &planned {
        eprint!("{}", plan_text(one.experiment, &one.plan));
    }
    tell_of_halt(&setup.folder);
    confirm(setup.settings.written.confirm, arguments.yes)?;
    let mut records = Vec::new();
    let (mut unwritten, mut interrupted) = (None, false);
    for (place, one) in planned.iter().enumerate() {
        interrupted = signals.have_come().await;
        if interrupted {
            eprintln!("a signal came: `{}` does not begin", one.experiment.name);
            break;
        }
        let record = run_one(arguments, &setup, one, seed, &mut signals).await?;
        let verdict = record.judgement.as_ref().map(|judgement| judgement.verdict);
        show(&record, arguments.outputs.json_to_stdout());
        records.push(record);
        unwritten = arguments.outputs.write(&records, &missing(&planned[place + 1..])).err();
        // A gate without its reports is none: the next one does not begin.
        if unwritten.is_some() {
            break;
        }
        // Somebody wants it to end, or something is still disturbed: the next one does not begin.
        if matches!(verdict, Some(Verdict::Aborted | Verdict::FaultsMayRemain)) {
            break;
        }
    }
    arguments.outputs.finish(&records, &missing(&planned[records.len()..]));
    if planned.len() > 1 && !arguments.outputs.json_to_stdout() {
        let _closed = anstream::stdout().write_all(squall_reports::summary(&records, &terminal_options()).as_bytes());
    }
    let worst = match exit(&records) {
        // As by precedence: a signal between two runs is an abort.
        Exit::Passed | Exit::Failed | Exit::Inconclusive if interrupted => Exit::Aborted,
        _ if interrupted && records.is_empty() => Exit::Aborted,
        worst => worst,
    };
    match unwritten {
        // What may still be disturbed is worse than a report that is missing.
        Some(stop) if worst != Exit::FaultsMayRemain => Err(stop),
        Some(stop) => Err(Stop { exit: Exit::FaultsMayRemain, ..stop }),
        None => Ok(worst),
    }
}

fn missing<'a>(planned: &[Planned<'a>]) -> Vec<&'a Experiment> {
    planned.iter().map(|one| one.experiment).collect()
}

/// The worst verdict; an error that the input alone is at fault for is bad input, unless another run of the same
/// call has touched something.
pub(super) fn exit(records: &[Record]) -> Exit {
    let of = |record: &Record| record.judgement.as_ref().map(|judgement| judgement.verdict);
    let mut errors = records.iter().filter(|record| of(record) == Some(Verdict::Error)).peekable();
    match squall_reports::worst(records) {
        Some(Verdict::Error)
            if errors.peek().is_some() && errors.all(is_bad_input) && !records.iter().any(has_touched) =>
        {
            Exit::BadInput
        }
        worst => worst.map_or(Exit::Error, Exit::from),
    }
}

/// Whether a run injected or performed anything.
fn has_touched(record: &Record) -> bool {
    record.entries.iter().any(|entry| matches!(&entry.what, What::Command(command) if command.touches_a_target()))
}

fn show(record: &Record, to_stderr: bool) {
    let text = squall_reports::terminal(record, &terminal_options());
    let _closed = if to_stderr {
        anstream::stderr().write_all(text.as_bytes())
    } else {
        anstream::stdout().write_all(text.as_bytes())
    };
}

async fn run_one(
    arguments: &RunArguments,
    setup: &Setup,
    one: &Planned<'_>,
    seed: u64,
    signals: &mut Signals,
) -> Result<Record, Stop> {
    let clock = RunClock::start();
    let run = run_id(&clock);
    let header = Header {
        version: RECORD_VERSION,
        run: run.clone(),
        began: clock.began(),
        experiment: one.experiment.clone(),
        text: one.text.clone(),
        file: one.file.clone(),
        plan: one.plan.clone(),
        seed,
        placebo: arguments.placebo,
        again: one.again.clone(),
        versions: versions(),
        agents: setup.places.clone(),
    };
    // The lock comes first: a run that stands in the history without one is taken for dead.
    let live = LiveRun::take(&setup.folder, &run).map_err(|error| Stop::failed(&error))?;
    let live = live.ok_or_else(|| Stop::error(format!("run {run} is there already")))?;
    let mut store = Store::open(&setup.folder.history()).map_err(|error| Stop::failed(&error))?;
    store.begin(&header).map_err(|error| Stop::failed(&error))?;
    let writer = Writer::start(store, run.clone()).map_err(|error| Stop::error(format!("failed to begin: {error}")))?;
    let halt = HaltWatch::start(&setup.folder).map_err(|error| Stop::failed(&error))?;
    let (events, inbox) = unbounded_channel();
    let (tell, news) = unbounded_channel();
    let ground = Ground {
        platforms: setup.platforms.clone(),
        agents: setup.agents.clone(),
        sources: setup.sources.clone(),
        experiment: one.experiment.clone(),
        plan: one.plan.clone(),
        placebo: arguments.placebo,
        run: run.clone(),
        place: one.place.clone(),
        seed,
        folder: setup.folder.clone(),
        live: Mutex::new(live),
    };
    let probe = Probe::new(setup.squall.clone(), setup.client.clone(), Arc::clone(&setup.secrets));
    let shell = Shell {
        clock,
        ground: Arc::new(ground),
        agents: Agents::new(Fence { run: run.clone(), epoch: 1 }, events.clone()),
        actions: Actions::new(setup.squall.clone(), setup.client.clone(), Arc::clone(&setup.secrets), tell),
        observer: Observer::new(clock, Arc::new(probe), events.clone()),
        signals,
        halt: Some(halt),
        events,
        inbox,
        news,
    };
    let mut display = Display::on_stderr();
    display.note(Duration::ZERO, &format!("run {run}"));
    let mut engine = Engine::new(&header);
    let mut glance = None;
    let judgement = turn(&mut engine, shell, writer, 0, Event::TimePassed, |engine: &Engine, now| {
        let due = glance.is_none_or(|(at, phase)| phase != engine.phase() || now.elapsed >= at + GLANCE);
        if due {
            glance = Some((now.elapsed, engine.phase()));
            display.show(now.elapsed, &engine.progress(now));
        }
    })
    .await;
    display.finish();
    // What the history holds is what is reported; where it could not be written the judgement says so.
    let stored = Store::open_to_read(&setup.folder.history()).ok().flatten();
    let record = stored.and_then(|store| store.record(&run).ok().flatten());
    let mut record = record.unwrap_or(Record { header, entries: Vec::new(), judgement: None });
    record.judgement = Some(judgement);
    Ok(record)
}

/// Sorts by time, is a name in every system it may be used in, and no two are the same.
fn run_id(clock: &RunClock) -> RunId {
    let began = clock.began().strftime("%Y%m%d-%H%M%S");
    RunId::new(format!("{began}-{:04x}", rand::random::<u16>()))
}

/// The command that runs it again, with the same choices.
fn again<'a>(arguments: &RunArguments, files: impl Iterator<Item = &'a Path>, seed: u64) -> String {
    // Who starts `squall` by something else, as the lab does, says by what.
    let squall = std::env::var("SQUALL_AGAIN").ok().filter(|words| !words.is_empty());
    let mut words = vec![squall.unwrap_or_else(|| "squall".to_owned()), "run".to_owned()];
    words.extend(files.map(|file| quoted(&file.display().to_string())));
    for (name, value) in &arguments.what.set {
        words.extend(["--set".to_owned(), quoted(&format!("{name}={value}"))]);
    }
    if let Some(settings) = arguments.environment.settings() {
        words.extend(["--settings".to_owned(), quoted(&settings.display().to_string())]);
    }
    if arguments.placebo {
        words.push("--placebo".to_owned());
    }
    words.extend(["--seed".to_owned(), seed.to_string()]);
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "-_./=:,@%+".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn versions() -> Versions {
    let system = rustix::system::uname();
    Versions {
        squall: env!("CARGO_PKG_VERSION").to_owned(),
        host: system.nodename().to_string_lossy().into_owned(),
        kernel: system.release().to_string_lossy().into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::samples;
    use squall_experiments::claim::HttpRequest;
    use squall_experiments::engine::{Command, Phase};
    use squall_experiments::experiment::{Action, StepId, Template};
    use squall_experiments::history::{Activity, Entry, PreflightFailure};

    #[test]
    fn bad_input_is_said_only_where_nothing_was_touched() {
        let record = |verdict, entries: Vec<What>| {
            let at = samples::entry(1).at;
            let entries = (1..).zip(entries).map(|(number, what)| Entry { number, at, what }).collect();
            Record { header: samples::header("r"), entries, judgement: Some(samples::judgement(verdict)) }
        };
        let refused = PreflightFailure::BadInput { reasons: vec!["no process 7".into()] };
        let refused = || record(Verdict::Error, vec![What::Event(Event::PreflightFailed(refused.clone()))]);
        let entered = || vec![What::Command(Command::Enter(Phase::Method))];
        let action = HttpRequest { url: Template::text("u"), method: "GET".into(), headers: [].into(), body: None };
        let (activity, action) = (Activity::Action(StepId(1)), Action::Http(action));
        let begun = || What::Command(Command::Begin { activity, action: action.clone(), timeout: None });
        assert_eq!(exit(&[refused()]), Exit::BadInput);
        assert_eq!(exit(&[refused(), record(Verdict::Passed, entered())]), Exit::BadInput, "it only watched");
        assert_eq!(exit(&[refused(), record(Verdict::Passed, vec![begun()])]), Exit::Error);
        assert_eq!(exit(&[refused(), record(Verdict::Failed, vec![begun()])]), Exit::Error);
        assert_eq!(exit(&[refused(), record(Verdict::Error, entered())]), Exit::Error);
    }

    #[test]
    fn the_command_that_runs_it_again_can_be_pasted() {
        assert_eq!(quoted("a/b-c.yaml"), "a/b-c.yaml");
        assert_eq!(quoted("name=two words"), "'name=two words'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}

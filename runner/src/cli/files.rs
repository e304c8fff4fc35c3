//! `check`, `explain`, `schema`, and how every command reads its files.

use super::arguments::{CheckArguments, Format, What};
use super::exit::{Exit, Stop};
use crate::settings::Settings;
use squall_experiments::text::{Code, LARGEST_FILE, Problem, SourceFile, explain as explanation, render, to_json};
use squall_experiments::written::{self, Documents, Parameters, Purpose};
use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Files that could be read as text, and what is wrong with the others.
struct Sources {
    files: Vec<SourceFile>,
    problems: Vec<Problem>,
}

/// Reads files; `-` is standard input. A file that is too large is not read to its end only to be refused.
fn open(paths: &[PathBuf]) -> Result<Sources, Stop> {
    let mut sources = Sources { files: Vec::new(), problems: Vec::new() };
    for path in paths {
        let shown = path.display();
        let unreadable = |error| Stop::bad_input(format!("the file `{shown}` cannot be read: {error}"));
        let bytes = bytes(path).map_err(unreadable)?;
        if bytes.len() > LARGEST_FILE {
            let message = format!("{shown}: the file is too large; at most {} MiB are read", LARGEST_FILE >> 20);
            let hint = "split it: several files can be given at once";
            sources.problems.push(Problem::new(Code::TooLarge, message).hint(hint));
            continue;
        }
        match SourceFile::from_bytes(shown.to_string(), &bytes) {
            Ok(file) => sources.files.push(file),
            Err(problem) => sources.problems.push(problem),
        }
    }
    Ok(sources)
}

fn bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    let enough = u64::try_from(LARGEST_FILE).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().lock().take(enough).read_to_end(&mut bytes)?;
    } else {
        std::fs::File::open(path)?.take(enough).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// Says everything that is wrong.
pub(super) fn check(arguments: &CheckArguments) -> Result<Exit, Stop> {
    let Sources { files, mut problems } = open(&arguments.files)?;
    let (_, found) = written::read(&files, &Parameters::default(), Purpose::Check);
    problems.extend(found);
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    match arguments.format {
        Format::Json => {
            let _closed = writeln!(std::io::stdout(), "{:#}", to_json(&problems, &files));
        }
        Format::Text => {
            show(&problems, &files);
            let (files, warnings) = (arguments.files.len(), problems.len() - errors);
            let count = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
            eprintln!("{}: {}, {}", count(files, "file"), count(errors, "error"), count(warnings, "warning"));
        }
    }
    Ok(if errors == 0 { Exit::Passed } else { Exit::BadInput })
}

/// Explains a code.
pub(super) fn explain(code: &str) -> Result<Exit, Stop> {
    let found = explanation(code).ok_or_else(|| Stop::bad_input(format!("there is no code `{code}`")))?;
    let _closed = writeln!(std::io::stdout(), "{found}");
    Ok(Exit::Passed)
}

/// Prints the schema.
pub(super) fn schema() -> Result<Exit, Stop> {
    let _closed = writeln!(std::io::stdout(), "{:#}", written::all_schemas());
    Ok(Exit::Passed)
}

/// Problems on stderr.
fn show(problems: &[Problem], files: &[SourceFile]) {
    if problems.is_empty() {
        return;
    }
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let width = rustix::termios::tcgetwinsize(std::io::stderr()).map_or(100, |size| usize::from(size.ws_col).max(60));
    eprintln!("{}\n", render(problems, files, colour, width).trim_end());
}

/// What is to be planned or run.
pub(super) struct ToRun {
    pub(super) documents: Documents,
    pub(super) files: Vec<SourceFile>,
}

/// Reads what is to be run; warnings are shown, errors end it.
pub(super) fn read_to_run(what: &What, settings: &Settings) -> Result<ToRun, Stop> {
    let Sources { files, mut problems } = open(&what.files)?;
    let set = what.set.iter().cloned().collect();
    let parameters = Parameters { set, settings: settings.written.parameters.clone() };
    let (documents, found) = written::read(&files, &parameters, Purpose::Run);
    problems.extend(found);
    show(&problems, &files);
    if problems.iter().any(Problem::is_error) {
        return Err(Stop { exit: Exit::BadInput, message: String::new() });
    }
    if documents.experiments.is_empty() {
        return Err(Stop::bad_input("there is no experiment in these files"));
    }
    Ok(ToRun { documents, files })
}

//! `check`, `explain`, `schema`, and how every command reads its files.

use super::arguments::{CheckArguments, Format, SchemaOf, What};
use super::exit::{Exit, Stop};
use crate::settings::{DEFAULT_FILE, Settings};
use squall_experiments::text::{
    Code, LARGEST_FILE, Problem, Severity, SourceFile, explain as explanation, render, to_json,
};
use squall_experiments::written::{self, Documents, Parameters, Purpose, read_settings};
use std::collections::BTreeMap;
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
        if path.is_dir() {
            return Err(Stop::bad_input(format!("`{shown}` is a folder: name its files, such as `{shown}/*.yaml`")));
        }
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
    let Sources { files, mut problems } = open(&in_folders(&arguments.files)?)?;
    let count = files.len() + problems.len();
    let (settings, mut files): (Vec<_>, Vec<_>) = files.into_iter().partition(is_settings);
    let (_, found) = written::read(&files, &Parameters::default(), Purpose::Check);
    problems.extend(found);
    for file in settings {
        let (_, found) = read_settings(&file, Purpose::Check);
        problems.extend(found.into_iter().map(|problem| in_file(problem, files.len())));
        files.push(file);
    }
    let errors = problems.iter().any(Problem::is_error);
    match arguments.format {
        Format::Json => {
            let _closed = writeln!(std::io::stdout(), "{:#}", to_json(&problems, &files));
        }
        Format::Text => {
            show(&problems, &files);
            eprint!("{}", summary(count, &problems));
        }
    }
    Ok(if errors { Exit::BadInput } else { Exit::Passed })
}

/// A folder stands for the files in it that may hold documents.
fn in_folders(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Stop> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let shown = path.display();
        let unreadable = |error| Stop::bad_input(format!("the folder `{shown}` cannot be read: {error}"));
        let entries = std::fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(unreadable)?;
        let found = entries.into_iter().map(|entry| entry.path());
        let mut found: Vec<PathBuf> = found.filter(|path| path.is_file() && is_yaml(path)).collect();
        if found.is_empty() {
            return Err(Stop::bad_input(format!(
                "there is no .yaml file in the folder `{shown}`; folders inside it are not looked into"
            )));
        }
        found.sort();
        files.append(&mut found);
    }
    Ok(files)
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// Settings are no document: only their name tells them from one.
fn is_settings(file: &SourceFile) -> bool {
    Path::new(&file.path).file_name().is_some_and(|name| name == DEFAULT_FILE)
}

/// Moves a problem of a file that was read alone to that file's place among others.
fn in_file(mut problem: Problem, file: usize) -> Problem {
    let related = problem.related.iter_mut().map(|related| &mut related.place);
    problem.place.iter_mut().chain(related).for_each(|place| place.file = file);
    problem
}

/// How many of each, and what that does not say.
fn summary(files: usize, problems: &[Problem]) -> String {
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let count = |severity: Severity| problems.iter().filter(|problem| problem.severity == severity).count();
    let (errors, warnings, notes) = (count(Severity::Error), count(Severity::Warning), count(Severity::Note));
    let mut said = format!("{}: {}, {}", plural(files, "file"), plural(errors, "error"), plural(warnings, "warning"));
    if notes > 0 {
        said.push_str(&format!(", {}", plural(notes, "note")));
    }
    said.push('\n');
    let later = problems.iter().filter(|problem| problem.code == Code::NotYet).count();
    if later > 0 {
        let what = if later == 1 { "what 1 note names".to_owned() } else { format!("what {later} notes name") };
        said.push_str(&format!("`plan` and `run` will refuse {what}: this version does not carry it out yet\n"));
    }
    said
}

/// Explains a code.
pub(super) fn explain(code: &str) -> Result<Exit, Stop> {
    let none = || format!("there is no code `{code}`: `squall check` prints codes, such as SQ0801, with each problem");
    let found = explanation(code).ok_or_else(|| Stop::bad_input(none()))?;
    let _closed = writeln!(std::io::stdout(), "{found}");
    Ok(Exit::Passed)
}

/// Prints the schema of the documents, or of the settings.
pub(super) fn schema(of: SchemaOf) -> Result<Exit, Stop> {
    let schema = match of {
        SchemaOf::Documents => written::all_schemas(),
        SchemaOf::Settings => written::settings_schema(),
    };
    let _closed = writeln!(std::io::stdout(), "{schema:#}");
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
    let mut set = BTreeMap::new();
    for (name, value) in &what.set {
        if set.insert(name.clone(), value.clone()).is_some_and(|other| other != *value) {
            return Err(Stop::bad_input(format!(
                "`--set {name}=...` is given twice, with different values: which one?"
            )));
        }
    }
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

//! Where reports go.

use super::exit::Stop;
use squall_experiments::experiment::Experiment;
use squall_experiments::history::Record;
use squall_reports::TerminalOptions;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

/// The reports that were asked for.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Outputs {
    /// Write DIR/EXPERIMENT-RUN/report.html and .json of each run, and DIR/index.html of all, after each run
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Write the report as JSON: into a file, or to stdout
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-", value_parser = report_file)]
    json: Option<PathBuf>,
    /// Write the report as one self-contained HTML file
    #[arg(long, value_name = "FILE", value_parser = report_file)]
    html: Option<PathBuf>,
}

impl Outputs {
    /// Whether stdout carries JSON, so that people are told on stderr.
    pub fn json_to_stdout(&self) -> bool {
        self.json.as_deref() == Some(Path::new("-"))
    }

    /// Refuses what cannot be written, before anything is run.
    ///
    /// # Errors
    /// One HTML file for several runs; a folder where a file should be, or the other way round; a folder that
    /// cannot be made.
    pub fn check(&self, runs: usize) -> Result<(), Stop> {
        if runs > 1 && self.html.is_some() {
            return Err(Stop::bad_input("`--html FILE` holds one run, and there are several: use `--report DIR`"));
        }
        if self.html.as_deref() == Some(Path::new("-")) {
            return Err(Stop::bad_input(
                "`--html` writes a file, and `-` is none: name one, or use `--json` for stdout",
            ));
        }
        if self.html.is_some() && self.html == self.json {
            return Err(Stop::bad_input("`--html` and `--json` name the same file: give each its own"));
        }
        for (option, name, path) in [("--json", "report.json", &self.json), ("--html", "report.html", &self.html)] {
            if let Some(path) = path.as_ref().filter(|path| path.is_dir()) {
                let (shown, inside) = (path.display(), path.join(name));
                return Err(Stop::bad_input(format!(
                    "`{option}` writes a file, and `{shown}` is a folder: write `{option} {}`, or `--report {shown}`",
                    inside.display()
                )));
            }
        }
        if let Some(path) = self.report.as_ref().filter(|path| path.exists() && !path.is_dir()) {
            let shown = path.display();
            return Err(Stop::bad_input(format!(
                "`--report` makes a folder, and `{shown}` is a file: name another, or use `--html FILE` for one page"
            )));
        }
        let files = [&self.json, &self.html].into_iter().flatten().filter(|path| path.as_path() != Path::new("-"));
        let parents = files.filter_map(|path| path.parent().filter(|folder| !folder.as_os_str().is_empty()));
        for folder in self.report.as_deref().into_iter().chain(parents) {
            std::fs::create_dir_all(folder).map_err(|error| {
                Stop::bad_input(format!("reports cannot be written: failed to make `{}`: {error}", folder.display()))
            })?;
        }
        Ok(())
    }

    /// Writes the files of what has run, after each run: a runner that dies leaves what it had finished.
    /// `missing` are the experiments that have not run, and perhaps never will.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write(&self, records: &[Record], missing: &[&Experiment]) -> Result<(), Stop> {
        if let Some(path) = self.json.as_ref().filter(|_| !self.json_to_stdout()) {
            write(path, &json(records, missing))?;
        }
        if let (Some(path), [record]) = (&self.html, records) {
            write(path, &squall_reports::html(record))?;
        }
        if let (Some(folder), Some(record)) = (&self.report, records.last()) {
            let of_run = folder.join(squall_reports::report_folder(record));
            write(&of_run.join("report.json"), &format!("{:#}\n", squall_reports::json(record)))?;
            write(&of_run.join("report.html"), &squall_reports::html(record))?;
            write(&folder.join("index.html"), &squall_reports::index(records, missing))?;
        }
        Ok(())
    }

    /// Writes what goes to stdout, and says where the files are.
    pub fn finish(&self, records: &[Record], missing: &[&Experiment]) {
        if self.json_to_stdout() {
            let _closed = std::io::stdout().write_all(json(records, missing).as_bytes());
        }
        if let Some(folder) = self.report.as_ref().filter(|_| !records.is_empty()) {
            let shown = folder.join("index.html");
            eprintln!("reports: {}", std::path::absolute(&shown).unwrap_or(shown).display());
        }
    }
}

/// `--json` takes the word that follows it, which may have been meant as an experiment: that is never overwritten.
fn report_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.extension() {
        Some(extension) if extension == "yaml" || extension == "yml" => {
            Err("a report does not overwrite a YAML file: name another, or put the option last; `--json=-` is stdout"
                .into())
        }
        _ => Ok(path),
    }
}

/// One run as an object, several as an array: what was asked for decides, not how far it got.
fn json(records: &[Record], missing: &[&Experiment]) -> String {
    let value = match records {
        [record] if missing.is_empty() => squall_reports::json(record),
        several => serde_json::Value::Array(several.iter().map(squall_reports::json).collect()),
    };
    format!("{value:#}\n")
}

/// Writes a file as a whole or not at all: who reads it meanwhile sees the old one or the new one.
fn write(path: &Path, text: &str) -> Result<(), Stop> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let made = folder.map_or(Ok(()), std::fs::create_dir_all);
    made.and_then(|()| replace(path, text))
        .map_err(|error| Stop::error(format!("failed to write `{}`: {error}", path.display())))
}

fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    // Such as /dev/stdout, or a named pipe: nothing that could be replaced.
    if path.symlink_metadata().is_ok_and(|facts| !facts.is_file()) {
        return std::fs::write(path, text);
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    std::fs::write(&beside, text)?;
    std::fs::rename(&beside, path).inspect_err(|_| {
        let _left = std::fs::remove_file(&beside);
    })
}

/// What reports on stdout look like.
pub fn terminal_options() -> TerminalOptions {
    let default = TerminalOptions::default();
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let width = rustix::termios::tcgetwinsize(std::io::stdout()).ok().map(|size| usize::from(size.ws_col));
    TerminalOptions { colour, width: width.filter(|width| *width > 0).unwrap_or(default.width) }
}

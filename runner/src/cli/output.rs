//! Where reports go.

use super::exit::Stop;
use squall_experiments::history::Record;
use squall_reports::TerminalOptions;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

/// The reports that were asked for.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Outputs {
    /// Write report.json and report.html into this folder (one folder a run, where there are several)
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Write the report as JSON: into a file, or to stdout
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    json: Option<PathBuf>,
    /// Write the report as one self-contained HTML file
    #[arg(long, value_name = "FILE")]
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
    /// One HTML file for several runs.
    pub fn check(&self, runs: usize) -> Result<(), Stop> {
        if runs > 1 && self.html.is_some() {
            return Err(Stop::bad_input("`--html FILE` holds one run, and there are several: use `--report DIR`"));
        }
        Ok(())
    }

    /// Writes the reports of some runs.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write(&self, records: &[Record]) -> Result<(), Stop> {
        if let Some(path) = &self.json {
            let value = match records {
                [record] => squall_reports::json(record),
                several => serde_json::Value::Array(several.iter().map(squall_reports::json).collect()),
            };
            let text = format!("{value:#}\n");
            if self.json_to_stdout() {
                let _closed = std::io::stdout().write_all(text.as_bytes());
            } else {
                write(path, &text)?;
            }
        }
        if let Some(path) = &self.html
            && let [record] = records
        {
            write(path, &squall_reports::html(record))?;
        }
        if let Some(folder) = &self.report {
            for record in records {
                let folder = match records {
                    [_] => folder.clone(),
                    _ => folder.join(format!("{}-{}", record.header.experiment.name, record.header.run)),
                };
                write(&folder.join("report.json"), &format!("{:#}\n", squall_reports::json(record)))?;
                write(&folder.join("report.html"), &squall_reports::html(record))?;
                let shown = folder.join("report.html");
                eprintln!("report: {}", std::path::absolute(&shown).unwrap_or(shown).display());
            }
        }
        Ok(())
    }
}

fn write(path: &Path, text: &str) -> Result<(), Stop> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let made = folder.map_or(Ok(()), std::fs::create_dir_all);
    made.and_then(|()| std::fs::write(path, text))
        .map_err(|error| Stop::error(format!("failed to write `{}`: {error}", path.display())))
}

/// What reports on stdout look like.
pub fn terminal_options() -> TerminalOptions {
    let default = TerminalOptions::default();
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let width = rustix::termios::tcgetwinsize(std::io::stdout()).ok().map(|size| usize::from(size.ws_col));
    TerminalOptions { colour, width: width.filter(|width| *width > 0).unwrap_or(default.width) }
}

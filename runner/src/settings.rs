//! The settings: squall.yaml, one file per environment; scalars also as `SQUALL_...`.
//!
//! ```text
//! SQUALL_PROMETHEUS_URL  SQUALL_PROMETHEUS_BEARER_TOKEN_FILE  SQUALL_PROMETHEUS_CA_FILE
//! SQUALL_CONFIRM  SQUALL_HISTORY  SQUALL_SETTINGS (which file)
//! ```
//! Paths are relative to the file that names them; those of the environment to the current folder.

use crate::metrics::Access;
use crate::secrets::Secrets;
use squall_experiments::target::LimitCaps;
use squall_experiments::text::{Problem, SourceFile, render};
use squall_experiments::written::settings::Confirm;
use squall_experiments::written::{PrometheusSettings, Purpose, SecretSource, Settings as Written, read_settings};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The file that is looked for when none is named.
pub(crate) const DEFAULT_FILE: &str = "squall.yaml";

/// One environment.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// As written, with the environment laid over it.
    pub written: Written,
    /// The folder that relative paths begin in.
    pub folder: PathBuf,
}

impl Settings {
    /// Reads the settings, and lays the environment over them. What is not yet carried out is refused only where
    /// something is to be planned or run: `revert` and `halt` must not fail on a line that no run has used.
    ///
    /// # Errors
    /// Everything that is wrong, rendered for people.
    pub fn load(named: Option<&Path>, purpose: Purpose) -> Result<Self, String> {
        let path = named.map_or_else(|| PathBuf::from(DEFAULT_FILE), Path::to_owned);
        let mut settings = match std::fs::read(&path) {
            Ok(bytes) => Self::read(&path, &bytes, purpose)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => Self::default(),
            Err(error) => {
                let hint = if path.is_dir() { "; name a file in it" } else { "" };
                return Err(format!("the settings `{}` cannot be read: {error}{hint}", path.display()));
            }
        };
        settings.overlay(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))?;
        Ok(settings)
    }

    fn read(path: &Path, bytes: &[u8], purpose: Purpose) -> Result<Self, String> {
        let shown = path.display().to_string();
        let file = SourceFile::from_bytes(shown, bytes).map_err(|problem| render(&[problem], &[], false, 100))?;
        let (written, problems) = read_settings(&file, purpose);
        let errors: Vec<Problem> = problems.into_iter().filter(Problem::is_error).collect();
        let written = written.ok_or_else(|| render(&errors, std::slice::from_ref(&file), false, 100))?;
        Ok(Self { written, folder: path.parent().map(Path::to_owned).unwrap_or_default() })
    }

    /// What the environment says stands above the file. Its paths are made whole here, so that they are
    /// not taken for the file's.
    fn overlay(&mut self, variable: impl Fn(&str) -> Option<String>) -> Result<(), String> {
        let whole = |path: String| std::path::absolute(&path).map_err(|error| format!("`{path}`: {error}"));
        let written = &mut self.written;
        if let Some(url) = variable("SQUALL_PROMETHEUS_URL") {
            match &mut written.prometheus {
                Some(access) => access.url = url,
                none => {
                    *none = Some(PrometheusSettings { url, bearer_token_file: None, basic_auth: None, ca_file: None });
                }
            }
        }
        for name in ["SQUALL_PROMETHEUS_BEARER_TOKEN_FILE", "SQUALL_PROMETHEUS_CA_FILE"] {
            let Some(path) = variable(name).map(whole).transpose()? else { continue };
            let unknown = || format!("{name} is set, and no Prometheus is known");
            let access = written.prometheus.as_mut().ok_or_else(unknown)?;
            let field = if name.ends_with("CA_FILE") { &mut access.ca_file } else { &mut access.bearer_token_file };
            *field = Some(path);
        }
        if let Some(word) = variable("SQUALL_CONFIRM") {
            written.confirm = match word.as_str() {
                "terminal" => Confirm::Terminal,
                "always" => Confirm::Always,
                "never" => Confirm::Never,
                _ => return Err(format!("SQUALL_CONFIRM is `{word}`: write `terminal`, `always` or `never`")),
            };
        }
        if let Some(path) = variable("SQUALL_HISTORY") {
            written.history = Some(whole(path)?);
        }
        Ok(())
    }

    /// A path as the settings mean it.
    pub fn inside(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// Where runs are kept, if that is written.
    pub fn history(&self) -> Option<PathBuf> {
        self.written.history.as_deref().map(|path| self.inside(path))
    }

    /// How a metric source is reached.
    pub fn access(&self, written: &PrometheusSettings) -> Access {
        let file = |path: &Option<PathBuf>| path.as_deref().map(|path| self.inside(path));
        let basic = written.basic_auth.as_ref();
        Access {
            url: written.url.clone(),
            bearer_token_file: file(&written.bearer_token_file),
            basic_auth: basic.map(|basic| (basic.username.clone(), self.inside(&basic.password_file))),
            ca_file: file(&written.ca_file),
        }
    }

    /// Caps on what experiments may say.
    pub fn caps(&self) -> LimitCaps {
        let caps = self.written.limits;
        LimitCaps { max_targets: caps.max_targets, max_percent: caps.max_percent, keep_at_least: caps.keep_at_least }
    }

    /// Reads every secret.
    ///
    /// # Errors
    /// Names the first that cannot be read, never its value.
    pub fn secrets(&self) -> Result<Secrets, String> {
        let mut values = BTreeMap::new();
        for (name, place) in &self.written.secrets {
            let read = match place {
                SecretSource::File(path) => std::fs::read_to_string(self.inside(path))
                    .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
                    .map_err(|error| format!("`{}`: {error}", path.display())),
                SecretSource::Environment(variable) => {
                    std::env::var(variable).map_err(|_| format!("the variable {variable} is not set"))
                }
                // To plan or run was refused when the settings were read; an undo that needs it names it.
                SecretSource::Kubernetes { .. } => continue,
            };
            let value = read.map_err(|reason| format!("the secret `{name}` cannot be read: {reason}"))?;
            values.insert(name.clone(), value);
        }
        Ok(Secrets::new(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Result<Settings, String> {
        Settings::read(Path::new("/etc/staging/squall.yaml"), text.as_bytes(), Purpose::Run)
    }

    #[test]
    fn paths_are_relative_to_the_file_that_names_them() {
        let settings = settings(
            "prometheus: {url: \"http://p:9090\", bearerTokenFile: token}\nhistory: ../runs\nconfirm: always\n",
        )
        .unwrap();
        let access = settings.access(settings.written.prometheus.as_ref().unwrap());
        assert_eq!(access.bearer_token_file, Some("/etc/staging/token".into()));
        assert_eq!(settings.history(), Some("/etc/staging/../runs".into()));
    }

    #[test]
    fn the_environment_stands_above_the_file() {
        let mut settings = settings("prometheus: {url: \"http://p:9090\"}\nhistory: runs\n").unwrap();
        let environment = BTreeMap::from([
            ("SQUALL_PROMETHEUS_URL", "http://other:9090"),
            ("SQUALL_CONFIRM", "never"),
            ("SQUALL_HISTORY", "/elsewhere"),
        ]);
        settings.overlay(|name| environment.get(name).map(|value| (*value).to_owned())).unwrap();
        assert_eq!(settings.written.prometheus.as_ref().unwrap().url, "http://other:9090");
        assert_eq!(settings.written.confirm, Confirm::Never);
        assert_eq!(settings.history(), Some("/elsewhere".into()));
        let wrong = |name: &str| (name == "SQUALL_CONFIRM").then(|| "maybe".to_owned());
        assert!(settings.overlay(wrong).is_err());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let said = settings("promteheus: {}\n").unwrap_err();
        assert!(said.contains("squall.yaml:1:1") && said.contains("did you mean"), "{said}");
    }

    #[test]
    fn a_secret_that_cannot_be_read_is_named() {
        let settings = settings("secrets: {token: {file: /nowhere/token}}\n").unwrap();
        let said = settings.secrets().err().unwrap();
        assert!(said.starts_with("the secret `token` cannot be read"), "{said}");
    }
}

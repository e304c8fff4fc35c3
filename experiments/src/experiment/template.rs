//! Text with holes that are filled while the run goes on.
//!
//! Parameters are filled in when the file is read; what is left are the run's own values.

use crate::name::{RunId, StepName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A text with holes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Template(pub Vec<Piece>);

/// A part of a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Piece {
    /// As it stands.
    Text(String),
    /// `${STEP.targets}`, or `${STEP.targets.KEY}`: names or labels of the instances hit, for `=~`.
    Targets(StepName, Option<String>),
    /// `${STEP.start}`, RFC 3339.
    Start(StepName),
    /// `${STEP.end}`, RFC 3339.
    End(StepName),
    /// `${run.id}`
    RunId,
    /// `${run.seed}`
    RunSeed,
    /// `${secret.NAME}`. Filled by the runner at the last moment; never printed, never stored.
    Secret(String),
}

/// What the run knows of its own values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Values {
    /// This run.
    pub run: RunId,
    /// Its seed.
    pub seed: u64,
    /// By step and key (`None`: names): the values of the instances it hit.
    pub targets: BTreeMap<(StepName, Option<String>), Vec<String>>,
    /// When steps started, RFC 3339.
    pub starts: BTreeMap<StepName, String>,
    /// When steps ended, RFC 3339.
    pub ends: BTreeMap<StepName, String>,
    /// Secrets by name. Empty wherever the result is stored.
    pub secrets: BTreeMap<String, String>,
}

/// A value that is not known (yet).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`${{{0}}}` has no value yet")]
pub struct RenderError(pub String);

impl Template {
    /// A text without holes.
    pub fn text(text: impl Into<String>) -> Self {
        Self(vec![Piece::Text(text.into())])
    }

    /// The text, if there are no holes.
    pub fn as_text(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The steps it refers to: it cannot be rendered before they have started (or ended).
    pub fn steps(&self) -> impl Iterator<Item = &StepName> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Targets(step, _) | Piece::Start(step) | Piece::End(step) => Some(step),
            Piece::Text(_) | Piece::RunId | Piece::RunSeed | Piece::Secret(_) => None,
        })
    }

    /// Fills the holes. Targets are escaped for a regular expression and joined by `|`.
    ///
    /// # Errors
    /// Names the first hole whose value is not known.
    pub fn render(&self, values: &Values) -> Result<String, RenderError> {
        let mut text = String::new();
        for piece in &self.0 {
            let unknown = || RenderError(piece.hole());
            match piece {
                Piece::Text(part) => text.push_str(part),
                Piece::Targets(step, key) => {
                    let found = values.targets.get(&(step.clone(), key.clone())).ok_or_else(unknown)?;
                    let escaped: Vec<String> = found.iter().map(|value| escape(value)).collect();
                    text.push_str(&escaped.join("|"));
                }
                Piece::Start(step) => text.push_str(values.starts.get(step).ok_or_else(unknown)?),
                Piece::End(step) => text.push_str(values.ends.get(step).ok_or_else(unknown)?),
                Piece::RunId => text.push_str(values.run.as_str()),
                Piece::RunSeed => text.push_str(&values.seed.to_string()),
                Piece::Secret(name) => text.push_str(values.secrets.get(name).ok_or_else(unknown)?),
            }
        }
        Ok(text)
    }
}

impl Piece {
    fn hole(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Targets(step, None) => format!("{step}.targets"),
            Self::Targets(step, Some(key)) => format!("{step}.targets.{key}"),
            Self::Start(step) => format!("{step}.start"),
            Self::End(step) => format!("{step}.end"),
            Self::RunId => "run.id".to_owned(),
            Self::RunSeed => "run.seed".to_owned(),
            Self::Secret(name) => format!("secret.{name}"),
        }
    }
}

/// Escapes for RE2 inside a double-quoted PromQL string: a backslash is written twice there.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        if matches!(letter, '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$') {
            escaped.push_str("\\\\");
        }
        if letter == '"' {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

/// As the author wrote it.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => f.write_str(text)?,
                hole => write!(f, "${{{}}}", hole.hole())?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_escaped_for_a_pattern_inside_quotes() {
        let step: StepName = "lost".parse().unwrap();
        let template = Template(vec![
            Piece::Text("up{instance=~\"".into()),
            Piece::Targets(step.clone(), None),
            Piece::Text("\"}".into()),
        ]);
        let mut values = Values {
            run: RunId::new("r1"),
            seed: 7,
            targets: BTreeMap::new(),
            starts: BTreeMap::new(),
            ends: BTreeMap::new(),
            secrets: BTreeMap::new(),
        };
        assert_eq!(template.render(&values).unwrap_err().to_string(), "`${lost.targets}` has no value yet");
        values.targets.insert((step, None), vec!["a.b".into(), "c".into()]);
        assert_eq!(template.render(&values).unwrap(), "up{instance=~\"a\\\\.b|c\"}");
        assert_eq!(template.to_string(), "up{instance=~\"${lost.targets}\"}");
    }
}

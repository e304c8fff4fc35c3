//! One scalar of a file, with its `${...}` taken apart.

use super::bare::{Bare, bare};

/// One scalar of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar {
    /// Text and holes, in order.
    pub parts: Vec<Part>,
    /// What YAML readers make of it; quoted text and text with holes is text.
    pub(crate) bare: Bare,
}

/// A part of a [`Scalar`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// As it stands.
    Text(String),
    /// What stood between `${` and `}`, to be filled when the run goes on.
    Hole(String),
    /// A parameter without a value, which only `check` tolerates.
    Missing(String),
}

impl Scalar {
    /// Takes a scalar's text apart: `${NAME}` is a hole, `$${` a literal `${`; `${1}` is left alone, it
    /// belongs to PromQL's `label_replace`.
    pub(crate) fn new(text: &str, plain: bool) -> Self {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, hole) = rest.split_at(at);
            if let Some(before) = before.strip_suffix('$') {
                literal.push_str(before);
                literal.push_str("${");
                rest = &hole[2..];
                continue;
            }
            literal.push_str(before);
            let Some(end) = hole.find('}') else {
                rest = hole;
                break;
            };
            let name = &hole[2..end];
            if name.bytes().all(|byte| byte.is_ascii_digit()) {
                literal.push_str(&hole[..=end]);
            } else {
                if !literal.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut literal)));
                }
                parts.push(Part::Hole(name.to_owned()));
            }
            rest = &hole[end + 1..];
        }
        literal.push_str(rest);
        let bare = if plain && parts.is_empty() && !text.contains("${") { bare(text) } else { Bare::Text };
        if !literal.is_empty() || parts.is_empty() {
            parts.push(Part::Text(literal));
        }
        Self { parts, bare }
    }

    /// The text, if there are no holes left.
    pub fn text(&self) -> Option<String> {
        let mut whole = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => whole.push_str(text),
                Part::Hole(_) | Part::Missing(_) => return None,
            }
        }
        Some(whole)
    }

    /// The first hole that only the run can fill.
    pub fn hole(&self) -> Option<&str> {
        self.parts.iter().find_map(|part| match part {
            Part::Hole(name) => Some(name.as_str()),
            Part::Text(_) | Part::Missing(_) => None,
        })
    }

    /// Whether a parameter in it has no value.
    pub fn is_missing(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Missing(_)))
    }

    /// As it was written, but for parameters that have been filled in.
    pub(crate) fn written(&self) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Hole(name) | Part::Missing(name) => format!("${{{name}}}"),
        };
        self.parts.iter().map(part).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_told_from_text() {
        let text = |text: &str| Part::Text(text.into());
        let hole = |name: &str| Part::Hole(name.into());
        for (written, parts) in [
            ("a", vec![text("a")]),
            ("", vec![text("")]),
            ("${a}", vec![hole("a")]),
            ("x${a}y${b}", vec![text("x"), hole("a"), text("y"), hole("b")]),
            ("$${a}", vec![text("${a}")]),
            ("label_replace(x, \"a\", \"${1}\")", vec![text("label_replace(x, \"a\", \"${1}\")")]),
            ("${open", vec![text("${open")]),
            ("$", vec![text("$")]),
        ] {
            assert_eq!(Scalar::new(written, true).parts, parts, "{written}");
        }
    }
}

//! What is wrong, where, and what to write instead; rendered late.

use super::Code;
use std::fmt;
use std::ops::Range;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file cannot be run.
    Error,
    /// It can, but it may not mean what its author thinks.
    Warning,
    /// Worth knowing.
    Note,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

/// A range of bytes in one of the files that are read together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its index among the files.
    pub file: usize,
    /// The bytes.
    pub span: Range<usize>,
}

// `Range` has no order of its own; places sort by where they begin.
impl Place {
    fn key(&self) -> (usize, usize, usize) {
        (self.file, self.span.start, self.span.end)
    }
}

/// Another place that belongs to a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// Where.
    pub place: Place,
    /// What is there.
    pub message: String,
}

/// Something wrong in what a user wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its stable code.
    pub code: Code,
    /// How bad it is; by default, as its code says.
    pub severity: Severity,
    /// One sentence without a full stop.
    pub message: String,
    /// Where. `None`: the command line, or a file without text.
    pub place: Option<Place>,
    /// Other places that belong to it.
    pub related: Vec<Related>,
    /// What to write instead.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem that has no place yet.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code, severity: code.severity(), message, place: None, related: Vec::new(), hint: None }
    }

    /// Says where.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Says what to write instead.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds another place.
    #[must_use]
    pub fn also(mut self, place: Place, message: impl Into<String>) -> Self {
        self.related.push(Related { place, message: message.into() });
        self
    }

    /// Suggests the known word that is nearest, or lists what is known.
    #[must_use]
    pub fn suggest<'a>(mut self, word: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        self.hint = match nearest(word, known.iter().copied()) {
            Some(near) => Some(format!("did you mean `{near}`?")),
            None if known.is_empty() => None,
            None => Some(format!("known here: {}", known.join(", "))),
        };
        self
    }

    /// Whether it keeps the file from being run.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    pub(crate) fn sort(problems: &mut [Self]) {
        problems.sort_by_cached_key(|problem| (problem.place.as_ref().map(Place::key), problem.severity, problem.code));
    }
}

/// The word among `known` that was probably meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let distance = |other: &str| strsim::damerau_levenshtein(&word, &other.to_lowercase());
    // A word of a megabyte is no typing mistake, and comparing is quadratic.
    let known = known.into_iter().filter(|_| word.len() <= 100);
    let near = known.map(|other| (distance(other), other)).min_by_key(|(distance, _)| *distance)?;
    (near.0 <= 1 + word.chars().count() / 4).then_some(near.1)
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]: {}", self.severity, self.code, self.message)
    }
}

impl std::error::Error for Problem {}

/// So many problems of one file are kept: nobody reads more, and memory is bounded.
const MOST: usize = 1_000;

/// Collects the problems of one file.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    pub(crate) file: usize,
    pub(crate) found: Vec<Problem>,
    /// Takes what is beyond the most that are kept.
    beyond: Option<Problem>,
    uncounted: usize,
}

impl Problems {
    pub(crate) fn of(file: usize) -> Self {
        Self { file, ..Self::default() }
    }

    pub(crate) fn place(&self, span: &Range<usize>) -> Place {
        Place { file: self.file, span: span.clone() }
    }

    /// Whether there are errors since there were `before` problems.
    pub(crate) fn has_errors_since(&self, before: usize) -> bool {
        self.uncounted > 0 || self.found[before..].iter().any(Problem::is_error)
    }

    pub(crate) fn push(&mut self, problem: Problem) {
        // One mistake can be seen from two sides (raw text and tree); it is said once.
        if !self.found.iter().rev().take(8).any(|known| known.place == problem.place && known.code == problem.code) {
            self.keep(problem);
        }
    }

    /// Notes a problem and gives it back, to be added to.
    pub(crate) fn note(&mut self, code: Code, span: &Range<usize>, message: impl Into<String>) -> &mut Problem {
        let problem = Problem::new(code, message).at(self.place(span));
        self.keep(problem)
    }

    fn keep(&mut self, problem: Problem) -> &mut Problem {
        if self.found.len() < MOST {
            self.found.push(problem);
            return self.found.last_mut().expect("just pushed");
        }
        self.uncounted += 1;
        self.beyond.insert(problem)
    }

    /// All problems, and how many were not kept.
    pub(crate) fn into_found(mut self) -> Vec<Problem> {
        if self.uncounted > 0 {
            let message = format!("there are {} more problems in this file", self.uncounted);
            let end = self.found.iter().filter_map(|problem| problem.place.as_ref()).map(|place| place.span.end).max();
            let at = end.unwrap_or(0);
            self.found.push(Problem::new(Code::TooMany, message).at(self.place(&(at..at))));
        }
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        assert_eq!(nearest("witin", ["within", "with"]), Some("within"));
        assert_eq!(nearest("Query", ["query"]), Some("query"));
        assert_eq!(nearest("zzz", ["query"]), None);
    }
}

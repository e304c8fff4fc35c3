//! What every check needs: problems, names, the timeline.

use super::names::Names;
use super::sources::Resolved;
use super::timeline::Timeline;
use crate::name::IndicatorName;
use crate::text::{Code, Problem, Problems, Severity, Span, Spot, Value};
use crate::written::Purpose;
use std::collections::{BTreeMap, BTreeSet};

pub(super) struct Checker<'a> {
    pub(super) problems: &'a mut Problems,
    pub(super) purpose: Purpose,
    pub(super) names: Names,
    pub(super) timeline: Timeline,
    /// Indicators by name; `None`: broken, and said so.
    pub(super) indicators: BTreeMap<IndicatorName, Option<Resolved>>,
    pub(super) used_indicators: BTreeSet<IndicatorName>,
    pub(super) not_yet: Vec<String>,
    /// Selectors below a ratio's line of which the steady state demands `minEvents`.
    pub(super) counted: BTreeSet<String>,
    /// How many steps have been numbered.
    pub(super) steps: u32,
    /// How many of those belong to `prepare`.
    pub(super) preparations: u32,
}

impl Checker<'_> {
    pub(super) fn note(&mut self, code: Code, span: &Span, message: impl Into<String>) -> &mut Problem {
        self.problems.note(code, span, message)
    }

    pub(super) fn hint(&mut self, code: Code, span: &Span, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.note(code, span, message).hint = Some(hint.into());
    }

    /// A key that must be there.
    pub(super) fn required<T: Clone>(&mut self, field: Option<&Value<T>>, owner: &Span, key: &str) -> Option<T> {
        match field {
            Some(value) => value.value.clone(),
            None => {
                self.note(Code::MissingKey, owner, format!("`{key}` is missing"));
                None
            }
        }
    }

    /// Keys that do not belong here, with the reason.
    pub(super) fn strangers(&mut self, code: Code, keys: &[(&str, Option<&Span>)], why: &str) {
        for (key, span) in keys {
            if let Some(span) = span {
                let span = (*span).clone();
                self.note(code, &span, format!("`{key}` does not belong here: {why}"));
            }
        }
    }

    /// Something that the language has and this version cannot do.
    pub(super) fn later(&mut self, span: &Span, what: &str) {
        self.not_yet.push(what.to_owned());
        not_yet(self.problems, span, what, self.purpose);
    }
}

pub(in crate::written) fn not_yet(problems: &mut Problems, span: &Span, what: &str, purpose: Purpose) {
    let problem =
        problems.note(Code::NotYet, span, format!("{what} is read, but this version does not carry it out yet"));
    problem.hint = Some(match purpose {
        Purpose::Check => "`plan` and `run` refuse it: leave it out, or wait for a later version".into(),
        Purpose::Run => "leave it out, or wait for a later version".into(),
    });
    if purpose == Purpose::Run {
        problem.severity = Severity::Error;
    }
}

/// Where an optional value stands.
pub(super) fn at<T>(value: &Option<Value<T>>) -> Option<&Span> {
    value.as_ref().map(|value| &value.span)
}

/// Where an optional value's key stands.
pub(super) fn key<T>(value: &Option<Value<T>>) -> Option<&Span> {
    value.as_ref().map(|value| &value.key)
}

/// Where an optional structure stands.
pub(super) fn spot<T>(value: &Option<Spot<T>>) -> Option<&Span> {
    value.as_ref().map(|value| &value.span)
}

/// What an optional value is.
pub(super) fn get<T: Clone>(value: &Option<Value<T>>) -> Option<T> {
    value.as_ref().and_then(|value| value.value.clone())
}

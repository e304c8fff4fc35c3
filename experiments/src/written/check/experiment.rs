//! The experiment as a whole.

use super::checker::{Checker, get};
use super::holes::When;
use super::names::Names;
use super::sources::{Resolved, of_indicator};
use super::timeline::Timeline;
use crate::claim::Role;
use crate::experiment::{Experiment, Limits};
use crate::name::{IndicatorName, ParameterName};
use crate::text::{Code, Problems, Span};
use crate::unit::{Length, Percent};
use crate::written::Purpose;
use crate::written::document::Document;
use crate::written::experiment::{ExperimentSpec, Limits as WrittenLimits, List};
use crate::written::parameters::Filled;
use std::collections::{BTreeMap, BTreeSet};

/// Checks a document; gives the experiment if nothing is missing in it, and what is not yet carried out.
pub(in crate::written) fn experiment(
    document: &Document<ExperimentSpec>,
    filled: &Filled,
    purpose: Purpose,
    problems: &mut Problems,
) -> (Option<Experiment>, Vec<String>) {
    let Some(spot) = &document.spec else { return (None, Vec::new()) };
    let Some(spec) = &spot.value else { return (None, Vec::new()) };
    let names = Names::collect(spec, problems);
    let mut checker = Checker {
        problems,
        purpose,
        names,
        timeline: Timeline::new(&spec.method),
        indicators: BTreeMap::new(),
        used_indicators: BTreeSet::new(),
        not_yet: Vec::new(),
        counted: BTreeSet::new(),
        steps: 0,
        preparations: 0,
    };
    let checked = checker.experiment(document, spec, &spot.span, filled);
    (checked, checker.not_yet)
}

impl Checker<'_> {
    fn experiment(
        &mut self,
        document: &Document<ExperimentSpec>,
        spec: &ExperimentSpec,
        owner: &Span,
        filled: &Filled,
    ) -> Option<Experiment> {
        let title = self.required(spec.title.as_ref(), owner, "title");
        for parameter in spec.parameters.iter().flat_map(|list| &list.value).flatten() {
            if parameter.value.as_ref().is_some_and(|parameter| parameter.name.is_none()) {
                self.note(Code::MissingKey, &parameter.span, "`name` is missing");
            }
        }
        self.not_empty(&spec.method, owner, "method");
        self.not_empty(&spec.expect, owner, "expect");
        self.define_indicators(spec);
        let prepare = self.preparations(&spec.prepare);
        let method = self.steps(&spec.method, 1);
        let steady_state = self.claims(&spec.steady_state, Role::SteadyState);
        let expect = self.claims(&spec.expect, Role::Expect);
        let abort_if = self.claims(&spec.abort_if, Role::AbortIf);
        let limits = self.limits(spec.limits.as_ref().map(|limits| limits.value.as_ref()));
        self.advice(spec, owner);
        let recover_within = match &spec.recover_within {
            Some(length) => length.value?,
            None => Length::from_secs(60),
        };
        // In `check`, a parameter without a value leaves the experiment unfinished.
        let parameters: BTreeMap<ParameterName, String> =
            filled.values.iter().filter_map(|(name, value)| Some((name.parse().ok()?, value.clone()))).collect();
        if filled.declared.len() != parameters.len() {
            return None;
        }
        let metadata = document.metadata.as_ref()?.value.as_ref()?;
        let labels = match &metadata.labels {
            Some(labels) => super::selectors::text_map(labels)?,
            None => BTreeMap::new(),
        };
        Some(Experiment {
            name: get(&metadata.name)?,
            title: title?,
            labels,
            parameters,
            steady_state: steady_state?,
            recover_within,
            prepare: prepare?,
            method: method?,
            expect: expect?,
            abort_if: abort_if?,
            limits: limits?,
        })
    }

    fn not_empty<T>(&mut self, list: &List<T>, owner: &Span, key: &str) {
        match list {
            None => {
                self.note(Code::MissingKey, owner, format!("`{key}` is missing"));
            }
            Some(spot) if spot.value.as_ref().is_some_and(Vec::is_empty) => {
                self.note(Code::EmptyValue, &spot.span, format!("`{key}` is empty"));
            }
            Some(_) => {}
        }
    }

    fn define_indicators(&mut self, spec: &ExperimentSpec) {
        for (name, spot) in spec.indicators.iter().flat_map(|spot| &spot.value).flat_map(|entries| &entries.0) {
            let Some(word) = &name.value else { continue };
            let Ok(word) = word.parse::<IndicatorName>() else {
                let hint = "write lower-case letters, digits and `-`";
                self.hint(Code::BadName, &name.span, format!("`{word}` is not a name"), hint);
                continue;
            };
            let resolved: Option<Resolved> = match &spot.value {
                Some(indicator) => self.source(&of_indicator(&name.span, indicator), When::Whenever),
                None => None,
            };
            self.indicators.entry(word).or_insert(resolved);
        }
    }

    /// Limits with their defaults, key by key. The outer `None`: nothing is written.
    pub(super) fn limits(&mut self, written: Option<Option<&WrittenLimits>>) -> Option<Limits> {
        let defaults = Limits { max_targets: None, max_percent: Percent::from_fraction(0.5)?, keep_at_least: 1 };
        let Some(written) = written else { return Some(defaults) };
        let written = written?;
        if let Some(targets) = &written.max_targets
            && targets.value == Some(0)
        {
            self.note(Code::BadNumber, &targets.span, "with `maxTargets: 0` nothing could ever be hit");
        }
        let max_targets = match &written.max_targets {
            Some(value) => Some(value.value?),
            None => None,
        };
        let max_percent = match &written.max_percent {
            Some(value) => value.value?,
            None => defaults.max_percent,
        };
        let keep_at_least = match &written.keep_at_least {
            Some(value) => value.value?,
            None => defaults.keep_at_least,
        };
        Some(Limits { max_targets, max_percent, keep_at_least })
    }
}

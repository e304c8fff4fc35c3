//! Advice on an experiment as a whole.

use super::checker::{Checker, spot};
use super::names::items;
use crate::name::IndicatorName;
use crate::text::{Code, Span};
use crate::written::experiment::{ExperimentSpec, List};
use crate::written::step::Step;

impl Checker<'_> {
    pub(super) fn advice(&mut self, spec: &ExperimentSpec, owner: &Span) {
        if items(&spec.steady_state).next().is_none() && spot(&spec.steady_state).is_none() {
            let hint =
                "say under `steadyState` what is true before and after; nothing else tells that the system recovered";
            self.hint(Code::NoSteadyState, owner, "there is no `steadyState`", hint);
        }
        let mut claims = items(&spec.expect).peekable();
        let has_claims = claims.peek().is_some();
        let is_symptom = |claim: &crate::written::claim::Claim| {
            claim.is.is_some()
                && claim.at.is_none()
                && claim.step.is_none()
                && claim.becomes.is_none()
                && claim.totals.is_none()
        };
        if let (true, true, false, Some(list)) =
            (has_claims, claims.all(is_symptom), any(&spec.method, &|step| step.wait_for.is_some()), &spec.expect)
        {
            let hint = "claim what the safety mechanism does: `becomes ... within ... after`, or `totals`";
            self.hint(Code::OnlySymptoms, &list.span, "every expectation says that something stays true", hint);
        }
        let bites = |step: &Step| step.inject.is_some() || (step.perform.is_some() && step.witness.is_some());
        if let Some(method) = &spec.method
            && method.value.is_some()
            && !any(&spec.method, &bites)
        {
            let hint = "add an `inject`, or a `witness` to an action that lasts";
            self.hint(Code::NoFault, &method.span, "the method injects nothing, so nothing can be seen to bite", hint);
        }
        let entries = spec.indicators.iter().flat_map(|spot| &spot.value).flat_map(|entries| &entries.0);
        for (name, _) in entries {
            let Some(word) = name.value.as_ref().and_then(|word| word.parse::<IndicatorName>().ok()) else { continue };
            if !self.used_indicators.contains(&word) {
                self.note(Code::UnusedIndicator, &name.span, format!("indicator `{word}` is not used"));
            }
        }
    }
}

fn any(list: &List<Step>, test: &dyn Fn(&Step) -> bool) -> bool {
    items(list).any(|step| test(step) || any(&step.parallel, test) || any(&step.meanwhile, test))
}

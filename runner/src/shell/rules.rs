//! Proof that a series made by a rule would have been seen: `up` says nothing of rules.

use super::matchers::matchers;
use crate::metrics::{MetricError, RuleKind, RuleState};
use jiff::Timestamp;
use squall_experiments::judge::{Labels, Reading, Sample, Series};
use std::collections::BTreeMap;

/// What evaluations have said so far, by rule: an answer tells only the last.
#[derive(Debug, Default)]
pub(super) struct Evaluations {
    seen: BTreeMap<Labels, BTreeMap<Timestamp, bool>>,
}

impl Evaluations {
    /// One series for each rule that may make a selector's series: 1 at every healthy evaluation in
    /// `(from, until]`, 0 at one that failed. A rule that nobody saw evaluated, or does not know, is 0 at the end.
    pub(super) fn proof(
        &mut self,
        selector: &str,
        rules: &Result<Vec<RuleState>, MetricError>,
        from: Timestamp,
        until: Timestamp,
    ) -> Vec<Series> {
        let metric = metric(selector);
        let is_alert = metric == "ALERTS" || metric == "ALERTS_FOR_STATE";
        // By the naming rules only recorded series have a colon: another server may have made them.
        let is_made_by_rules = is_alert || metric.contains(':');
        let alert = matchers(selector).into_iter().find_map(|matcher| value_of(matcher, "alertname"));
        let makes = |rule: &&RuleState| match rule.kind {
            RuleKind::Alerting => is_alert && alert.as_ref().is_none_or(|alert| *alert == rule.rule),
            RuleKind::Recording => rule.rule == metric,
        };
        let makers: Vec<&RuleState> = rules.iter().flatten().filter(makes).collect();
        let mut proof: Vec<Series> = makers.into_iter().map(|rule| self.series(rule, from, until)).collect();
        if proof.is_empty() && is_made_by_rules {
            let labels = Labels::from([("rule".to_owned(), metric)]);
            proof.push(Series { labels, samples: vec![Sample(until, Reading::Number(0.0))] });
        }
        proof
    }

    fn series(&mut self, rule: &RuleState, from: Timestamp, until: Timestamp) -> Series {
        let labels =
            Labels::from([("rule_group".to_owned(), rule.group.clone()), ("rule".to_owned(), rule.rule.clone())]);
        let seen = self.seen.entry(labels.clone()).or_default();
        if let Some(at) = rule.evaluated {
            // Two rules of a group may share a name.
            seen.entry(at).and_modify(|healthy| *healthy &= rule.healthy).or_insert(rule.healthy);
        }
        // What is asked for never goes back.
        *seen = seen.split_off(&from);
        let inside = seen.iter().filter(|(at, _)| from < **at && **at <= until);
        let mut samples: Vec<Sample> =
            inside.map(|(at, healthy)| Sample(*at, Reading::Number(f64::from(u8::from(*healthy))))).collect();
        if samples.is_empty() {
            samples.push(Sample(until, Reading::Number(0.0)));
        }
        Series { labels, samples }
    }
}

/// The name of the metric; empty where it is not named by equality.
fn metric(selector: &str) -> String {
    let name = selector.split('{').next().unwrap_or_default().trim();
    if !name.is_empty() {
        return name.to_owned();
    }
    matchers(selector).into_iter().find_map(|matcher| value_of(matcher, "__name__")).unwrap_or_default()
}

/// Every series of a selector's metric, whatever its labels.
pub(super) fn whole_metric(selector: &str) -> String {
    let name = metric(selector);
    if !name.is_empty() {
        return format!("{{__name__={name:?}}}");
    }
    let of_name = |matcher: &&str| matcher.trim_start().starts_with("__name__");
    let names: Vec<&str> = matchers(selector).into_iter().filter(of_name).collect();
    if names.is_empty() { selector.to_owned() } else { format!("{{{}}}", names.join(",")) }
}

/// What a matcher says a label equals.
fn value_of(matcher: &str, label: &str) -> Option<String> {
    let (name, value) = matcher.split_once('=')?;
    let value = value.trim();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\'' | '`'))?;
    let inner = value.strip_prefix(quote)?.strip_suffix(quote)?;
    (name.trim() == label && !inner.contains('\\')).then(|| inner.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn rule(kind: RuleKind, name: &str, evaluated: i64, healthy: bool) -> RuleState {
        RuleState { kind, group: "g".into(), rule: name.into(), healthy, evaluated: Some(at(evaluated)) }
    }

    fn said(proof: &[Series]) -> Vec<Vec<(i64, f64)>> {
        let number = |sample: &Sample| match sample.1 {
            Reading::Number(number) => (sample.0.as_second(), number),
            Reading::Text(_) => unreachable!("rules give numbers"),
        };
        proof.iter().map(|series| series.samples.iter().map(number).collect()).collect()
    }

    #[test]
    fn a_metric_is_all_of_its_series() {
        for (selector, whole) in [
            ("errors_total", r#"{__name__="errors_total"}"#),
            (r#"errors_total{code="500"}"#, r#"{__name__="errors_total"}"#),
            (r#"{__name__="a",b="c"}"#, r#"{__name__="a"}"#),
            (r#"{__name__=~"a|b",c="d"}"#, r#"{__name__=~"a|b"}"#),
            (r#"{c="d"}"#, r#"{c="d"}"#),
        ] {
            assert_eq!(whole_metric(selector), whole);
        }
    }

    #[test]
    fn each_healthy_evaluation_is_a_one_and_answers_before_are_remembered() {
        let mut evaluations = Evaluations::default();
        let mut proof = |evaluated, healthy, from, until| {
            let rules = Ok(vec![rule(RuleKind::Recording, "job:ok", evaluated, healthy)]);
            said(&evaluations.proof("job:ok{job=\"a\"}", &rules, at(from), at(until)))
        };
        assert_eq!(proof(9, true, 5, 10), [[(9, 1.0)]]);
        assert_eq!(proof(12, true, 7, 11), [[(9, 1.0)]]);
        assert_eq!(proof(14, false, 8, 14), [[(9, 1.0), (12, 1.0), (14, 0.0)]]);
        assert_eq!(proof(14, true, 20, 30), [[(30, 0.0)]], "it is no longer evaluated");
    }

    #[test]
    fn an_alert_that_does_not_fire_needs_its_own_rule() {
        let rules = Ok(vec![
            rule(RuleKind::Alerting, "Down", 9, true),
            rule(RuleKind::Alerting, "Slow", 9, false),
            rule(RuleKind::Recording, "Down", 9, false),
        ]);
        let proof = |selector: &str| said(&Evaluations::default().proof(selector, &rules, at(5), at(10)));
        assert_eq!(proof("ALERTS{alertname=\"Down\",alertstate=\"firing\"}"), [[(9, 1.0)]]);
        assert_eq!(proof("{__name__=\"ALERTS\", alertname='Slow'}"), [[(9, 0.0)]]);
        assert_eq!(proof("ALERTS{alertname=~\"D.*\"}").len(), 2, "any of them may be meant");
        assert_eq!(proof("ALERTS{alertname=\"Dwon\"}"), [[(10, 0.0)]], "no rule makes it");
        assert!(proof("errors_total{alertname=\"Down\"}").is_empty());
    }

    #[test]
    fn a_server_that_tells_nothing_of_its_rules_proves_nothing_of_them() {
        let rules = Err(MetricError::Unreachable { url: "u".into(), reason: "r".into() });
        let proof = |selector: &str| said(&Evaluations::default().proof(selector, &rules, at(5), at(10)));
        assert_eq!(proof("job:ok"), [[(10, 0.0)]]);
        assert_eq!(proof("ALERTS"), [[(10, 0.0)]]);
        assert!(proof("errors_total").is_empty());
    }
}

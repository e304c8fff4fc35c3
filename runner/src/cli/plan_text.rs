//! A plan for people.

use squall_experiments::experiment::Experiment;
use squall_experiments::plan::{Bounds, Plan};
use squall_experiments::unit::Length;
use std::time::Duration;

/// The plan of an experiment, ending with a line break.
pub(super) fn plan_text(experiment: &Experiment, plan: &Plan) -> String {
    let mut text = format!("{}: {}\n", experiment.name, experiment.title);
    let mut line = |written: String| {
        text.push_str(&written);
        text.push('\n');
    };
    line(format!("seed {}", plan.seed));
    let parts = plan.baseline.latest + plan.method.latest + plan.recovery.latest;
    let before = Bounds { earliest: Duration::ZERO, latest: plan.whole.latest.saturating_sub(parts) };
    line(format!(
        "takes {} in all: preflight {}, baseline {}, method {}, recovery {}",
        bounds(plan.whole),
        bounds(before),
        bounds(plan.baseline),
        bounds(plan.method),
        bounds(plan.recovery)
    ));
    let limits = &plan.limits;
    let most = limits.max_targets.map(|most| format!("at most {most}, ")).unwrap_or_default();
    line(format!(
        "hits at most {} at one moment (limits: {most}at most {}, {} left alone)",
        instances(plan.most_targets),
        limits.max_percent,
        limits.keep_at_least
    ));
    line(String::new());
    for step in &plan.steps {
        let indent = "  ".repeat(step.depth);
        line(format!("{indent}{}: {}", step.label, step.what));
        line(format!(
            "{indent}    starts {}, ends {} after the method's start",
            bounds(step.starts),
            bounds(step.ends)
        ));
        for (node, names) in &step.targets {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            line(format!("{indent}    hits {} on node {node} (of {})", names.join(", "), instances(step.population)));
        }
        if let Some(backend) = &step.backend {
            line(format!("{indent}    by {backend}"));
        }
        if !step.watched_by.is_empty() {
            let claims: Vec<String> = step.watched_by.iter().map(ToString::to_string).collect();
            line(format!("{indent}    watched by {}", claims.join(", ")));
        }
    }
    for note in &plan.notes {
        line(format!("note: {note}"));
    }
    text
}

fn instances(count: usize) -> String {
    format!("{count} instance{}", if count == 1 { "" } else { "s" })
}

fn bounds(bounds: Bounds) -> String {
    let tenth = |length: Duration| {
        let millis = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        Length::from_millis(millis.div_ceil(100) * 100)
    };
    let (earliest, latest) = (tenth(bounds.earliest), tenth(bounds.latest));
    if earliest == latest { earliest.to_string() } else { format!("{earliest} to {latest}") }
}

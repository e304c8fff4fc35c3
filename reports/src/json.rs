//! A run as JSON, for programs.
//!
//! The form has a version, [`JSON_VERSION`]; keys may be added within a version, so a reader
//! ignores those that it does not know. Nothing in it is computed anew: it is the record's
//! judgement and history without the samples.
//!
//! - Times `at`, `from`, `until`, `start`, `end` are seconds since the run began (`run.began`, RFC
//!   3339), to the millisecond. A step's `start` and `end` are `[requested, certain]`.
//! - `verdict` is `passed`, `failed`, `inconclusive`, `error`, `aborted` or `faultsMayRemain`; `null`
//!   in a run without judgement: it goes on, or its runner died. `exitCode` is that of `squall run`.
//! - A claim's `measure` is one of `timeToBecome {least, most}`, `violation {least, most}` (seconds),
//!   `worst {value, at}`, `total {inner, outer}`, `value {value}`; `measured` says it in words.
//! - `remaining` names what may still be disturbed, each with the command that removes it.
//! - `faults` is one entry for each order at an agent; `evidence` is what the agent saw, in the
//!   record's own form.
//!
//! Shortened; `tests/reports/snapshots/` holds a whole example for each verdict:
//!
//! ```json
//! {
//!   "version": 1,
//!   "run": {"id": "r-7f3k2", "began": "2026-11-22T05:00:00.000Z", "length": 38.1, "seed": 4711, "placebo": false,
//!           "again": "squall run slow-payments-opens-breaker.yaml --seed 4711", "squall": "0.1.0", "...": ""},
//!   "experiment": {"name": "slow-payments-opens-breaker", "title": "...", "labels": {}, "parameters": {}},
//!   "verdict": "passed", "exitCode": 0, "reasons": ["payments-slow was seen to bite, and every claim held."],
//!   "remaining": [],
//!   "claims": [{"name": "breaker-opens", "role": "expect", "outcome": "passed", "reason": "it became 1 in time",
//!               "source": {"kind": "query", "text": "max(shop_breaker_open)"}, "asked": "becomes 1 within 5s after ...",
//!               "measure": {"timeToBecome": {"least": 0.3, "most": 0.7}}, "measured": "after 300 to 700 ms",
//!               "window": [10.9, 23.1], "transition": [11.2, 11.6], "baseline": null, "samples": 188}],
//!   "witnesses": [{"step": "payments-slow", "outcome": "passed", "reason": "...", "without": []}],
//!   "waits": [], "recovery": {"timeToBecome": {"least": 0.0, "most": 0.2}}, "placebo": null,
//!   "phases": [{"phase": "baseline", "from": 0.6, "until": 10.85}],
//!   "steps": [{"name": "payments-slow", "what": "network delay 400ms", "start": [10.9, 11.02], "end": [23.1, 23.3]}],
//!   "faults": [{"id": "f-1", "instance": "payments-1", "evidence": {"packets": {"delayed": 1204}}, "...": ""}],
//!   "targets": [], "platforms": {}, "agents": {}, "notes": []
//! }
//! ```

use crate::terminal::fault_end;
use crate::view::{At, ClaimView, FaultView, Span, StepView, View};
use serde_json::{Value, json};
use squall_experiments::history::Record;
use squall_experiments::judge::{Measure, WitnessJudgement};

/// The version of the form that [`json()`] writes.
pub const JSON_VERSION: u32 = 1;

/// A run as JSON: see the [module's page](self).
pub fn json(record: &Record) -> Value {
    let view = View::of(record);
    let header = &record.header;
    let judgement = view.judgement();
    json!({
        "version": JSON_VERSION,
        "run": {
            "id": header.run,
            "began": format!("{:.3}", header.began),
            "length": view.last.rounded(),
            "file": header.file,
            "seed": header.seed,
            "placebo": header.placebo,
            "again": header.again,
            "squall": header.versions.squall,
            "host": header.versions.host,
            "kernel": header.versions.kernel,
        },
        "experiment": {
            "name": header.experiment.name,
            "title": header.experiment.title,
            "labels": header.experiment.labels,
            "parameters": header.experiment.parameters,
        },
        "verdict": judgement.map(|judgement| judgement.verdict),
        "exitCode": judgement.map(|judgement| judgement.verdict.exit_code()),
        "reasons": judgement.map(|judgement| judgement.reasons.as_slice()).unwrap_or_default(),
        "remaining": view.remaining().iter().map(|remaining| json!({
            "step": remaining.step,
            "fault": remaining.fault,
            "instance": remaining.instance,
            "node": remaining.node,
            "reason": remaining.reason,
            "remedy": remaining.remedy,
        })).collect::<Vec<_>>(),
        "claims": view.claims.iter().map(claim).collect::<Vec<_>>(),
        "witnesses": judgement.map(|judgement| witnesses(&judgement.witnesses)),
        "waits": judgement.map(|judgement| witnesses(&judgement.waits)),
        "recovery": judgement.and_then(|judgement| judgement.recovery.as_ref()).map(|it| measure(it, |_| At::default())),
        "placebo": judgement.and_then(|judgement| judgement.placebo.as_ref()).map(|reading| json!({
            "vacuous": reading.vacuous,
            "doesNotHold": reading.does_not_hold,
            "violated": reading.violated,
            "withoutData": reading.without_data,
        })),
        "phases": view.phases.iter().map(|phase| json!({
            "phase": phase.phase,
            "from": phase.from.rounded(),
            "until": phase.until.rounded(),
        })).collect::<Vec<_>>(),
        "steps": view.steps.iter().map(step).collect::<Vec<_>>(),
        "faults": view.faults.iter().map(fault).collect::<Vec<_>>(),
        "targets": view.targets.iter().map(|target| json!({
            "name": target.name,
            "node": target.node,
            "zone": target.instance.and_then(|instance| instance.zone.as_ref()),
            "labels": target.instance.map(|instance| &instance.labels),
            "addresses": target.instance.map(|instance| &instance.addresses),
            "planned": target.planned,
            "hit": target.hit,
        })).collect::<Vec<_>>(),
        "platforms": view.preflight.map(|found| &found.platforms),
        "agents": view.preflight.map(|found| &found.agents),
        "notes": judgement.map(|judgement| &judgement.notes),
    })
}

fn claim(view: &ClaimView<'_>) -> Value {
    let judged = view.judged;
    json!({
        "name": view.claim.name,
        "role": view.claim.role,
        "source": {"kind": view.source.word, "text": view.source.text},
        "asked": view.allowed,
        "outcome": judged.map(|judged| judged.outcome),
        "reason": judged.map(|judged| &judged.reason),
        "measure": judged.and_then(|judged| judged.measure.as_ref()).map(|it| measure(it, |time| view.clock.at(time))),
        "measured": view.measure,
        "window": view.window.map(interval),
        "transition": view.transition.map(interval),
        "baseline": judged.and_then(|judged| judged.baseline),
        "samples": view.plot.as_ref().map_or(0, |plot| plot.samples),
    })
}

fn measure(measure: &Measure, at: impl Fn(jiff::Timestamp) -> At) -> Value {
    match measure {
        Measure::TimeToBecome { least, most } => {
            json!({"timeToBecome": {"least": least.as_secs_f64(), "most": most.as_secs_f64()}})
        }
        Measure::Worst { value, at: when } => json!({"worst": {"value": value, "at": at(*when).rounded()}}),
        Measure::Violation { least, most } => {
            json!({"violation": {"least": least.as_secs_f64(), "most": most.as_secs_f64()}})
        }
        Measure::Total { inner, outer } => json!({"total": {"inner": inner, "outer": outer}}),
        Measure::Value { value } => json!({"value": {"value": value}}),
    }
}

fn witnesses(witnesses: &[WitnessJudgement]) -> Value {
    witnesses
        .iter()
        .map(|witness| {
            json!({
                "step": witness.name,
                "outcome": witness.outcome,
                "reason": witness.reason,
                "without": witness.without,
            })
        })
        .collect()
}

fn step(step: &StepView<'_>) -> Value {
    json!({
        "name": step.label,
        "depth": step.depth,
        "what": step.what,
        "prepare": step.prepare,
        "start": step.start.map(interval),
        "end": step.end.map(interval),
        "backend": step.planned.and_then(|planned| planned.backend.as_ref()),
        "population": step.planned.map(|planned| planned.population),
        "watchedBy": step.planned.map(|planned| &planned.watched_by),
    })
}

fn fault(fault: &FaultView<'_>) -> Value {
    json!({
        "id": fault.order.id,
        "step": fault.order.step,
        "instance": fault.order.instance,
        "node": fault.node,
        "order": fault.order.fault,
        "sent": fault.sent.rounded(),
        "on": fault.on.map(|(at, _)| at.rounded()),
        "backend": fault.on.map(|(_, backend)| backend),
        "refused": fault.refused,
        "evidence": fault.evidence,
        "end": fault.ended.map(|ended| json!({
            "at": ended.at.rounded(),
            "cause": ended.cause,
            "clean": ended.differences.is_empty(),
            "differences": ended.differences,
        })),
        "ended": fault_end(fault),
    })
}

fn interval((from, until): Span) -> Value {
    json!([from.rounded(), until.rounded()])
}

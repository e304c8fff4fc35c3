//! A small run for tests.

use squall_experiments::experiment::{Experiment, Limits};
use squall_experiments::history::{Entry, Event, Header, RECORD_VERSION, Versions, What};
use squall_experiments::judge::{Judgement, Verdict};
use squall_experiments::moment::Moment;
use squall_experiments::name::RunId;
use squall_experiments::plan::{Bounds, Plan};
use squall_experiments::unit::{Length, Percent};
use std::collections::BTreeMap;
use std::time::Duration;

/// A run of an experiment without steps and claims.
pub(crate) fn header(run: &str) -> Header {
    let nothing = Bounds { earliest: Duration::ZERO, latest: Duration::ZERO };
    let limits = Limits { max_targets: None, max_percent: "50%".parse::<Percent>().unwrap(), keep_at_least: 1 };
    Header {
        version: RECORD_VERSION,
        run: RunId::new(run),
        began: "2026-11-22T07:00:00Z".parse().unwrap(),
        experiment: Experiment {
            name: "sample".parse().unwrap(),
            title: "nothing happens".into(),
            labels: BTreeMap::new(),
            parameters: BTreeMap::new(),
            steady_state: vec![],
            recover_within: Length::from_secs(60),
            prepare: vec![],
            method: vec![],
            expect: vec![],
            abort_if: vec![],
            limits,
        },
        text: String::new(),
        file: "sample.yaml".into(),
        plan: Plan {
            seed: 7,
            baseline: nothing,
            steps: vec![],
            method: nothing,
            recovery: nothing,
            whole: nothing,
            most_targets: 0,
            limits,
            protected: vec![],
            notes: vec![],
        },
        seed: 7,
        placebo: false,
        again: "squall run sample.yaml --seed 7".into(),
        versions: Versions { squall: "0".into(), host: "h".into(), kernel: "k".into() },
        agents: BTreeMap::new(),
    }
}

/// An entry that says that time passed.
pub(crate) fn entry(number: u64) -> Entry {
    let at = Moment { elapsed: Duration::from_secs(number), wall: "2026-11-22T07:00:00Z".parse().unwrap() };
    Entry { number, at, what: What::Event(Event::TimePassed) }
}

/// A judgement without claims.
pub(crate) fn judgement(verdict: Verdict) -> Judgement {
    Judgement {
        verdict,
        reasons: vec!["it is a sample".into()],
        claims: vec![],
        witnesses: vec![],
        waits: vec![],
        remaining: vec![],
        recovery: None,
        placebo: None,
        notes: vec![],
    }
}

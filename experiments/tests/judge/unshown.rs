//! A query whose coverage cannot be shown: what rests on it can fail, and never pass.

use crate::world::{World, becomes, claim, during, end, evaluated, is, seconds, start, tolerance};
use squall_experiments::claim::{Allowance, Claim, Dwell, Query, Role, Source, Verb, Window};
use squall_experiments::experiment::{Template, WaitFor, Witness};
use squall_experiments::judge::{
    AbortState, Judged, Outcome, Recovery, WaitCase, WitnessCase, aborts, recovery, steady, wait_for, witness,
};
use squall_experiments::moment::Interval;
use std::time::Duration;

const UNSHOWN: &str = "its coverage cannot be shown";

fn unreadable() -> Source {
    Source::Query(Query { text: Template::text("max(ok"), shape: None })
}

fn pinned() -> Source {
    let Source::Query(mut query) = evaluated("max(ok @ start())", &[("ok", 0.0)]) else { unreachable!() };
    query.shape.as_mut().unwrap().leaves[0].pinned = true;
    Source::Query(query)
}

/// What was so before the fault.
fn shifted() -> Source {
    let Source::Query(mut query) = evaluated("max(ok offset 1m)", &[("ok", 0.0)]) else { unreachable!() };
    query.shape.as_mut().unwrap().leaves[0].offset = Duration::from_secs(60);
    Source::Query(query)
}

/// What is so whatever happens.
fn constant() -> Source {
    evaluated("vector(1)", &[])
}

fn sources() -> [Source; 4] {
    [unreadable(), pinned(), shifted(), constant()]
}

/// A value, and a raw sample, every second at x.1 from -91 on.
fn world(value: impl Fn(i32) -> f64) -> World {
    let world = World::new(1.0, 0.1).fault(0.0, 20.0);
    let samples: Vec<(f64, f64)> = (-91..60).map(|second| (f64::from(second) + 0.1, value(second))).collect();
    let series = world.series("a", &samples);
    world.answered(-91.0, 60.0, vec![series.clone()], vec![vec![series]])
}

fn from(second: i32) -> impl Fn(i32) -> f64 {
    move |now| f64::from(u8::from(now >= second))
}

#[test]
fn no_claim_passes_and_each_can_fail() {
    for source in sources() {
        let verb = |verb| claim(source.clone(), verb);
        let one = || "1".parse().unwrap();
        let budget = tolerance(Some(Allowance::Time(seconds(2.0))), None);
        let lasting = Dwell::For { length: seconds(5.0), tolerance: tolerance(None, None) };
        for claim in [
            is(source.clone(), "1"),
            verb(Verb::Is { predicate: one(), window: during(), tolerance: budget }),
            verb(Verb::IsAt { predicate: one(), at: end() }),
        ] {
            world(|_| 1.0).expect(&claim, Outcome::Inconclusive, UNSHOWN);
            world(|_| 0.0).expect(&claim, Outcome::Failed, "not `1`");
        }
        for claim in [
            becomes(source.clone(), "1", 5.0, start()),
            verb(Verb::Becomes { predicate: one(), after: start(), within: seconds(5.0), dwell: lasting }),
        ] {
            world(from(2)).expect(&claim, Outcome::Inconclusive, UNSHOWN);
            world(|_| 0.0).expect(&claim, Outcome::Failed, "still not `1`");
        }
    }
}

#[test]
fn neither_the_steady_state_nor_a_recovery_rests_on_it() {
    for source in sources() {
        let verb =
            Verb::Is { predicate: "1".parse().unwrap(), window: Window::Baseline, tolerance: tolerance(None, None) };
        let claim = Claim { role: Role::SteadyState, ..claim(source, verb) };
        let over = |world: &World| match steady(&world.case(&claim), world.moment(-30.0), world.moment(0.0)) {
            Judged::Settled { outcome, reason, .. } => (outcome, reason),
            Judged::Pending { now } => panic!("pending: {now}"),
        };
        let (outcome, reason) = over(&world(|_| 1.0));
        assert_eq!((outcome, reason.contains(UNSHOWN)), (Outcome::Inconclusive, true), "{reason}");
        assert_eq!(over(&world(|_| 0.0)).0, Outcome::Failed);
        let world = world(|_| 1.0);
        let length = Duration::from_secs(10);
        match recovery(&[world.case(&claim)], Interval::at(world.moment(20.0)), length, length) {
            Recovery::Unknown { reason } => assert!(reason.contains(UNSHOWN), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn neither_a_witness_nor_a_wait_rests_on_it() {
    let step = "fault".parse().unwrap();
    for source in sources() {
        let world = world(|second| f64::from(u8::from((1..21).contains(&second))));
        let (timeline, clock, observed) = (&world.timeline, world.clock(), &world.observed);
        let (becomes, within) = ("1".parse().unwrap(), seconds(5.0));
        let seen = Witness { source: source.clone(), platform: None, becomes, within, absent: None };
        let judged = witness(&WitnessCase { witness: &seen, step: &step, timeline, clock, observed });
        let is_unshown = |judged: &Judged| matches!(judged, Judged::Settled { outcome: Outcome::Inconclusive, reason, .. } if reason.contains(UNSHOWN));
        assert!(is_unshown(&judged), "{judged:?}");
        let wait = WaitFor { source, platform: None, is: "1".parse().unwrap(), within, absent: None };
        let judged = wait_for(&WaitCase { wait: &wait, step: &step, timeline, clock, observed }, world.moment(30.0));
        assert!(is_unshown(&judged), "{judged:?}");
    }
}

/// The baseline gives up over a blind stop, so nothing is done that it could have stopped.
#[test]
fn a_safety_stop_is_blind_at_once_unless_it_is_true() {
    for source in sources() {
        let verb = Verb::Aborts { predicate: "below 80%".parse().unwrap(), lasting: None };
        let stop = Claim { role: Role::AbortIf, ..claim(source, verb) };
        let state = |world: &World| aborts(&world.case(&stop), world.moment(-5.0), world.moment(-4.0));
        match state(&world(|_| 1.0)) {
            AbortState::Blind { reason } => assert!(reason.contains(UNSHOWN), "{reason}"),
            other => panic!("{other:?}"),
        }
        let low = world(|_| 0.5);
        assert!(matches!(aborts(&low.case(&stop), low.moment(-5.0), low.moment(5.0)), AbortState::True { .. }));
    }
}

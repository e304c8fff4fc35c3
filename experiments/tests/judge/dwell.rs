//! What must stay so after a change, and how much violation is tolerated.

use crate::world::{World, claim, end, plain, seconds, start, times, tolerance};
use squall_experiments::claim::{Allowance, Claim, Dwell, Tolerance, Verb};
use squall_experiments::judge::{Judged, Measure, Outcome};
use squall_experiments::unit::Percent;

fn world(open: impl Fn(i32) -> bool) -> World {
    let world = World::new(1.0, 0.1).fault(0.0, 20.0);
    let samples: Vec<(f64, f64)> =
        (-11..40).map(|second| (f64::from(second) + 0.1, f64::from(u8::from(open(second))))).collect();
    let series = world.series("a", &samples);
    world.answered(-11.0, 39.5, vec![series], vec![])
}

fn opens(dwell: Dwell) -> Claim {
    let (predicate, within) = ("1".parse().unwrap(), seconds(5.0));
    claim(plain("open"), Verb::Becomes { predicate, after: start(), within, dwell })
}

fn until_end(tolerance: Tolerance) -> Dwell {
    Dwell::Until { until: end(), tolerance }
}

fn time(at: f64) -> Option<Allowance> {
    Some(Allowance::Time(seconds(at)))
}

#[test]
fn it_must_stay_so_until_the_instant() {
    let claim = opens(until_end(Tolerance::default()));
    let measure =
        world(|second| (2..20).contains(&second)).expect(&claim, Outcome::Passed, "stayed so until fault.end");
    let (least, most) = times(measure);
    assert!((1.1..1.2).contains(&least) && (2.1..2.3).contains(&most));
    let broken = world(|second| second >= 2 && second != 11);
    broken.expect(
        &claim,
        Outcome::Failed,
        "but did not stay so until fault.end: not `1` {instance=\"a\"} 11.1 s after fault.start",
    );
}

#[test]
fn it_must_stay_so_for_a_length_counted_from_the_change() {
    let claim = |length: f64| opens(Dwell::For { length: seconds(length), tolerance: Tolerance::default() });
    let six = || world(|second| (2..8).contains(&second));
    six().expect(&claim(6.0), Outcome::Passed, "stayed so for 6s");
    six().expect(&claim(8.0), Outcome::Failed, "but did not stay so for 8s");
    six().expect(&claim(0.5), Outcome::Inconclusive, "too late to see it stay so");
}

#[test]
fn it_waits_for_the_end_of_what_must_stay() {
    let claim = opens(until_end(Tolerance::default()));
    let mut world = world(|second| second >= 2);
    world.observed.settled = Some(world.at(12.0));
    match world.find(&claim).judged {
        Judged::Pending { now } => assert!(now.contains("now it must stay so until fault.end"), "{now}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_budget_is_kept_broken_or_cannot_be_told() {
    // Closed at 8.1 and 9.1: for at least 0.9 s and at most 3.1 s.
    let closed = || world(|second| second >= 2 && second != 8 && second != 9);
    for (budget, outcome) in
        [(3.2, Outcome::Passed), (3.0, Outcome::Inconclusive), (1.0, Outcome::Inconclusive), (0.8, Outcome::Failed)]
    {
        closed().expect(&opens(until_end(tolerance(time(budget), None))), outcome, "2");
    }
    let share = Some(Allowance::Share(Percent::from_fraction(0.2).unwrap()));
    closed().expect(&opens(until_end(tolerance(share, None))), Outcome::Passed, "allowed 3.6 s");
}

#[test]
fn the_longest_single_violation_has_a_limit_of_its_own() {
    let often = || world(|second| second >= 2 && second % 5 != 0);
    let claim = |longest: f64| opens(until_end(tolerance(time(10.0), time(longest))));
    often().expect(&claim(2.2), Outcome::Passed, "stayed so");
    often().expect(&claim(1.5), Outcome::Inconclusive, "too coarse");
    let long = world(|second| second >= 2 && !(8..12).contains(&second));
    long.expect(&claim(2.0), Outcome::Failed, "did not stay so");
}

#[test]
fn an_invariant_with_a_budget_measures_the_time_in_violation() {
    let verb = Verb::Is {
        predicate: "1".parse().unwrap(),
        window: crate::world::during(),
        tolerance: tolerance(time(5.0), None),
    };
    let measure =
        world(|second| second != 8 && second != 9).expect(&claim(plain("ok"), verb), Outcome::Passed, "not `1`");
    let Some(Measure::Violation { least, most }) = measure else { panic!("{measure:?}") };
    assert_eq!((least.as_millis(), most.as_millis()), (900, 3100));
}

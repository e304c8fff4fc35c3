//! What a fault itself takes away is declared; all other loss is not.

use crate::world::{World, counters, is, labels, plain, totals};
use squall_experiments::judge::{Measure, Outcome, Series};

/// Two instances; b says nothing from 1 s to `back`.
fn world(back: i32) -> World {
    let world = World::new(1.0, 0.1).fault(0.0, 10.0);
    let series = series(&world, back);
    world.answered(-11.0, 39.5, series, vec![]).based(-11.0, -1.0)
}

fn series(world: &World, back: i32) -> Vec<Series> {
    let samples = |there: &dyn Fn(i32) -> bool| -> Vec<(f64, f64)> {
        (-11..40).filter(|second| there(*second)).map(|second| (f64::from(second) + 0.1, 1.0)).collect()
    };
    vec![world.series("a", &samples(&|_| true)), world.series("b", &samples(&|second| second < 1 || second >= back))]
}

fn b() -> squall_experiments::judge::Labels {
    labels(&[("instance", "b")])
}

#[test]
fn a_declared_loss_takes_its_series_out_of_the_count() {
    let claim = is(plain("ok"), "1");
    world(11).expect(&claim, Outcome::Inconclusive, "{instance=\"b\"}");
    world(11).lose(b(), 0.0, Some(10.0)).expect(&claim, Outcome::Passed, "at every sample");
    // Declared for another instance.
    let other = labels(&[("instance", "b"), ("zone", "z2")]);
    world(11).lose(other, 0.0, Some(10.0)).expect(&claim, Outcome::Inconclusive, "{instance=\"b\"}");
}

#[test]
fn a_loss_lasts_three_intervals_and_a_timeout_longer_than_its_step() {
    let claim = squall_experiments::claim::Claim {
        verb: squall_experiments::claim::Verb::Is {
            predicate: "1".parse().unwrap(),
            window: squall_experiments::claim::Window::Between {
                from: crate::world::start(),
                to: squall_experiments::experiment::Instant {
                    offset: crate::world::length(15.0),
                    ..crate::world::end()
                },
            },
            tolerance: Default::default(),
        },
        ..is(plain("ok"), "1")
    };
    world(13).lose(b(), 0.0, Some(10.0)).expect(&claim, Outcome::Passed, "at every sample");
    world(20).lose(b(), 0.0, Some(10.0)).expect(&claim, Outcome::Inconclusive, "no samples for");
}

#[test]
fn a_claim_whose_every_series_is_lost_is_inconclusive() {
    let world = world(11).lose(b(), 0.0, Some(10.0));
    let only_b: Vec<Series> = series(&world, 11).into_iter().filter(|series| series.labels == b()).collect();
    let mut world = World { observed: squall_experiments::judge::Observed::new(world.observed.sampling), ..world };
    world.baseline = None;
    let world = world.answered(-11.0, 39.5, only_b, vec![]).based(-11.0, -1.0);
    world.expect(&is(plain("ok"), "1"), Outcome::Inconclusive, "every series was lost to the fault");
}

#[test]
fn what_is_declared_lost_and_is_there_counts() {
    // `up` of a killed instance goes on being sampled.
    let world = World::new(1.0, 0.1).fault(0.0, 10.0).lose(b(), 0.0, Some(10.0));
    let up: Vec<f64> = (0..45).map(|second| f64::from(u8::from(!(11..21).contains(&second)))).collect();
    let series = world.every_second("b", -10.0, &up);
    let world = world.answered(-10.5, 34.0, vec![series], vec![]).based(-10.0, -1.0);
    let claim = crate::world::becomes(plain("up"), "0", 5.0, crate::world::start());
    world.expect(&claim, Outcome::Passed, "became `0`");
}

#[test]
fn a_lost_counter_counts_only_if_samples_bracket_its_gap_without_a_reset() {
    let count = |reset: bool| {
        let world = World::new(1.0, 0.1).fault(0.0, 10.0).lose(b(), 0.0, Some(10.0));
        let rising = |name: &str, there: &dyn Fn(i32) -> bool, value: &dyn Fn(i32) -> f64| {
            let samples: Vec<(f64, f64)> = (-11..40)
                .filter(|second| there(*second))
                .map(|second| (f64::from(second) + 0.1, value(second)))
                .collect();
            world.series(name, &samples)
        };
        let a = rising("a", &|_| true, &|second| f64::from(second + 11));
        let b = rising("b", &|second| !(1..12).contains(&second), &|second| {
            if second >= 12 && reset { f64::from(second - 12) } else { f64::from(second + 11) }
        });
        let leaves = vec![vec![a, b]];
        world.answered(-11.0, 39.5, vec![], leaves).based(-11.0, -1.0)
    };
    let claim = totals(counters(&["n"]), "at most 40");
    let kept = count(false).expect(&claim, Outcome::Passed, "over fault.start to fault.end");
    assert_eq!(kept, Some(Measure::Total { inner: 9.0, outer: 11.0 + 13.0 }));
    let reset =
        count(true).expect(&claim, Outcome::Passed, "not counted, because a fault took it away: {instance=\"b\"}");
    assert_eq!(reset, Some(Measure::Total { inner: 9.0, outer: 11.0 }));
}

#[test]
fn a_total_waits_for_what_a_fault_took_away() {
    let mut world = world(12).lose(b(), 0.0, Some(10.0));
    let leaves = vec![world.observed.values.clone()];
    world = world.answered(-11.0, 39.5, vec![], leaves);
    let claim = totals(counters(&["n"]), "at most 40");
    let need = squall_experiments::judge::needs(&claim, &world.timeline, world.clock(), world.observed.sampling);
    // 10 s, three intervals and a timeout until it must be back; two and a half and a timeout to see it.
    assert_eq!(need.settled, Some(world.at(15.7)));
    world.observed.settled = Some(world.at(13.0));
    assert!(matches!(world.find(&claim).judged, squall_experiments::judge::Judged::Pending { .. }));
}

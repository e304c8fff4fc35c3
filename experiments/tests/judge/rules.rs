//! Rules of single claims: events and changes are intervals, coverage, absence, what lies at the edges.

use crate::world::{
    World, becomes, claim, counters, end, evaluated, is, labels, length, plain, seconds, start, times, tolerance,
    totals,
};
use squall_experiments::claim::{Allowance, Claim, Source, Verb};
use squall_experiments::experiment::Instant;
use squall_experiments::history::WatchFailure;
use squall_experiments::judge::{Judged, Measure, Outcome, Reading, Sample, Series, needs};

const INCONCLUSIVE: Outcome = Outcome::Inconclusive;

/// A gauge sampled every second at x.1 from -10.9 on; the fault lasts from 0 to 20.
fn gauge(values: impl Fn(i32) -> Option<f64>) -> World {
    let world = World::new(1.0, 0.1).fault(0.0, 20.0);
    let samples: Vec<(f64, f64)> =
        (-11..40).filter_map(|second| values(second).map(|value| (f64::from(second) + 0.1, value))).collect();
    let series = world.series("a", &samples);
    world.answered(-11.0, 39.5, vec![series], vec![])
}

#[test]
fn a_source_whose_clock_is_another_is_judged_at_the_runs_own_times() {
    // Dark just before the fault and just after it, closed again in its middle.
    let lit = |second: i32| f64::from(u8::from((0..20).contains(&second)));
    let opened = |second: i32| f64::from(u8::from((3..12).contains(&second)));
    let gauge = |skew: f64, values: &dyn Fn(i32) -> f64| {
        let world = World::new(1.0, 0.1).skewed(skew).fault(0.0, 20.0);
        let samples: Vec<(f64, f64)> = (-11..40).map(|second| (f64::from(second) + 0.1, values(second))).collect();
        let series = world.series("a", &samples);
        world.answered(-11.0, 39.5, vec![series], vec![])
    };
    for skew in [-7.0, 0.0, 7.0] {
        gauge(skew, &lit).expect(&is(plain("lit"), "1"), Outcome::Passed, "");
        let world = gauge(skew, &opened);
        let (least, most) = times(world.expect(&becomes(plain("open"), "1", 5.0, start()), Outcome::Passed, ""));
        assert!((least - 2.1).abs() < 1e-6 && (most - 3.2).abs() < 1e-6, "{skew}: {least} {most}");
        assert_eq!(
            world.find(&becomes(plain("open"), "1", 5.0, start())).transition,
            Some((world.at(2.1), world.at(3.2)))
        );
    }
}

fn up_from(second: i32) -> impl Fn(i32) -> Option<f64> {
    move |now| Some(f64::from(u8::from(now >= second)))
}

#[test]
fn a_change_lies_between_the_last_old_and_the_first_new_sample() {
    let claim = becomes(plain("open"), "1", 5.0, start());
    let world = gauge(up_from(3));
    let (least, most) = times(world.expect(
        &claim,
        Outcome::Passed,
        "became `1` between 2.1 s and 3.2 s after fault.start; allowed 5 s",
    ));
    // The new sample was read within the scrape's 100 ms.
    assert!((least - 2.1).abs() < 1e-6 && (most - 3.2).abs() < 1e-6, "{least} {most}");
    assert_eq!(world.find(&claim).transition, Some((world.at(2.1), world.at(3.2))));
    gauge(up_from(9)).expect(&claim, Outcome::Failed, "between 8.1 s and 9.2 s");
    gauge(up_from(100)).expect(&claim, Outcome::Failed, "still not `1`");
}

#[test]
fn a_deadline_between_the_samples_cannot_be_judged() {
    for (within, outcome) in [(3.3, Outcome::Passed), (3.0, INCONCLUSIVE), (2.2, INCONCLUSIVE), (2.0, Outcome::Failed)]
    {
        let says = if outcome == INCONCLUSIVE { "too coarse" } else { "became `1`" };
        gauge(up_from(3)).expect(&becomes(plain("open"), "1", within, start()), outcome, says);
    }
}

#[test]
fn an_event_that_took_a_while_widens_the_measure() {
    let world = gauge(up_from(3));
    let world = World { timeline: World::new(1.0, 0.1).fuzzy_fault((0.0, 1.5), (20.0, 20.0)).timeline, ..world };
    let (least, most) = times(world.expect(&becomes(plain("open"), "1", 5.0, start()), Outcome::Passed, "became"));
    assert!((least - 0.6).abs() < 1e-6 && (most - 3.2).abs() < 1e-6, "{least} {most}");
}

#[test]
fn what_was_already_so_proves_nothing() {
    let claim = becomes(plain("open"), "1", 5.0, start());
    let world = gauge(|_| Some(1.0));
    world.expect(&claim, INCONCLUSIVE, "it was already so");
    assert!(world.find(&claim).already_so);
    // "closes after the fault" cannot pass if it never opened.
    gauge(|_| Some(0.0)).expect(&becomes(plain("open"), "0", 5.0, end()), INCONCLUSIVE, "it was already so");
    // It opened, and closed just before the end was certain: met at once.
    let closed = gauge(|second| Some(f64::from(u8::from((3..19).contains(&second)))));
    let measure = closed.expect(&becomes(plain("open"), "0", 5.0, end()), Outcome::Passed, "seen otherwise before");
    assert_eq!(times(measure), (0.0, 0.0));
}

#[test]
fn a_fault_that_bites_within_one_interval_was_not_so_before() {
    // Scraped at x.15, evaluated at x.0 and x.2: the value at 0.2 rests on the scrape at 0.15.
    let world = World::new(0.2, 0.1).fault(0.05, 5.0);
    let cut = |at: f64| (at, f64::from(u8::from((0.0..5.0).contains(&at))));
    let raw: Vec<(f64, f64)> = (-50..50).map(|place| cut(f64::from(place) * 0.2 + 0.15)).collect();
    let evaluated_at: Vec<(f64, f64)> =
        (-50..50).map(|place| (f64::from(place) * 0.2, cut(f64::from(place) * 0.2 - 0.05).1)).collect();
    let (raw, values) = (world.series("a", &raw), world.series("a", &evaluated_at));
    let world = world.answered(-10.0, 10.0, vec![values], vec![vec![raw]]);
    let claim = becomes(evaluated("max(cut)", &[("cut", 0.0)]), "1", 3.0, start());
    let (least, most) = times(world.expect(&claim, Outcome::Passed, "became `1`"));
    assert!(least < 1e-6 && (0.1..0.4).contains(&most), "{least} {most}");
}

#[test]
fn true_false_true_is_timed_to_the_second_true() {
    let world = gauge(|second| Some(f64::from(u8::from(!(1..4).contains(&second)))));
    let (least, most) = times(world.expect(&becomes(plain("primary"), "1", 6.0, start()), Outcome::Passed, "became"));
    assert!((3.1..3.2).contains(&least) && (4.1..4.3).contains(&most), "{least} {most}");
    // Lost for good.
    gauge(|second| Some(f64::from(u8::from(second < 1)))).expect(
        &becomes(plain("primary"), "1", 6.0, start()),
        Outcome::Failed,
        "still not `1`",
    );
}

#[test]
fn nothing_is_decided_before_it_is_settled() {
    let claim = becomes(plain("open"), "1", 5.0, start());
    let world = World::new(1.0, 0.1).fault(0.0, 20.0);
    let samples: Vec<(f64, f64)> = (-11..6).map(|second| (f64::from(second) + 0.1, 0.0)).collect();
    let series = world.series("a", &samples);
    let mut chunk = world.chunk(-11.0, 6.0, vec![series], vec![]);
    chunk.settled = world.at(3.9);
    let mut world = world;
    world.observed.take(chunk);
    assert!(matches!(world.find(&claim).judged, Judged::Pending { .. }));
    let need = needs(&claim, &world.timeline, world.clock(), world.observed.sampling);
    assert_eq!(need.settled, Some(world.at(7.0)));
    assert_eq!(need.from, Some(world.at(-3.0)));
    // The run ends: what is pending stays undecided for ever.
    world.timeline.close();
    world.expect(&claim, INCONCLUSIVE, "the run ended before this was decided");
}

#[test]
fn a_claim_about_a_step_that_never_ran_is_inconclusive() {
    let mut world = World::new(1.0, 0.1);
    let claim = becomes(plain("open"), "1", 5.0, start());
    assert!(matches!(world.find(&claim).judged, Judged::Pending { .. }));
    world.timeline.close();
    world.expect(&claim, INCONCLUSIVE, "fault.start never came");
}

#[test]
fn an_invariant_is_judged_on_the_certain_inner_part() {
    // False at 0.1 and 20.1 only: the edges, 0 to 0.5 and 19.5 to 20.5, decide nothing.
    let world = gauge(|second| Some(f64::from(u8::from(second != 0 && second != 20))));
    let world = World { timeline: World::new(1.0, 0.1).fuzzy_fault((0.0, 0.5), (19.5, 20.5)).timeline, ..world };
    world.expect(&is(plain("ok"), "1"), Outcome::Passed, "at every sample");
    let inside = gauge(|second| Some(f64::from(u8::from(second != 7))));
    let measure =
        inside.expect(&is(plain("ok"), "1"), Outcome::Failed, "not `1` {instance=\"a\"} 7.1 s after fault.start");
    assert_eq!(measure, Some(Measure::Worst { value: 0.0, at: inside.at(7.1) }));
}

#[test]
fn coverage_is_thin_beyond_one_sample_or_five_percent_or_a_gap_of_two_and_a_half_intervals() {
    let claim = is(plain("ok"), "1");
    let without = |missing: &'static [i32]| gauge(move |second| (!missing.contains(&second)).then_some(1.0));
    without(&[4]).expect(&claim, Outcome::Passed, "at every sample");
    without(&[4, 9]).expect(&claim, INCONCLUSIVE, "2 of 20 samples are missing");
    without(&[4, 5]).expect(&claim, INCONCLUSIVE, "no samples for 3 s");
    without(&[18, 19]).expect(&claim, INCONCLUSIVE, "the newest sample is 2.9 s old");
}

#[test]
fn one_reading_that_is_no_number_is_enough_to_say_nothing() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let world = gauge(move |second| Some(if second == 7 { bad } else { 1.0 }));
        world.expect(&is(plain("ok"), "at most 1"), INCONCLUSIVE, "is no number to compare");
        let tolerant = Claim {
            verb: Verb::Is {
                predicate: "at most 1".parse().unwrap(),
                window: crate::world::during(),
                tolerance: tolerance(Some(Allowance::Time(seconds(10.0))), None),
            },
            ..is(plain("ok"), "1")
        };
        world.expect(&tolerant, INCONCLUSIVE, "is no number to compare");
    }
}

#[test]
fn a_change_may_hide_in_readings_that_say_nothing() {
    // What CI found: no sample at 19, NaN at 20, where the time allowed is over at 19.
    let claim = becomes(plain("v"), "0", 4.0, end());
    let world = |until: f64| {
        let world = World::new(1.0, 0.1).fault(0.0, 15.0);
        let known = [(18.0, 1.0), (20.0, f64::NAN), (22.0, 1.0)];
        let known: Vec<(f64, f64)> = known.into_iter().filter(|(at, _)| *at <= until).collect();
        let series = world.series("a", &known);
        world.answered(-12.0, until, vec![series], vec![])
    };
    assert!(matches!(world(20.5).find(&claim).judged, Judged::Pending { .. }));
    for until in [21.0, 32.0] {
        world(until).expect(&claim, INCONCLUSIVE, "NaN");
    }
    // One such reading is as good as one that is missing, and three in a row are too many.
    let silent =
        |from: i32, to: i32| gauge(move |second| Some(if (from..=to).contains(&second) { f64::NAN } else { 0.0 }));
    let claim = becomes(plain("open"), "1", 5.0, start());
    silent(2, 2).expect(&claim, Outcome::Failed, "still not `1`");
    silent(2, 4).expect(&claim, INCONCLUSIVE, "NaN {instance=\"a\"} is no number to compare");
}

#[test]
fn a_query_needs_the_raw_samples_behind_it() {
    let world = gauge(|_| Some(1.0));
    let claim = is(evaluated("max(ok)", &[("ok", 0.0)]), "1");
    world.expect(&claim, INCONCLUSIVE, "no raw samples of `ok` were seen");
}

#[test]
fn several_series_must_all_satisfy_and_one_that_goes_missing_says_nothing() {
    let world = |b: fn(i32) -> Option<f64>| {
        let world = World::new(1.0, 0.1).fault(0.0, 20.0);
        let samples = |values: &dyn Fn(i32) -> Option<f64>| -> Vec<(f64, f64)> {
            (-11..40).filter_map(|second| values(second).map(|value| (f64::from(second) + 0.1, value))).collect()
        };
        let (a, b) = (world.series("a", &samples(&|_| Some(1.0))), world.series("b", &samples(&b)));
        world.answered(-11.0, 39.5, vec![a, b], vec![]).based(-11.0, -1.0)
    };
    let claim = is(plain("ok"), "1");
    world(|_| Some(1.0)).expect(&claim, Outcome::Passed, "at every sample");
    world(|second| Some(f64::from(u8::from(second != 5)))).expect(&claim, Outcome::Failed, "{instance=\"b\"} 5.1 s");
    world(|second| (second < 10).then_some(1.0)).expect(&claim, INCONCLUSIVE, "old {instance=\"b\"}");
    world(|second| (second > 10).then_some(1.0)).expect(&claim, Outcome::Passed, "at every sample");
}

#[test]
fn a_series_born_true_among_others_that_were_so_before_shows_no_change() {
    let world = |a: fn(i32) -> Option<f64>, b: fn(i32) -> Option<f64>| {
        let world = World::new(1.0, 0.1).fault(0.0, 20.0);
        let samples = |values: fn(i32) -> Option<f64>| -> Vec<(f64, f64)> {
            (-11..40).filter_map(|second| values(second).map(|value| (f64::from(second) + 0.1, value))).collect()
        };
        let (a, b) = (world.series("a", &samples(a)), world.series("b", &samples(b)));
        world.answered(-11.0, 39.5, vec![a, b], vec![]).based(-11.0, -1.0)
    };
    let claim = becomes(plain("open"), "1", 8.0, start());
    let born = |second: i32| (second >= 3).then_some(1.0);
    world(|_| Some(1.0), born).expect(&claim, INCONCLUSIVE, "already");
    world(|second| Some(f64::from(u8::from(second >= 4))), born).expect(&claim, Outcome::Passed, "became `1`");
}

#[test]
fn the_first_sample_at_or_after_an_instant_decides() {
    let at = |offset: f64| Instant { offset: length(offset), ..end() };
    let claim = |offset: f64| claim(plain("lost"), Verb::IsAt { predicate: "0".parse().unwrap(), at: at(offset) });
    let world = gauge(|second| (!(22..=30).contains(&second)).then_some(if second == 20 { 0.0 } else { 3.0 }));
    world.expect(&claim(0.0), Outcome::Passed, "0, 0.1 s after fault.end");
    world.expect(&claim(0.2), Outcome::Failed, "3, not `0`");
    world.expect(&claim(3.0), INCONCLUSIVE, "no sample in time");
}

#[test]
fn texts_are_compared_where_the_source_gives_text() {
    let world = World::new(1.0, 0.1).fault(0.0, 20.0);
    let said = |second: i32| Reading::Text(if second < 4 { "Running" } else { "Completed" }.to_owned());
    let samples = (-11..40).map(|second| Sample(world.at(f64::from(second) + 0.1), said(second))).collect();
    let world = world.answered(-11.0, 39.5, vec![Series { labels: labels(&[]), samples }], vec![]);
    world.expect(&becomes(plain("phase"), "Completed", 6.0, start()), Outcome::Passed, "became `Completed`");
    world.expect(&is(plain("phase"), "Completed"), Outcome::Failed, "not `Completed`");
    world.expect(&is(plain("phase"), "at least 1"), INCONCLUSIVE, "cannot be compared");
}

#[test]
fn a_total_is_judged_by_its_inner_and_its_outer_value() {
    // One event every second; the fault's edges are half a second wide.
    let world = gauge(|second| Some(f64::from(second) + 100.0));
    let world = World { timeline: World::new(1.0, 0.1).fuzzy_fault((0.0, 0.5), (19.5, 20.5)).timeline, ..world };
    let leaves = vec![world.observed.values.clone()];
    let world = world.answered(-11.0, 39.5, vec![], leaves);
    let measure = world.expect(&totals(counters(&["n"]), "at most 30"), Outcome::Passed, "asked: `at most 30`");
    assert_eq!(measure, Some(Measure::Total { inner: 18.0, outer: 22.0 }));
    world.expect(&totals(counters(&["n"]), "at most 20"), INCONCLUSIVE, "the edges of the window decide");
    world.expect(&totals(counters(&["n"]), "at least 30"), Outcome::Failed, "18 (to 22 with its edges)");
}

#[test]
fn a_ratio_needs_its_events() {
    let count = |world: &World, name: &str, slope: f64| {
        let samples: Vec<(f64, f64)> =
            (-11..40).map(|second| (f64::from(second) + 0.1, slope * f64::from(second + 11))).collect();
        vec![world.series(name, &samples)]
    };
    let world = World::new(1.0, 0.1).fault(0.0, 20.0);
    let leaves = vec![count(&world, "a", 9.9), count(&world, "a", 10.0)];
    let world = world.answered(-11.0, 39.5, vec![], leaves);
    let claim = |events| Claim { min_events: Some(events), ..totals(counters(&["ok", "all"]), "at least 99%") };
    world.expect(&claim(150), Outcome::Passed, "99% over fault.start to fault.end");
    world.expect(&claim(1000), INCONCLUSIVE, "only 190 events; minEvents is 1000");
}

#[test]
fn a_source_that_refuses_is_an_error_and_one_that_stops_is_inconclusive() {
    let claim = is(plain("ok"), "1");
    for (lasting, outcome, says) in
        [(true, Outcome::Error, "refuses to answer: 401"), (false, INCONCLUSIVE, "stopped answering: 401")]
    {
        let mut world = World::new(1.0, 0.1).fault(0.0, 20.0);
        world.observed.fail(&WatchFailure { reason: "401".into(), lasting });
        assert!(matches!(world.find(&claim).judged, Judged::Pending { .. }));
        world.timeline.close();
        world.expect(&claim, outcome, says);
    }
}

#[test]
fn what_was_never_asked_is_missing() {
    let world = gauge(|second| (!(5..=12).contains(&second)).then_some(1.0));
    let world = World { observed: squall_experiments::judge::Observed::new(world.observed.sampling), ..world };
    let before = world.every_second("a", -11.0, &[1.0; 15]);
    let after = world.every_second("a", 13.0, &[1.0; 20]);
    let world = world.answered(-11.0, 4.5, vec![before], vec![]).answered(13.0, 33.0, vec![after], vec![]);
    world.expect(&is(plain("ok"), "1"), INCONCLUSIVE, "no samples for 10 s");
}

#[test]
fn a_steps_result_is_false_until_it_ended_and_then_stays() {
    let step = || Source::Step("promotion".parse().unwrap());
    let result = |code: f64| {
        let world = World::new(1.0, 0.0).fault(0.0, 20.0);
        let series = Series { labels: labels(&[]), samples: vec![Sample(world.at(4.0), Reading::Number(code))] };
        world.answered(-1.0, 30.0, vec![series], vec![])
    };
    let (least, most) = times(result(0.0).expect(&becomes(step(), "0", 5.0, start()), Outcome::Passed, "became `0`"));
    assert_eq!((least, most), (4.0, 4.0));
    result(0.0).expect(&becomes(step(), "0", 3.0, start()), Outcome::Failed, "between 4 s and 4 s");
    result(1.0).expect(&becomes(step(), "0", 5.0, start()), Outcome::Failed, "it ended with 1");
    let at = claim(step(), Verb::IsAt { predicate: "0".parse().unwrap(), at: end() });
    result(0.0).expect(&at, Outcome::Passed, "0");
    result(2.0).expect(&at, Outcome::Failed, "2, not `0`");
    let mut never = World::new(1.0, 0.0).fault(0.0, 20.0);
    never.timeline.close();
    never.expect(&becomes(step(), "0", 5.0, start()), Outcome::Failed, "it has not ended");
}

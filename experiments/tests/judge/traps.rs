//! Every row of the trap table. Those that Prometheus can recreate are judged on what it answered; each
//! first shows that the naive reading of that answer is wrong.

use crate::recorded::Recording;
use crate::world::{
    World, becomes, claim, counters, end, evaluated, is, plain, seconds, start, times, tolerance, totals,
};
use squall_experiments::claim::{Allowance, Claim, Dwell, Verb};
use squall_experiments::judge::{Findings, JudgedClaim, Measure, Outcome, Verdict, WitnessJudgement, verdict};
use squall_experiments::unit::Percent;

const INCONCLUSIVE: Outcome = Outcome::Inconclusive;

#[test]
fn a_dead_target_is_not_healthy_although_its_average_says_so() {
    let recording = Recording::read(include_str!("../recorded/dead-target.json"));
    assert!(recording.numbers("values").iter().all(|value| *value == 42.0), "the average keeps the old value");
    let world = || recording.world().fault(5.0, 14.0);
    let gauge = world().answered(-3.0, 15.0, recording.series("plain"), vec![]).based(-3.0, 0.0);
    gauge.expect(&is(plain("gauge_healthy"), "below 100"), INCONCLUSIVE, "old");
    let query = "avg_over_time(gauge_healthy[10s])";
    let average = world().answered(-3.0, 15.0, recording.series("values"), vec![recording.series("plain")]);
    average.expect(&is(evaluated(query, &[("gauge_healthy", 10.0)]), "below 100"), INCONCLUSIVE, "old");
    // And with the fault long under way, when nothing is left of it at all.
    let later = recording.world().fault(8.0, 14.0).answered(-3.0, 15.0, recording.series("plain"), vec![]);
    later.expect(&is(plain("gauge_healthy"), "below 100"), INCONCLUSIVE, "no data");
}

#[test]
fn a_stalled_prometheus_says_nothing_of_the_stall() {
    let recording = Recording::read(include_str!("../recorded/stalled.json"));
    assert!(recording.numbers("values").iter().all(|value| *value == 1.0), "`up` is 1 all through the stall");
    let (stopped, continued) = (recording.mark("stopped"), recording.mark("continued"));
    let world = recording.world().fault(stopped - 3.0, continued + 3.0);
    let world = world.answered(10.0, 26.0, recording.series("values"), vec![recording.series("leaf")]);
    world.expect(&is(evaluated("min(up)", &[("up", 0.0)]), "1"), INCONCLUSIVE, "no samples for 6");
}

#[test]
fn a_sample_with_an_old_timestamp_of_its_own_is_old() {
    let recording = Recording::read(include_str!("../recorded/stamped.json"));
    assert!(recording.numbers("values").iter().all(|value| *value == 42.0), "it vanishes only after the lookback");
    let world = recording.world().fault(4.0, 14.0);
    let world = world.answered(-3.0, 15.0, recording.series("values"), vec![recording.series("plain")]);
    world.expect(&is(evaluated("max(stamped_healthy)", &[("stamped_healthy", 0.0)]), "below 100"), INCONCLUSIVE, "old");
}

#[test]
fn a_ratio_whose_error_series_never_existed_is_believed_only_with_a_value_for_absence_and_proof() {
    let recording = Recording::read(include_str!("../recorded/no-error-series.json"));
    assert!(recording.series("values").is_empty(), "the ratio is empty");
    let leaves = || vec![recording.series("plain"), recording.series("all")];
    let ratio = || evaluated("sum(rate(e[2s])) / sum(rate(a[2s]))", &[("e", 2.0), ("a", 2.0)]);
    let strict = is(ratio(), "at most 1%");
    let lenient = Claim { absent: Some(0.0), ..strict.clone() };

    let bare = recording.world().fault(0.0, 4.0).answered(-3.0, 5.0, vec![], leaves());
    bare.expect(&strict, INCONCLUSIVE, "nothing was seen of `e`");
    bare.expect(&lenient, INCONCLUSIVE, "nothing shows that its targets were scraped");

    let proven = recording.world().fault(0.0, 4.0).scraped(-3.0, 5.0, vec![], leaves(), recording.series("up"));
    proven.expect(&strict, INCONCLUSIVE, "no data");
    proven.expect(&lenient, Outcome::Passed, "the worst was 0%");

    // A name that nobody ever exposed is absent for ever: most likely it is misspelt.
    let proven = || recording.world().fault(0.0, 4.0).scraped(-3.0, 5.0, vec![], leaves(), recording.series("up"));
    let misspelt = proven().unheard(0, 5.0);
    misspelt.expect(&lenient, INCONCLUSIVE, "nothing was ever seen of `e`, under any labels");
    // Known in time, or too late.
    proven().unheard(0, 3.0).expect(&lenient, Outcome::Passed, "the worst was 0%");
    proven().unheard(0, 4.0).expect(&lenient, INCONCLUSIVE, "nothing was ever seen of `e`");
    // An arithmetic that fills in for it by itself is no better.
    let filled = is(evaluated("sum(e) or vector(0)", &[("e", 0.0)]), "0");
    let zeros: Vec<(f64, f64)> = (-30..50).map(|tenth| (f64::from(tenth) * 0.1, 0.0)).collect();
    let world = |world: World| {
        let series = world.series("", &zeros);
        world.scraped(-3.0, 5.0, vec![series], vec![vec![]], recording.series("up"))
    };
    world(recording.world().fault(0.0, 4.0)).expect(&filled, Outcome::Passed, "at every sample");
    world(recording.world().fault(0.0, 4.0)).unheard(0, 5.0).expect(&filled, INCONCLUSIVE, "nothing was ever seen");
}

#[test]
fn an_error_series_born_at_40_counts_40() {
    let recording = Recording::read(include_str!("../recorded/born-at-40.json"));
    assert!(recording.numbers("values").iter().all(|value| *value == 0.0), "`increase` says 0");
    let world = recording.world().fault(0.0, 14.0).answered(-3.0, 15.0, vec![], vec![recording.series("plain")]);
    let measure =
        world.expect(&totals(counters(&["errors"]), "0"), Outcome::Failed, "40 over fault.start to fault.end");
    assert_eq!(measure, Some(Measure::Total { inner: 40.0, outer: 40.0 }));
}

#[test]
fn no_traffic_is_no_success() {
    let recording = Recording::read(include_str!("../recorded/no-traffic.json"));
    assert!(recording.numbers("values").iter().all(|value| value.is_nan()), "the ratio is NaN");
    let leaves = || vec![recording.series("leaf"), recording.series("other")];
    let world = recording.world().fault(2.5, 14.0).answered(-3.0, 15.0, recording.series("values"), leaves());
    let ratio = || evaluated("sum(rate(ok[2s])) / sum(rate(all[2s]))", &[("ok", 2.0), ("all", 2.0)]);
    for predicate in ["at most 1%", "at least 99%", "not 1"] {
        world.expect(&is(ratio(), predicate), INCONCLUSIVE, "is no number to compare");
        world.expect(&totals(counters(&["ok", "all"]), predicate), INCONCLUSIVE, "no number");
    }
    let few = Claim { min_events: Some(1000), ..totals(counters(&["ok", "all"]), "at least 99%") };
    world.expect(&few, INCONCLUSIVE, "only 0 events; minEvents is 1000");
}

#[test]
fn a_quantile_at_the_last_finite_bucket_is_a_lower_bound() {
    let recording = Recording::read(include_str!("../recorded/top-bucket.json"));
    assert_eq!(recording.numbers("values").last(), Some(&0.5), "p99 is the bucket's bound during an outage");
    let world = recording.world().fault(6.0, 14.0);
    let world = world.answered(-2.0, 15.0, recording.series("values"), vec![recording.series("leaf")]);
    let quantile = || evaluated("histogram_quantile(0.99, sum by (le) (rate(b[1s])))", &[("b", 1.0)]);
    world.expect(&is(quantile(), "below 600ms"), INCONCLUSIVE, "the highest bucket's bound");
    world.expect(&is(quantile(), "below 400ms"), Outcome::Failed, "500 ms");
    world.expect(&is(quantile(), "at least 450ms"), Outcome::Passed, "500 ms");
}

#[test]
fn a_rate_as_narrow_as_the_scrape_interval_is_inconclusive_every_time() {
    let recording = Recording::read(include_str!("../recorded/narrow-rate.json"));
    assert!(recording.series("values").is_empty(), "one interval wide: always empty");
    assert!(recording.numbers("wider").len() < 70, "one and a half: now and then");
    for (answer, range) in [("values", 0.2), ("wider", 0.3)] {
        let leaves = vec![recording.series("leaf")];
        let world = recording.world().fault(1.0, 14.0).answered(-3.0, 15.0, recording.series(answer), leaves);
        let (found, reason, _) =
            world.settled(&is(evaluated("sum(rate(requests_total))", &[("r", range)]), "at least 1"));
        assert_eq!(found, INCONCLUSIVE, "{reason}");
    }
}

#[test]
fn a_counter_that_was_reset_rose_by_13() {
    let recording = Recording::read(include_str!("../recorded/reset.json"));
    assert!(recording.numbers("increase")[0] > 13.1 && recording.numbers("delta")[0] < -900.0);
    let world = recording.world().fault(2.0, 12.0).answered(-3.0, 15.0, vec![], vec![recording.series("plain")]);
    let measure = world.expect(&totals(counters(&["reset_total"]), "13"), Outcome::Passed, "13 over");
    assert_eq!(measure, Some(Measure::Total { inner: 13.0, outer: 13.0 }));
}

#[test]
fn a_stale_or_default_series_is_not_picked_by_chance() {
    let recording = Recording::read(include_str!("../recorded/two-series.json"));
    let changed = recording.mark("changed");
    let world = || recording.world().fault(changed, 14.0);
    let smallest = world().answered(-3.0, 15.0, recording.series("values"), vec![recording.series("plain")]);
    // `min()` follows the default until that vanishes, two seconds late.
    let claim = becomes(evaluated("min(two_open)", &[("two_open", 0.0)]), "1", 5.0, start());
    smallest.expect(&claim, INCONCLUSIVE, "old");
    let all = world().answered(-3.0, 15.0, recording.series("plain"), vec![]).based(-3.0, 0.0);
    let (found, reason, _) = all.settled(&becomes(plain("two_open"), "1", 5.0, start()));
    assert_eq!(found, INCONCLUSIVE, "{reason}");
    let one: Vec<_> = recording.series("plain").into_iter().filter(|series| series.labels["replica"] == "a").collect();
    let pinned = world().answered(-3.0, 15.0, one, vec![]).based(-3.0, 0.0);
    let claim = becomes(plain("two_open{replica=\"a\"}"), "1", 5.0, start());
    let (least, most) = times(pinned.expect(&claim, Outcome::Passed, "became `1`"));
    assert!(least == 0.0 && most < 0.5, "{least} {most}");
}

#[test]
fn a_breaker_with_half_open_probes_stays_open_within_its_budget() {
    let recording = Recording::read(include_str!("../recorded/half-open.json"));
    let values = recording.numbers("values");
    assert!(values.windows(2).filter(|pair| pair[0] == 1.0 && pair[1] == 0.0).count() >= 3, "it closes now and then");
    let world = recording.world().fault(recording.mark("opened"), 14.5);
    let world = world.answered(-3.0, 15.0, recording.series("values"), vec![recording.series("plain")]);
    let open = |budget: Option<f64>, longest: Option<f64>| {
        let share = |share: f64| Allowance::Share(Percent::from_fraction(share).unwrap());
        let longest = longest.map(|longest| Allowance::Time(seconds(longest)));
        let dwell = Dwell::Until { until: end(), tolerance: tolerance(budget.map(share), longest) };
        let (predicate, within) = ("1".parse().unwrap(), seconds(5.0));
        let source = evaluated("max(breaker_open)", &[("breaker_open", 0.0)]);
        claim(source, Verb::Becomes { predicate, after: start(), within, dwell })
    };
    world.expect(&open(Some(0.25), Some(1.0)), Outcome::Passed, "stayed so until fault.end");
    world.expect(&open(None, None), Outcome::Failed, "did not stay so");
    // 0.4 s closed, seen by samples 0.2 s apart: too coarse to say whether it was 0.5 s.
    world.expect(&open(Some(0.25), Some(0.5)), INCONCLUSIVE, "too coarse");
}

#[test]
fn a_client_latency_is_held_against_its_own_baseline() {
    // p99 without any fault: 23 to 388 ms with the host's load.
    let world = World::new(1.0, 0.1).fault(30.0, 40.0);
    let calm: Vec<f64> = (0..30).map(|second| 0.2 + f64::from(second % 10) * 0.02).collect();
    let hit: Vec<f64> = (0..15).map(|_| 0.35).collect();
    let series = |world: &World| vec![world.every_second("client", 0.0, &[calm.clone(), hit.clone()].concat())];
    let values = series(&world);
    let world = world.answered(-1.0, 45.0, values, vec![]).based(0.0, 29.0);
    world.expect(&is(plain("p99"), "below 300ms"), Outcome::Failed, "350 ms");
    world.expect(&is(plain("p99"), "at most 150% of baseline"), Outcome::Passed, "0.35");
    assert_eq!(world.find(&is(plain("p99"), "at most 150% of baseline")).baseline, Some(0.28));
    let without = World { baseline: None, ..world };
    without.expect(&is(plain("p99"), "at most 150% of baseline"), INCONCLUSIVE, "no baseline");
}

#[test]
fn the_dying_primarys_last_acknowledgement_is_no_recovery() {
    // Somebody is primary: 1, 0, 1. The old one still acknowledges 4 ms after the fault.
    let world = World::new(0.5, 0.05).fault(0.004, 20.0);
    let samples: Vec<(f64, f64)> = (-20..60)
        .map(|tick| f64::from(tick) * 0.5)
        .map(|at| (at + 0.1, f64::from(u8::from(!(1.0..6.0).contains(&at)))))
        .collect();
    let values = vec![world.series("any", &samples)];
    let world = world.answered(-10.0, 30.0, values, vec![]);
    let (least, most) = times(world.expect(&becomes(plain("acks"), "1", 10.0, start()), Outcome::Passed, "between"));
    assert!((5.5..6.0).contains(&least) && (6.0..6.5).contains(&most), "{least} {most}");
}

#[test]
fn a_restore_that_is_quick_and_incomplete_fails() {
    let world = World::new(1.0, 0.1).fault(0.0, 20.0);
    let acknowledged: Vec<f64> = (0..40).map(|second| f64::from(u8::from(second >= 12))).collect();
    let values = vec![world.every_second("new", -10.0, &acknowledged)];
    let quick = world.answered(-10.5, 30.0, values, vec![]);
    let rto = becomes(plain("acks"), "above 0", 5.0, start());
    quick.expect(&rto, Outcome::Passed, "became `above 0`");

    let lost = World::new(1.0, 0.1).fault(0.0, 20.0);
    let values = vec![lost.series("rows", &[(20.3, 17.0)])];
    let lost = lost.answered(-10.5, 30.0, values, vec![]);
    let rpo = claim(plain("lost"), Verb::IsAt { predicate: "0".parse().unwrap(), at: end() });
    let measure = lost.expect(&rpo, Outcome::Failed, "17, not `0`, 0.3 s after fault.end");
    assert_eq!(measure, Some(Measure::Value { value: "17".into() }));

    let judged = |world: &World, claim: &Claim, name: &str| {
        let claim = Claim { name: name.parse().unwrap(), ..claim.clone() };
        JudgedClaim::new(&claim, world.find(&claim))
    };
    let bit = WitnessJudgement {
        step: squall_experiments::experiment::StepId(0),
        name: "fault".parse().unwrap(),
        outcome: Outcome::Passed,
        reason: "12 packets dropped".into(),
        without: vec![],
    };
    let findings = Findings {
        claims: vec![judged(&quick, &rto, "recovery-time"), judged(&lost, &rpo, "nothing-lost")],
        witnesses: vec![bit],
        ..Findings::default()
    };
    let judgement = verdict(findings);
    assert_eq!(judgement.verdict, Verdict::Failed);
    assert_eq!(judgement.reasons, ["nothing-lost: 17, not `0`, 0.3 s after fault.end"]);
}

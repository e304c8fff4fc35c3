//! Every row of the trap table, judged on what a real Prometheus answered; each first shows that the naive
//! reading of that answer is wrong.

use crate::recorded::{Recording, number};
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
    let up = || recording.series("up");
    let none = || recording.world().fault(0.0, 4.0).scraped(-3.0, 7.0, vec![], vec![vec![]], up());
    let total = Claim { absent: Some(0.0), ..totals(counters(&["e"]), "at most 3") };
    none().unheard(0, 7.0).expect(&total, INCONCLUSIVE, "nothing was ever seen of `e`");
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
    let recording = Recording::read(include_str!("../recorded/client-p99.json"));
    let (fault, outage) = (recording.mark("fault"), recording.mark("outage"));
    let between = |from: f64, until: f64| -> Vec<f64> {
        let world = recording.world();
        let samples = recording.series("values").remove(0).samples;
        let within = samples.into_iter().filter(|sample| world.at(from) <= sample.0 && sample.0 < world.at(until));
        within.map(|sample| number(&sample)).collect()
    };
    let calm = between(26.0, fault);
    let (least, most) = (calm.iter().copied().fold(f64::MAX, f64::min), calm.iter().copied().fold(0.0, f64::max));
    assert!(least < 0.03 && most > 0.3, "without any fault, {least} to {most} s");
    assert!(between(outage + 2.0, 45.0).iter().all(|value| value.is_nan()), "an outage has no p99: nothing comes back");

    let p99 = || evaluated("histogram_quantile(0.99, sum by (le) (rate(b[1s])))", &[("b", 1.0)]);
    let answered = |world: World| {
        world.answered(24.0, 45.0, recording.series("values"), vec![recording.series("leaf")]).based(26.0, fault - 0.2)
    };
    let hit = || answered(recording.world().fault(fault + 1.0, outage - 0.2));
    hit().expect(&is(p99(), "below 300ms"), Outcome::Failed, "the worst was 380 ms");
    hit().expect(&is(p99(), "at most 150% of baseline"), Outcome::Passed, "the worst was 0.38");
    let baseline = hit().find(&is(p99(), "at most 150% of baseline")).baseline.unwrap();
    assert!((0.26..0.29).contains(&baseline), "{baseline}");
    let without = World { baseline: None, ..hit() };
    without.expect(&is(p99(), "at most 150% of baseline"), INCONCLUSIVE, "no baseline");
    // The same limit holds for an absolute one that is wide enough, and neither says anything of an outage.
    let gone = || answered(recording.world().fault(outage, 44.5));
    for predicate in ["below 500ms", "at most 150% of baseline"] {
        gone().expect(&is(p99(), predicate), INCONCLUSIVE, "is no number to compare");
    }
}

#[test]
fn the_dying_primarys_last_acknowledgement_is_no_recovery() {
    let recording = Recording::read(include_str!("../recorded/dying-primary.json"));
    assert!(recording.numbers("other").iter().all(|seconds| *seconds == 0.004), "its client measured 4 ms");
    let killed = recording.mark("killed");
    let world = || recording.world().fault(killed, 44.0);
    // Whoever acknowledges: it was so, was not, and is again. Only the second change is one since the fault.
    let anyone = world().answered(25.0, 45.0, recording.series("values"), vec![recording.series("all")]);
    let acknowledged = evaluated("sum(rate(acknowledged_total[1s]))", &[("acknowledged_total", 1.0)]);
    let claim = becomes(acknowledged, "above 0", 10.0, start());
    let (least, most) = times(anyone.expect(&claim, Outcome::Passed, "between"));
    assert!(least > 5.5 && most < 7.0, "{least} {most}");
    // Attributed to the instance that took over.
    let new = world().answered(26.0, 45.0, recording.series("plain"), vec![]).based(26.0, killed - 0.2);
    let claim = becomes(plain("acknowledged_total{primary=\"new\"}"), "above 0", 10.0, start());
    let (least, most) = times(new.expect(&claim, Outcome::Passed, "became `above 0`"));
    assert!(least > 5.5 && most < 6.7 && least < most, "{least} {most}");
    let hurried = becomes(plain("acknowledged_total{primary=\"new\"}"), "above 0", 5.0, start());
    new.expect(&hurried, Outcome::Failed, "allowed 5 s");
}

#[test]
fn a_restore_that_is_quick_and_incomplete_fails() {
    let recording = Recording::read(include_str!("../recorded/half-restored.json"));
    let (killed, answers) = (recording.mark("killed"), recording.mark("answers"));
    let world = || recording.world().fault(killed, 42.0);
    let leaves = || vec![recording.series("leaf"), recording.series("other")];
    let lost = evaluated("sum(acknowledged_rows) - sum(surviving_rows)", &[("a", 0.0), ("s", 0.0)]);
    let missing = world().answered(26.0, 45.0, recording.series("values"), leaves());
    let rpo = claim(lost.clone(), Verb::IsAt { predicate: "0".parse().unwrap(), at: end() });
    let measure = missing.expect(&rpo, Outcome::Failed, "17, not `0`");
    assert_eq!(measure, Some(Measure::Value { value: "17".into() }));
    // Half of it was missing when it first answered.
    let first = recording.world().fault(killed, answers + 0.4);
    let first = first.answered(26.0, 45.0, recording.series("values"), leaves());
    let Some(Measure::Value { value }) = first.expect(&rpo, Outcome::Failed, "not `0`") else { panic!("a value") };
    assert!((1_500.0..=2_000.0).contains(&value.parse::<f64>().unwrap()), "{value}");
    // And yet it was quick.
    let quick = world().answered(26.0, 45.0, recording.series("plain"), vec![]).based(26.0, killed - 0.2);
    let rto = becomes(plain("database_answers"), "1", 5.0, start());
    let (least, most) = times(quick.expect(&rto, Outcome::Passed, "became `1`"));
    assert!(least > 2.5 && most < 3.5, "{least} {most}");

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
        claims: vec![judged(&quick, &rto, "recovery-time"), judged(&missing, &rpo, "nothing-lost")],
        witnesses: vec![bit],
        ..Findings::default()
    };
    let judgement = verdict(findings);
    assert_eq!(judgement.verdict, Verdict::Failed);
    let [reason] = &judgement.reasons[..] else { panic!("{:?}", judgement.reasons) };
    assert!(reason.starts_with("nothing-lost: 17, not `0`, "), "{reason}");
}

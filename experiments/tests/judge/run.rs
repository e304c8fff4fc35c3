//! What is judged of a run as a whole: steady state, recovery, safety stops, witnesses, the verdict.

use crate::world::{World, becomes, claim, counters, is, plain, seconds, start, totals};
use squall_experiments::claim::{Claim, Role, Verb, Window};
use squall_experiments::experiment::{StepId, WaitFor, Witness};
use squall_experiments::history::WatchFailure;
use squall_experiments::judge::{
    AbortState, Findings, Judged, JudgedClaim, Judgement, Measure, Outcome, Recovery, RecoveryFinding, RemainingFault,
    Series, Vacuity, Verdict, WaitCase, WitnessCase, WitnessJudgement, aborts, has_data, recovery, steady, verdict,
    wait_for, witness,
};
use squall_experiments::moment::Interval;
use squall_experiments::name::InstanceName;
use std::time::Duration;

/// A sample every second at x.1 from -31 to `until`, read from a function.
fn world(until: f64, value: impl Fn(i32) -> f64) -> World {
    let world = World::new(1.0, 0.1).fault(0.0, 20.0);
    let seconds = (-31..100).map(|second| (f64::from(second) + 0.1, value(second)));
    let samples: Vec<(f64, f64)> = seconds.filter(|(at, value)| *at <= until && !value.is_nan()).collect();
    let series = world.series("a", &samples);
    world.answered(-31.0, until, vec![series], vec![])
}

fn steady_state(predicate: &str) -> Claim {
    let verb =
        Verb::Is { predicate: predicate.parse().unwrap(), window: Window::Baseline, tolerance: Default::default() };
    Claim { role: Role::SteadyState, ..claim(plain("ok"), verb) }
}

fn outcome(judged: &Judged) -> Outcome {
    match judged {
        Judged::Settled { outcome, .. } => *outcome,
        Judged::Pending { now } => panic!("pending: {now}"),
    }
}

fn reason(judged: &Judged) -> &str {
    match judged {
        Judged::Settled { reason, .. } => reason,
        Judged::Pending { now } => now,
    }
}

#[test]
fn the_steady_state_holds_over_the_whole_baseline_or_it_does_not() {
    let claim = steady_state("1");
    let over = |world: &World| steady(&world.case(&claim), world.moment(-30.0), world.moment(0.0));
    assert_eq!(outcome(&over(&world(10.0, |_| 1.0))), Outcome::Passed);
    assert_eq!(outcome(&over(&world(10.0, |second| f64::from(u8::from(second != -9))))), Outcome::Failed);
    let sparse = |second: i32| if second % 3 == 0 { f64::NAN } else { 1.0 };
    assert_eq!(outcome(&over(&world(10.0, sparse))), Outcome::Inconclusive);
    assert!(matches!(over(&world(-1.0, |_| 1.0)), Judged::Pending { .. }));
}

#[test]
fn a_source_has_data_once_its_newest_value_is_fresh_and_a_number() {
    let claim = steady_state("1");
    assert!(has_data(&world(10.0, |_| 1.0).case(&claim)));
    assert!(!has_data(&World::new(1.0, 0.1).case(&claim)));
    assert!(!has_data(&world(10.0, |second| if second < 5 { 1.0 } else { f64::NAN }).case(&claim)));
    assert!(!has_data(&world(10.0, |second| if second < 5 { 1.0 } else { f64::INFINITY }).case(&claim)));
}

fn recovers(world: &World, within: u64) -> Recovery {
    let claim = steady_state("1");
    let end = world.moment(20.0);
    let (within, length) = (Duration::from_secs(within), Duration::from_secs(10));
    recovery(&[world.case(&claim)], Interval { first: end, last: end }, within, length)
}

#[test]
fn recovery_is_the_earliest_time_from_which_it_holds_for_a_whole_baseline() {
    // False until 24.1, a short relapse at 29.1.
    let world_until =
        |until: f64| world(until, |second| f64::from(u8::from(second < 5 || (second > 24 && second != 29))));
    match recovers(&world_until(60.0), 30) {
        Recovery::Recovered { measure: Measure::TimeToBecome { least, most }, reason } => {
            assert_eq!((least.as_millis(), most.as_millis()), (9100, 10_200));
            assert_eq!(reason, "steady again between 9.1 s and 10.2 s after method.end; allowed 30 s");
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(recovers(&world_until(35.0), 30), Recovery::Pending { .. }));
    assert!(matches!(recovers(&world_until(60.0), 7), Recovery::Missed { .. }));
    assert!(matches!(recovers(&world_until(60.0), 10), Recovery::Unknown { .. }), "9.1 s to 10.2 s is too coarse");
}

#[test]
fn recovery_without_data_is_unknown() {
    let silent = world(99.0, |second| if second < 22 { 0.0 } else { f64::NAN });
    assert!(matches!(recovers(&silent, 30), Recovery::Unknown { .. }));
    let never = world(99.0, |second| f64::from(u8::from(second < 5)));
    match recovers(&never, 30) {
        Recovery::Missed { reason } => assert!(reason.contains("not steady again within 30 s"), "{reason}"),
        other => panic!("{other:?}"),
    }
    let mut closed = world(25.0, |_| 1.0);
    closed.timeline.close();
    assert!(matches!(recovers(&closed, 30), Recovery::Unknown { .. }));
    assert!(matches!(
        recovery(&[], Interval::at(closed.moment(20.0)), Duration::from_secs(1), Duration::from_secs(1)),
        Recovery::Recovered { .. }
    ));
}

fn stop(lasting: Option<f64>) -> Claim {
    let verb = Verb::Aborts { predicate: "below 80%".parse().unwrap(), lasting: lasting.map(seconds) };
    Claim { role: Role::AbortIf, ..claim(plain("success"), verb) }
}

fn look(world: &World, lasting: Option<f64>, now: f64) -> AbortState {
    aborts(&world.case(&stop(lasting)), world.moment(-5.0), world.moment(now))
}

#[test]
fn a_safety_stop_is_true_for_as_long_as_it_says() {
    let low = |until: f64| world(until, |second| if second < 3 { 1.0 } else { 0.5 });
    assert_eq!(look(&low(2.5), None, 2.5), AbortState::Quiet);
    match look(&low(3.5), None, 3.5) {
        AbortState::True { reason } => assert_eq!(reason, "claim is `below 80%`: 50% {instance=\"a\"}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(look(&low(7.5), Some(5.0), 7.5), AbortState::Quiet);
    assert!(matches!(look(&low(8.5), Some(5.0), 8.5), AbortState::True { .. }));
    let flickers = world(12.5, |second| if second % 4 == 0 { 1.0 } else { 0.5 });
    assert_eq!(look(&flickers, Some(5.0), 12.5), AbortState::Quiet);
}

#[test]
fn a_safety_stop_without_answers_is_blind() {
    let gone = || world(10.0, |second| if second < 3 { 1.0 } else { f64::NAN });
    // The last answer came at 2.1; the next was due at 3.2; three intervals later patience is over.
    assert_eq!(look(&gone(), None, 6.1), AbortState::Quiet);
    assert!(matches!(look(&gone(), None, 6.3), AbortState::Blind { .. }));
    assert_eq!(look(&gone(), Some(10.0), 13.0), AbortState::Quiet);
    assert!(matches!(look(&gone(), Some(10.0), 13.3), AbortState::Blind { .. }));
    let mut never = World::new(1.0, 0.1).fault(0.0, 20.0);
    never.observed.fail(&WatchFailure { reason: "connection refused".into(), lasting: false });
    match look(&never, None, 0.0) {
        AbortState::Blind { reason } => assert!(reason.contains("connection refused"), "{reason}"),
        other => panic!("{other:?}"),
    }
    let infinite = world(10.0, |second| if second < 3 { 1.0 } else { f64::INFINITY });
    assert!(matches!(look(&infinite, None, 9.9), AbortState::Blind { .. }));
}

#[test]
fn a_safety_stop_whose_every_series_is_lost_is_patient_from_the_loss_on() {
    let alone = world(30.0, |second| if second < 3 { 1.0 } else { f64::NAN });
    let lost = alone.lose(crate::world::labels(&[("instance", "a")]), 2.5, Some(60.0));
    // The next answer was due at 3.6.
    assert_eq!(look(&lost, Some(10.0), 13.5), AbortState::Quiet);
    match look(&lost, Some(10.0), 13.7) {
        AbortState::Blind { reason } => assert!(reason.contains("every series was lost to the fault"), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(look(&lost, None, 6.5), AbortState::Quiet);
    assert!(matches!(look(&lost, None, 6.7), AbortState::Blind { .. }));
}

#[test]
fn a_safety_stop_made_of_what_is_no_longer_scraped_is_blind() {
    let world = World::new(1.0, 0.1).fault(0.0, 20.0);
    let value: Vec<f64> = vec![1.0; 30];
    let leaf = vec![world.every_second("a", -10.0, &[1.0; 13])];
    let average = vec![world.every_second("", -10.0, &value)];
    let world = world.answered(-10.5, 15.0, average, vec![leaf]);
    let stop = Claim { source: crate::world::evaluated("avg_over_time(a[30s])", &[("a", 30.0)]), ..stop(None) };
    let state = aborts(&world.case(&stop), world.moment(-5.0), world.moment(14.9));
    assert!(matches!(state, AbortState::Blind { .. }), "{state:?}");
}

fn bears(world: &World, within: f64) -> Judged {
    let (source, becomes) = (plain("probe"), "at least 350ms".parse().unwrap());
    let seen = Witness { source, platform: None, becomes, within: seconds(within), absent: None };
    let step = "fault".parse().unwrap();
    let (timeline, clock, observed) = (&world.timeline, world.clock(), &world.observed);
    witness(&WitnessCase { witness: &seen, step: &step, timeline, clock, observed })
}

#[test]
fn a_witness_sees_the_fault_come_and_go() {
    let slow = |from: i32, to: i32| move |second: i32| if (from..to).contains(&second) { 0.4 } else { 0.01 };
    let good = bears(&world(60.0, slow(1, 21)), 5.0);
    assert_eq!(outcome(&good), Outcome::Passed, "{}", reason(&good));
    assert!(reason(&good).contains("; gone: became not `at least 350ms`"), "{}", reason(&good));
    let early = bears(&world(60.0, slow(1, 18)), 5.0);
    assert_eq!(outcome(&early), Outcome::Passed, "{}", reason(&early));
    for (came, went, says) in
        [(99, 99, "still not `at least 350ms`"), (9, 21, "became"), (1, 99, "not seen gone: still `at least 350ms`")]
    {
        let bad = bears(&world(60.0, slow(came, went)), 5.0);
        assert_eq!(outcome(&bad), Outcome::Failed, "{}", reason(&bad));
        assert!(reason(&bad).contains(says), "{}", reason(&bad));
    }
    let before = bears(&world(60.0, slow(-20, 21)), 5.0);
    assert_eq!(outcome(&before), Outcome::Inconclusive);
    assert!(reason(&before).contains("without any fault, 19.9 s before method.start"), "{}", reason(&before));
    // One that goes up and down by itself would have gone up then, too.
    let flips = bears(&world(60.0, move |second| if second == -7 { 0.4 } else { slow(1, 21)(second) }), 5.0);
    assert_eq!(outcome(&flips), Outcome::Inconclusive);
    assert!(reason(&flips).contains("without any fault, 6.9 s before method.start"), "{}", reason(&flips));
    let blind = bears(&world(60.0, |_| f64::NAN), 5.0);
    assert_eq!(outcome(&blind), Outcome::Inconclusive);
    let mut closed = world(22.0, slow(1, 99));
    closed.timeline.close();
    assert_eq!(outcome(&bears(&closed, 5.0)), Outcome::Inconclusive);
}

fn waits(world: &World, now: f64) -> Judged {
    let (source, is) = (plain("ready"), "3".parse().unwrap());
    let wait = WaitFor { source, platform: None, is, within: seconds(6.0), absent: None };
    let step = "fault".parse().unwrap();
    let (timeline, clock, observed) = (&world.timeline, world.clock(), &world.observed);
    wait_for(&WaitCase { wait: &wait, step: &step, timeline, clock, observed }, world.moment(now))
}

#[test]
fn a_wait_is_met_by_the_first_true_sample_after_it_began() {
    let ready = |from: i32| move |second: i32| if second >= from { 3.0 } else { 2.0 };
    assert!(matches!(waits(&world(2.5, ready(4)), 2.5), Judged::Pending { .. }));
    let met = waits(&world(4.5, ready(4)), 4.5);
    assert_eq!(
        (outcome(&met), reason(&met)),
        (Outcome::Passed, "`3` between 3.1 s and 4.2 s after fault.start; allowed 6 s")
    );
    assert_eq!(outcome(&waits(&world(1.5, ready(-9)), 1.5)), Outcome::Passed);
    let late = waits(&world(9.5, ready(99)), 9.5);
    assert_eq!((outcome(&late), reason(&late)), (Outcome::Failed, "not `3` within 6 s after fault.start"));
    let silent = |second: i32| if second < 2 { 2.0 } else { f64::NAN };
    assert!(matches!(waits(&world(9.0, silent), 9.0), Judged::Pending { .. }));
    assert_eq!(outcome(&waits(&world(9.5, silent), 9.2)), Outcome::Inconclusive);
}

#[test]
fn a_wait_for_several_series_needs_them_true_at_once() {
    let world = World::new(1.0, 0.1).fault(0.0, 20.0);
    let series = |name: &str, shift: f64, from: i32, to: i32| -> Series {
        let samples: Vec<(f64, f64)> = (-5..10)
            .map(|second| (f64::from(second) + shift, if (from..to).contains(&second) { 3.0 } else { 2.0 }))
            .collect();
        world.series(name, &samples)
    };
    let both = vec![series("a", 0.1, 1, 9), series("b", 0.6, 3, 9)];
    let never = vec![series("a", 0.1, 1, 3), series("b", 0.6, 4, 9)];
    let judged = |values: Vec<Series>| {
        let world = World::new(1.0, 0.1).fault(0.0, 20.0).answered(-5.0, 9.9, values, vec![]);
        waits(&world, 9.9)
    };
    let met = judged(both);
    assert_eq!(
        (outcome(&met), reason(&met)),
        (Outcome::Passed, "`3` between 2.6 s and 3.7 s after fault.start; allowed 6 s")
    );
    assert_eq!(outcome(&judged(never)), Outcome::Failed);
}

fn bit(outcome: Outcome) -> WitnessJudgement {
    let (step, name) = (StepId(0), "fault".parse().unwrap());
    WitnessJudgement { step, name, outcome, reason: "no packets".into(), without: vec![] }
}

fn judged(claim: &Claim, outcome: Outcome, already_so: bool) -> JudgedClaim {
    let finding = squall_experiments::judge::Finding {
        judged: Judged::Settled { outcome, reason: "because".into(), measure: None },
        window: None,
        transition: None,
        baseline: None,
        already_so,
    };
    JudgedClaim::new(claim, finding)
}

fn sound() -> Findings {
    let claims = vec![judged(&is(plain("ok"), "1"), Outcome::Passed, false)];
    let passed = RecoveryFinding { outcome: Outcome::Passed, reason: String::new(), measure: None };
    Findings { claims, witnesses: vec![bit(Outcome::Passed)], recovery: Some(passed), ..Findings::default() }
}

type Spoil = fn(&mut Findings);

#[test]
fn the_verdict_is_the_first_that_applies() {
    let remain: Spoil = |findings| {
        findings.remaining.push(RemainingFault {
            fault: None,
            step: "fault".parse().unwrap(),
            instance: None,
            node: None,
            reason: "the agent does not answer".into(),
            remedy: "squall-agent revert --all".into(),
        });
    };
    let order: [(Spoil, Verdict, &str); 8] = [
        (
            remain,
            Verdict::FaultsMayRemain,
            "fault may remain: the agent does not answer; run `squall-agent revert --all`",
        ),
        (|findings| findings.errors.push("broke".into()), Verdict::Error, "broke"),
        (|findings| findings.aborted = Some("SIGINT".into()), Verdict::Aborted, "SIGINT"),
        (|findings| findings.blind = Some("x".into()), Verdict::Inconclusive, "the safety stop went blind: x"),
        (
            |findings| findings.witnesses = vec![bit(Outcome::Failed)],
            Verdict::Inconclusive,
            "fault was not seen to bite and to be gone: no packets",
        ),
        (
            |findings| findings.claims.push(judged(&is(plain("ok"), "1"), Outcome::Failed, false)),
            Verdict::Failed,
            "claim: because",
        ),
        (
            |findings| findings.claims.push(judged(&is(plain("ok"), "1"), Outcome::Inconclusive, false)),
            Verdict::Inconclusive,
            "claim: because",
        ),
        (|_| {}, Verdict::Passed, "the fault bit, and the one claim held"),
    ];
    // Each with everything that comes after it.
    for (place, (_, expected, says)) in order.iter().enumerate() {
        let mut findings = sound();
        for (spoil, ..) in order[place..].iter().rev() {
            spoil(&mut findings);
        }
        let Judgement { verdict, reasons, .. } = verdict(findings);
        assert_eq!((verdict, reasons[0].as_str()), (*expected, *says), "{reasons:?}");
    }
}

#[test]
fn nothing_passes_without_a_claim_a_witness_and_a_recovery() {
    let spoilt = |spoil: Spoil| {
        let mut findings = sound();
        spoil(&mut findings);
        verdict(findings).verdict
    };
    assert_eq!(spoilt(|_| {}), Verdict::Passed);
    assert_eq!(spoilt(|findings| findings.claims.clear()), Verdict::Inconclusive);
    assert_eq!(spoilt(|findings| findings.witnesses.clear()), Verdict::Inconclusive);
    assert_eq!(spoilt(|findings| findings.witnesses.push(bit(Outcome::Inconclusive))), Verdict::Inconclusive);
    assert_eq!(spoilt(|findings| findings.no_baseline = Some("not steady".into())), Verdict::Inconclusive);
    assert_eq!(spoilt(|findings| findings.waits = vec![bit(Outcome::Failed)]), Verdict::Failed);
    assert_eq!(spoilt(|findings| findings.waits = vec![bit(Outcome::Inconclusive)]), Verdict::Inconclusive);
    let recovered = |outcome| {
        let finding = RecoveryFinding { outcome, reason: "late".into(), measure: None };
        verdict(Findings { recovery: Some(finding), ..sound() }).verdict
    };
    assert_eq!(recovered(Outcome::Failed), Verdict::Failed);
    assert_eq!(recovered(Outcome::Inconclusive), Verdict::Inconclusive);
}

#[test]
fn a_fault_that_bit_here_and_not_there_is_said_to() {
    let said = |reason: &str| {
        let without = vec![InstanceName::new("b"), InstanceName::new("c")];
        let partial = WitnessJudgement { reason: reason.into(), without, ..bit(Outcome::Passed) };
        verdict(Findings { witnesses: vec![bit(Outcome::Passed), partial], ..sound() })
    };
    let seen = "its agents saw it bite on 1 of 3 targets; no evidence from b, c";
    for (reason, says) in [(seen, seen), ("became slow", "no evidence from b, c")] {
        let judgement = said(reason);
        assert_eq!(judgement.verdict, Verdict::Passed);
        let expected = format!("the fault bit on a part of its targets only, and the one claim held; fault: {says}");
        assert_eq!(judgement.reasons, [expected]);
    }
}

#[test]
fn a_placebo_names_what_holds_without_a_fault() {
    let becomes = becomes(plain("open"), "1", 5.0, start());
    let count = totals(counters(&["retries"]), "at least 1");
    let ratio = totals(counters(&["ok", "all"]), "at least 99%");
    let invariant = is(plain("ok"), "1");
    assert_eq!(Vacuity::of(&count), Vacuity::HoldsOnlyWithFault);
    assert_eq!(Vacuity::of(&ratio), Vacuity::HoldsAlways);
    assert_eq!(Vacuity::of(&totals(counters(&["n"]), "at most 60")), Vacuity::HoldsAlways);
    let step = Claim { source: squall_experiments::claim::Source::Step("p".parse().unwrap()), ..becomes.clone() };
    let read = |claims: Vec<JudgedClaim>| {
        let waits = vec![bit(Outcome::Failed)];
        let judgement = verdict(Findings { placebo: true, claims, waits, ..Findings::default() });
        assert_eq!(judgement.notes.len(), 1, "a wait that was not met is only noted");
        judgement
    };
    let good = read(vec![
        judged(&becomes, Outcome::Failed, false),
        judged(&becomes, Outcome::Inconclusive, true),
        judged(&invariant, Outcome::Passed, false),
        judged(&ratio, Outcome::Passed, false),
        judged(&step, Outcome::Inconclusive, false),
    ]);
    assert_eq!(good.verdict, Verdict::Passed, "{:?}", good.reasons);
    assert_eq!(good.placebo.unwrap().does_not_hold.len(), 2);
    assert_eq!(
        good.reasons,
        [
            "no fault was injected: nothing was withstood, and no claim held that needs the fault",
            "only the fault can bring this about: claim, claim",
            "this holds without the fault, as it should with it: claim, claim",
        ]
    );
    for (claims, expected, says) in [
        (
            vec![judged(&becomes, Outcome::Passed, false)],
            Verdict::Failed,
            "claim is vacuous: it holds without the fault",
        ),
        (vec![judged(&count, Outcome::Passed, false)], Verdict::Failed, "claim is vacuous: it holds without the fault"),
        (vec![judged(&invariant, Outcome::Failed, false)], Verdict::Failed, "claim: because"),
        (vec![judged(&becomes, Outcome::Inconclusive, false)], Verdict::Inconclusive, "claim: because"),
        (vec![judged(&invariant, Outcome::Inconclusive, false)], Verdict::Inconclusive, "claim: because"),
        (vec![judged(&step, Outcome::Passed, false)], Verdict::Inconclusive, "no claim could be judged in a placebo"),
    ] {
        let judgement = read(claims);
        assert_eq!(judgement.verdict, expected);
        assert!(judgement.reasons[0].starts_with(says), "{:?}", judgement.reasons);
    }
    let unwell = read(vec![judged(&invariant, Outcome::Failed, false)]);
    assert!(unwell.reasons[0].contains("then it is a change, and says `becomes`"), "{:?}", unwell.reasons);
}

#[test]
fn a_firing_alert_that_is_absent_stops_nothing_while_its_rules_are_evaluated() {
    let world = World::new(1.0, 0.1).fault(0.0, 20.0);
    let rules = vec![world.every_second("rules", -10.0, &[1.0; 22])];
    let world = world.scraped(-10.0, 12.0, vec![], vec![], rules);
    let verb = Verb::Aborts { predicate: "above 0".parse().unwrap(), lasting: None };
    let stop = Claim { role: Role::AbortIf, absent: Some(0.0), ..claim(plain("ALERTS"), verb) };
    let state = |now: f64| aborts(&world.case(&stop), world.moment(-5.0), world.moment(now));
    assert_eq!(state(12.0), AbortState::Quiet);
    assert!(matches!(state(17.0), AbortState::Blind { .. }));
}

//! Every ready experiment passes on the good system, and fails on its broken twin by the claim that names the
//! mechanism. `inconclusive` and `error` do not count: they would let a broken mechanism through.
//!
//! And it can tell nothing from something: without the fault no claim about the mechanism holds, a claim that holds
//! anyway is named, and what was not seen is never a pass.

use std::fs;
use std::thread;
use std::time::Duration;

use squall_tests::catalog::{CATALOG, Ready};
use squall_tests::{Scenario, Twin, World};

use crate::eventually;
use crate::turn::turn;
use crate::untouched::assert_untouched;
use crate::user::{Ran, User};

fn ready(scenario: Scenario) -> &'static Ready {
    CATALOG.iter().find(|ready| ready.scenario == scenario).expect("each small world has its experiment")
}

fn passes_on_good_and_fails_on_twin(scenario: Scenario) {
    let _turn = turn(2);
    let ready = ready(scenario);
    let run = |twin: Twin| {
        let world = World::start(scenario, twin).unwrap();
        let ran = User::of(&world, "user").runs(&[&ready.file().to_string_lossy()]);
        assert_untouched(&world);
        world.finish().unwrap();
        ran
    };
    let (good, twin) = thread::scope(|scope| {
        let good = scope.spawn(|| run(Twin::Good));
        let twin = run(Twin::Broken);
        (good.join().unwrap(), twin)
    });
    good.ended_with(0, "it passes on the good system");
    twin.ended_with(1, "it fails on the twin");
    assert_eq!(twin.report()["verdict"], "failed");
    assert_eq!(twin.outcome(ready.twin_fails), "failed", "the twin fails by the claim that names the mechanism");
}

#[test]
fn failing_backend_opens_breaker() {
    passes_on_good_and_fails_on_twin(Scenario::Breaker);
}

#[test]
fn slow_payments_opens_breaker() {
    passes_on_good_and_fails_on_twin(Scenario::Shop);
}

#[test]
fn lost_zone_fails_over() {
    passes_on_good_and_fails_on_twin(Scenario::Zones);
}

#[test]
fn what_proves_nothing_is_told_from_what_proves_something() {
    let _turn = turn(1);
    let town = World::start(Scenario::Town, Twin::Good).unwrap();
    without_the_fault_no_mechanism_is_claimed(&town);
    a_fault_that_does_nothing_proves_nothing(&town);
    assert_untouched(&town);
    a_prometheus_that_is_gone_or_frozen_proves_nothing(&town);
    assert_untouched(&town);
    town.finish().unwrap();
}

/// Placebos of the catalogue, and of copies in which a vacuous claim is planted. They touch nothing, so they run at
/// the same time.
fn without_the_fault_no_mechanism_is_claimed(town: &World) {
    thread::scope(|scope| {
        for ready in CATALOG {
            scope.spawn(move || {
                let user = User::of(town, &format!("placebo-{}", ready.scenario));
                let ran = user.runs(&["--placebo", &ready.file().to_string_lossy()]);
                ran.ended_with(0, "the placebo proves that no claim is vacuous");
                assert_eq!(ran.report()["placebo"]["vacuous"], serde_json::json!([]));
                let without = ran.report()["placebo"]["doesNotHold"].as_array().unwrap().clone();
                assert!(without.contains(&ready.twin_fails.into()), "{without:?}");
            });
            scope.spawn(move || {
                let user = User::of(town, &format!("vacuous-{}", ready.scenario));
                let planted = user.writes(&with_a_vacuous_claim(&ready));
                let ran = user.runs(&["--placebo", &planted]);
                ran.ended_with(1, "a vacuous claim is found");
                assert_eq!(ran.report()["placebo"]["vacuous"], serde_json::json!(["customers-come"]));
                assert!(ran.reasons().contains("customers-come"), "{}", ran.reasons());
            });
        }
    });
}

/// The same experiment, with a claim that holds whatever happens.
fn with_a_vacuous_claim(ready: &Ready) -> String {
    let claim = "  expect:
    - name: customers-come
      query: sum(client_requests_total{code=\"200\"})
      totals: at least 1
      during: method
";
    let text = fs::read_to_string(ready.file()).unwrap();
    let planted = text.replacen("  expect:\n", claim, 1);
    assert_ne!(planted, text, "the claim was planted");
    planted
}

fn a_fault_that_does_nothing_proves_nothing(town: &World) {
    thread::scope(|scope| {
        scope.spawn(|| {
            // These peers (TEST-NET-3) send and get nothing.
            let harmless = "network: {delay: 400ms, peers: [{cidr: 203.0.113.0/24}]}";
            let text = fs::read_to_string(ready(Scenario::Shop).file()).unwrap();
            let text = text.replacen("network: {delay: 400ms}", harmless, 1);
            assert!(text.contains(harmless), "the fault was made harmless");
            let user = User::of(town, "nobody");
            let ran = user.runs(&[&user.writes(&text)]);
            not_seen_to_bite(&ran, "payments-slow");
        });
        scope.spawn(|| {
            // The service port answers 200 to whatever it is told, and changes nothing.
            let file = ready(Scenario::Breaker).file();
            let ran = User::of(town, "deaf").runs(&["--set", "admin=http://10.0.2.10:8080/?", &file.to_string_lossy()]);
            not_seen_to_bite(&ran, "backend-fails");
        });
    });
}

/// The run must have ended without proof, because of this fault.
#[track_caller]
pub fn not_seen_to_bite(ran: &Ran, step: &str) {
    ran.ended_with(3, "what does not bite proves nothing");
    let witnesses = ran.report()["witnesses"].as_array().unwrap();
    let witness = witnesses.iter().find(|witness| witness["step"] == step).expect("every fault has a witness");
    assert_ne!(witness["outcome"], "passed");
    assert!(ran.reasons().contains(step), "{}", ran.reasons());
}

/// What becomes of Prometheus while an experiment hurts.
#[derive(Clone, Copy)]
enum Blindness {
    Stopped,
    Frozen,
}

fn a_prometheus_that_is_gone_or_frozen_proves_nothing(town: &World) {
    // Two services, so two experiments do not meet; those of HAProxy would.
    blinded(town, Blindness::Stopped, &[Scenario::Zones]);
    blinded(town, Blindness::Stopped, &[Scenario::Breaker, Scenario::Shop]);
    blinded(town, Blindness::Frozen, &[Scenario::Shop]);
}

/// Ready experiments whose Prometheus is gone once the last of them is in its method.
fn blinded(town: &World, how: Blindness, scenarios: &[Scenario]) {
    let users: Vec<User<'_>> = scenarios.iter().map(|one| User::of(town, &format!("blind-{one}"))).collect();
    let runs = users.iter().zip(scenarios).map(|(user, one)| user.starts(&[&ready(*one).file().to_string_lossy()]));
    let mut runs: Vec<_> = runs.collect();
    for run in &mut runs {
        run.says("method:", Duration::from_secs(60));
    }
    match how {
        Blindness::Stopped => town.stop_part("prometheus"),
        Blindness::Frozen => town.freeze_part("prometheus"),
    }
    .unwrap();
    for run in runs {
        run.ends().ended_with(3, "what was not seen proves nothing");
    }
    match how {
        Blindness::Stopped => town.start_part("prometheus"),
        Blindness::Frozen => town.thaw_part("prometheus"),
    }
    .unwrap();
    eventually("everybody is scraped and serves again", Duration::from_secs(40), || {
        let is = |query: &str, wanted: f64| town.value(query).is_ok_and(|value| value == Some(wanted));
        is("count(up == 1)", 10.0) && is("max(haproxy_backend_active_servers{proxy=\"backends\"})", 3.0)
    });
}

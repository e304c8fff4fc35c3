//! What is asked must fit how often its source is sampled, which preflight finds out.

use super::build;
use super::world::SimulatedWorld;
use crate::claim::{Claim, Source};
use crate::engine::{Phase, is_bad_input};
use crate::experiment::{Edge, Step, StepKind, Template, Witness};
use crate::judge::Verdict;
use crate::promql::query;

fn of(text: &str) -> Source {
    Source::Query(query(&Template::text(text)))
}

/// Sources are sampled every second.
fn judged(method: Vec<Step>, claim: Option<Claim>) -> SimulatedWorld {
    let mut experiment = build::experiment(method);
    experiment.expect.extend(claim);
    let mut world = SimulatedWorld::of(experiment);
    world.run_to(Phase::Baseline);
    world
}

fn opens(text: &str, within: u64) -> Option<Claim> {
    let claim = build::becomes("opens", "1", within, build::at("cut", Edge::Start));
    Some(Claim { source: of(text), ..claim })
}

fn cut(witness: Option<Witness>) -> Step {
    let mut cut = build::inject("cut", build::partition(), build::app("api"), build::for_seconds(10));
    let StepKind::Inject(inject) = &mut cut.kind else { unreachable!() };
    inject.witness = witness;
    cut
}

#[test]
fn a_deadline_that_holds_fewer_than_three_samples_is_refused_before_anything_is_touched() {
    let witness = |within| {
        let seen = build::witness("seen");
        Witness { source: of("max(slow)"), within: build::seconds(within), ..seen }
    };
    let mut wait = build::wait_for("ready", 2);
    let StepKind::WaitFor(waits) = &mut wait.kind else { unreachable!() };
    waits.source = of("max(ready)");
    for (method, claim, whose) in [
        (vec![cut(None)], opens("max(open)", 2), "opens"),
        (vec![cut(Some(witness(2)))], None, "cut"),
        (vec![cut(None), wait], None, "ready"),
    ] {
        let mut world = judged(method, claim);
        let judgement = world.run();
        assert!(!world.commands().any(|(_, command)| command.touches_a_target()));
        let reason = &judgement.reasons[0];
        assert_eq!(judgement.verdict, Verdict::Error, "{reason}");
        assert!(reason.starts_with(&format!("`{whose}` has 2s, which holds fewer than three samples")), "{reason}");
        assert!(reason.ends_with("give it at least 3s, or scrape more often (SQ0509)"), "{reason}");
        assert!(is_bad_input(&world.record()));
    }
    let mut world = judged(vec![cut(Some(witness(3)))], opens("max(open)", 3));
    world.run();
    assert!(world.engine.ending.errors.is_empty(), "{:?}", world.engine.ending.errors);
    assert!(!is_bad_input(&world.record()));
}

#[test]
fn a_range_that_hardly_holds_two_samples_is_noted() {
    let notes = |text: &str| judged(vec![cut(None)], opens(text, 5)).engine.ending.notes.clone();
    let short =
        "`opens`: `sum(rate(a[2s]))` looks back 2s, fewer than 4 scrapes of 1s: it will be empty now and then (SQ0605)";
    assert_eq!(notes("sum(rate(a[2s]))"), [short]);
    assert!(notes("sum(rate(a[4s]))").is_empty());
}

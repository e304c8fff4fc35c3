//! What holds in every world, drawn at random.

use crate::world::{World, becomes, claim, counters, during, end, is, plain, seconds, start, tolerance, totals};
use proptest::prelude::*;
use squall_experiments::claim::{Allowance, Claim, Dwell, Tolerance, Verb};
use squall_experiments::judge::{Judged, Measure, Outcome, Series, needs};

/// Samples of a series: time in tenths of a second, value; NaN and gaps are rare.
fn samples() -> impl Strategy<Value = Vec<(f64, f64)>> {
    let value = prop_oneof![10 => Just(1.0), 8 => Just(0.0), 1 => Just(f64::NAN)];
    proptest::collection::vec((value, 0u32..3, proptest::bool::weighted(0.97)), 30..60).prop_map(|drawn| {
        let samples = drawn.into_iter().enumerate().filter(|(_, (.., there))| *there);
        samples.map(|(second, (value, jitter, _))| (second as f64 - 10.0 + f64::from(jitter) * 0.1, value)).collect()
    })
}

/// Long spells of one value, which random samples hardly ever have.
fn spells() -> impl Strategy<Value = Vec<(f64, f64)>> {
    (proptest::collection::vec(1usize..12, 3..8), 0..2i32, 0u32..9).prop_map(|(lengths, first, phase)| {
        let mut value = f64::from(first);
        let mut values = Vec::new();
        for length in lengths {
            values.extend(std::iter::repeat_n(value, length));
            value = 1.0 - value;
        }
        let phase = f64::from(phase) * 0.1 - 11.0;
        values.into_iter().chain([1.0; 20]).enumerate().map(|(second, value)| (second as f64 + phase, value)).collect()
    })
}

fn world(series: &[Vec<(f64, f64)>], until: f64, edge: f64) -> World {
    let world = World::new(1.0, 0.1).fuzzy_fault((0.0, edge), (15.0, 15.0 + edge));
    let names = ["a", "b", "c"];
    let all: Vec<Series> = series
        .iter()
        .zip(names)
        .map(|(samples, name)| {
            let known: Vec<(f64, f64)> = samples.iter().copied().filter(|(at, _)| *at <= until).collect();
            world.series(name, &known)
        })
        .filter(|series| !series.samples.is_empty())
        .collect();
    let leaves = vec![all.clone()];
    world.answered(-12.0, until, all, vec![]).answered_leaves(until, leaves)
}

impl World {
    fn answered_leaves(self, until: f64, leaves: Vec<Vec<Series>>) -> Self {
        let values = self.observed.values.clone();
        self.answered(-12.0, until, values, leaves)
    }
}

fn claims() -> Vec<Claim> {
    let budget = |time: f64, longest: Option<f64>| {
        let allowance = |time: f64| Allowance::Time(seconds(time));
        tolerance(Some(allowance(time)), longest.map(allowance))
    };
    let dwelling = |dwell: Dwell| {
        let (predicate, within) = ("1".parse().unwrap(), seconds(4.0));
        claim(plain("v"), Verb::Becomes { predicate, after: start(), within, dwell })
    };
    let tolerant = Verb::Is { predicate: "1".parse().unwrap(), window: during(), tolerance: budget(4.0, Some(2.5)) };
    vec![
        is(plain("v"), "1"),
        is(plain("v"), "at most 1"),
        claim(plain("v"), tolerant),
        claim(plain("v"), Verb::IsAt { predicate: "1".parse().unwrap(), at: end() }),
        becomes(plain("v"), "1", 4.0, start()),
        becomes(plain("v"), "0", 4.0, end()),
        dwelling(Dwell::Until { until: end(), tolerance: Tolerance::default() }),
        dwelling(Dwell::For { length: seconds(6.0), tolerance: budget(3.0, None) }),
        totals(counters(&["v"]), "at most 3"),
    ]
}

fn outcome(judged: &Judged) -> Option<Outcome> {
    match judged {
        Judged::Pending { .. } => None,
        Judged::Settled { outcome, .. } => Some(*outcome),
    }
}

fn series() -> impl Strategy<Value = Vec<Vec<(f64, f64)>>> {
    proptest::collection::vec(prop_oneof![samples(), spells()], 1..3)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// More data never turns what was decided, and everything is decided once its need is settled.
    #[test]
    fn what_is_settled_stays_so(series in series(), edge in 0.0..0.8f64, cuts in proptest::collection::vec(0u32..300, 4)) {
        for claim in claims() {
            let whole = world(&series, 32.0, edge);
            let last = whole.find(&claim).judged;
            for cut in &cuts {
                let until = f64::from(*cut) * 0.1;
                let earlier = world(&series, until, edge);
                let judged = earlier.find(&claim).judged;
                if let Some(decided) = outcome(&judged) {
                    prop_assert_eq!(Some(decided), outcome(&last), "at {}: {:?}, later {:?}: {:?}", until, judged, last, claim.verb);
                }
                let need = needs(&claim, &earlier.timeline, earlier.clock(), earlier.observed.sampling);
                if need.settled.is_some_and(|wanted| earlier.observed.settled.is_some_and(|settled| settled >= wanted)) {
                    prop_assert!(outcome(&judged).is_some(), "at {until}: {judged:?}: {:?}", claim.verb);
                }
            }
            let mut closed = world(&series, f64::from(cuts[0]) * 0.1, edge);
            closed.timeline.close();
            prop_assert!(outcome(&closed.find(&claim).judged).is_some());
        }
    }

    /// A reading that says nothing, or a gap, inside the window: never passed.
    #[test]
    fn nothing_passes_on_readings_that_say_nothing(
        bad in prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY)],
        second in 2u32..14, gap in 3usize..8, edge in 0.0..0.8f64,
    ) {
        let good: Vec<(f64, f64)> = (-11..32).map(|second| (f64::from(second) + 0.2, 1.0)).collect();
        let place = good.iter().position(|(at, _)| *at > f64::from(second)).unwrap();
        let mut spoilt = good.clone();
        spoilt[place].1 = bad;
        let mut holed = good.clone();
        holed.drain(place..place + gap);
        for predicate in ["1", "at most 1", "at least 1", "not 0", "between 0 and 1"] {
            let tolerance = tolerance(Some(Allowance::Time(seconds(10.0))), None);
            let tolerant = Verb::Is { predicate: predicate.parse().unwrap(), window: during(), tolerance };
            for claim in [is(plain("v"), predicate), claim(plain("v"), tolerant)] {
                prop_assert_eq!(outcome(&world(std::slice::from_ref(&good), 32.0, edge).find(&claim).judged), Some(Outcome::Passed));
                for series in [&spoilt, &holed] {
                    let judged = world(std::slice::from_ref(series), 32.0, edge).find(&claim).judged;
                    prop_assert_ne!(outcome(&judged), Some(Outcome::Passed), "{:?}", judged);
                }
            }
        }
    }

    /// Least is never more than most, and a pass never rests on more than was allowed.
    #[test]
    fn measures_are_intervals(series in series(), edge in 0.0..0.8f64) {
        for claim in claims() {
            let found = world(&series, 32.0, edge).find(&claim);
            let Judged::Settled { outcome, measure, reason } = found.judged else { continue };
            match measure {
                Some(Measure::TimeToBecome { least, most }) => {
                    prop_assert!(least <= most, "{reason}");
                    prop_assert!(outcome != Outcome::Passed || most.as_secs_f64() <= 4.0, "{reason}");
                }
                Some(Measure::Violation { least, most }) => {
                    prop_assert!(least <= most, "{reason}");
                    prop_assert!(outcome != Outcome::Passed || most.as_secs_f64() <= 4.0, "{reason}");
                }
                Some(Measure::Total { inner, outer }) => prop_assert!(inner <= outer, "{reason}"),
                Some(Measure::Worst { .. } | Measure::Value { .. }) | None => {}
            }
            if let Some((from, until)) = found.transition {
                prop_assert!(from <= until, "{reason}");
            }
        }
    }

    /// The truth: a value that changes at a known time is never found to have changed at another.
    #[test]
    fn the_true_time_lies_in_the_measure(change in 0.2..12.0f64, phase in 0.0..1.0f64, within in 3.0..9.0f64) {
        // Each sample is read up to 100 ms after its timestamp.
        let read = |at: f64| f64::from(u8::from(at + phase * 0.1 >= change));
        let samples: Vec<(f64, f64)> = (-11..32).map(|second| f64::from(second) + phase).map(|at| (at, read(at))).collect();
        let world = world(&[samples], 32.0, 0.0);
        let (outcome, reason, measure) = world.settled(&becomes(plain("v"), "1", within, start()));
        if let Some(Measure::TimeToBecome { least, most }) = measure {
            prop_assert!(least.as_secs_f64() <= change + 1e-6 && change <= most.as_secs_f64() + 1e-6, "{reason}");
        }
        prop_assert!(outcome != Outcome::Passed || change <= within, "{reason}");
        prop_assert!(outcome != Outcome::Failed || change > within, "{reason}");
    }
}

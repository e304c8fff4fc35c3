//! Judging one million samples: one hundred series of ten thousand. The goal is 100 ms a claim.
#![forbid(unsafe_code)]

use criterion::{Criterion, criterion_group, criterion_main};
use jiff::{SignedDuration, Timestamp};
use squall_experiments::claim::{
    Aggregation, Claim, Dwell, Formula, Leaf, Query, QueryShape, Role, Source, Tolerance, Verb, Window,
};
use squall_experiments::experiment::{Edge, Event, Instant, Template};
use squall_experiments::history::Timeline;
use squall_experiments::judge::{
    Baseline, Case, Chunk, Clock, Judged, Labels, Observed, Outcome, Reading, Sample, Sampling, Series, judge,
};
use squall_experiments::moment::{Interval, Moment};
use squall_experiments::unit::Length;
use std::hint::black_box;
use std::time::Duration;

const SERIES: i64 = 100;
const SAMPLES: i64 = 10_000;
const INTERVAL: i64 = 1000;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + millis).expect("a time of this century")
}

fn moment(millis: i64) -> Moment {
    Moment { elapsed: Duration::from_millis(millis.unsigned_abs()), wall: at(millis) }
}

fn series(value: impl Fn(i64) -> f64) -> Vec<Series> {
    let one = |number: i64| Series {
        labels: Labels::from([("instance".to_owned(), format!("10.0.0.{number}:8080"))]),
        samples: (0..SAMPLES)
            .map(|sample| Sample(at(sample * INTERVAL + number), Reading::Number(value(sample))))
            .collect(),
    };
    (0..SERIES).map(one).collect()
}

fn source(plain: bool) -> Source {
    let leaf =
        Leaf { selector: Template::text("metric"), looks_back: Duration::ZERO, offset: Duration::ZERO, pinned: false };
    let sum =
        Formula::Aggregate { by: Aggregation::Sum, keep: Vec::new(), drop: Vec::new(), of: Box::new(Formula::Leaf(0)) };
    let shape = QueryShape { leaves: vec![leaf], plain, denominator: Vec::new(), formula: Some(sum) };
    Source::Query(Query { text: Template::text("metric"), shape: Some(shape) })
}

fn claim(source: Source, verb: Verb) -> Claim {
    Claim {
        name: "claim".parse().expect("a name"),
        role: Role::Expect,
        source,
        indicator: None,
        platform: None,
        verb,
        absent: None,
        min_events: None,
    }
}

struct World {
    timeline: Timeline,
    observed: Observed,
    baseline: Baseline,
}

impl World {
    fn new(values: Vec<Series>, leaves: Vec<Vec<Series>>) -> Self {
        let mut timeline = Timeline::new();
        timeline.method_started(Interval::at(moment(60_000)));
        timeline.method_ended(Interval::at(moment((SAMPLES - 60) * INTERVAL)));
        let mut observed =
            Observed::new(Sampling { interval: Duration::from_secs(1), timeout: Duration::from_millis(500) });
        let (from, until) = (at(-1), at(SAMPLES * INTERVAL));
        let (scraped, unheard, warnings) = (Vec::new(), Vec::new(), Vec::new());
        observed.take(Chunk { from, until, settled: until, values, leaves, scraped, unheard, warnings });
        let baseline = squall_experiments::judge::baseline(&observed, at(0), at(59_000));
        Self { timeline, observed, baseline }
    }

    fn judge(&self, claim: &Claim) -> Judged {
        let clock = Clock { began: at(0), skew: SignedDuration::ZERO };
        let (timeline, observed, baseline) = (&self.timeline, &self.observed, Some(&self.baseline));
        judge(&Case { claim, timeline, clock, observed, baseline })
    }

    fn passes(&self, claim: &Claim) {
        let judged = self.judge(claim);
        assert!(matches!(judged, Judged::Settled { outcome: Outcome::Passed, .. }), "{judged:?}");
    }
}

fn method(edge: Edge) -> Instant {
    Instant { event: Event::Method(edge), offset: SignedDuration::ZERO }
}

fn a_million_samples(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("judge a million samples (goal: 100 ms)");
    group.sample_size(20);
    let window = || Window::Between { from: method(Edge::Start), to: method(Edge::End) };
    let predicate = |text: &str| text.parse().expect("a predicate");

    let gauges = World::new(series(|sample| if sample < 100 { 0.0 } else { 1.0 }), Vec::new());
    let is = claim(
        source(true),
        Verb::Is { predicate: predicate("at most 1"), window: window(), tolerance: Tolerance::default() },
    );
    gauges.passes(&is);
    group.bench_function("is", |bencher| bencher.iter(|| gauges.judge(black_box(&is))));

    let dwell = Dwell::Until { until: method(Edge::End), tolerance: Tolerance::default() };
    let within = Length::from_secs(60);
    let becomes =
        claim(source(true), Verb::Becomes { predicate: predicate("1"), after: method(Edge::Start), within, dwell });
    gauges.passes(&becomes);
    group.bench_function("becomes, until", |bencher| bencher.iter(|| gauges.judge(black_box(&becomes))));

    #[expect(clippy::cast_precision_loss, reason = "small")]
    let counters = World::new(Vec::new(), vec![series(|sample| sample as f64)]);
    let totals = claim(source(false), Verb::Totals { predicate: predicate("at least 900000"), window: window() });
    counters.passes(&totals);
    group.bench_function("totals", |bencher| bencher.iter(|| counters.judge(black_box(&totals))));
    group.finish();
}

criterion_group!(benches, a_million_samples);
criterion_main!(benches);

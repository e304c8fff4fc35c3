//! A world that claims are judged in: times in seconds from the moment the interesting part begins.

use jiff::{SignedDuration, Timestamp};
use squall_experiments::claim::{
    Aggregation, Allowance, Claim, Dwell, Formula, Leaf, Operator, Query, QueryShape, Role, Source, Tolerance, Verb,
    Window,
};
use squall_experiments::experiment::{Edge, Event, Instant, Template};
use squall_experiments::history::Timeline;
use squall_experiments::judge::{
    Baseline, Case, Chunk, Clock, Finding, Judged, Labels, Measure, Observed, Outcome, Reading, Sample, Sampling,
    Series, find,
};
use squall_experiments::moment::{Interval, Moment};
use squall_experiments::unit::Length;
use std::time::Duration;

/// The run began this long before the interesting part.
const LEAD: f64 = 60.0;

pub struct World {
    pub zero: Timestamp,
    /// The source's clock less ours.
    pub skew: SignedDuration,
    pub timeline: Timeline,
    pub observed: Observed,
    pub baseline: Option<Baseline>,
}

pub fn length(seconds: f64) -> SignedDuration {
    SignedDuration::from_nanos((seconds * 1e9).round() as i64)
}

impl World {
    /// A source that is sampled every so many seconds, each sample taking at most `timeout`.
    pub fn new(interval: f64, timeout: f64) -> Self {
        let sampling =
            Sampling { interval: Duration::from_secs_f64(interval), timeout: Duration::from_secs_f64(timeout) };
        Self {
            zero: Timestamp::from_second(1_700_000_000).unwrap(),
            skew: SignedDuration::ZERO,
            timeline: Timeline::new(),
            observed: Observed::new(sampling),
            baseline: None,
        }
    }

    /// With a source whose clock is so much ahead of ours; before anything is answered.
    pub fn skewed(self, seconds: f64) -> Self {
        Self { skew: length(seconds), ..self }
    }

    /// A time by the source's clock.
    pub fn at(&self, seconds: f64) -> Timestamp {
        self.zero + length(seconds) + self.skew
    }

    pub fn moment(&self, seconds: f64) -> Moment {
        Moment { elapsed: Duration::from_secs_f64(seconds + LEAD), wall: self.zero + length(seconds) }
    }

    pub fn clock(&self) -> Clock {
        Clock { began: self.zero - length(LEAD), skew: self.skew }
    }

    /// The step `fault`, its edges certain to the instant.
    pub fn fault(self, start: f64, end: f64) -> Self {
        self.fuzzy_fault((start, start), (end, end))
    }

    pub fn fuzzy_fault(mut self, start: (f64, f64), end: (f64, f64)) -> Self {
        let interval = |(first, last)| Interval { first: self.moment(first), last: self.moment(last) };
        let (start, end) = (interval(start), interval(end));
        let step = "fault".parse().unwrap();
        self.timeline.step_started(&step, start);
        self.timeline.method_started(start);
        self.timeline.step_ended(&step, end);
        self.timeline.method_ended(end);
        self
    }

    /// An answer up to a time, everything settled.
    pub fn answered(mut self, from: f64, until: f64, values: Vec<Series>, leaves: Vec<Vec<Series>>) -> Self {
        let chunk = self.chunk(from, until, values, leaves);
        self.observed.take(chunk);
        self
    }

    pub fn chunk(&self, from: f64, until: f64, values: Vec<Series>, leaves: Vec<Vec<Series>>) -> Chunk {
        let (from, until) = (self.at(from), self.at(until));
        Chunk {
            from,
            until,
            settled: until,
            values,
            leaves,
            scraped: Vec::new(),
            unheard: Vec::new(),
            warnings: Vec::new(),
        }
    }

    pub fn scraped(
        mut self,
        from: f64,
        until: f64,
        values: Vec<Series>,
        leaves: Vec<Vec<Series>>,
        up: Vec<Series>,
    ) -> Self {
        let chunk = Chunk { scraped: up, ..self.chunk(from, until, values, leaves) };
        self.observed.take(chunk);
        self
    }

    /// Of this leaf's metric the source has never heard, up to this time.
    pub fn unheard(mut self, leaf: usize, until: f64) -> Self {
        self.observed.unheard.push((leaf, self.at(until)));
        self
    }

    pub fn based(mut self, from: f64, to: f64) -> Self {
        self.baseline = Some(squall_experiments::judge::baseline(&self.observed, self.at(from), self.at(to)));
        self
    }

    pub fn lose(mut self, series: Labels, from: f64, to: Option<f64>) -> Self {
        let (from, to) = (self.moment(from), to.map(|to| self.moment(to)));
        self.timeline.declare_loss(&"fault".parse().unwrap(), vec![series], from, to);
        self
    }

    pub fn series(&self, name: &str, samples: &[(f64, f64)]) -> Series {
        let samples = samples.iter().map(|(at, value)| Sample(self.at(*at), Reading::Number(*value)));
        Series { labels: labels(&[("instance", name)]), samples: samples.collect() }
    }

    /// A sample every second, offset by 0.1 s, from `from` on.
    pub fn every_second(&self, name: &str, from: f64, values: &[f64]) -> Series {
        let samples: Vec<(f64, f64)> =
            values.iter().enumerate().map(|(second, value)| (from + 0.1 + second as f64, *value)).collect();
        self.series(name, &samples)
    }

    pub fn case<'a>(&'a self, claim: &'a Claim) -> Case<'a> {
        Case {
            claim,
            timeline: &self.timeline,
            clock: self.clock(),
            observed: &self.observed,
            baseline: self.baseline.as_ref(),
        }
    }

    pub fn find(&self, claim: &Claim) -> Finding {
        find(&self.case(claim))
    }

    #[track_caller]
    pub fn settled(&self, claim: &Claim) -> (Outcome, String, Option<Measure>) {
        match self.find(claim).judged {
            Judged::Settled { outcome, reason, measure } => (outcome, reason, measure),
            Judged::Pending { now } => panic!("pending: {now}"),
        }
    }

    #[track_caller]
    pub fn expect(&self, claim: &Claim, outcome: Outcome, says: &str) -> Option<Measure> {
        let (found, reason, measure) = self.settled(claim);
        assert_eq!(found, outcome, "{reason}");
        assert!(reason.contains(says), "`{reason}` does not say `{says}`");
        measure
    }
}

pub fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// A plain selector.
pub fn plain(selector: &str) -> Source {
    let leaf =
        Leaf { selector: Template::text(selector), looks_back: Duration::ZERO, offset: Duration::ZERO, pinned: false };
    let formula = Some(Formula::Leaf(0));
    let shape = QueryShape { leaves: vec![leaf], plain: true, denominator: Vec::new(), formula };
    Source::Query(Query { text: Template::text(selector), shape: Some(shape) })
}

/// A query over leaves that look back so many seconds.
pub fn evaluated(text: &str, leaves: &[(&str, f64)]) -> Source {
    let leaves = leaves.iter().map(|(selector, back)| Leaf {
        selector: Template::text(*selector),
        looks_back: Duration::from_secs_f64(*back),
        offset: Duration::ZERO,
        pinned: false,
    });
    let shape = QueryShape { leaves: leaves.collect(), plain: false, denominator: Vec::new(), formula: None };
    Source::Query(Query { text: Template::text(text), shape: Some(shape) })
}

/// `sum(LEAF 0)`, or `sum(LEAF 0) / sum(LEAF 1)`.
pub fn counters(leaves: &[&str]) -> Source {
    let sum = |leaf| Formula::Aggregate {
        by: Aggregation::Sum,
        keep: Vec::new(),
        drop: Vec::new(),
        of: Box::new(Formula::Leaf(leaf)),
    };
    let all: Vec<(&str, f64)> = leaves.iter().map(|leaf| (*leaf, 0.0)).collect();
    let Source::Query(Query { text, shape: Some(mut shape) }) = evaluated(&leaves.join(" / "), &all) else {
        unreachable!("a query was just made")
    };
    shape.formula = Some(match leaves.len() {
        1 => sum(0),
        _ => Formula::Binary { operator: Operator::Divide, left: Box::new(sum(0)), right: Box::new(sum(1)) },
    });
    shape.denominator = if leaves.len() > 1 { vec![1] } else { Vec::new() };
    Source::Query(Query { text, shape: Some(shape) })
}

pub fn start() -> Instant {
    Instant { event: Event::Step("fault".parse().unwrap(), Edge::Start), offset: SignedDuration::ZERO }
}

pub fn end() -> Instant {
    Instant { event: Event::Step("fault".parse().unwrap(), Edge::End), offset: SignedDuration::ZERO }
}

pub fn during() -> Window {
    Window::Between { from: start(), to: end() }
}

pub fn seconds(seconds: f64) -> Length {
    Length::from(Duration::from_secs_f64(seconds))
}

pub fn claim(source: Source, verb: Verb) -> Claim {
    Claim {
        name: "claim".parse().unwrap(),
        role: Role::Expect,
        source,
        indicator: None,
        platform: None,
        verb,
        absent: None,
        min_events: None,
    }
}

pub fn is(source: Source, predicate: &str) -> Claim {
    let verb = Verb::Is { predicate: predicate.parse().unwrap(), window: during(), tolerance: Tolerance::default() };
    claim(source, verb)
}

pub fn totals(source: Source, predicate: &str) -> Claim {
    claim(source, Verb::Totals { predicate: predicate.parse().unwrap(), window: during() })
}

pub fn becomes(source: Source, predicate: &str, within: f64, after: Instant) -> Claim {
    let predicate = predicate.parse().unwrap();
    claim(source, Verb::Becomes { predicate, after, within: seconds(within), dwell: Dwell::Once })
}

pub fn tolerance(budget: Option<Allowance>, longest: Option<Allowance>) -> Tolerance {
    Tolerance { budget, longest }
}

/// The measure of a `becomes`, in seconds.
#[track_caller]
pub fn times(measure: Option<Measure>) -> (f64, f64) {
    match measure {
        Some(Measure::TimeToBecome { least, most }) => (least.as_secs_f64(), most.as_secs_f64()),
        other => panic!("no time to become: {other:?}"),
    }
}

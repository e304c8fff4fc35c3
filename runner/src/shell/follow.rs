//! A query that is followed: asked again and again, so that all of its time is known once, and no sample is skipped.
//!
//! ```text
//!            start                      known           until
//!   ----------|---------------------------|---------------|----> the source's time
//!                         (from  overlap  |               ]
//! ```
//!
//! Late samples are why the last two intervals and a timeout are asked for again: an answer replaces
//! whatever was known of `(from, until]`. After a failure `known` stays, so nothing is skipped.

use super::matchers::proof_selector;
use super::observer::{Tell, earlier, earlier_by, later};
use super::rules::{Evaluations, whole_metric};
use crate::clock::RunClock;
use crate::metrics::{MetricError, MetricSource};
use jiff::{SignedDuration, Timestamp};
use squall_experiments::claim::Query;
use squall_experiments::judge::{Chunk, Sampling};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// Not faster, however short the scrape interval is.
const FASTEST: Duration = Duration::from_millis(200);
/// Not slower: progress and `abortIf` look at what is known.
const SLOWEST: Duration = Duration::from_secs(5);
/// A metric that was not seen for so long is not known any more.
const MEMORY: Duration = Duration::from_secs(24 * 60 * 60);
/// Prometheus refuses more than 11,000 points a series.
const MOST_POINTS: u32 = 10_000;

/// What is asked of a metric source.
pub(super) struct Question {
    text: String,
    plain: bool,
    leaves_only: bool,
    leaves: Vec<String>,
}

impl Question {
    pub(super) fn new(text: String, query: &Query, leaves_only: bool) -> Self {
        let shape = query.shape.as_ref();
        let plain = shape.is_some_and(|shape| shape.plain);
        let selectors = shape.map(|shape| shape.leaves.iter().map(|leaf| leaf.selector.to_string()).collect());
        Self { text, plain, leaves_only, leaves: selectors.unwrap_or_default() }
    }
}

/// What earlier answers have said.
#[derive(Default)]
struct Memory {
    evaluations: Evaluations,
    /// Leaves whose metric is known.
    heard: BTreeSet<usize>,
}

/// A query that is followed.
pub(super) struct Follow {
    pub(super) question: Question,
    pub(super) source: Arc<dyn MetricSource>,
    pub(super) skew: SignedDuration,
    pub(super) sampling: Sampling,
    pub(super) clock: RunClock,
    pub(super) tell: Tell,
}

impl Follow {
    pub(super) async fn run(self, since: SignedDuration) {
        let interval = self.sampling.interval.max(Duration::from_millis(1));
        let overlap = interval * 2 + self.sampling.timeout;
        let start = earlier(self.clock.source_now(self.skew), since);
        if since.is_negative() {
            tokio::time::sleep(since.unsigned_abs()).await;
        }
        let mut known = start;
        let mut memory = Memory::default();
        let mut ticks = tokio::time::interval(interval.clamp(FASTEST, SLOWEST));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let now = self.clock.source_now(self.skew);
            let until = self.border(now.min(later(known, interval * MOST_POINTS)));
            if until <= known {
                ticks.tick().await;
                continue;
            }
            let from = self.border(earlier_by(known, overlap)).max(start);
            match self.ask(from, until, overlap, &mut memory).await {
                Ok(chunk) => {
                    known = until;
                    self.tell.chunk(chunk);
                    // There is more to catch up on only where a point's worth of time is left.
                    if later(until, interval * 2) > now {
                        ticks.tick().await;
                    }
                }
                Err(error) => {
                    self.tell.failure(error.to_string(), error.is_lasting());
                    if error.is_lasting() {
                        return;
                    }
                    ticks.tick().await;
                }
            }
        }
    }

    /// Values stand at multiples of the interval, so an answer ends at one; raw samples stand anywhere.
    fn border(&self, at: Timestamp) -> Timestamp {
        if self.question.plain || self.question.leaves_only {
            return at;
        }
        let interval = i64::try_from(self.sampling.interval.as_millis()).unwrap_or(i64::MAX).max(1);
        let millis = at.as_millisecond().div_euclid(interval) * interval;
        Timestamp::from_millisecond(millis).unwrap_or(at)
    }

    async fn ask(
        &self,
        from: Timestamp,
        until: Timestamp,
        overlap: Duration,
        memory: &mut Memory,
    ) -> Result<Chunk, MetricError> {
        let Question { text, plain, leaves_only, leaves } = &self.question;
        let mut chunk = Chunk {
            from,
            until,
            settled: earlier_by(until, overlap),
            values: Vec::new(),
            leaves: Vec::new(),
            scraped: Vec::new(),
            unheard: Vec::new(),
            warnings: Vec::new(),
        };
        if *plain && !*leaves_only {
            let answer = self.source.samples(text, from, until).await?;
            chunk.values = answer.series;
            chunk.warnings.extend(answer.warnings);
        } else {
            if !*leaves_only {
                let answer = self.source.values(text, from, until, self.sampling.interval).await?;
                chunk.values = answer.series;
                chunk.warnings.extend(answer.warnings);
            }
            let asked = leaves.iter().map(|selector| self.source.samples(selector, from, until));
            for answer in futures::future::try_join_all(asked).await? {
                chunk.leaves.push(answer.series);
                chunk.warnings.extend(answer.warnings);
            }
        }
        let raw = if *plain && !*leaves_only { std::slice::from_ref(&chunk.values) } else { &chunk.leaves };
        let (heard, silent): (Vec<_>, Vec<_>) =
            leaves.iter().zip(raw).enumerate().partition(|(_, (_, series))| !series.is_empty());
        memory.heard.extend(heard.into_iter().map(|(place, _)| place));
        let silent: Vec<(usize, &String)> =
            silent.into_iter().map(|(place, (selector, _))| (place, selector)).collect();
        if !silent.is_empty() {
            let rules = self.source.rules().await;
            for (place, selector) in silent {
                let mut proof = self.source.samples(&proof_selector(selector), from, until).await?.series;
                let by_rules = memory.evaluations.proof(selector, &rules, from, until);
                // What a rule makes is known by the rule.
                if by_rules.is_empty() && !memory.heard.contains(&place) {
                    if self.source.knows(&whole_metric(selector), earlier_by(until, MEMORY), until).await? {
                        memory.heard.insert(place);
                    } else {
                        chunk.unheard.push(place);
                    }
                }
                proof.extend(by_rules);
                proof.retain(|series| !chunk.scraped.contains(series));
                chunk.scraped.extend(proof);
            }
        }
        Ok(chunk)
    }
}

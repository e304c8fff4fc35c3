//! Folding answers into what is known: a later answer replaces an earlier one where they overlap.
//!
//! Answers arrive nearly in order and overlap a little (late samples are asked for again), so a fold
//! touches the tail of each series and nothing else.

use super::{Chunk, Observed, Sample, Sampling, Series};
use crate::history::WatchFailure;
use jiff::Timestamp;

impl Observed {
    /// Nothing is known yet.
    pub fn new(sampling: Sampling) -> Self {
        Self {
            sampling,
            from: None,
            until: None,
            settled: None,
            values: Vec::new(),
            leaves: Vec::new(),
            scraped: Vec::new(),
            unheard: Vec::new(),
            holes: Vec::new(),
            warnings: Vec::new(),
            error: None,
            refused: false,
        }
    }

    /// Takes an answer: of every series, `(from, until]` is replaced. A sample outside of it, or of the
    /// future, is not the answer's to give and is dropped: range selectors are closed in Prometheus 2
    /// and left-open in 3.
    pub fn take(&mut self, chunk: Chunk) {
        let Chunk { from, until, settled, values, leaves, scraped, unheard, warnings } = chunk;
        self.error = None;
        self.refused = false;
        for warning in warnings {
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
        if until <= from {
            return;
        }
        for leaf in unheard {
            match self.unheard.iter_mut().find(|(known, _)| *known == leaf) {
                Some((_, at)) => *at = until.max(*at),
                None => self.unheard.push((leaf, until)),
            }
        }
        self.remember_asked(from, until);
        self.settled = Some(self.settled.map_or(settled, |known| known.max(settled)));
        replace(&mut self.values, values, from, until);
        replace(&mut self.scraped, scraped, from, until);
        if self.leaves.len() < leaves.len() {
            self.leaves.resize_with(leaves.len(), Vec::new);
        }
        let mut leaves = leaves.into_iter();
        for known in &mut self.leaves {
            replace(known, leaves.next().unwrap_or_default(), from, until);
        }
    }

    /// The source did not answer. What is known stays known.
    pub fn fail(&mut self, failure: &WatchFailure) {
        self.error = Some(failure.reason.clone());
        self.refused = failure.lasting;
    }

    fn remember_asked(&mut self, from: Timestamp, until: Timestamp) {
        let (Some(first), Some(last)) = (self.from, self.until) else {
            (self.from, self.until) = (Some(from), Some(until));
            return;
        };
        if from > last {
            self.holes.push((last, from));
        }
        if until < first {
            self.holes.insert(0, (until, first));
        }
        if !self.holes.is_empty() {
            let rest = |&(begin, end): &(Timestamp, Timestamp)| [(begin, end.min(from)), (begin.max(until), end)];
            self.holes = self.holes.iter().flat_map(rest).filter(|(begin, end)| begin < end).collect();
            self.holes.dedup();
        }
        (self.from, self.until) = (Some(first.min(from)), Some(last.max(until)));
    }
}

/// Series are kept in the order of their labels, so that each is found again quickly.
fn replace(known: &mut Vec<Series>, answer: Vec<Series>, from: Timestamp, until: Timestamp) {
    for series in known.iter_mut() {
        let (begin, end) = bounds(&series.samples, from, until);
        series.samples.drain(begin..end);
    }
    for mut new in answer {
        new.samples.retain(|sample| from < sample.0 && sample.0 <= until);
        if !new.samples.is_sorted_by(|earlier, later| earlier.0 < later.0) {
            new.samples.sort_by_key(|sample| sample.0);
            new.samples.dedup_by(|later, earlier| later.0 == earlier.0);
        }
        if new.samples.is_empty() {
            continue;
        }
        match known.binary_search_by(|series| series.labels.cmp(&new.labels)) {
            Ok(place) => insert(&mut known[place].samples, new.samples, from),
            Err(place) => known.insert(place, new),
        }
    }
    known.retain(|series| !series.samples.is_empty());
}

fn insert(samples: &mut Vec<Sample>, new: Vec<Sample>, from: Timestamp) {
    let place = samples.partition_point(|sample| sample.0 <= from);
    if place == samples.len() {
        samples.extend(new);
    } else {
        samples.splice(place..place, new);
        // Two entries of one answer may carry the same labels.
        if !samples.is_sorted_by(|earlier, later| earlier.0 < later.0) {
            samples.sort_by_key(|sample| sample.0);
            samples.dedup_by(|later, earlier| later.0 == earlier.0);
        }
    }
}

fn bounds(samples: &[Sample], from: Timestamp, until: Timestamp) -> (usize, usize) {
    let begin = samples.partition_point(|sample| sample.0 <= from);
    let end = begin + samples[begin..].partition_point(|sample| sample.0 <= until);
    (begin, end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::testing::{at, chunk, labels, numbers};
    use proptest::prelude::*;

    fn times(observed: &Observed) -> Vec<i64> {
        observed.values[0].samples.iter().map(|sample| sample.0.as_millisecond() - at(0).as_millisecond()).collect()
    }

    #[test]
    fn an_answer_replaces_its_own_time_and_nothing_else() {
        let mut observed = Observed::new(crate::judge::testing::sampling(1000));
        observed.take(chunk(0, 3000, vec![numbers("a", &[(1000, 1.0), (2000, 1.0), (3000, 1.0)])]));
        observed.take(chunk(2000, 5000, vec![numbers("a", &[(2000, 9.0), (2500, 2.0), (4000, 2.0), (6000, 2.0)])]));
        assert_eq!(times(&observed), [1000, 2000, 2500, 4000]);
        assert_eq!((observed.from, observed.until), (Some(at(0)), Some(at(5000))));
    }

    #[test]
    fn a_series_that_an_answer_lacks_is_gone_for_that_time() {
        let mut observed = Observed::new(crate::judge::testing::sampling(1000));
        observed.take(chunk(0, 2000, vec![numbers("b", &[(1000, 1.0)]), numbers("a", &[(1500, 1.0)])]));
        assert_eq!(observed.values[0].labels, labels("a"));
        observed.take(chunk(1200, 3000, vec![numbers("b", &[(2500, 1.0)])]));
        assert_eq!(observed.values.len(), 1);
        assert_eq!(times(&observed), [1000, 2500]);
    }

    #[test]
    fn what_was_never_asked_is_a_hole_until_it_is() {
        let mut observed = Observed::new(crate::judge::testing::sampling(1000));
        observed.take(chunk(0, 1000, vec![]));
        observed.take(chunk(4000, 5000, vec![]));
        assert_eq!(observed.holes, [(at(1000), at(4000))]);
        observed.take(chunk(2000, 3000, vec![]));
        assert_eq!(observed.holes, [(at(1000), at(2000)), (at(3000), at(4000))]);
        observed.take(chunk(500, 5000, vec![]));
        assert!(observed.holes.is_empty());
    }

    #[test]
    fn an_error_is_forgotten_with_the_next_answer() {
        let mut observed = Observed::new(crate::judge::testing::sampling(1000));
        observed.fail(&WatchFailure { reason: "connection refused".into(), lasting: true });
        assert_eq!((observed.error.as_deref(), observed.refused), (Some("connection refused"), true));
        observed.take(chunk(0, 1000, vec![]));
        assert_eq!((observed.error, observed.refused), (None, false));
    }

    proptest! {
        #[test]
        fn asking_in_pieces_gives_what_asking_at_once_gives(
            mut cuts in proptest::collection::vec(0u32..20_000, 0..8),
            samples in proptest::collection::btree_map(1u32..20_000, -5.0..5.0f64, 1..60),
            overlap in 0u32..3_000,
        ) {
            let all: Vec<(i64, f64)> = samples.iter().map(|(at, value)| (i64::from(*at), *value)).collect();
            let mut whole = Observed::new(crate::judge::testing::sampling(1000));
            whole.take(chunk(0, 20_000, vec![numbers("a", &all)]));
            cuts.sort_unstable();
            cuts.push(20_000);
            let mut pieces = Observed::new(crate::judge::testing::sampling(1000));
            let mut from = 0;
            for cut in cuts {
                let begin = i64::from(from).saturating_sub(i64::from(overlap)).max(0);
                let part: Vec<(i64, f64)> =
                    all.iter().copied().filter(|(at, _)| begin < *at && *at <= i64::from(cut)).collect();
                pieces.take(chunk(begin, i64::from(cut), vec![numbers("a", &part)]));
                from = cut;
            }
            prop_assert_eq!(whole.values, pieces.values);
            prop_assert!(pieces.holes.is_empty());
        }
    }
}

//! One series read against a predicate: runs of neighbouring samples that say the same.

use super::subject::Subject;
use super::{Reading, Sample};
use jiff::Timestamp;

/// What a sample says of the predicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    True,
    False,
    /// NaN, infinite, a text where a number is needed, a bound of a histogram, no baseline.
    Unknown,
}

/// Neighbouring samples that say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub truth: Truth,
    pub first: Timestamp,
    pub last: Timestamp,
}

/// The value furthest from satisfying.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Extreme {
    pub margin: f64,
    pub at: Timestamp,
    pub value: f64,
}

/// A series read against a predicate.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Track {
    pub runs: Vec<Run>,
    pub worst: Option<Extreme>,
    /// The first reading that says nothing, and why.
    pub unknown: Option<(Timestamp, Reading)>,
}

/// Reads the predicate against one series at a time.
pub(super) struct Reader<'a> {
    subject: Subject<'a>,
    ceiling: Option<f64>,
}

impl<'a> Reader<'a> {
    pub fn new(subject: &Subject<'a>) -> Self {
        Self { subject: *subject, ceiling: subject.ceiling() }
    }

    pub fn truth(&self, reading: &Reading, median: Option<f64>) -> Truth {
        let predicate = self.subject.predicate;
        let capped = matches!((reading, self.ceiling), (Reading::Number(number), Some(ceiling)) if *number == ceiling);
        if capped {
            return self.truth_at_ceiling(reading, median);
        }
        match predicate.holds(reading, median) {
            Some(holds) if holds != self.subject.negated => Truth::True,
            Some(_) => Truth::False,
            None => Truth::Unknown,
        }
    }

    /// The true value is this one or any higher one: enough for `at least`, too much for `at most`.
    fn truth_at_ceiling(&self, reading: &Reading, median: Option<f64>) -> Truth {
        let predicate = self.subject.predicate;
        let (low, high) = predicate.band(median).unwrap_or((f64::NAN, f64::NAN));
        match predicate.holds(reading, median) {
            Some(true) if high == f64::INFINITY && !self.subject.negated => Truth::True,
            Some(true) if high == f64::INFINITY => Truth::False,
            Some(false) if low == f64::NEG_INFINITY && !self.subject.negated => Truth::False,
            Some(false) if low == f64::NEG_INFINITY => Truth::True,
            Some(_) | None => Truth::Unknown,
        }
    }

    /// The samples with `from <= t <= until`, read.
    pub fn track(&self, samples: &[Sample], from: Timestamp, until: Timestamp, median: Option<f64>) -> Track {
        let begin = samples.partition_point(|sample| sample.0 < from);
        let end = samples.partition_point(|sample| sample.0 <= until).max(begin);
        let band = self.subject.predicate.band(median);
        let mut track = Track::default();
        for Sample(at, reading) in &samples[begin..end] {
            let truth = self.truth(reading, median);
            track.add(truth, *at);
            if truth == Truth::Unknown && track.unknown.is_none() {
                track.unknown = Some((*at, reading.clone()));
            }
            if let (Reading::Number(value), true) = (reading, truth != Truth::Unknown) {
                let margin = match band {
                    Some((low, high)) => (value - low).min(high - value),
                    None => f64::from(u8::from(truth == Truth::True)),
                };
                if track.worst.as_ref().is_none_or(|worst| margin < worst.margin) {
                    track.worst = Some(Extreme { margin, at: *at, value: *value });
                }
            }
        }
        track
    }
}

impl Track {
    pub fn add(&mut self, truth: Truth, at: Timestamp) {
        match self.runs.last_mut() {
            Some(run) if run.truth == truth => run.last = at,
            _ => self.runs.push(Run { truth, first: at, last: at }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::testing::{Lab, at, numbers};

    #[test]
    fn a_track_is_runs_of_samples_that_say_the_same() {
        let lab = Lab::plain("at most 5");
        let subject = lab.subject();
        let samples = numbers("a", &[(0, 1.0), (1000, 2.0), (2000, 7.0), (3000, f64::NAN), (4000, 5.0)]).samples;
        let track = Reader::new(&subject).track(&samples, at(0), at(4000), None);
        let said: Vec<_> = track.runs.iter().map(|run| (run.truth, run.first, run.last)).collect();
        assert_eq!(
            said,
            [
                (Truth::True, at(0), at(1000)),
                (Truth::False, at(2000), at(2000)),
                (Truth::Unknown, at(3000), at(3000)),
                (Truth::True, at(4000), at(4000)),
            ]
        );
        assert_eq!(track.worst, Some(Extreme { margin: -2.0, at: at(2000), value: 7.0 }));
    }
}

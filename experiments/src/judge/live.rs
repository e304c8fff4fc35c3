//! What a claim looks like while its window is open: for progress, decides nothing.

use super::case::Place;
use super::sentence::{named, reading, relative};
use super::subject::Subject;
use super::track::{Reader, Truth};
use jiff::Timestamp;

/// The newest values, and the last sample that was false.
pub(super) fn so_far(subject: &Subject<'_>, window: (Timestamp, Timestamp), place: &Place) -> String {
    let reader = Reader::new(subject);
    let mut newest = Vec::new();
    let mut last_false: Option<Timestamp> = None;
    for series in &subject.observed.values {
        let track = reader.track(&series.samples, window.0, window.1, subject.median(&series.labels));
        let end = track.runs.iter().rev().find(|run| run.truth == Truth::False).map(|run| run.last);
        last_false = last_false.max(end);
        if let Some(sample) = series.samples.last() {
            newest.push(format!("{}{}", reading(&sample.1, subject.predicate), named(&series.labels)));
        }
    }
    newest.truncate(3);
    let now = if newest.is_empty() { "no data yet".to_owned() } else { format!("now {}", newest.join(", ")) };
    match last_false {
        None => now,
        Some(at) => format!("{now}; not `{}` {}", subject.predicate, relative(at, place.event, &place.name)),
    }
}

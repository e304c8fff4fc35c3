//! `abortIf`: watched on fresh data; a blind safety stop stops.

use super::Case;
use super::coverage::{Required, required};
use super::sentence::{named, reading, seconds};
use super::subject::{Subject, later, signed};
use super::track::{Reader, Truth};
use crate::claim::Verb;
use crate::moment::Moment;
use jiff::Timestamp;

/// What a safety stop says now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AbortState {
    /// Not true, or not for long enough.
    Quiet,
    /// True for as long as it says: abort.
    True {
        /// As a sentence, with what was seen.
        reason: String,
    },
    /// No answer for as long as max(`for`, 3 intervals): abort too.
    Blind {
        /// As a sentence, with why.
        reason: String,
    },
}

/// Looks at a claim of `abortIf`. `since`: when its watching began; `now`: the present.
///
/// An answer is missing from the moment it is due: one interval after the last, and the scrape's timeout.
/// While every series is lost to a fault that declares it, that is counted from the loss's beginning. A query
/// whose coverage cannot be shown is blind at once, unless it is true.
pub fn aborts(case: &Case<'_>, since: Moment, now: Moment) -> AbortState {
    let subject = Subject::of_claim(case.claim, case.timeline, case.clock, case.observed, case.baseline);
    let lasting = match &case.claim.verb {
        Verb::Aborts { lasting, .. } => lasting.map(|length| signed(length.get())),
        Verb::Is { .. } | Verb::IsAt { .. } | Verb::Becomes { .. } | Verb::Totals { .. } => None,
    };
    let lasting = lasting.unwrap_or_default();
    let (begin, now) = (case.clock.at(since), case.clock.at(now));
    let newest = answers(&subject, begin, now);
    if let Some(Answer { truth: Truth::True, since, at, said }) = &newest {
        let length = at.duration_since(*since);
        if length >= lasting {
            let long = if length.is_zero() { String::new() } else { format!(" for {}", seconds(length)) };
            return AbortState::True {
                reason: format!("{} is {}{long}: {said}", case.claim.name, subject.condition()),
            };
        }
    }
    // Before anything was done the baseline refuses it: nobody could tell its silence from blindness.
    if let Some(why) = super::case::unshown(subject.source) {
        return AbortState::Blind { reason: format!("{} cannot be a safety stop: {why}", case.claim.name) };
    }
    let patience = lasting.max(subject.half_intervals(6));
    let due = later(
        newest.as_ref().map_or(begin, |answer| answer.at.max(begin)),
        subject.interval().saturating_add(subject.timeout()),
    );
    let silent = now.duration_since(due);
    if silent < patience {
        return AbortState::Quiet;
    }
    let why = match (&case.observed.error, &newest) {
        (Some(error), _) => error.clone(),
        (None, Some(answer)) if answer.truth == Truth::Unknown => "every series was lost to the fault".to_owned(),
        (None, Some(_)) => "no fresh data that can be compared".to_owned(),
        (None, None) => "it never gave a value that can be compared".to_owned(),
    };
    let silent = seconds(silent.saturating_add(subject.interval()));
    AbortState::Blind { reason: format!("{} has had no answer for {silent}: {why}", case.claim.name) }
}

/// The newest thing that can be said of all series together.
struct Answer {
    truth: Truth,
    /// Since when it is so.
    since: Timestamp,
    /// The newest time at which it was.
    at: Timestamp,
    said: String,
}

fn answers(subject: &Subject<'_>, begin: Timestamp, now: Timestamp) -> Option<Answer> {
    let values = subject.values(begin, now);
    let labels = subject.baseline_labels();
    let baseline = subject.baseline.map(|baseline| (&labels, baseline.until));
    let series = required(subject, &values, baseline, (begin, now)).ok()?;
    let lost_since = |one: &Required<'_>| {
        one.gone.iter().find(|(from, until)| *from <= now && now <= *until).map(|(from, _)| (*from).max(begin))
    };
    let all_lost: Option<Vec<Timestamp>> = series.iter().map(lost_since).collect();
    if let Some(since) = all_lost.and_then(|lost| lost.into_iter().max()) {
        return Some(Answer { truth: Truth::Unknown, since, at: since, said: String::new() });
    }
    let reader = Reader::new(subject);
    let mut all: Option<Answer> = None;
    for one in series.iter().filter(|one| lost_since(one).is_none()) {
        let track = reader.track(&one.series.samples, begin, now, subject.median(&one.series.labels));
        let run = track.runs.iter().rev().find(|run| run.truth != Truth::Unknown)?;
        let place = one.series.samples.partition_point(|sample| sample.0 <= run.last);
        let value = place.checked_sub(1).map(|place| &one.series.samples[place].1)?;
        let said = format!("{}{}", reading(value, subject.predicate), named(&one.series.labels));
        let next = Answer { truth: run.truth, since: run.first, at: run.last, said };
        all = Some(match (all, next.truth) {
            (None, _) => next,
            // One that is false is enough: not every one is true.
            (Some(known), Truth::False) if known.truth == Truth::False && known.at >= next.at => known,
            (Some(_), Truth::False) => next,
            (Some(known), _) if known.truth == Truth::False => known,
            (Some(known), _) => Answer { since: known.since.max(next.since), at: known.at.min(next.at), ..known },
        });
    }
    let mut all = all?;
    // A value may outlive what it is made of: `avg_over_time` does, and so does the lookback.
    let newest = |leaf: &Vec<super::Series>| leaf.iter().filter_map(|series| Some(series.samples.last()?.0)).max();
    if subject.is_evaluated() {
        all.at = subject.observed.leaves.iter().filter_map(newest).fold(all.at, |at, leaf| {
            // An evaluation is at most one interval younger than its samples.
            if all.at.duration_since(leaf) > subject.interval() { at.min(leaf) } else { at }
        });
    }
    all.since = all.since.min(all.at);
    Some(all)
}

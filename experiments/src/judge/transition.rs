//! When a predicate changed from false to true: an interval, never an instant.
//!
//! ```text
//!             event              change lies in here
//!          [first last]      (last old sample, first new sample]
//!  F  F  F  |    |  F   F   F |                 | T   T   T
//! ```

use super::coverage::{Pace, Piece, Required, without};
use super::sentence::{named, reading};
use super::subject::{Edges, Subject, earlier, later};
use super::track::{Reader, Run, Truth};
use super::{Reading, Sample};
use jiff::{SignedDuration, Timestamp};

/// What one series did after an event.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Change {
    /// It was seen false, then true: the change lies between.
    Seen(Edges),
    /// It was there and true from its birth on.
    Born(Edges),
    /// It was true at the event and stayed so up to the deadline.
    Already {
        /// Whether it was seen false since the event's step began.
        seen_false: bool,
    },
    /// It was false at this time, which is certainly after the deadline.
    Never(Timestamp),
    /// What is settled does not reach far enough.
    NotYet,
    /// It cannot be said.
    Unknown(String),
}

/// What is asked of a change.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question {
    /// The clock starts here.
    pub event: Edges,
    /// When the event's step began.
    pub since: Timestamp,
    /// The latest time that can still be in time.
    pub deadline: Timestamp,
    /// Up to here nothing changes any more.
    pub settled: Timestamp,
}

impl Question {
    /// From here on a decision cannot wait for more samples.
    pub fn decided_at(&self, subject: &Subject<'_>) -> Timestamp {
        later(later(self.deadline, subject.before()), subject.half_intervals(4))
    }

    /// The first sample that may have to be read.
    pub fn begin(&self, subject: &Subject<'_>) -> Timestamp {
        earlier(self.since.min(self.event.first), subject.half_intervals(10))
    }
}

/// Looks for the first change of one series after the event.
///
/// "Too late" and "never" need a reading that was taken after the deadline and before the decision was due:
/// after a longer silence it has been decided that nothing can be said, and what comes then changes nothing.
/// A reading that says nothing is silence too: a change may hide in it.
pub(super) fn change(subject: &Subject<'_>, reader: &Reader<'_>, one: &Required<'_>, question: &Question) -> Change {
    let found = first_change(subject, reader, one, question);
    let is_late = match &found {
        Change::Seen(edges) => edges.first > question.deadline,
        Change::Never(_) => true,
        Change::Born(_) | Change::Already { .. } | Change::NotYet | Change::Unknown(_) => false,
    };
    if is_late && let Err(reason) = shows_lateness(subject, reader, one, question) {
        return Change::Unknown(reason);
    }
    found
}

/// Whether the change would have been seen, had it come in time.
fn shows_lateness(
    subject: &Subject<'_>,
    reader: &Reader<'_>,
    one: &Required<'_>,
    question: &Question,
) -> Result<(), String> {
    let labels = || named(&one.series.labels);
    let median = subject.median(&one.series.labels);
    let due = question.decided_at(subject);
    let (from, until) = searched(subject, question, question.deadline);
    let samples = one.series.samples.iter().filter(|sample| from <= sample.0 && sample.0 <= due);
    let (silent, readable): (Vec<&Sample>, Vec<&Sample>) =
        samples.partition(|sample| reader.truth(&sample.1, median) == Truth::Unknown);
    let is_after = |sample: &&Sample| subject.taken(sample.0).first > question.deadline;
    if !readable.iter().any(is_after) {
        return Err(match silent.into_iter().find(is_after) {
            Some(sample) => says_nothing(subject, &sample.1, &labels()),
            None => format!("there is no sample just after the deadline{}", labels()),
        });
    }
    let Some(first) = silent.first() else { return Ok(()) };
    let readable: Vec<Sample> = readable.into_iter().cloned().collect();
    Pace::of(subject)
        .check(&readable, (from.max(one.from), until), &one.declared)
        .map_err(|_| says_nothing(subject, &first.1, &labels()))
}

fn says_nothing(subject: &Subject<'_>, value: &Reading, labels: &str) -> String {
    format!("{}{labels} {}", reading(value, subject.predicate), super::invariant::why_unknown(subject, value))
}

fn first_change(subject: &Subject<'_>, reader: &Reader<'_>, one: &Required<'_>, question: &Question) -> Change {
    let samples = &one.series.samples;
    let median = subject.median(&one.series.labels);
    let begin = question.begin(subject);
    let cut = first_after(subject, samples, question.event.first);
    let nanosecond = SignedDuration::from_nanos(1);
    let before = reader.track(samples, begin, earlier(cut, nanosecond).min(question.settled), median);
    let after = reader.track(samples, cut, question.settled, median);

    let mut old: Option<Timestamp> = None;
    let known = before.runs.iter().rev().find(|run| run.truth != Truth::Unknown);
    let mut held = known.is_some_and(|run| run.truth == Truth::True);
    if let Some(run) = known.filter(|run| run.truth == Truth::False) {
        old = Some(run.last);
    }
    let nothing_known = known.is_none();
    for run in &after.runs {
        match run.truth {
            Truth::Unknown => {}
            Truth::False if held && subject.taken(run.first).first > question.deadline => break,
            Truth::False => {
                held = false;
                old = Some(run.last);
            }
            Truth::True => match old {
                Some(old) => return Change::Seen(between(subject, old, run)),
                None if nothing_known && !held => {
                    let unseen = earlier(run.first, subject.interval());
                    let born = Edges { first: earlier(unseen, subject.before()), last: subject.taken(run.first).last };
                    // Was it there all the time, and only not asked for?
                    let asked = subject.observed.from.is_some_and(|asked| asked < unseen);
                    if asked && one.from > question.event.first {
                        return Change::Born(born);
                    }
                    held = true;
                }
                None => {}
            },
        }
    }
    let enough = question.settled >= question.decided_at(subject);
    if let Some(old) = old {
        return if subject.taken(old).first > question.deadline {
            Change::Never(old)
        } else if enough {
            let labels = named(&one.series.labels);
            Change::Unknown(after.unknown.map_or_else(
                || format!("there is no sample after the deadline{labels}"),
                |(_, value)| says_nothing(subject, &value, &labels),
            ))
        } else {
            Change::NotYet
        };
    }
    if !enough {
        return Change::NotYet;
    }
    if let Some((_, value)) = after.unknown.filter(|(at, _)| *at <= question.deadline) {
        return Change::Unknown(says_nothing(subject, &value, &named(&one.series.labels)));
    }
    if !held {
        return Change::Unknown(format!("no data{}", named(&one.series.labels)));
    }
    let since = later(question.since, subject.before());
    let seen_false = before.runs.iter().any(|run| run.truth == Truth::False && run.last >= since);
    Change::Already { seen_false }
}

/// Values from here on were certainly taken after the event began. An evaluated value may be an
/// interval old, but not older than the raw samples behind it: a fault that bites within one interval
/// must not look as if it had been so before.
fn first_after(subject: &Subject<'_>, samples: &[Sample], event: Timestamp) -> Timestamp {
    let at_the_latest = later(event, subject.before());
    let from = samples.partition_point(|sample| sample.0 < event);
    let near = samples[from..].iter().take_while(|sample| sample.0 < at_the_latest);
    near.map(|sample| sample.0).find(|at| subject.taken(*at).first >= event).unwrap_or(at_the_latest)
}

fn between(subject: &Subject<'_>, old: Timestamp, new: &Run) -> Edges {
    Edges { first: subject.taken(old).first, last: subject.taken(new.first).last }
}

/// What all series did together: every one must change.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Changes {
    /// All are true; the last changed in this interval.
    Seen(Edges),
    /// All were true already.
    Already {
        /// Whether each was seen false since the event's step began.
        seen_false: bool,
    },
    /// One is false after the deadline.
    Never(Timestamp, String),
    NotYet,
    Unknown(String),
}

/// Judges every series that counts. One that is born after all others have become true does not.
pub(super) fn changes(subject: &Subject<'_>, series: &[Required<'_>], question: &Question) -> Changes {
    let reader = Reader::new(subject);
    let whole = (question.event.last, question.deadline);
    let present = series.iter().filter(|one| whole.0 >= whole.1 || !without(whole, &one.gone).is_empty());
    let mut present: Vec<&Required<'_>> = present.collect();
    present.sort_by_key(|one| one.from);
    let mut last: Option<Edges> = None;
    let mut already: Option<bool> = None;
    let (mut born, mut undecided, mut unknown) = (false, false, None);
    for one in present {
        // Everything there was had changed before this one was born.
        let complete = last.filter(|_| !undecided && unknown.is_none());
        if complete.is_some_and(|edges| one.from > edges.last) {
            break;
        }
        match change(subject, &reader, one, question) {
            // Too late for certain: whatever the others did.
            Change::Seen(edges) if edges.first > question.deadline => return Changes::Seen(edges),
            Change::Seen(edges) => last = Some(join(last, edges)),
            Change::Born(edges) => {
                born = true;
                // Where all the others were so before, nobody has seen anything change.
                if last.is_some() || already == Some(true) {
                    last = Some(join(last, edges));
                }
            }
            Change::Already { seen_false } => already = Some(already.unwrap_or(true) && seen_false),
            Change::Never(at) => return Changes::Never(at, named(&one.series.labels)),
            Change::NotYet => undecided = true,
            Change::Unknown(reason) => unknown = Some(reason),
        }
    }
    match (unknown, undecided, last, already) {
        (_, true, _, _) => Changes::NotYet,
        (Some(reason), false, _, _) => Changes::Unknown(reason),
        (None, false, Some(edges), None | Some(_)) => Changes::Seen(edges),
        (None, false, None, Some(seen_false)) => Changes::Already { seen_false },
        (None, false, None, None) if born => Changes::Already { seen_false: false },
        (None, false, None, None) if question.settled >= question.decided_at(subject) => {
            Changes::Unknown("no data in this time".to_owned())
        }
        (None, false, None, None) => Changes::NotYet,
    }
}

fn join(last: Option<Edges>, next: Edges) -> Edges {
    last.map_or(next, |last| Edges { first: last.first.max(next.first), last: last.last.max(next.last) })
}

/// The part of a window in which a change that lies in the interval, or the lack of one, was looked for.
pub(super) fn searched(subject: &Subject<'_>, question: &Question, until: Timestamp) -> Piece {
    let from = earlier(question.event.first, subject.half_intervals(2));
    (from, until.max(later(from, subject.half_intervals(2))))
}

//! Claims, witnesses and `waitFor`s beside what was judged of them and what is drawn.

use super::fold::Watched;
use super::plot::Subject;
use super::run::Frame;
use super::totals::totals;
use super::{At, Plot, Span};
use crate::words::{self, State, Unit};
use jiff::{SignedDuration, Timestamp};
use squall_experiments::claim::{Claim, Predicate, Query, Role, Source, Verb};
use squall_experiments::experiment::{Step, StepKind};
use squall_experiments::history::Record;
use squall_experiments::judge::{ClaimJudgement, Outcome, WatchKind, WatchName, WitnessJudgement};
use squall_experiments::name::PlatformName;

/// A claim.
#[derive(Debug)]
pub(crate) struct ClaimView<'a> {
    /// As it was checked.
    pub(crate) claim: &'a Claim,
    /// What became of it; `None` in an unfinished run.
    pub(crate) judged: Option<&'a ClaimJudgement>,
    /// Where its value comes from, holes filled as far as the run got.
    pub(crate) source: words::Source,
    /// What it asks for.
    pub(crate) allowed: String,
    /// The outcome, in the word that fits: a placebo has its own.
    pub(crate) state: State,
    /// What was measured, in words.
    pub(crate) measure: Option<String>,
    /// The window it was judged over, on the run's clock.
    pub(crate) window: Option<Span>,
    /// The interval its change lies in.
    pub(crate) transition: Option<Span>,
    /// Its chart.
    pub(crate) plot: Option<Plot>,
    /// Its source's clock.
    pub(crate) clock: SourceClock,
    /// Times its source gave no answer, and what it said.
    pub(crate) failures: Vec<(At, &'a str)>,
}

/// A witness, or a `waitFor`.
#[derive(Debug)]
pub(crate) struct WatchView<'a> {
    /// The step's name.
    pub(crate) name: String,
    /// Which of the two.
    pub(crate) kind: WatchKind,
    /// What became of it.
    pub(crate) judged: Option<&'a WitnessJudgement>,
    /// The same in a word.
    pub(crate) state: State,
    /// Where its value comes from.
    pub(crate) source: words::Source,
    /// What it asks for.
    pub(crate) allowed: String,
    /// The condition alone.
    pub(crate) predicate: &'a Predicate,
    /// Its chart.
    pub(crate) plot: Option<Plot>,
}

pub(super) fn claims<'a>(record: &'a Record, frame: &Frame<'_, 'a>) -> Vec<ClaimView<'a>> {
    record.header.experiment.claims().map(|claim| view(record, claim, frame)).collect()
}

fn view<'a>(record: &'a Record, claim: &'a Claim, frame: &Frame<'_, 'a>) -> ClaimView<'a> {
    let judged = record.judgement.as_ref().and_then(|judgement| {
        judgement.claims.iter().find(|judged| judged.name == claim.name && judged.role == claim.role)
    });
    let clock = frame.clock(&claim.source, claim.platform.as_ref());
    let unit = Unit::of_claim(claim);
    let passed = judged.is_some_and(|judged| judged.outcome == Outcome::Passed);
    let always = passed && claim.verb.predicate().is_exact();
    let span = |times: Option<(Timestamp, Timestamp)>| times.map(|(from, to)| (clock.at(from), clock.at(to)));
    let window = span(judged.and_then(|judged| judged.window));
    let transition = span(judged.and_then(|judged| judged.transition));
    let deadline = match &claim.verb {
        Verb::Becomes { after, within, .. } => {
            frame.instant(after).map(|(_, last)| At(last.0 + within.get().as_secs_f64()))
        }
        Verb::Is { .. } | Verb::IsAt { .. } | Verb::Totals { .. } | Verb::Aborts { .. } => None,
    };
    let watch = WatchName(claim.name.to_string());
    let watched = frame.folded.watched.get(&watch);
    let subject = Subject {
        axis: frame.axis,
        predicate: claim.verb.predicate(),
        unwanted: claim.role == Role::AbortIf,
        unit,
        baseline: judged.and_then(|judged| judged.baseline),
        window,
        transition,
        deadline,
        interval: frame.interval(&watch),
        asked: None,
        holes: &[],
    };
    ClaimView {
        claim,
        judged,
        source: words::source(watched.and_then(|watched| watched.source).unwrap_or(&claim.source)),
        allowed: words::allowed(claim),
        state: state(record, claim, judged),
        measure: judged
            .and_then(|judged| judged.measure.as_ref())
            .map(|measure| words::measure(measure, unit, always, |time| clock.at(time).to_string())),
        window,
        transition,
        plot: match (&claim.verb, judged) {
            (Verb::Totals { .. }, Some(judged)) => {
                watched.and_then(|watched| draw_totals(watched, judged, &claim.source, clock, subject))
            }
            _ => watched.and_then(|watched| draw(watched, clock, subject)),
        },
        clock,
        failures: watched.map(|watched| watched.failures.clone()).unwrap_or_default(),
    }
}

fn state(record: &Record, claim: &Claim, judged: Option<&ClaimJudgement>) -> State {
    let Some(judged) = judged else { return State::not_judged() };
    let placebo = record.judgement.as_ref().and_then(|judgement| judgement.placebo.as_ref());
    let Some(reading) = placebo else { return State::of(judged.outcome) };
    let (outcome, word) = if reading.vacuous.contains(&claim.name) {
        (Outcome::Failed, "vacuous")
    } else if reading.violated.contains(&claim.name) {
        (Outcome::Failed, "violated")
    } else if reading.without_data.contains(&claim.name) {
        (Outcome::Inconclusive, "no data")
    } else if reading.does_not_hold.contains(&claim.name) {
        (Outcome::Passed, "does not hold")
    } else {
        return State::of(judged.outcome);
    };
    State { word: word.to_owned(), ..State::of(outcome) }
}

/// Every witness and every `waitFor`, in the order of the file.
pub(super) fn watches<'a>(record: &'a Record, frame: &Frame<'_, 'a>) -> Vec<WatchView<'a>> {
    let judgement = record.judgement.as_ref();
    let asked = |step: &'a Step| -> Option<(WatchKind, &'a Source, Option<&'a PlatformName>, &'a Predicate, String)> {
        let witness = match &step.kind {
            StepKind::Inject(inject) => inject.witness.as_ref(),
            StepKind::Perform(perform) => perform.witness.as_ref(),
            StepKind::WaitFor(wait) => {
                let allowed = format!("is {} within {}{}", wait.is, wait.within, words::absent(wait.absent));
                return Some((WatchKind::WaitFor, &wait.source, wait.platform.as_ref(), &wait.is, allowed));
            }
            StepKind::Wait(_) | StepKind::Parallel(_) => None,
        }?;
        let allowed = format!(
            "becomes {} within {} of the start, and is no longer so within {} of the end{}",
            witness.becomes,
            witness.within,
            witness.within,
            words::absent(witness.absent)
        );
        Some((WatchKind::Witness, &witness.source, witness.platform.as_ref(), &witness.becomes, allowed))
    };
    let steps = record.header.experiment.steps().into_iter();
    steps
        .filter_map(|step| asked(step).map(|asked| (step, asked)))
        .map(|(step, (kind, source, platform, predicate, allowed))| {
            let watch = WatchName(step.label());
            let watched = frame.folded.watched.get(&watch);
            let clock = frame.clock(source, platform);
            let judged = judgement.and_then(|judgement| {
                let list = match kind {
                    WatchKind::Witness => &judgement.witnesses,
                    WatchKind::WaitFor => &judgement.waits,
                };
                list.iter().find(|judged| judged.step == step.id)
            });
            let subject = Subject {
                axis: frame.axis,
                predicate,
                unwanted: false,
                unit: Unit::of(&predicate.to_string(), source),
                baseline: None,
                window: None,
                transition: None,
                deadline: None,
                interval: frame.interval(&watch),
                asked: None,
                holes: &[],
            };
            WatchView {
                name: step.label(),
                kind,
                judged,
                state: judged.map_or_else(State::not_judged, |judged| match kind {
                    WatchKind::Witness => State::of_witness(judged.outcome),
                    WatchKind::WaitFor => State::of(judged.outcome),
                }),
                source: words::source(watched.and_then(|watched| watched.source).unwrap_or(source)),
                allowed,
                predicate,
                plot: watched.and_then(|watched| draw(watched, clock, subject)),
            }
        })
        .collect()
}

fn draw(watched: &Watched<'_>, clock: SourceClock, subject: Subject<'_>) -> Option<Plot> {
    let observed = watched.observed.as_ref()?;
    let span = |(from, until)| (clock.at(from), clock.at(until));
    let holes: Vec<Span> = observed.holes.iter().copied().map(span).collect();
    let asked = observed.from.zip(observed.until).map(span);
    Plot::of(&observed.values, |time| clock.at(time), Subject { asked, holes: &holes, ..subject })
}

/// `totals` has no values of its own: what is drawn is what its counters have added up to so far.
fn draw_totals(
    watched: &Watched<'_>,
    claim: &ClaimJudgement,
    source: &Source,
    clock: SourceClock,
    subject: Subject<'_>,
) -> Option<Plot> {
    let Source::Query(Query { shape: Some(shape), .. }) = source else { return None };
    let (from, until) = claim.window?;
    let observed = watched.observed.as_ref()?;
    let plain = [observed.values.clone()];
    let leaves = if observed.leaves.is_empty() { &plain } else { observed.leaves.as_slice() };
    Plot::of(&totals(shape.formula.as_ref()?, leaves, from, until), |time| clock.at(time), subject)
}

/// Puts a source's time onto the run's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SourceClock {
    pub(super) began: Timestamp,
    pub(super) skew: SignedDuration,
}

impl SourceClock {
    pub(crate) fn at(self, time: Timestamp) -> At {
        At::of(time, self.began, self.skew)
    }
}

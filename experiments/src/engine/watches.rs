//! Watched sources: when each is opened, what has been seen of it, when it is closed.
//!
//! A claim is watched from the baseline on, or as soon as the holes of its source can be filled. A metric
//! source has a memory, so a watch that opens late looks back to where the baseline began.

use super::command::WatchOrder;
use super::engine::Engine;
use super::{Command, Phase, bounds, fill};
use crate::claim::{Claim, Role, Source, Verb};
use crate::experiment::{Experiment, Instant, StepKind, Witness};
use crate::history::{ActionEnd, WatchFailure};
use crate::judge::{Chunk, Labels, Observed, Reading, Sample, Sampling, Series, WatchName, looks_back};
use crate::moment::Moment;
use crate::name::{PlatformName, StepName};
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::time::Duration;

/// What a watch is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A claim, seen over its window.
    Claim(Role),
    /// A claim that is asked once, at an instant.
    Once(Instant),
    /// A step's witness.
    Witness(StepName),
    /// A step that waits for it.
    WaitFor(StepName),
    /// The result of an action: nothing to watch.
    Result(StepName),
}

/// Where a watch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Not opened yet.
    Idle,
    /// Open since then.
    Open(Moment),
    /// Closed, or never to be opened.
    Closed,
}

/// One watched source.
#[derive(Debug, Clone)]
pub(super) struct WatchRun {
    pub(super) purpose: Purpose,
    source: Source,
    platform: Option<PlatformName>,
    leaves_only: bool,
    pub(super) observed: Observed,
    pub(super) state: State,
    /// Whether it has ever been opened.
    pub(super) was_opened: bool,
}

impl WatchRun {
    fn new(purpose: Purpose, source: &Source, platform: Option<&PlatformName>) -> Self {
        Self {
            purpose,
            source: source.clone(),
            platform: platform.cloned(),
            leaves_only: false,
            observed: Observed::new(usual_sampling(source)),
            state: State::Idle,
            was_opened: false,
        }
    }

    /// When it was opened, if it is open.
    pub(super) fn open_since(&self) -> Option<Moment> {
        match self.state {
            State::Open(since) => Some(since),
            State::Idle | State::Closed => None,
        }
    }

    /// How long after a moment the last sample of it can come, and be known to be the last.
    pub(super) fn lag(&self) -> Duration {
        self.observed.sampling.interval * 3 + self.observed.sampling.timeout
    }
}

/// Before preflight has said how a source is sampled.
fn usual_sampling(source: &Source) -> Sampling {
    match source {
        Source::Http { every, .. } | Source::Exec { every, .. } => {
            Sampling { interval: every.get(), timeout: every.get() }
        }
        Source::Query(_) => Sampling { interval: Duration::from_secs(15), timeout: Duration::from_secs(10) },
        Source::Step(_) => Sampling { interval: Duration::from_secs(1), timeout: Duration::ZERO },
    }
}

/// Every watched source.
#[derive(Debug, Default)]
pub(super) struct Watches {
    pub(super) all: BTreeMap<WatchName, WatchRun>,
    /// By step: the series of the instances it hit.
    pub(super) lost: BTreeMap<StepName, Vec<Labels>>,
    /// Results of actions, until their moment is known to the source's clock.
    results: Vec<(StepName, Reading)>,
}

impl Watches {
    pub(super) fn of(experiment: &Experiment, placebo: bool) -> Self {
        let mut all = BTreeMap::new();
        for claim in experiment.claims() {
            let mut run = WatchRun::new(purpose_of(claim), &claim.source, claim.platform.as_ref());
            run.leaves_only = matches!(claim.verb, Verb::Totals { .. });
            all.insert(WatchName(claim.name.to_string()), run);
        }
        for step in experiment.steps() {
            let Some(name) = &step.name else { continue };
            let witness: Option<&Witness> = match &step.kind {
                StepKind::Inject(inject) => inject.witness.as_ref(),
                StepKind::Perform(perform) => perform.witness.as_ref(),
                StepKind::WaitFor(wait) => {
                    let run = WatchRun::new(Purpose::WaitFor(name.clone()), &wait.source, wait.platform.as_ref());
                    all.insert(WatchName(name.to_string()), run);
                    None
                }
                StepKind::Wait(_) | StepKind::Parallel(_) => None,
            };
            if let Some(witness) = witness.filter(|_| !placebo) {
                let purpose = Purpose::Witness(name.clone());
                let run = WatchRun::new(purpose, &witness.source, witness.platform.as_ref());
                all.insert(WatchName(name.to_string()), run);
            }
        }
        Self { all, ..Self::default() }
    }

    pub(super) fn get(&self, name: &str) -> Option<&WatchRun> {
        self.all.get(&WatchName(name.to_owned()))
    }

    /// What sources warned of, each with what was asked.
    pub(super) fn warnings(&self) -> Vec<String> {
        let of_one = |(name, run): (&WatchName, &WatchRun)| {
            let name = name.clone();
            run.observed
                .warnings
                .clone()
                .into_iter()
                .map(move |warning| format!("{name}: its source warned: {warning}"))
        };
        self.all.iter().flat_map(of_one).collect()
    }

    pub(super) fn set_sampling(&mut self, known: &BTreeMap<WatchName, Sampling>) {
        for (name, run) in &mut self.all {
            if let Some(sampling) = known.get(name) {
                run.observed.sampling = *sampling;
            }
        }
    }

    pub(super) fn take(&mut self, name: &WatchName, chunk: Chunk) {
        if let Some(run) = self.all.get_mut(name) {
            run.observed.take(chunk);
            run.answered();
        }
    }

    pub(super) fn fail(&mut self, name: &WatchName, failure: &WatchFailure) {
        if let Some(run) = self.all.get_mut(name) {
            run.observed.fail(failure);
            run.answered();
        }
    }

    /// An action has ended: its result is the one value of the claims that name it.
    pub(super) fn note_result(&mut self, step: &StepName, end: &ActionEnd) {
        let reading = match end {
            ActionEnd::Exited { code, .. } => Reading::Number(f64::from(*code)),
            ActionEnd::Answered { status, .. } => Reading::Number(f64::from(*status)),
            ActionEnd::Stopped { .. } | ActionEnd::TimedOut { .. } | ActionEnd::NotStarted { .. } => return,
        };
        self.results.push((step.clone(), reading));
    }
}

impl WatchRun {
    /// A source that is asked once is done with its first word.
    fn answered(&mut self) {
        if matches!(self.purpose, Purpose::Once(_)) && matches!(self.state, State::Open(_)) {
            self.state = State::Closed;
        }
    }
}

/// An `is ... at` of a source without memory is asked at its instant. One that lies before its event
/// cannot be: it is watched throughout, and the judge takes the sample of the instant.
fn purpose_of(claim: &Claim) -> Purpose {
    match (&claim.source, &claim.verb) {
        (Source::Step(step), _) => Purpose::Result(step.clone()),
        (Source::Http { .. } | Source::Exec { .. }, Verb::IsAt { at, .. }) if !at.offset.is_negative() => {
            Purpose::Once(at.clone())
        }
        _ => Purpose::Claim(claim.role),
    }
}

impl Engine {
    /// Opens every watch whose time has come, and closes those that have seen all they are for.
    pub(super) fn watch_sources(&mut self) {
        self.feed_results();
        if !(Phase::Baseline..=Phase::Recovery).contains(&self.phase) || self.ending.is_hasty() {
            return;
        }
        let names: Vec<WatchName> = self.watches.all.keys().cloned().collect();
        for name in names {
            let Some(run) = self.watches.all.get(&name) else { continue };
            match run.state {
                State::Idle => self.open_watch(&name),
                State::Open(since) if matches!(run.purpose, Purpose::Once(_)) => {
                    if self.passed(since, bounds::ONCE) {
                        let seconds = bounds::ONCE.as_secs();
                        let reason = format!("no answer in {seconds} s at its one instant");
                        self.watches.fail(&name, &WatchFailure { reason, lasting: true });
                        self.outbox.push(Command::Unwatch(name));
                    }
                }
                State::Open(_) => {
                    if self.has_seen_all(&name) {
                        self.close_watch(&name);
                    }
                }
                State::Closed => {}
            }
        }
    }

    /// Whether a source is being asked for the state at one instant: the next step waits for it.
    pub(super) fn is_asking_once(&mut self) -> bool {
        self.watch_sources();
        self.watches.all.values().any(|run| matches!(run.purpose, Purpose::Once(_)) && run.open_since().is_some())
    }

    fn open_watch(&mut self, name: &WatchName) {
        let Some(run) = self.watches.all.get(name) else { return };
        let once = match &run.purpose {
            Purpose::Result(_) => return,
            Purpose::Claim(_) | Purpose::Witness(_) => false,
            Purpose::WaitFor(step) => {
                let step = step.clone();
                let begun = self.timeline.step(&step).start.is_some();
                if !begun {
                    return;
                }
                false
            }
            Purpose::Once(at) => {
                let Some(due) = self.timeline.instant(at) else { return };
                if due.last.elapsed > self.now.elapsed {
                    self.wake_at(due.last.elapsed);
                    return;
                }
                true
            }
        };
        let Ok(source) = fill::source(&run.source, &self.values()) else { return };
        // A step's targets, once known, do not change; those of an `every` do, and the first shot opens it.
        let from = match run.purpose {
            Purpose::WaitFor(_) => self.now,
            Purpose::Claim(_) | Purpose::Once(_) | Purpose::Witness(_) | Purpose::Result(_) => self.watching_from(),
        };
        let since = match &source {
            Source::Query(_) => {
                let ago = self.now.elapsed.saturating_sub(from.elapsed);
                let back = looks_back(&source, run.observed.sampling).saturating_add(ago);
                SignedDuration::try_from(back).unwrap_or(SignedDuration::MAX)
            }
            Source::Http { .. } | Source::Exec { .. } | Source::Step(_) => SignedDuration::ZERO,
        };
        let order = WatchOrder {
            watch: name.clone(),
            source,
            platform: run.platform.clone(),
            since,
            leaves_only: run.leaves_only,
            once,
        };
        let now = self.now;
        if let Some(run) = self.watches.all.get_mut(name) {
            run.state = State::Open(now);
            run.was_opened = true;
        }
        if once {
            self.wake_at(now.elapsed + bounds::ONCE);
        }
        self.outbox.push(Command::Watch(Box::new(order)));
    }

    /// Where the baseline phase began: what late watches look back to.
    fn watching_from(&self) -> Moment {
        self.baseline.phase_began.unwrap_or(self.now)
    }

    pub(super) fn close_watch(&mut self, name: &WatchName) {
        if let Some(run) = self.watches.all.get_mut(name) {
            if run.open_since().is_some() {
                self.outbox.push(Command::Unwatch(name.clone()));
            }
            run.state = State::Closed;
        }
    }

    pub(super) fn close_all_watches(&mut self) {
        let names: Vec<WatchName> = self.watches.all.keys().cloned().collect();
        for name in names {
            self.close_watch(&name);
        }
    }

    /// Results of actions become values of the claims that name them; they are as fresh as the run.
    fn feed_results(&mut self) {
        let results = std::mem::take(&mut self.watches.results);
        let clock = self.clock(None, false);
        let now = clock.at(self.now);
        for run in self.watches.all.values_mut() {
            let Purpose::Result(step) = &run.purpose else { continue };
            for (_, reading) in results.iter().filter(|(of, _)| of == step) {
                let samples = vec![Sample(now, reading.clone())];
                run.observed.values = vec![Series { labels: Labels::new(), samples }];
            }
            run.observed.from.get_or_insert(clock.began);
            run.observed.until = Some(now);
            run.observed.settled = Some(now);
        }
    }
}

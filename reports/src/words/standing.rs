//! Where a run stands, unmistakable without colour.

use squall_experiments::judge::{Outcome, Verdict};

/// A verdict, or that there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// The run has no judgement: it goes on, or its runner died.
    Unfinished,
    /// It was judged.
    Judged(Verdict),
}

impl Standing {
    /// A sign that differs from every other's in shape.
    pub(crate) fn mark(self) -> &'static str {
        match self {
            Self::Unfinished => "…",
            Self::Judged(Verdict::Passed) => "✓",
            Self::Judged(Verdict::Failed) => "✗",
            Self::Judged(Verdict::Inconclusive) => "?",
            Self::Judged(Verdict::Error) => "!",
            Self::Judged(Verdict::Aborted) => "■",
            Self::Judged(Verdict::FaultsMayRemain) => "⚠",
        }
    }

    /// The verdict in a word or three.
    pub(crate) fn word(self) -> String {
        match self {
            Self::Unfinished => "unfinished".to_owned(),
            Self::Judged(verdict) => verdict.to_string(),
        }
    }

    /// The word that a run is headed by. A placebo withstood nothing: it is not said to have passed.
    pub(crate) fn headline(self, placebo: bool) -> String {
        match self {
            Self::Judged(Verdict::Passed) if placebo => "nothing vacuous".to_owned(),
            Self::Judged(_) | Self::Unfinished => self.word(),
        }
    }

    /// What the verdict means, for someone who has never seen one.
    pub(crate) fn meaning(self, placebo: bool) -> &'static str {
        match self {
            Self::Unfinished => {
                "This run has no judgement: it is still going on, or its runner died. If it died, the next `squall run` reverts it and closes it; `squall revert` does so at once."
            }
            Self::Judged(Verdict::Passed) if placebo => {
                "No fault was injected, so nothing was withstood. No claim held that should need one: this experiment can tell the difference."
            }
            Self::Judged(Verdict::Failed) if placebo => {
                "No fault was injected, and yet a claim that should need one held, or an invariant was violated."
            }
            Self::Judged(Verdict::Passed) => "The fault was seen to bite, and every claim held on enough data.",
            Self::Judged(Verdict::Failed) => "At least one claim was violated, for certain.",
            Self::Judged(Verdict::Inconclusive) => "There is not enough evidence to say passed or failed.",
            Self::Judged(Verdict::Error) => {
                "Something needed was not there or broke. What was injected has been reverted."
            }
            Self::Judged(Verdict::Aborted) => "The run was ended early. What was injected has been reverted.",
            Self::Judged(Verdict::FaultsMayRemain) => {
                "Something may still be disturbed. Remove it first, then read on."
            }
        }
    }

    /// A class of the style sheet, and a word for colours elsewhere.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Unfinished => "unfinished",
            Self::Judged(Verdict::Passed) => "passed",
            Self::Judged(Verdict::Failed) => "failed",
            Self::Judged(Verdict::Inconclusive) => "inconclusive",
            Self::Judged(Verdict::Error) => "error",
            Self::Judged(Verdict::Aborted) => "aborted",
            Self::Judged(Verdict::FaultsMayRemain) => "remain",
        }
    }
}

/// What became of a claim, for people: a sign that differs from every other's in shape, a word, a class
/// of the style sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    /// What decides the colour; `None`: nothing was decided.
    pub(crate) outcome: Option<Outcome>,
    /// The word.
    pub(crate) word: String,
}

impl State {
    /// By its outcome.
    pub(crate) fn of(outcome: Outcome) -> Self {
        Self { outcome: Some(outcome), word: outcome.to_string() }
    }

    /// Of a fault: whether it was seen to bite.
    pub(crate) fn of_witness(outcome: Outcome) -> Self {
        let word = match outcome {
            Outcome::Passed => "bit",
            Outcome::Failed => "did not bite",
            Outcome::Inconclusive => "cannot be said",
            Outcome::Error => "error",
        };
        Self { outcome: Some(outcome), word: word.to_owned() }
    }

    /// Nothing was decided.
    pub(crate) fn not_judged() -> Self {
        Self { outcome: None, word: "not judged".to_owned() }
    }

    /// The sign.
    pub(crate) fn mark(&self) -> &'static str {
        match self.outcome {
            Some(Outcome::Passed) => "✓",
            Some(Outcome::Failed) => "✗",
            Some(Outcome::Inconclusive) => "?",
            Some(Outcome::Error) => "!",
            None => "…",
        }
    }

    /// The class.
    pub(crate) fn class(&self) -> &'static str {
        match self.outcome {
            Some(Outcome::Passed) => "passed",
            Some(Outcome::Failed) => "failed",
            Some(Outcome::Inconclusive) => "inconclusive",
            Some(Outcome::Error) => "error",
            None => "unfinished",
        }
    }
}

//! What judging says: outcomes, measures, the verdict of the run.

use crate::claim::Role;
use crate::experiment::StepId;
use crate::name::{ClaimName, FaultId, InstanceName, NodeName, StepName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// What became of one claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It held, on enough data.
    Passed,
    /// It did not hold, for certain.
    Failed,
    /// There is not enough evidence to say.
    Inconclusive,
    /// Something needed was not there or broke.
    Error,
}

/// What the judge says of a claim.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Judged {
    /// Its window is still open, and nothing is decided.
    Pending {
        /// What it looks like now, for progress: `true 3.2s of 10s`.
        now: String,
    },
    /// Decided.
    Settled {
        /// How.
        outcome: Outcome,
        /// Why, as a sentence.
        reason: String,
        /// How much or how long.
        measure: Option<Measure>,
    },
}

/// A number with its uncertainty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Measure {
    /// From the event to the change. RTO is one.
    TimeToBecome {
        /// At least.
        least: Duration,
        /// At most.
        most: Duration,
    },
    /// The value furthest from satisfying, and when.
    Worst {
        /// The value.
        value: f64,
        /// When.
        at: Timestamp,
    },
    /// How long it was violated.
    Violation {
        /// At least.
        least: Duration,
        /// At most.
        most: Duration,
    },
    /// What counters added up to.
    Total {
        /// Over the window that is certain.
        inner: f64,
        /// Over the window that is possible.
        outer: f64,
    },
    /// The one value of an `is ... at`, or of a step. RPO is one.
    Value {
        /// As printed.
        value: String,
    },
}

/// A claim in the judgement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimJudgement {
    /// Its name.
    pub name: ClaimName,
    /// Where it stands in the file.
    pub role: Role,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, as a sentence.
    pub reason: String,
    /// How much or how long.
    pub measure: Option<Measure>,
    /// The window it was judged over, by the source's clock.
    pub window: Option<(Timestamp, Timestamp)>,
    /// For `becomes`: the interval the change lies in, by the source's clock.
    pub transition: Option<(Timestamp, Timestamp)>,
    /// The median of the baseline, where the predicate needs it (of the first series).
    pub baseline: Option<f64>,
}

/// What is watched that is no claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WatchKind {
    /// A `witness`.
    Witness,
    /// A `waitFor`.
    WaitFor,
}

/// Whether a fault (or an action that counts as one) was seen to bite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessJudgement {
    /// The step.
    pub step: StepId,
    /// Its name.
    pub name: StepName,
    /// Seen to bite: yes, no, or not to be said.
    pub outcome: Outcome,
    /// Why, as a sentence.
    pub reason: String,
    /// Targets without evidence.
    pub without: Vec<InstanceName>,
}

/// A fault that may still be there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemainingFault {
    /// The fault; `None` for an action whose undo failed.
    pub fault: Option<FaultId>,
    /// The step.
    pub step: StepName,
    /// On what.
    pub instance: Option<InstanceName>,
    /// Where.
    pub node: Option<NodeName>,
    /// Why it is not known to be gone.
    pub reason: String,
    /// What to run to remove it.
    pub remedy: String,
}

/// The verdict of a run, by precedence: the first that applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// Something may still be disturbed.
    FaultsMayRemain,
    /// Something needed was not there or broke.
    Error,
    /// A person, a signal or a true `abortIf`.
    Aborted,
    /// Not enough evidence, the fault did not bite, or a safety stop went blind.
    Inconclusive,
    /// A claim was violated.
    Failed,
    /// The fault bit, and every claim held on enough data.
    Passed,
}

impl Verdict {
    /// The exit code: design.md section 3.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Inconclusive => 3,
            Self::Error => 4,
            Self::Aborted => 5,
            Self::FaultsMayRemain => 6,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::FaultsMayRemain => "faults may remain",
            Self::Error => "error",
            Self::Aborted => "aborted",
            Self::Inconclusive => "inconclusive",
            Self::Failed => "failed",
            Self::Passed => "passed",
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Inconclusive => "inconclusive",
            Self::Error => "error",
        })
    }
}

/// What a placebo run says of the claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceboReading {
    /// Claims that passed although nothing happened: they prove nothing.
    pub vacuous: Vec<ClaimName>,
    /// `becomes` claims that did not hold, as they should.
    pub does_not_hold: Vec<ClaimName>,
    /// Invariants that were violated without any fault.
    pub violated: Vec<ClaimName>,
    /// Claims that could not be judged.
    pub without_data: Vec<ClaimName>,
}

/// The judgement of a run: what reports show and never compute again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judgement {
    /// The verdict. In a placebo: passed, failed or inconclusive as language.md section 7 says.
    pub verdict: Verdict,
    /// Why, a sentence each, most important first. Not empty.
    pub reasons: Vec<String>,
    /// Every claim, in the order of the file.
    pub claims: Vec<ClaimJudgement>,
    /// Every fault, in the order of the file.
    pub witnesses: Vec<WitnessJudgement>,
    /// `waitFor` steps that were not met in time, or could not be judged.
    pub waits: Vec<WitnessJudgement>,
    /// What may still be disturbed.
    pub remaining: Vec<RemainingFault>,
    /// From the method's end to the steady state.
    pub recovery: Option<Measure>,
    /// In a placebo.
    pub placebo: Option<PlaceboReading>,
    /// Worth knowing, decides nothing.
    pub notes: Vec<String>,
}

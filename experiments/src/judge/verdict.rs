//! The verdict of a run, by precedence: design.md section 3.

use super::{ClaimJudgement, Judgement, Measure, Outcome, RemainingFault, Verdict, WitnessJudgement};

/// Everything a verdict is made of.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Findings {
    /// Whether faults and the method's actions were replaced by waiting.
    pub placebo: bool,
    /// What may still be disturbed.
    pub remaining: Vec<RemainingFault>,
    /// What was needed and not there, or broke; a sentence each.
    pub errors: Vec<String>,
    /// Who or what ended the run early, as a sentence.
    pub aborted: Option<String>,
    /// The safety stop that went blind, as a sentence.
    pub blind: Option<String>,
    /// Why there is no baseline (not steady, or no data), as a sentence.
    pub no_baseline: Option<String>,
    /// Every claim in the order of the file, with whether it was already so.
    pub claims: Vec<JudgedClaim>,
    /// Every fault, in the order of the file.
    pub witnesses: Vec<WitnessJudgement>,
    /// Every `waitFor` that was not met in time, or could not be judged.
    pub waits: Vec<WitnessJudgement>,
    /// The recovery; `None`: there is no steady state, or the run ended before.
    pub recovery: Option<RecoveryFinding>,
    /// Worth knowing, decides nothing.
    pub notes: Vec<String>,
}

/// A claim as judged.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedClaim {
    /// What became of it.
    pub judgement: ClaimJudgement,
    /// The claim's verb, as far as the placebo reading needs it.
    pub vacuity: Vacuity,
    /// See [`Finding::already_so`](super::Finding).
    pub already_so: bool,
}

/// What it would mean if a claim held although nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vacuity {
    /// It should not hold without the fault: a `becomes`, or a plain count `at least` or `above`.
    HoldsOnlyWithFault,
    /// It should hold in any case.
    HoldsAlways,
    /// It is about an action that a placebo does not take.
    NotJudged,
}

/// How the recovery was judged.
#[derive(Debug, Clone, PartialEq)]
pub struct RecoveryFinding {
    /// Passed, failed or inconclusive.
    pub outcome: Outcome,
    /// Why, as a sentence.
    pub reason: String,
    /// From the method's end to the steady state.
    pub measure: Option<Measure>,
}

/// The verdict with its reasons, most important first.
pub fn verdict(findings: Findings) -> Judgement {
    Judgement {
        verdict: Verdict::Inconclusive,
        reasons: vec!["nothing was judged".to_owned()],
        claims: findings.claims.into_iter().map(|claim| claim.judgement).collect(),
        witnesses: findings.witnesses,
        waits: findings.waits,
        remaining: findings.remaining,
        recovery: findings.recovery.and_then(|recovery| recovery.measure),
        placebo: None,
        notes: findings.notes,
    }
}

impl Vacuity {
    /// Of a claim.
    pub fn of(claim: &crate::claim::Claim) -> Self {
        let _ = claim;
        Self::HoldsAlways
    }
}

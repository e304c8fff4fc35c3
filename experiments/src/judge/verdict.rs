//! The verdict of a run, by precedence: design.md section 3.
//!
//! ```text
//! faults may remain > error > aborted > inconclusive (no baseline, no witness, blind) > failed
//!   > inconclusive (a claim) > passed
//! ```
//!
//! Every reason that applies is said, the one that decides first.

use super::placebo::{Vacuity, read};
use super::{
    ClaimJudgement, Finding, Judgement, Measure, Outcome, PlaceboReading, RemainingFault, Verdict, WitnessJudgement,
};
use crate::claim::Claim;
use crate::name::ClaimName;

/// What may be the matter with an invariant that does not hold in a placebo.
const DEPENDS: &str = "; no fault was injected, so either the system is unwell, or the claim needs the fault: then it \
                       is a change, and says `becomes`";

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
    /// Every claim in the order of the file.
    pub claims: Vec<JudgedClaim>,
    /// Every fault, in the order of the file. Empty in a placebo.
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
    /// What it would mean if it held in a placebo.
    pub vacuity: Vacuity,
    /// See [`Finding::already_so`].
    pub already_so: bool,
}

impl JudgedClaim {
    /// What the judge found of a claim at the end of the run.
    pub fn new(claim: &Claim, finding: Finding) -> Self {
        let already_so = finding.already_so;
        Self { vacuity: Vacuity::of(claim), already_so, judgement: finding.judgement(claim) }
    }
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
    let mut weighed = Weighed::default();
    weigh_run(&findings, &mut weighed);
    let placebo = if findings.placebo { Some(read(&findings.claims)) } else { None };
    match &placebo {
        Some(reading) => {
            let unjudged = |claim: &JudgedClaim| claim.vacuity == Vacuity::NotJudged;
            if !findings.claims.is_empty() && findings.claims.iter().all(unjudged) {
                weighed.say(Rank::Unjudged, "no claim could be judged in a placebo".to_owned());
            }
            weighed.all(Verdict::Failed, &reading.vacuous, |name| {
                format!("{name} is vacuous: it holds without the fault")
            });
            weighed.claims(&findings, |claim| {
                let name = &claim.judgement.name;
                if reading.violated.contains(name) {
                    Some(Verdict::Failed)
                } else {
                    reading.without_data.contains(name).then_some(Verdict::Inconclusive)
                }
            });
        }
        None => {
            weigh_witnesses(&findings, &mut weighed);
            weighed.claims(&findings, |claim| match claim.judgement.outcome {
                Outcome::Passed => None,
                Outcome::Failed => Some(Verdict::Failed),
                Outcome::Inconclusive => Some(Verdict::Inconclusive),
                Outcome::Error => Some(Verdict::Error),
            });
        }
    }
    let mut notes = findings.notes;
    for wait in &findings.waits {
        let said = format!("{}: {}", wait.name, wait.reason);
        match (&placebo, wait.outcome) {
            (Some(_), _) => notes.push(said),
            (None, Outcome::Passed) => {}
            (None, Outcome::Failed) => weighed.say(Rank::Failed, said),
            (None, Outcome::Inconclusive) => weighed.say(Rank::Unjudged, said),
            (None, Outcome::Error) => weighed.say(Rank::Error, said),
        }
    }
    let held = match &placebo {
        Some(reading) => without_fault(&findings.claims, reading),
        None => with_fault(findings.claims.len(), &findings.witnesses),
    };
    let (verdict, reasons) = weighed.decide(held);
    Judgement {
        verdict,
        reasons,
        claims: findings.claims.into_iter().map(|claim| claim.judgement).collect(),
        witnesses: findings.witnesses,
        waits: findings.waits,
        remaining: findings.remaining,
        recovery: findings.recovery.and_then(|recovery| recovery.measure),
        placebo,
        notes,
    }
}

/// The steps of the precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Remaining,
    Error,
    Aborted,
    Unproven,
    Failed,
    Unjudged,
}

impl Rank {
    fn verdict(self) -> Verdict {
        match self {
            Self::Remaining => Verdict::FaultsMayRemain,
            Self::Error => Verdict::Error,
            Self::Aborted => Verdict::Aborted,
            Self::Unproven | Self::Unjudged => Verdict::Inconclusive,
            Self::Failed => Verdict::Failed,
        }
    }
}

#[derive(Default)]
struct Weighed {
    reasons: Vec<(Rank, String)>,
}

impl Weighed {
    fn say(&mut self, rank: Rank, reason: String) {
        self.reasons.push((rank, reason));
    }

    fn all(&mut self, verdict: Verdict, names: &[ClaimName], say: impl Fn(&ClaimName) -> String) {
        for name in names {
            self.say(rank_of(verdict), say(name));
        }
    }

    fn claims(&mut self, findings: &Findings, weigh: impl Fn(&JudgedClaim) -> Option<Verdict>) {
        for claim in &findings.claims {
            if let Some(verdict) = weigh(claim) {
                let hint = if findings.placebo && verdict == Verdict::Failed { DEPENDS } else { "" };
                self.say(rank_of(verdict), format!("{}: {}{hint}", claim.judgement.name, claim.judgement.reason));
            }
        }
    }

    fn decide(mut self, held: Vec<String>) -> (Verdict, Vec<String>) {
        self.reasons.sort_by_key(|(rank, _)| *rank);
        match self.reasons.first() {
            Some((rank, _)) => (rank.verdict(), self.reasons.into_iter().map(|(_, reason)| reason).collect()),
            None => (Verdict::Passed, held),
        }
    }
}

/// What a passed run says. A fault that bit here and not there is said to.
fn with_fault(claims: usize, witnesses: &[WitnessJudgement]) -> Vec<String> {
    let held = if claims == 1 { "the one claim held".to_owned() } else { format!("all {claims} claims held") };
    let partial: Vec<String> = witnesses
        .iter()
        .filter(|witness| !witness.without.is_empty())
        .map(|witness| {
            let without: Vec<&str> = witness.without.iter().map(crate::name::InstanceName::as_str).collect();
            // What agents saw ends with it already; a witness from outside knows nothing of single targets.
            let none = format!("no evidence from {}", without.join(", "));
            let said = if witness.reason.ends_with(&none) { &witness.reason } else { &none };
            format!("{}: {said}", witness.name)
        })
        .collect();
    if partial.is_empty() {
        vec![format!("the fault bit, and {held}")]
    } else {
        vec![format!("the fault bit on a part of its targets only, and {held}; {}", partial.join("; "))]
    }
}

/// What a placebo that found nothing says: less than a pass. That a claim can fail is shown by its failing.
fn without_fault(claims: &[JudgedClaim], reading: &PlaceboReading) -> Vec<String> {
    let names = |names: &[&ClaimName]| names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    let mut said =
        vec!["no fault was injected: nothing was withstood, and no claim held that needs the fault".to_owned()];
    if !reading.does_not_hold.is_empty() {
        let only: Vec<&ClaimName> = reading.does_not_hold.iter().collect();
        said.push(format!("only the fault can bring this about: {}", names(&only)));
    }
    let always: Vec<&ClaimName> = claims
        .iter()
        .filter(|claim| claim.vacuity == Vacuity::HoldsAlways && claim.judgement.outcome == Outcome::Passed)
        .map(|claim| &claim.judgement.name)
        .collect();
    if !always.is_empty() {
        said.push(format!("this holds without the fault, as it should with it: {}", names(&always)));
    }
    said
}

/// Where the verdict of a claim stands in the precedence.
fn rank_of(verdict: Verdict) -> Rank {
    match verdict {
        Verdict::FaultsMayRemain => Rank::Remaining,
        Verdict::Error => Rank::Error,
        Verdict::Aborted => Rank::Aborted,
        Verdict::Failed => Rank::Failed,
        Verdict::Inconclusive | Verdict::Passed => Rank::Unjudged,
    }
}

fn weigh_run(findings: &Findings, weighed: &mut Weighed) {
    for fault in &findings.remaining {
        let on = fault.instance.as_ref().map(|instance| format!(" on {instance}")).unwrap_or_default();
        let at = fault.node.as_ref().map(|node| format!(" (node {node})")).unwrap_or_default();
        let said = format!("{} may remain{on}{at}: {}; run `{}`", fault.step, fault.reason, fault.remedy);
        weighed.say(Rank::Remaining, said);
    }
    for error in &findings.errors {
        weighed.say(Rank::Error, error.clone());
    }
    if let Some(aborted) = &findings.aborted {
        weighed.say(Rank::Aborted, aborted.clone());
    }
    if let Some(blind) = &findings.blind {
        weighed.say(Rank::Unproven, format!("the safety stop went blind: {blind}"));
    }
    if let Some(reason) = &findings.no_baseline {
        weighed.say(Rank::Unproven, format!("no baseline: {reason}"));
    }
    if findings.claims.is_empty() {
        weighed.say(Rank::Unjudged, "no claim was judged".to_owned());
    }
    if let Some(recovery) = &findings.recovery {
        match recovery.outcome {
            Outcome::Passed => {}
            Outcome::Failed => weighed.say(Rank::Failed, recovery.reason.clone()),
            Outcome::Inconclusive => weighed.say(Rank::Unjudged, recovery.reason.clone()),
            Outcome::Error => weighed.say(Rank::Error, recovery.reason.clone()),
        }
    }
}

fn weigh_witnesses(findings: &Findings, weighed: &mut Weighed) {
    for witness in &findings.witnesses {
        let without: Vec<&str> = witness.without.iter().map(crate::name::InstanceName::as_str).collect();
        let on = if without.is_empty() { String::new() } else { format!(" (nothing seen at {})", without.join(", ")) };
        let said = match witness.outcome {
            Outcome::Passed => continue,
            Outcome::Failed => format!("{} was not seen to bite and to be gone: {}{on}", witness.name, witness.reason),
            Outcome::Inconclusive | Outcome::Error => {
                format!("no fault witness: {}: {}{on}", witness.name, witness.reason)
            }
        };
        weighed.say(Rank::Unproven, said);
    }
    // A run that ended before its method has its reason already.
    let ended_early = findings.no_baseline.is_some() || findings.aborted.is_some() || findings.blind.is_some();
    if findings.witnesses.is_empty() && !ended_early && findings.errors.is_empty() {
        weighed.say(Rank::Unproven, "no fault witness: nothing in this method counts as a fault".to_owned());
    }
}

//! The placebo reading: what it means that a claim held although nothing was done. language.md section 7.

use super::totals::is_count;
use super::verdict::JudgedClaim;
use super::{Outcome, PlaceboReading};
use crate::claim::{Claim, Source, Verb};

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

impl Vacuity {
    /// Of a claim.
    pub fn of(claim: &Claim) -> Self {
        if matches!(claim.source, Source::Step(_)) {
            return Self::NotJudged;
        }
        match &claim.verb {
            Verb::Becomes { .. } => Self::HoldsOnlyWithFault,
            Verb::Totals { predicate, .. } if predicate.is_lower_bound() && counts(&claim.source) => {
                Self::HoldsOnlyWithFault
            }
            Verb::Totals { .. } | Verb::Is { .. } | Verb::IsAt { .. } | Verb::Aborts { .. } => Self::HoldsAlways,
        }
    }
}

fn counts(source: &Source) -> bool {
    match source {
        Source::Query(query) => query.shape.as_ref().and_then(|shape| shape.formula.as_ref()).is_some_and(is_count),
        Source::Http { .. } | Source::Exec { .. } | Source::Step(_) => false,
    }
}

/// Sorts the claims of a placebo.
pub(super) fn read(claims: &[JudgedClaim]) -> PlaceboReading {
    let mut reading = PlaceboReading {
        vacuous: Vec::new(),
        does_not_hold: Vec::new(),
        violated: Vec::new(),
        without_data: Vec::new(),
    };
    for claim in claims {
        let list = match (claim.vacuity, claim.judgement.outcome) {
            (Vacuity::NotJudged, _) | (Vacuity::HoldsAlways, Outcome::Passed) => continue,
            (Vacuity::HoldsOnlyWithFault, Outcome::Passed) => &mut reading.vacuous,
            (Vacuity::HoldsOnlyWithFault, Outcome::Failed) => &mut reading.does_not_hold,
            (Vacuity::HoldsOnlyWithFault, Outcome::Inconclusive) if claim.already_so => &mut reading.does_not_hold,
            (Vacuity::HoldsAlways, Outcome::Failed) => &mut reading.violated,
            (Vacuity::HoldsOnlyWithFault | Vacuity::HoldsAlways, Outcome::Inconclusive | Outcome::Error) => {
                &mut reading.without_data
            }
        };
        list.push(claim.judgement.name.clone());
    }
    reading
}

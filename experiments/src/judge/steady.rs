//! The steady state: over the baseline, and again after the method.

use super::{Case, Judged, Measure};
use crate::moment::{Interval, Moment};
use std::time::Duration;

/// Whether a source has begun to answer: every series it has is fresh. The baseline's length counts from here.
pub fn has_data(case: &Case<'_>) -> bool {
    !case.observed.values.is_empty()
}

/// Judges a claim of the steady state over `[from, to]`.
pub fn steady(case: &Case<'_>, from: Moment, to: Moment) -> Judged {
    let _ = (from, to);
    super::judge(case)
}

/// What is known of the recovery.
#[derive(Debug, Clone, PartialEq)]
pub enum Recovery {
    /// Not decided yet.
    Pending {
        /// What it looks like now.
        now: String,
    },
    /// Steady again over a whole baseline length.
    Recovered {
        /// From the method's end to the steady state.
        measure: Measure,
        /// Why, as a sentence.
        reason: String,
    },
    /// Not steady in time, on full data: failed.
    Missed {
        /// Why, as a sentence.
        reason: String,
    },
    /// There is not enough data to say: inconclusive.
    Unknown {
        /// Why, as a sentence.
        reason: String,
    },
}

/// The earliest time within `within` after the method's end from which every claim holds for `length`.
/// `cases` are the steady-state claims; none: recovered at once.
pub fn recovery(cases: &[Case<'_>], method_end: Interval, within: Duration, length: Duration) -> Recovery {
    let _ = (cases, method_end, within, length);
    Recovery::Pending { now: String::new() }
}

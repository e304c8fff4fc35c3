//! `abortIf`: watched on fresh data; a blind safety stop stops.

use super::Case;
use crate::moment::Moment;

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
pub fn aborts(case: &Case<'_>, since: Moment, now: Moment) -> AbortState {
    let _ = (case, since, now);
    AbortState::Quiet
}

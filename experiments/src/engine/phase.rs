//! The phases of a run.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a run is. It only moves forward; an abort from anywhere goes to `Revert`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Is everything there?
    Preflight,
    /// Actions that last the whole run begin.
    Prepare,
    /// The steady state, before anything is touched.
    Baseline,
    /// The steps.
    Method,
    /// Everything is undone.
    Revert,
    /// The steady state, again; the last windows close.
    Recovery,
    /// `prepare` is undone.
    CleanUp,
    /// Over: judged.
    Done,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Preflight => "preflight",
            Self::Prepare => "prepare",
            Self::Baseline => "baseline",
            Self::Method => "method",
            Self::Revert => "revert",
            Self::Recovery => "recovery",
            Self::CleanUp => "clean-up",
            Self::Done => "done",
        })
    }
}

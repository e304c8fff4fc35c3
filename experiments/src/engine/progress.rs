//! Where a run is now, for people who watch it. Nothing is decided by it, and it is not recorded.

use super::Phase;
use crate::claim::Role;
use crate::judge::Judged;
use crate::name::{ClaimName, StepName};
use std::time::Duration;

/// Where a run is now.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The phase.
    pub phase: Phase,
    /// The run is over within this time, if nothing ends it earlier; `None`: it cannot be said yet.
    pub left: Option<Duration>,
    /// Every claim, in the order of the file.
    pub claims: Vec<ClaimProgress>,
    /// Every step whose fault is on, or may be, for at least one instance; in the order they began.
    pub faults: Vec<FaultProgress>,
}

/// What a claim looks like now.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimProgress {
    /// Its name.
    pub name: ClaimName,
    /// Where it stands in the file.
    pub role: Role,
    /// Pending, or decided already; `None`: its window has not begun.
    pub judged: Option<Judged>,
}

/// A step that disturbs something now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultProgress {
    /// The step.
    pub step: StepName,
    /// On how many instances it is on, or may be.
    pub instances: usize,
}

//! A claim: name, source, one verb, its times.

use super::{Predicate, Source};
use crate::experiment::Instant;
use crate::name::{ClaimName, IndicatorName, PlatformName};
use crate::unit::{Length, Percent};
use serde::{Deserialize, Serialize};

/// Something that must be true.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Unique among all names of the experiment.
    pub name: ClaimName,
    /// Where in the file it stands.
    pub role: Role,
    /// Where its value comes from; an indicator has been looked up.
    pub source: Source,
    /// The indicator it names, for people.
    pub indicator: Option<IndicatorName>,
    /// Whose metric source.
    pub platform: Option<PlatformName>,
    /// What must hold.
    pub verb: Verb,
    /// The value of a query without series.
    pub absent: Option<f64>,
    /// How many events the denominator must have counted over the window.
    pub min_events: Option<u64>,
}

/// The list a claim stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// `steadyState`: before, and again after.
    SteadyState,
    /// `expect`.
    Expect,
    /// `abortIf`.
    AbortIf,
}

/// What must hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verb {
    /// True at every sample of the window (but for the tolerance).
    Is {
        /// What.
        predicate: Predicate,
        /// When.
        window: Window,
        /// How much violation is allowed.
        tolerance: Tolerance,
    },
    /// `is ... at`: true at the first sample at or after an instant.
    IsAt {
        /// What.
        predicate: Predicate,
        /// When.
        at: Instant,
    },
    /// Changes from false to true in time.
    Becomes {
        /// What.
        predicate: Predicate,
        /// The clock starts here.
        after: Instant,
        /// The deadline, from `after`.
        within: Length,
        /// And then?
        dwell: Dwell,
    },
    /// What counters added up to over the window.
    Totals {
        /// What; never relative to the baseline.
        predicate: Predicate,
        /// When.
        window: Window,
    },
    /// `abortIf`: true for this long aborts; `None`: one sample.
    Aborts {
        /// What must not be.
        predicate: Predicate,
        /// For how long.
        lasting: Option<Length>,
    },
}

impl Verb {
    /// Its predicate.
    pub fn predicate(&self) -> &Predicate {
        match self {
            Self::Is { predicate, .. }
            | Self::IsAt { predicate, .. }
            | Self::Becomes { predicate, .. }
            | Self::Totals { predicate, .. }
            | Self::Aborts { predicate, .. } => predicate,
        }
    }
}

/// Over which time an `is` or `totals` is judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Window {
    /// From one instant to another: `during: X` is from `X.start` to `X.end`.
    Between {
        /// Its beginning.
        from: Instant,
        /// Its end.
        to: Instant,
    },
    /// The baseline before and the recovery after (`steadyState` only).
    Baseline,
}

/// What follows a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Dwell {
    /// Once is enough.
    Once,
    /// It stays so until an instant.
    Until {
        /// The instant.
        until: Instant,
        /// How much violation is allowed.
        tolerance: Tolerance,
    },
    /// It stays so for this long.
    For {
        /// From the change on.
        length: Length,
        /// How much violation is allowed.
        tolerance: Tolerance,
    },
}

/// How much violation is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tolerance {
    /// All together; `None`: none.
    pub budget: Option<Allowance>,
    /// The longest single violation; `None`: as long as the budget.
    pub longest: Option<Allowance>,
}

/// A length of time, or a share of the window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Allowance {
    /// This long.
    Time(Length),
    /// This share of the window.
    Share(Percent),
}

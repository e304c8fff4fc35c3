//! When something happened.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A point in a run, by two clocks.
///
/// Timers and lengths use `elapsed`, which no clock change can bend. `wall` is for people and for
/// records; [`Clock`](crate::judge::Clock) turns `elapsed` into the metric source's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moment {
    /// Time since the run began, by a monotonic clock that goes on in suspend.
    pub elapsed: Duration,
    /// The runner's wall clock.
    pub wall: Timestamp,
}

/// An event that took a while to be certain: `[first request sent, last instance confirmed]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// Not before this.
    pub first: Moment,
    /// Not after this.
    pub last: Moment,
}

impl Interval {
    /// An event that is certain to the instant.
    pub fn at(moment: Moment) -> Self {
        Self { first: moment, last: moment }
    }
}

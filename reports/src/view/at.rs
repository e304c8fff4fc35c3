//! Time in a report: seconds since the run began.

use jiff::{SignedDuration, Timestamp};
use squall_experiments::moment::Moment;
use std::fmt;

/// Seconds since the run began; before it, for samples that a source remembered.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub(crate) struct At(pub(crate) f64);

impl From<Moment> for At {
    fn from(moment: Moment) -> Self {
        Self(moment.elapsed.as_secs_f64())
    }
}

impl At {
    /// A time by a source's clock, of a run that began at `began` by the runner's.
    pub(crate) fn of(source: Timestamp, began: Timestamp, skew: SignedDuration) -> Self {
        Self((source.duration_since(began) - skew).as_secs_f64())
    }

    /// The earlier of two.
    pub(crate) fn min(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }

    /// The later of two.
    pub(crate) fn max(self, other: Self) -> Self {
        Self(self.0.max(other.0))
    }

    /// To the millisecond.
    pub(crate) fn rounded(self) -> f64 {
        (self.0 * 1000.0).round() / 1000.0
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:.1} s", self.0))
    }
}

/// From one time to another.
pub(crate) type Span = (At, At);

/// The stretch of time that every chart of a run shows, so that they line up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Axis {
    /// Left.
    pub(crate) from: At,
    /// Right; later than `from`.
    pub(crate) until: At,
}

impl Axis {
    /// How long it is, in seconds.
    pub(crate) fn length(self) -> f64 {
        self.until.0 - self.from.0
    }

    /// Whether a time is shown.
    pub(crate) fn shows(self, at: At) -> bool {
        (self.from..=self.until).contains(&at)
    }
}

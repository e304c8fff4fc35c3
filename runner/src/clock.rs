//! The run's clocks, read here and nowhere else.

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use squall_experiments::judge::Clock;
use squall_experiments::moment::Moment;
use std::time::Duration;

/// Tells the moments of one run.
#[derive(Debug, Clone, Copy)]
pub struct RunClock {
    /// The runner's wall clock when the run began.
    began: Timestamp,
    /// What the monotonic clock said then.
    origin: Duration,
}

impl RunClock {
    /// A run begins now.
    pub fn start() -> Self {
        Self { began: Timestamp::now(), origin: boot_time() }
    }

    /// A run that began earlier, in another process: its last known elapsed time is never undercut.
    pub fn resume(began: Timestamp, last: Duration) -> Self {
        let passed = Duration::try_from(Timestamp::now().duration_since(began)).unwrap_or_default().max(last);
        // Before the boot there is nothing to count from; the difference is what matters.
        Self { began, origin: boot_time().saturating_sub(passed) }
    }

    /// Now.
    pub fn now(&self) -> Moment {
        Moment { elapsed: boot_time().saturating_sub(self.origin), wall: Timestamp::now() }
    }

    /// When the run began.
    pub fn began(&self) -> Timestamp {
        self.began
    }

    /// What a source's clock says now.
    pub fn source_now(&self, skew: jiff::SignedDuration) -> Timestamp {
        let at = Clock { began: self.began, skew }.at(self.now());
        // Milliseconds are what sources know; the rest would make every border a fraction.
        Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
    }
}

/// Goes on in suspend and cannot be set: what leases use, too.
fn boot_time() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or_default())
}

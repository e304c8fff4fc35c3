//! If the agent hangs or is stopped while a fault is on, the kernel kills it, and its death reverts.
//!
//! A POSIX timer sends SIGKILL to the agent itself when an end that was due has not been acted on. The
//! kernel fires it even at a process that is stopped. Every inject, renewal and revert moves it.

use crate::clock::BootTime;
use nix::sys::signal::{SigEvent, SigevNotify, Signal};
use nix::sys::time::TimeSpec;
use nix::sys::timer::{Expiration, Timer, TimerSetTimeFlags};
use nix::time::ClockId;
use std::io;
use std::time::Duration;

/// Later than any deadline: how a timer that is not to fire is armed.
const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// The timer.
#[derive(Debug)]
pub struct LastResort {
    timer: Timer,
    armed: Option<BootTime>,
}

impl LastResort {
    /// A timer that is not armed. It belongs to this process alone: children do not inherit it.
    pub fn new() -> io::Result<Self> {
        let event = SigEvent::new(SigevNotify::SigevSignal { signal: Signal::SIGKILL, si_value: 0 });
        Ok(Self { timer: Timer::new(ClockId::CLOCK_BOOTTIME, event)?, armed: None })
    }

    /// Kills the agent at this time unless it is armed anew; `None`: not at all.
    pub fn arm(&mut self, at: Option<BootTime>) {
        if self.armed == at {
            return;
        }
        let expiration = Expiration::OneShot(TimeSpec::from_duration(at.map_or(NEVER, BootTime::since_boot)));
        match self.timer.set(expiration, TimerSetTimeFlags::TFD_TIMER_ABSTIME) {
            Ok(()) => self.armed = at,
            Err(error) => tracing::error!(%error, "the last resort could not be armed"),
        }
    }
}

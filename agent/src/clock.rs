//! The node's clock that counts from boot and goes on in suspend.

use std::ops::Add;
use std::time::Duration;

/// A point in time since boot (`CLOCK_BOOTTIME`). No clock change bends it, suspend does not stop it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootTime(Duration);

impl BootTime {
    /// This long after boot.
    pub const fn after_boot(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// Now.
    pub fn now() -> Self {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
        let nanos = u32::try_from(now.tv_nsec).unwrap_or(0);
        Self(Duration::new(seconds, nanos))
    }

    /// How long after boot.
    pub fn since_boot(self) -> Duration {
        self.0
    }

    /// How long from `now` until this; zero when past.
    pub fn within(self, now: Self) -> Duration {
        self.0.saturating_sub(now.0)
    }
}

impl Add<Duration> for BootTime {
    type Output = Self;
    fn add(self, length: Duration) -> Self {
        Self(self.0.saturating_add(length))
    }
}

/// The boot's own id: after a reboot nothing of a fault is left.
pub fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|text| text.trim().to_owned()).unwrap_or_default()
}

//! How long the engine waits for what. Every wait has a bound; `plan` adds them up to say when each
//! step ends at the latest, and orders get their deadlines from that.

use std::time::Duration;

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Everything that preflight asks.
pub(crate) const PREFLIGHT: Duration = seconds(120);
/// An answer to `Resolve`: the platform is read, `where` is asked.
pub(crate) const RESOLVE: Duration = seconds(30);
/// An agent's word on an order: on, done or refused.
pub(crate) const INJECT: Duration = seconds(20);
/// The end of a one-shot fault, once it is on: the exit is seen.
pub(crate) const GONE: Duration = seconds(60);
/// A fault's lease at its agent.
pub(crate) const LEASE: Duration = seconds(15);
/// An agent's word on a revert: after the lease it has reverted by itself, and a margin.
pub(crate) const REVERT: Duration = seconds(25);
/// Added to what a fault may take at most: what its agent still grants before it ends it by itself.
pub(crate) const DEADLINE_MARGIN: Duration = seconds(15);
/// The end of an action that was told to end: SIGTERM, SIGKILL, and the way here.
pub(crate) const STOP: Duration = seconds(20);
/// Past an action's own timeout, which the runner enforces: the way here.
pub(crate) const ACTION_MARGIN: Duration = seconds(20);
/// The answer of a source that is asked at one instant: the next step waits for it.
pub(crate) const ONCE: Duration = seconds(60);
/// Data of every series, before the baseline can begin.
pub(crate) const FIRST_DATA: Duration = seconds(60);
/// More events in the denominators of the steady state, before the baseline is given up.
pub(crate) const MORE_EVENTS: Duration = seconds(60);
/// The baseline's least length.
pub(crate) const BASELINE: Duration = seconds(10);
/// Samples of a window that has closed: two intervals and the timeout come on top.
pub(crate) const LATE_DATA: Duration = seconds(30);
/// How often what has been seen is judged again while nothing new arrives.
pub(crate) const LOOK_AGAIN: Duration = seconds(1);

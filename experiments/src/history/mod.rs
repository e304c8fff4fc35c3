//! The vocabulary of what happened, and the record of a run.
mod event;
mod record;
mod timeline;

pub use event::{
    AbortCause, ActionEnd, Activity, Event, InstanceView, PlatformFacts, Preflight, PreflightFailure, RefusedTargets,
    ResolvedTargets, StepRefusal, WatchFailure,
};
pub use record::{Entry, Header, RECORD_VERSION, Record, Versions, What};
pub use timeline::{Loss, Timeline, Times};

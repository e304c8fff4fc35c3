//! The vocabulary of what happened, and the record of a run.
mod event;
mod format;
mod record;
mod timeline;

pub use event::{
    AbortCause, ActionEnd, Activity, Event, InstanceView, PlatformFacts, Preflight, PreflightFailure, RefusedTargets,
    ResolvedTargets, StepRefusal, WatchFailure,
};
pub use format::{
    RecordError, read_entry, read_header, read_judgement, read_record, write_entry, write_header, write_judgement,
    write_record,
};
pub use record::{AgentPlace, Entry, Header, RECORD_VERSION, Record, Versions, What};
pub use timeline::{Loss, Timeline, Times};

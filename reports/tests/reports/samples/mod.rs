//! Runs as the lab leaves them: a breaker that opens and closes, a zone that is lost, and what can
//! go wrong with either.
mod all;
mod breaker;
mod pieces;
mod verdicts;
mod zone;

pub use all::all;
pub use breaker::breaker_header;
pub use verdicts::{aborted, failed, may_remain, passed, placebo, unfinished, without_witness};
pub use zone::lost_zone;

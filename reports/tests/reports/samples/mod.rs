//! Runs as the lab leaves them: a breaker that opens and closes, a zone that is lost, and what can
//! go wrong with either.
mod breaker;
mod pieces;
mod verdicts;
mod zone;

pub use breaker::breaker_header;
pub use verdicts::{aborted, failed, may_remain, passed, placebo, unfinished, without_witness};
pub use zone::lost_zone;

use squall_experiments::history::Record;

/// Every sample with its name.
pub fn all() -> [(&'static str, Record); 8] {
    [
        ("passed", passed()),
        ("failed", failed()),
        ("without-witness", without_witness()),
        ("may-remain", may_remain()),
        ("placebo", placebo()),
        ("aborted", aborted()),
        ("unfinished", unfinished()),
        ("lost-zone", lost_zone()),
    ]
}

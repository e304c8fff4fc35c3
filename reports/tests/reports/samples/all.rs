//! Every sample, for tests that hold of each.

use super::{aborted, failed, lost_zone, may_remain, passed, placebo, unfinished, without_witness};
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

//! The town: the web and the shop side by side in three zones, for every ready experiment in turn.
//!
//! HAProxy has a breaker on errors and quick health checks at once, so one hold serves both: a server is let in again
//! after 24 checks, half a second apart. That is longer than a backend fails (10 s), and shorter than what the
//! experiments allow a breaker or a zone to come back (15 s).
//!
//! Zone z2 holds one backend and one payments: losing it hurts a quarter of the town. The shop bears that without a
//! breaker: a third of its customers pay later.

use super::piece::Piece;
use super::web::Policy;
use super::{Twin, breaker, shop, web, zones};
use crate::programs::Programs;

pub(super) fn pieces(twin: Twin, programs: &Programs) -> Vec<Piece> {
    vec![web::piece(&policy(twin), programs), shop::piece(twin)]
}

fn policy(twin: Twin) -> Policy {
    match twin {
        Twin::Good => Policy {
            check: "check inter 500ms fall 2 rise 24 observe layer7 error-limit 5 on-error mark-down",
            ..zones::policy(twin)
        },
        // Everything a busy engineer could get wrong, at once.
        Twin::Broken => Policy { check: zones::policy(twin).check, ..breaker::policy(twin) },
    }
}

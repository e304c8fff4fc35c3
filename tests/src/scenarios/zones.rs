//! A lost zone fails over (catalogue 8).
//!
//! HAProxy stands outside and asks each backend for its health twice a second; two failures in a row and its zone
//! gets no more requests. The twin asks every thirty seconds, and believes ten failures.

use super::Twin;
use super::web::Policy;

pub(super) fn policy(twin: Twin) -> Policy {
    Policy {
        answer_within: "1s",
        retry_on: "conn-failure empty-response response-timeout",
        check: match twin {
            Twin::Good => "check inter 500ms fall 2 rise 2",
            Twin::Broken => "check inter 30s fall 10 rise 2",
        },
    }
}

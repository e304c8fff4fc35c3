//! A failing backend opens HAProxy's breaker (catalogue 1).
//!
//! HAProxy watches the answers it forwards, and takes a server out after five errors in a row although its health
//! check goes on succeeding; it is let in again after 15 checks, a second apart. The longer hold keeps the breaker
//! open past a fault of ten seconds.
//!
//! The twin watches connections only (`observe layer4`), and retries errors on the next server. So customers see
//! none, the steady state is perfect, and every third request hits the broken server for ever.

use super::Twin;
use super::web::Policy;

pub(super) fn policy(twin: Twin) -> Policy {
    match twin {
        Twin::Good => Policy {
            answer_within: "3s",
            retry_on: "conn-failure",
            check: "check inter 1s fall 3 rise 15 observe layer7 error-limit 5 on-error mark-down",
        },
        Twin::Broken => Policy {
            answer_within: "3s",
            retry_on: "conn-failure 500",
            check: "check inter 1s fall 3 rise 15 observe layer4 error-limit 5 on-error mark-down",
        },
    }
}

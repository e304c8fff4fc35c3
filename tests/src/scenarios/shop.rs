//! Slow payments open checkout's own breaker, and customers do not notice.
//!
//! storefront (z1) -> checkout (z1) -> payments (one a zone). Checkout waits 250 ms for payments; five failures in
//! a row open its breaker, and one probe a second asks whether it may close. Without payments checkout answers "paid
//! later", so customers are served either way. The twin's breaker can never count to its threshold.

use super::Twin;
use super::piece::{FAST, ORDINARY, Piece, leaf};
use crate::blueprint::{Instance, Target, Zone};

/// Requests a second from customers.
const RATE: u32 = 50;

pub(super) fn piece(twin: Twin) -> Piece {
    let payments = Zone::ALL.map(|zone| leaf("shop", "payments", zone, 40));
    let checkout = checkout(twin, &payments);
    let storefront = storefront(&checkout);
    let mut targets = vec![Target::of(&storefront, ORDINARY), Target::of(&checkout, FAST)];
    targets.extend(payments.iter().map(|instance| Target::of(instance, ORDINARY)));
    Piece {
        service: "shop",
        front: format!("http://{}/", storefront.service()),
        rate: RATE,
        probed: "payments",
        outside: Vec::new(),
        targets,
        files: Vec::new(),
        ready_when: vec!["max(shop_breaker_open) == 0".to_owned()],
        instances: [vec![storefront, checkout], payments.to_vec()].concat(),
    }
}

fn checkout(twin: Twin, payments: &[Instance]) -> Instance {
    let threshold = match twin {
        Twin::Good => 5,
        Twin::Broken => u32::MAX,
    };
    let mut checkout = leaf("shop", "checkout", Zone::Z1, 20);
    checkout.arguments.extend(["--upstream".to_owned(), "payments".to_owned()]);
    for instance in payments {
        checkout.arguments.extend(["--upstream-url".to_owned(), format!("http://{}/", instance.service())]);
    }
    checkout.arguments.extend(["--upstream-timeout".to_owned(), "250ms".to_owned()]);
    checkout.arguments.extend(["--breaker-opens-after".to_owned(), threshold.to_string()]);
    checkout
}

fn storefront(checkout: &Instance) -> Instance {
    let mut storefront = leaf("shop", "storefront", Zone::Z1, 30);
    storefront.arguments.extend(["--upstream".to_owned(), "checkout".to_owned()]);
    storefront.arguments.extend(["--upstream-url".to_owned(), format!("http://{}/", checkout.service())]);
    storefront.arguments.extend(["--upstream-timeout".to_owned(), "2s".to_owned()]);
    storefront
}

//! Slow payments open checkout's own breaker, and customers do not notice.
//!
//! storefront (z1) -> checkout (z1) -> payments (one a zone). Checkout waits 250 ms for payments; five failures in
//! a row open its breaker, and one probe a second asks whether it may close. Without payments checkout answers "paid
//! later", so customers are served either way. The twin's breaker can never count to its threshold.

use super::{FAST, ORDINARY, Twin, leaf, load, load_target, ready_when};
use crate::blueprint::{Blueprint, Instance, Target, Zone};
use crate::programs::Program;

/// Requests a second from customers.
const RATE: u32 = 50;

pub(super) fn blueprint(twin: Twin, lab: &Program) -> Blueprint {
    let payments = Zone::ALL.map(|zone| leaf("payments", zone));
    let checkout = checkout(twin, &payments);
    let storefront = storefront(&checkout);
    let front = format!("http://{}/", storefront.service());

    let mut targets = vec![Target::of(&storefront, ORDINARY), Target::of(&checkout, FAST), load_target()];
    targets.extend(payments.iter().map(|instance| Target::of(instance, ORDINARY)));
    let mut ready_when = ready_when(&targets);
    ready_when.push("max(shop_breaker_open) == 0".to_owned());
    Blueprint {
        namespace: "shop".to_owned(),
        outside: vec![load(lab, &front, RATE, &payments)],
        targets,
        files: Vec::new(),
        ready_when,
        instances: [vec![storefront, checkout], payments.to_vec()].concat(),
    }
}

fn checkout(twin: Twin, payments: &[Instance]) -> Instance {
    let threshold = match twin {
        Twin::Good => 5,
        Twin::Broken => u32::MAX,
    };
    let mut checkout = Instance { host: 20, ..leaf("checkout", Zone::Z1) };
    checkout.arguments.extend(["--upstream".to_owned(), "payments".to_owned()]);
    for instance in payments {
        checkout.arguments.extend(["--upstream-url".to_owned(), format!("http://{}/", instance.service())]);
    }
    checkout.arguments.extend(["--upstream-timeout".to_owned(), "250ms".to_owned()]);
    checkout.arguments.extend(["--breaker-opens-after".to_owned(), threshold.to_string()]);
    checkout
}

fn storefront(checkout: &Instance) -> Instance {
    let mut storefront = Instance { host: 30, ..leaf("storefront", Zone::Z1) };
    storefront.arguments.extend(["--upstream".to_owned(), "checkout".to_owned()]);
    storefront.arguments.extend(["--upstream-url".to_owned(), format!("http://{}/", checkout.service())]);
    storefront.arguments.extend(["--upstream-timeout".to_owned(), "2s".to_owned()]);
    storefront
}

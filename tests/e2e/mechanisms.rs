//! Each scenario's mechanism works, and its twin's does not: seen with the naked eye, without Squall.
//!
//! The faults are put in by hand: admin knobs, and `nft` in the lost zone. Good and twin run side by side.

use std::time::{Duration, Instant};

use squall_tests::{Scenario, Twin, World};

/// Longer than any mechanism here needs, on a busy machine.
const OPENS_WITHIN: Duration = Duration::from_secs(5);
/// The breaker of HAProxy holds for 15 s.
const CLOSES_WITHIN: Duration = Duration::from_secs(25);
/// As long as the fault of an experiment lasts, less what opening took.
const STAYS_SHUT_FOR: Duration = Duration::from_secs(6);

const ERRORS: &str = "sum(client_requests_total{code!=\"200\"})";

fn both(scenario: Scenario) -> (World, World) {
    let good = std::thread::spawn(move || World::start(scenario, Twin::Good).unwrap());
    let twin = World::start(scenario, Twin::Broken).unwrap();
    (good.join().unwrap(), twin)
}

/// The condition never holds for as long as a fault lasts.
#[track_caller]
fn never(world: &World, promql: &str, value: f64) {
    let start = Instant::now();
    while start.elapsed() < STAYS_SHUT_FOR {
        assert_ne!(world.value(promql).unwrap(), Some(value), "`{promql}` on the twin");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn errors(world: &World) -> f64 {
    world.value(ERRORS).unwrap().expect("the load generator is scraped")
}

#[test]
fn a_failing_backend_opens_haproxys_breaker_and_the_twins_never() {
    let (good, twin) = both(Scenario::Breaker);
    let breaker = "max(haproxy_server_status{proxy=\"backends\",server=\"backend-z2\",state=\"DOWN\"})";
    let before = [&good, &twin].map(errors);
    for world in [&good, &twin] {
        world.read(["lab", "http", "POST", "http://10.0.2.10:9901/fail?status=500"]).unwrap();
    }
    let opened = good.wait_for(breaker, |value| value == 1.0, OPENS_WITHIN).unwrap();
    never(&twin, breaker, 1.0);
    let after = [&good, &twin].map(errors);
    for world in [&good, &twin] {
        world.read(["lab", "http", "POST", "http://10.0.2.10:9901/heal"]).unwrap();
    }
    let closed = good.wait_for(breaker, |value| value == 0.0, CLOSES_WITHIN).unwrap();
    eprintln!(
        "opened after {opened:?}, closed after {closed:?}, errors {} and {}",
        after[0] - before[0],
        after[1] - before[1]
    );
    assert!((1.0..=20.0).contains(&(after[0] - before[0])), "a few customers notice");
    assert!(after[1] - before[1] <= 0.0, "the twin hides it from every customer");
    good.finish().unwrap();
    twin.finish().unwrap();
}

#[test]
fn slow_payments_open_checkouts_breaker_and_the_twins_never() {
    let (good, twin) = both(Scenario::Shop);
    let breaker = "max(shop_breaker_open{upstream=\"payments\"})";
    let before = [&good, &twin].map(errors);
    let payments = ["10.0.1.10", "10.0.2.10", "10.0.3.10"];
    for world in [&good, &twin] {
        for address in payments {
            world.read(["lab", "http", "POST", &format!("http://{address}:9901/slow?delay=400ms")]).unwrap();
        }
    }
    let opened = good.wait_for(breaker, |value| value == 1.0, OPENS_WITHIN).unwrap();
    never(&twin, breaker, 1.0);
    for address in payments {
        good.read(["lab", "http", "POST", &format!("http://{address}:9901/heal")]).unwrap();
    }
    let closed = good.wait_for(breaker, |value| value == 0.0, CLOSES_WITHIN).unwrap();
    let after = [&good, &twin].map(errors);
    eprintln!("opened after {opened:?}, closed after {closed:?}");
    assert_eq!(before, after, "customers are served with and without payments");
    good.finish().unwrap();
    twin.finish().unwrap();
}

#[test]
fn a_lost_zone_fails_over_and_the_twins_never() {
    let (good, twin) = both(Scenario::Zones);
    let serving = "max(haproxy_backend_active_servers{proxy=\"backends\"})";
    let before = [&good, &twin].map(errors);
    let cut = "add table inet cut
        add chain inet cut in { type filter hook input priority 0; }
        add chain inet cut out { type filter hook output priority 0; }
        add rule inet cut in meta l4proto { tcp, udp } drop
        add rule inet cut out meta l4proto { tcp, udp } drop";
    for world in [&good, &twin] {
        world.read(["ip", "netns", "exec", "backend-z2", "nft", cut]).unwrap();
    }
    let failed_over = good.wait_for(serving, |value| value == 2.0, OPENS_WITHIN).unwrap();
    never(&twin, serving, 2.0);
    for world in [&good, &twin] {
        world.read(["ip", "netns", "exec", "backend-z2", "nft", "delete table inet cut"]).unwrap();
    }
    let came_back = good.wait_for(serving, |value| value == 3.0, CLOSES_WITHIN).unwrap();
    let after = [&good, &twin].map(errors);
    eprintln!("failed over after {failed_over:?}, came back after {came_back:?}");
    assert!(after[0] - before[0] <= 5.0, "customers are served: {} errors", after[0] - before[0]);
    good.finish().unwrap();
    twin.finish().unwrap();
}

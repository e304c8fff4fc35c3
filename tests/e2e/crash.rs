//! Whoever dies in the middle of a fault, the fault ends: the runner by any signal, the agent by SIGKILL and SIGSTOP.

use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use squall_tests::{Scenario, Twin, World};

use crate::eventually;
use crate::experiments::lasting;
use crate::turn::turn;
use crate::untouched::{assert_untouched, assert_untouched_within, left_behind};
use crate::user::{User, agent};

/// Every fault of an agent, each on instances of its own, so that all can be on at once.
const FAULTS: [(&str, &str, &str); 6] = [
    ("kill", "kill: {}", "names: [backend-z1]"),
    ("pause", "pause: {}", "names: [payments-z1]"),
    ("partition", "network: {partition: true}", "names: [payments-z3]"),
    ("loss", "network: {loss: 50%}", "names: [backend-z3]"),
    ("delay", "network: {delay: 300ms}", "names: [checkout-z1]"),
    ("zone-loss", "zoneLoss: {mode: isolate}", "zone: z2"),
];
/// What an agent's death undoes, the kernel undoes at once; a busy machine needs a moment.
const AT_ONCE: Duration = Duration::from_secs(3);
/// A stopped agent is killed two seconds after its lease of fifteen.
const BY_LEASE: Duration = Duration::from_secs(15 + 2 + 3);

#[test]
fn a_signal_to_the_runner_reverts_and_reports() {
    let _turn = turn(1);
    let world = World::start(Scenario::Zones, Twin::Good).unwrap();
    let stories = [
        (Signal::SIGINT, "network: {partition: true}", "names: [backend-z1]"),
        (Signal::SIGTERM, "pause: {}", "names: [backend-z2]"),
        (Signal::SIGHUP, "network: {delay: 300ms}", "names: [backend-z3]"),
    ];
    thread::scope(|scope| {
        for (signal, fault, into) in stories {
            let world = &world;
            scope.spawn(move || {
                let user = User::of(world, &signal.to_string().to_lowercase());
                let mut going = user.starts(&[&user.writes(&lasting(fault, into, "60s"))]);
                going.hurts();
                going.process.signal(signal).unwrap();
                // Impatience changes nothing.
                drop(going.process.signal(signal));
                let ran = going.ends();
                ran.ended_with(5, "a signal aborts");
                assert_eq!(ran.report()["verdict"], "aborted");
                assert!(ran.reasons().contains(signal.as_str()), "{}", ran.reasons());
            });
        }
    });
    assert_untouched(&world);
    world.finish().unwrap();
}

#[test]
fn a_killed_agent_takes_every_fault_with_it() {
    agents_die_in_the_middle(Signal::SIGKILL, AT_ONCE);
}

#[test]
fn a_stopped_agent_takes_every_fault_with_it_when_its_lease_ends() {
    agents_die_in_the_middle(Signal::SIGSTOP, BY_LEASE);
}

fn agents_die_in_the_middle(signal: Signal, bound: Duration) {
    let _turn = turn(1);
    let world = World::start(Scenario::Town, Twin::Good).unwrap();
    // One runner each, one agent for all.
    let users = FAULTS.map(|(name, ..)| User::of(&world, name));
    let mut runs = Vec::new();
    for (user, (_, fault, into)) in users.iter().zip(FAULTS) {
        runs.push(user.starts(&[&user.writes(&lasting(fault, into, "90s"))]));
    }
    for run in &mut runs {
        run.hurts();
    }
    let left = left_behind(&world);
    for instance in ["payments-z3", "backend-z3", "checkout-z1", "backend-z2", "payments-z2"] {
        assert!(left.contains(&format!("{instance}: nft:")), "{instance} is hurt:\n{left}");
    }
    assert!(left.contains("traced: ") || left.contains("stopped: "), "payments-z1 is paused:\n{left}");

    kill(agent(&world).expect("an agent holds the faults"), signal).unwrap();
    assert_untouched_within(&world, bound);
    stays_up(&world, "backend-z1");
    for address in ["10.0.1.10", "10.0.1.40", "10.0.3.40", "10.0.3.10", "10.0.1.20", "10.0.2.10", "10.0.2.40"] {
        world.read(["lab", "http", "GET", &format!("http://{address}:8080/healthz")]).unwrap();
    }
    for run in runs {
        // A local agent that is gone is started again, and says that nothing is left.
        run.ends().ended_with(4, "a fault that ended before its time is an error");
    }
    assert_untouched(&world);
    world.finish().unwrap();
}

/// Nobody kills it any more.
fn stays_up(world: &World, instance: &str) {
    let (mut last, mut since) = (None, std::time::Instant::now());
    eventually(&format!("{instance} stays up"), Duration::from_secs(10), || {
        let now = world.pid_of(instance);
        if now != last {
            (last, since) = (now, std::time::Instant::now());
        }
        now.is_some() && since.elapsed() > Duration::from_secs(1)
    });
}

//! Who is hit: chosen by what Prometheus says of it, picked anew for every shot; and nobody, which is no proof.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use squall_tests::{Scenario, Twin, World};

use crate::bad_days::at_once;
use crate::experiments::lasting;
use crate::turn::turn;
use crate::twins::not_seen_to_bite;
use crate::untouched::assert_untouched;
use crate::user::{Ran, User};

#[test]
fn faults_hit_whom_they_are_meant_for() {
    let _turn = turn(1);
    let world = World::start(Scenario::Town, Twin::Good).unwrap();
    at_once(
        &world,
        &[
            ("where", only_whom_the_query_names),
            ("every and pick", one_more_with_every_shot),
            ("a zone without neighbours", a_lost_zone_that_spoke_with_nobody),
        ],
    );
    assert_untouched(&world);
    world.finish().unwrap();
}

/// Who was hit, a name for each fault, in order.
fn hit(ran: &Ran) -> Vec<&str> {
    let faults = ran.report()["faults"].as_array().unwrap();
    faults.iter().map(|fault| fault["instance"].as_str().unwrap()).collect()
}

fn only_whom_the_query_names(world: &World) {
    // One of three has answered with an error, as only its own series tells.
    world.read(["lab", "http", "POST", "http://10.0.3.10:9901/fail?status=500"]).unwrap();
    // `where` asks for what was so two intervals ago.
    let errors = "sum(shop_requests_total{instance=\"backend-z3\", code=\"500\"} offset 2s)";
    world.wait_for(errors, |errors| errors > 0.0, SOON).unwrap();
    world.read(["lab", "http", "POST", "http://10.0.3.10:9901/heal"]).unwrap();

    let user = User::of(world, "where");
    let into = "namespace: web, labels: {app: backend}, \
                where: {query: 'shop_requests_total{code=\"500\"}', is: above 0}";
    let ran = user.runs(&[&user.writes(&lasting("network: {delay: 50ms}", into, "3s"))]);
    ran.ended_with(0, "exactly one matches");
    assert_eq!(hit(&ran), ["backend-z3"]);

    let nobody = into.replace("above 0", "below 0");
    let ran = user.runs(&[&user.writes(&lasting("network: {delay: 50ms}", &nobody, "3s"))]);
    ran.ended_with(2, "nobody matches");
    assert!(ran.said().contains("hurt") && ran.report.is_none(), "{}", ran.said());
}

/// Prometheus has seen it by then.
const SOON: Duration = Duration::from_secs(10);

fn one_more_with_every_shot(world: &World) {
    let user = User::of(world, "every");
    let into = "namespace: shop, labels: {app: payments}, pick: one";
    let file = user.writes(&lasting("kill: {}", into, "8s").replace("for: 8s\n", "for: 8s\n      every: 2s\n"));
    let ran = user.runs(&[&file, "--seed", "7"]);
    ran.ended_with(0, "every shot was seen to hit");
    let hit = hit(&ran);
    assert_eq!(hit.len(), 4, "four shots in eight seconds: {hit:?}");
    let different: BTreeSet<_> = hit.iter().collect();
    assert!(different.len() > 1, "each is picked anew: {hit:?}");
    for (number, fault) in ran.report()["faults"].as_array().unwrap().iter().enumerate() {
        let [sent, on] = ["sent", "on"].map(|moment| fault[moment].as_f64().unwrap());
        let late = sent - ran.report()["faults"][0]["sent"].as_f64().unwrap() - 2.0 * number as f64;
        assert!(late.abs() < 1.0, "shot {number} is {late} s late");
        assert!(on - sent < 1.0, "shot {number} is sent at {sent}, and on at {on}");
    }
    let plan = Ran::of(&user.squall(&["plan", &file, "--seed", "7"]), None);
    for instance in different {
        assert!(plan.stdout.contains(&format!("hits {instance}")), "{instance} was planned: {}", plan.stdout);
    }
}

fn a_lost_zone_that_spoke_with_nobody(world: &World) {
    let alone = "ip netns add hermit
        ip -n hermit link add eth0 type veth peer name nobody
        ip -n hermit address add 10.0.9.9/24 dev eth0
        ip -n hermit link set nobody up
        ip -n hermit link set eth0 up";
    world.read(["sh", "-ec", alone]).unwrap();
    let inventory = fs::read_to_string(world.directory().join("inventory.yaml")).unwrap();
    let (nodes, instances) = inventory.split_once("  instances:\n").unwrap();
    let hermit = "    - {name: hermit, node: node-z9, netns: hermit, addresses: [\"10.0.9.9\"]}\n";
    let inventory = format!("{nodes}    - {{name: node-z9, zone: z9}}\n  instances:\n{hermit}{instances}");
    let inventory = world.write("hermit-inventory.yaml", &inventory).unwrap();
    let user = User::of(world, "hermit").on(&inventory.display().to_string());
    let ran = user.runs(&[&user.writes(&lasting("zoneLoss: {mode: isolate}", "zone: z9", "3s"))]);
    not_seen_to_bite(&ran, "hurt");
    world.read(["ip", "netns", "del", "hermit"]).unwrap();
}

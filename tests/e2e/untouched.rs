//! Nothing is left on the node: what every story ends with.

use std::time::Duration;

use squall_tests::World;

use crate::eventually;

/// Prints whatever a fault could have left: filters, queues and lines in every namespace, and processes that are
/// stopped or traced. It prints nothing in a world that nobody has touched.
const LOOK: &str = r#"
for namespace in $(ls /run/netns); do
    nsenter --net=/run/netns/$namespace nft list ruleset | sed "s/^/$namespace: nft: /"
    nsenter --net=/run/netns/$namespace tc qdisc show | grep -v ' noqueue ' | sed "s/^/$namespace: tc: /"
done
nft list ruleset | sed "s/^/outside: nft: /"
for status in /proc/[0-9]*/status; do
    awk '/^Name:/ {name=$2} /^State:\t[Tt]/ {print "stopped: " name} /^TracerPid:\t[1-9]/ {print "traced: " name}' $status
done 2>/dev/null
exit 0
"#;

/// What faults have left in a world.
pub fn left_behind(world: &World) -> String {
    world.read(["sh", "-c", LOOK]).unwrap()
}

/// Panics unless nothing is left within the time, and every instance lives.
#[track_caller]
pub fn assert_untouched_within(world: &World, within: Duration) {
    let mut left = String::new();
    eventually(&format!("nothing is left in the world:\n{left}"), within, || {
        left = left_behind(world);
        if !left.is_empty() {
            eprintln!("still there: {left}");
        }
        left.is_empty()
    });
    let instances = world.read(["ls", "/run/netns"]).unwrap();
    for instance in instances.lines().filter(|name| *name != "hub") {
        eventually(&format!("{instance} lives"), within, || world.pid_of(instance).is_some());
    }
}

/// Panics unless nothing is left now.
#[track_caller]
pub fn assert_untouched(world: &World) {
    assert_untouched_within(world, Duration::from_secs(2));
}

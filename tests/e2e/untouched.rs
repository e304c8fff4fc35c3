//! Nothing is left on the node: what every story ends with.

use std::cell::RefCell;
use std::time::Duration;

use squall_tests::World;

use crate::{eventually, eventually_or};

/// Prints whatever a fault could have left: filters, queues and lines in every namespace, and processes that are
/// stopped or traced. It prints nothing in a world that nobody has touched.
///
/// A look that sees nothing because a tool is missing or fails is no proof, so it fails.
const LOOK: &str = r#"
blind() { echo "cannot look for what is left: $*" >&2; exit 1; }
for tool in ls nsenter nft tc awk sed; do
    command -v $tool >/dev/null || blind "there is no $tool"
done
show() { [ -z "$2" ] || printf '%s\n' "$2" | sed "s/^/$1: /"; }
namespaces=$(ls /run/netns) || blind "no namespaces"
for namespace in $namespaces; do
    rules=$(nsenter --net=/run/netns/$namespace nft list ruleset) || blind "nft fails in $namespace"
    queues=$(nsenter --net=/run/netns/$namespace tc qdisc show) || blind "tc fails in $namespace"
    show "$namespace: nft" "$rules"
    show "$namespace: tc" "$(printf '%s\n' "$queues" | sed '/ noqueue /d')"
done
rules=$(nft list ruleset) || blind "nft fails outside"
show "outside: nft" "$rules"
for status in /proc/[0-9]*/status; do
    awk '/^Name:/ {name=$2} /^State:\t[Tt]/ {print "stopped: " name} /^TracerPid:\t[1-9]/ {print "traced: " name}' $status
done 2>/dev/null
exit 0 # The last of them may have ended while it was read.
"#;

/// What faults have left in a world.
pub fn left_behind(world: &World) -> String {
    world.read(["sh", "-c", LOOK]).unwrap()
}

/// Panics unless nothing is left within the time, and every instance lives.
#[track_caller]
pub fn assert_untouched_within(world: &World, within: Duration) {
    let left = RefCell::new(String::new());
    eventually_or(
        within,
        || format!("still left in the world:\n{}", left.borrow()),
        || {
            left.replace(left_behind(world));
            left.borrow().is_empty()
        },
    );
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

#[test]
fn whoever_cannot_look_has_not_seen_that_nothing_is_left() {
    let look = std::process::Command::new("/bin/sh").args(["-c", LOOK]).env("PATH", "/nonexistent").output().unwrap();
    assert!(!look.status.success(), "{look:?}");
    assert!(String::from_utf8_lossy(&look.stderr).contains("cannot look"), "{look:?}");
}

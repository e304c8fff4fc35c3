//! The world's network: three zones as bridges, one namespace per instance, and a router between them and outside.
//!
//! Built with the `ip` program, before anything runs. Both IPv4 and IPv6 work everywhere: a fault that forgets one
//! of them must show.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::blueprint::{Instance, OUTSIDE, Zone};

/// The namespace of the router.
const HUB: &str = "hub";

/// Builds the zones, the hub and a namespace for every instance. The caller's namespace becomes "outside".
pub fn build(program: &Path, instances: &[Instance]) -> Result<()> {
    let ip = |namespace: Option<&str>, commands: &[String]| ip(program, namespace, commands);
    // All names first: `ip -n` works on a copy of the mounts, so a name made through it would be lost.
    ip(None, &instances.iter().map(|instance| format!("netns add {}", instance.name)).collect::<Vec<_>>())?;
    ip(None, &outside_commands())?;
    ip(Some(HUB), &hub_commands())?;
    let forwarding = "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding";
    let status = Command::new(program).args(["netns", "exec", HUB, "sh", "-c", forwarding]).status();
    ensure!(status.context("start ip")?.success(), "the hub does not forward");
    for instance in instances {
        ip(Some(HUB), &uplink_commands(instance))?;
        ip(Some(&instance.name), &instance_commands(instance))?;
    }
    Ok(())
}

fn outside_commands() -> Vec<String> {
    vec![
        "link set lo up".to_owned(),
        format!("netns add {HUB}"),
        format!("link add hub type veth peer name outside netns {HUB}"),
        format!("address add {OUTSIDE}/30 dev hub"),
        "address add fd00::2/64 dev hub nodad".to_owned(),
        "link set hub up".to_owned(),
        "route add default via 10.0.0.1".to_owned(),
        "route add default via fd00::1".to_owned(),
    ]
}

fn hub_commands() -> Vec<String> {
    let mut commands = vec![
        "link set lo up".to_owned(),
        "address add 10.0.0.1/30 dev outside".to_owned(),
        "address add fd00::1/64 dev outside nodad".to_owned(),
        "link set outside up".to_owned(),
    ];
    for zone in Zone::ALL {
        let (name, number) = (zone.name(), zone.number());
        commands.extend([
            format!("link add {name} type bridge"),
            format!("address add 10.0.{number}.1/24 dev {name}"),
            format!("address add fd00:{number}::1/64 dev {name} nodad"),
            format!("link set {name} up"),
        ]);
    }
    commands
}

/// In the hub: a wire from the zone's bridge into the instance's namespace. The near end has the address in its
/// name, because an interface's name is short.
fn uplink_commands(instance: &Instance) -> Vec<String> {
    let (name, zone) = (&instance.name, instance.zone.name());
    let port = format!("{zone}-{}", instance.host);
    vec![format!("link add {port} master {zone} type veth peer name eth0 netns {name}"), format!("link set {port} up")]
}

fn instance_commands(instance: &Instance) -> Vec<String> {
    let number = instance.zone.number();
    vec![
        "link set lo up".to_owned(),
        format!("address add {}/24 dev eth0", instance.address()),
        format!("address add {}/64 dev eth0 nodad", instance.address6()),
        "link set eth0 up".to_owned(),
        format!("route add default via 10.0.{number}.1"),
        format!("route add default via fd00:{number}::1"),
    ]
}

/// Runs `ip -batch` in a namespace.
fn ip(program: &Path, namespace: Option<&str>, commands: &[String]) -> Result<()> {
    let mut ip = Command::new(program);
    if let Some(namespace) = namespace {
        ip.args(["-n", namespace]);
    }
    let mut child = ip.args(["-batch", "-"]).stdin(Stdio::piped()).spawn().context("start ip (package iproute2)")?;
    let mut input = child.stdin.take().expect("stdin is piped: asked for above");
    input.write_all(commands.join("\n").as_bytes()).context("tell ip what to build")?;
    drop(input);
    let status = child.wait().context("wait for ip")?;
    ensure!(status.success(), "ip in {}: {status}; commands:\n{}", namespace.unwrap_or("outside"), commands.join("\n"));
    Ok(())
}

//! Hosts: instances from an inventory, looked at on this machine.

use super::addresses::addresses;
use squall_agent::instance::pids_at;
use squall_agent::process::ProcessFacts;
use squall_experiments::target::{Instance, Locator, ProcessLocator};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Looks at instances of the local node.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hosts;

impl Hosts {
    /// Where peers reach an instance: as the inventory says, else the global addresses in its namespace.
    ///
    /// # Errors
    /// As a sentence: neither is known.
    pub async fn addresses(instance: &Instance) -> Result<Vec<IpAddr>, String> {
        if !instance.addresses.is_empty() {
            return Ok(instance.addresses.clone());
        }
        let name = &instance.name;
        let namespace = namespace(&instance.locator)
            .map_err(|reason| format!("{name}: its addresses are not listed, and {reason}"))?;
        let shown = namespace.display().to_string();
        let read = tokio::task::spawn_blocking(move || addresses(namespace)).await;
        match read.map_err(std::io::Error::other).and_then(|found| found) {
            Ok(found) if found.is_empty() => Err(format!("{name}: there is no global address in `{shown}`")),
            Ok(found) => Ok(found),
            Err(error) => Err(format!("{name}: its addresses cannot be read in `{shown}`: {error}")),
        }
    }
}

/// Whether what an instance's entry names is there now.
///
/// # Errors
/// What is not, as a sentence.
pub fn locate(instance: &Instance) -> Result<(), String> {
    let name = &instance.name;
    if let Some(path) = &instance.locator.netns
        && !path.exists()
    {
        return Err(format!("{name}: there is no network namespace `{}`", path.display()));
    }
    match &instance.locator.process {
        Some(ProcessLocator::Pidfile(path)) => process(path).map(|_| ()).map_err(|reason| format!("{name}: {reason}")),
        // Where the agent looks: one that would find it must not be overruled here.
        Some(place @ (ProcessLocator::Cgroup(_) | ProcessLocator::Unit(_))) => {
            pids_at(place).map(|_| ()).map_err(|refusal| format!("{name}: {}", refusal.reason))
        }
        None => Ok(()),
    }
}

/// The living process whose number stands in a file.
fn process(pidfile: &Path) -> Result<u32, String> {
    let shown = pidfile.display();
    let text =
        std::fs::read_to_string(pidfile).map_err(|error| format!("the pidfile `{shown}` cannot be read: {error}"))?;
    let number: u32 = text.trim().parse().map_err(|_| format!("the pidfile `{shown}` holds no process number"))?;
    match ProcessFacts::of(number) {
        Some(facts) if !facts.is_over() => Ok(number),
        Some(_) | None => Err(format!("process {number} of the pidfile `{shown}` does not live")),
    }
}

fn namespace(locator: &Locator) -> Result<PathBuf, String> {
    match (&locator.netns, &locator.process) {
        (Some(path), _) => Ok(path.clone()),
        (None, Some(ProcessLocator::Pidfile(path))) => {
            process(path).map(|number| PathBuf::from(format!("/proc/{number}/ns/net")))
        }
        (None, Some(place @ (ProcessLocator::Cgroup(_) | ProcessLocator::Unit(_)))) => {
            let found = pids_at(place).map_err(|refusal| refusal.reason)?;
            let first = found.first().ok_or_else(|| "nothing runs in its cgroup".to_owned())?;
            Ok(PathBuf::from(format!("/proc/{first}/ns/net")))
        }
        (None, None) => Err("its entry names neither a process nor a namespace".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use squall_experiments::name::{InstanceName, NodeName};
    use std::collections::BTreeMap;

    fn instance(locator: Locator) -> Instance {
        Instance {
            name: InstanceName::new("checkout-1"),
            namespace: None,
            labels: BTreeMap::new(),
            node: NodeName::new("local"),
            zone: None,
            addresses: vec![],
            locator,
            series: BTreeMap::new(),
        }
    }

    fn by_pidfile(path: &Path) -> Instance {
        instance(Locator { process: Some(ProcessLocator::Pidfile(path.to_owned())), netns: None })
    }

    #[test]
    fn a_dead_process_in_the_inventory_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let pidfile = folder.path().join("checkout.pid");
        assert!(locate(&by_pidfile(&pidfile)).unwrap_err().contains("cannot be read"));
        std::fs::write(&pidfile, "nobody").unwrap();
        assert!(locate(&by_pidfile(&pidfile)).unwrap_err().ends_with("holds no process number"));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        std::fs::write(&pidfile, format!("{}\n", child.id())).unwrap();
        child.wait().unwrap();
        let reason = locate(&by_pidfile(&pidfile)).unwrap_err();
        assert!(reason.starts_with("checkout-1: process ") && reason.ends_with("does not live"), "{reason}");
        std::fs::write(&pidfile, std::process::id().to_string()).unwrap();
        assert_eq!(locate(&by_pidfile(&pidfile)), Ok(()));
    }

    #[test]
    fn processes_are_looked_for_where_the_agent_looks() {
        // Of the trees of cgroups the one in which this process is: its place below any other is not there.
        let text = std::fs::read_to_string("/proc/self/cgroup").unwrap();
        let own = text.lines().filter_map(|line| line.splitn(3, ':').nth(2));
        let found = |place: &ProcessLocator| pids_at(place).is_ok_and(|pids| pids.contains(&std::process::id()));
        let Some(place) = own.map(|path| ProcessLocator::Cgroup(path.into())).find(found) else {
            return eprintln!("skipped: this process is in no cgroup that can be read");
        };
        let here = instance(Locator { process: Some(place), netns: None });
        assert_eq!(locate(&here), Ok(()));
        let namespace = namespace(&here.locator).unwrap();
        assert!(namespace.starts_with("/proc") && namespace.ends_with("ns/net"), "{}", namespace.display());
    }

    #[test]
    fn a_cgroup_and_a_unit_that_are_not_there_are_named() {
        let of = |process| instance(Locator { process: Some(process), netns: None });
        let reason = locate(&of(ProcessLocator::Cgroup("/no/such.slice".into()))).unwrap_err();
        assert_eq!(reason, "checkout-1: no cgroup `/no/such.slice`");
        let reason = locate(&of(ProcessLocator::Unit("no-such-unit".into()))).unwrap_err();
        assert_eq!(reason, "checkout-1: unit `no-such-unit.service` has no cgroup: it does not run");
    }

    #[tokio::test]
    async fn addresses_come_from_the_inventory_first() {
        let mut listed = instance(Locator::default());
        assert!(Hosts::addresses(&listed).await.unwrap_err().contains("neither a process nor a namespace"));
        listed.addresses = vec!["10.0.0.9".parse().unwrap()];
        assert_eq!(Hosts::addresses(&listed).await.unwrap(), listed.addresses);
    }
}

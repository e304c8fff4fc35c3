//! The global addresses inside a network namespace, read from `/proc` without any program.

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

/// Reads them, on a thread of its own: entering a namespace is per thread and for good.
///
/// # Errors
/// The namespace cannot be opened, entered or read.
pub(super) fn addresses(namespace: PathBuf) -> std::io::Result<Vec<IpAddr>> {
    let reading = std::thread::Builder::new().name("addresses".to_owned()).spawn(move || {
        let file = File::open(namespace)?;
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))?;
        read(Path::new("/proc/thread-self/net"))
    })?;
    reading.join().expect("the reading thread does not panic")
}

fn read(folder: &Path) -> std::io::Result<Vec<IpAddr>> {
    let mut found = v4(&std::fs::read_to_string(folder.join("fib_trie"))?);
    // Without IPv6 in the kernel there is no such file.
    found.extend(v6(&std::fs::read_to_string(folder.join("if_inet6")).unwrap_or_default()));
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// `|-- 10.0.0.1` followed by `/32 host LOCAL` is an address of our own.
fn v4(trie: &str) -> Vec<IpAddr> {
    let mut last = None;
    let mut found = Vec::new();
    for line in trie.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.parse::<IpAddr>().ok();
        } else if line == "/32 host LOCAL"
            && let Some(address) = last
            && !address.is_loopback()
        {
            found.push(address);
        }
    }
    found
}

/// `fd000000000000000000000000000001 02 40 00 80 eth0`: the fourth column is the scope, 00 is global.
fn v6(table: &str) -> Vec<IpAddr> {
    let address = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let bits = u128::from_str_radix(columns.first()?, 16).ok()?;
        (*columns.get(3)? == "00").then(|| IpAddr::V6(Ipv6Addr::from_bits(bits)))
    };
    table.lines().filter_map(address).filter(|address| !address.is_loopback()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_global_addresses_of_our_own_are_found() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 10.0.0.0\n        /24 link UNICAST\nLocal:\n     |-- 10.0.0.7\n        /32 host LOCAL\n     |-- 10.0.0.255\n        /32 link BROADCAST\n     |-- 127.0.0.1\n        /32 host LOCAL\n     |-- 10.0.0.7\n        /32 host LOCAL\n";
        assert_eq!(v4(trie), ["10.0.0.7".parse::<IpAddr>().unwrap(); 2]);
        let table = "00000000000000000000000000000001 01 80 10 80       lo\nfd000000000000000000000000000001 02 40 00 80     eth0\nfe800000000000000000000000000001 02 40 20 80     eth0\n";
        assert_eq!(v6(table), ["fd00::1".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn a_namespace_that_is_not_there_is_an_error() {
        assert!(addresses("/nowhere/netns".into()).is_err());
    }
}

//! The other ends of a fault as ranges of addresses, sorted and disjoint as the kernel wants them.

use crate::netlink::nftables::Element;
use crate::netlink::nftables::Lifetime;
use squall_experiments::fault::Peers;
use squall_experiments::target::Cidr;
use std::net::IpAddr;

/// IPv4 or IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Version {
    /// An address in bytes.
    pub fn address_length(self) -> usize {
        match self {
            Self::V4 => 4,
            Self::V6 => 16,
        }
    }

    fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    fn last_address(self) -> u128 {
        match self {
            Self::V4 => u128::from(u32::MAX),
            Self::V6 => u128::MAX,
        }
    }

    /// The bytes on the wire.
    fn key(self, address: u128) -> Vec<u8> {
        address.to_be_bytes()[16 - self.address_length()..].to_vec()
    }
}

/// Whose packets of one IP version a fault meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Everyone's.
    Everyone,
    /// Nobody's: the version needs no rule.
    Nobody,
    /// Those of these ranges.
    Within(Vec<Range>),
    /// Those of everyone else.
    Outside(Vec<Range>),
}

/// From the first address to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range {
    first: u128,
    last: u128,
}

impl Who {
    /// Those whom an order names, of one version.
    pub fn of(peers: &Peers, version: Version) -> Self {
        let whole = |ranges: &[Range]| ranges == [Range { first: 0, last: version.last_address() }];
        match peers {
            Peers::All => Self::Everyone,
            Peers::Only(blocks) => match ranges(blocks, version) {
                ranges if ranges.is_empty() => Self::Nobody,
                ranges if whole(&ranges) => Self::Everyone,
                ranges => Self::Within(ranges),
            },
            Peers::AllExcept(blocks) => match ranges(blocks, version) {
                ranges if ranges.is_empty() => Self::Everyone,
                ranges if whole(&ranges) => Self::Nobody,
                ranges => Self::Outside(ranges),
            },
        }
    }
}

/// The ranges as members of a set.
pub fn elements(ranges: &[Range], version: Version) -> Vec<Element> {
    ranges
        .iter()
        .map(|range| Element {
            key: version.key(range.first),
            behind: (range.last != version.last_address()).then(|| version.key(range.last + 1)),
            lifetime: Lifetime::Unbounded,
        })
        .collect()
}

/// The blocks of one version, those that overlap or touch made one: the kernel refuses overlaps.
fn ranges(blocks: &[Cidr], version: Version) -> Vec<Range> {
    let mut sorted: Vec<Range> =
        blocks.iter().filter(|block| Version::of(block.network()) == version).map(|block| range(*block)).collect();
    sorted.sort_unstable();
    let mut merged: Vec<Range> = Vec::with_capacity(sorted.len());
    for range in sorted {
        match merged.last_mut() {
            Some(before) if range.first <= before.last.saturating_add(1) => before.last = before.last.max(range.last),
            _ => merged.push(range),
        }
    }
    merged
}

fn range(block: Cidr) -> Range {
    let (first, length) = match block.network() {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32 - block.prefix()),
        IpAddr::V6(address) => (address.to_bits(), 128 - block.prefix()),
    };
    let hosts = u128::MAX.checked_shr(128 - u32::from(length)).unwrap_or(0);
    Range { first, last: first | hosts }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(texts: &[&str]) -> Vec<Cidr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn v4(first: [u8; 4], last: [u8; 4]) -> Range {
        Range { first: u32::from_be_bytes(first).into(), last: u32::from_be_bytes(last).into() }
    }

    #[test]
    fn blocks_that_overlap_or_touch_become_one_range() {
        let peers = Peers::Only(blocks(&["10.0.1.0/24", "10.0.0.0/24", "10.0.0.7/32", "10.2.0.1", "fd00::/16"]));
        let expected = vec![v4([10, 0, 0, 0], [10, 0, 1, 255]), v4([10, 2, 0, 1], [10, 2, 0, 1])];
        assert_eq!(Who::of(&peers, Version::V4), Who::Within(expected));
        assert!(matches!(Who::of(&peers, Version::V6), Who::Within(ranges) if ranges.len() == 1));
    }

    #[test]
    fn a_version_nobody_named_is_nobody_or_everyone() {
        assert_eq!(Who::of(&Peers::Only(blocks(&["10.0.0.0/8"])), Version::V6), Who::Nobody);
        assert_eq!(Who::of(&Peers::AllExcept(blocks(&["10.0.0.0/8"])), Version::V6), Who::Everyone);
        assert_eq!(Who::of(&Peers::Only(blocks(&["0.0.0.0/0"])), Version::V4), Who::Everyone);
        assert_eq!(Who::of(&Peers::AllExcept(blocks(&["::/1", "8000::/1"])), Version::V6), Who::Nobody);
    }

    #[test]
    fn a_range_to_the_last_address_has_no_end() {
        let Who::Within(ranges) = Who::of(&Peers::Only(blocks(&["128.0.0.0/1", "10.0.0.1"])), Version::V4) else {
            panic!("two ranges")
        };
        let elements = elements(&ranges, Version::V4);
        assert_eq!(elements[0].key, [10, 0, 0, 1]);
        assert_eq!(elements[0].behind.as_deref(), Some(&[10, 0, 0, 2][..]));
        assert_eq!((&elements[1].key[..], &elements[1].behind), (&[128, 0, 0, 0][..], &None));
    }
}

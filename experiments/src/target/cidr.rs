//! A block of IP addresses.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A block of IP addresses: `10.0.0.0/8`, `fd00::/16`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

/// Why a text is no block of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CidrError {
    /// Not `ADDRESS/BITS`.
    #[error("`{0}` is not a block of IP addresses: write `10.0.0.0/8` or `fd00::/16`")]
    Unreadable(String),
    /// Bits are set right of the prefix, so the author may have meant another block.
    #[error("`{0}` has bits set outside its prefix: write `{1}`")]
    HostBits(String, Cidr),
}

impl Cidr {
    /// Exactly one address.
    pub fn host(address: IpAddr) -> Self {
        Self { network: address, prefix: if address.is_ipv4() { 32 } else { 128 } }
    }

    /// The lowest address of the block.
    pub fn network(self) -> IpAddr {
        self.network
    }

    /// How many leading bits all its addresses share.
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// Whether the address lies in the block.
    pub fn contains(self, address: IpAddr) -> bool {
        self.network.is_ipv4() == address.is_ipv4() && masked(address, self.prefix) == self.network
    }
}

fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    let prefix = u32::from(prefix);
    match address {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() & u32::MAX.checked_shl(32 - prefix).unwrap_or(0)).into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & u128::MAX.checked_shl(128 - prefix).unwrap_or(0)).into(),
    }
}

impl FromStr for Cidr {
    type Err = CidrError;
    fn from_str(text: &str) -> Result<Self, CidrError> {
        let unreadable = || CidrError::Unreadable(text.to_owned());
        let Some((address, bits)) = text.split_once('/') else {
            return text.parse().map(Self::host).map_err(|_| unreadable());
        };
        let address: IpAddr = address.parse().map_err(|_| unreadable())?;
        let prefix: u8 = bits.parse().map_err(|_| unreadable())?;
        if prefix > Self::host(address).prefix {
            return Err(unreadable());
        }
        let block = Self { network: masked(address, prefix), prefix };
        if block.network == address { Ok(block) } else { Err(CidrError::HostBits(text.to_owned(), block)) }
    }
}

impl TryFrom<String> for Cidr {
    type Error = CidrError;
    fn try_from(text: String) -> Result<Self, CidrError> {
        text.parse()
    }
}

impl From<Cidr> for String {
    fn from(block: Cidr) -> String {
        block.to_string()
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_read_print_and_contain() {
        let block: Cidr = "10.1.0.0/16".parse().unwrap();
        assert!(block.contains("10.1.2.3".parse().unwrap()) && !block.contains("10.2.0.1".parse().unwrap()));
        assert!(!block.contains("::1".parse().unwrap()));
        assert_eq!("fd00::1".parse::<Cidr>().unwrap().to_string(), "fd00::1/128");
        assert!("0.0.0.0/0".parse::<Cidr>().unwrap().contains("1.2.3.4".parse().unwrap()));
        assert_eq!(
            "10.1.2.3/8".parse::<Cidr>().unwrap_err().to_string(),
            "`10.1.2.3/8` has bits set outside its prefix: write `10.0.0.0/8`"
        );
        assert!("10.0.0.0/33".parse::<Cidr>().is_err());
    }
}

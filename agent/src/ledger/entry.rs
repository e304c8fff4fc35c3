//! One line of the ledger.

use crate::leases::Hold;
use crate::snapshot::Snapshot;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use squall_experiments::fault::{Fence, Order};
use squall_experiments::name::FaultId;
use std::collections::BTreeSet;

/// The version of the lines this agent writes, and the only one it reads.
const VERSION: u32 = 1;
const CRC: &str = r#","crc":""#;

/// What a line says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Entry {
    /// An agent began; what follows is its.
    #[serde(rename_all = "camelCase")]
    Started {
        /// The node's boot: after a reboot nothing of what stands above is left.
        boot: String,
        /// The agent's process number.
        pid: u32,
        /// Its version.
        agent: String,
    },
    /// The highest epoch seen of a run.
    Epoch(Fence),
    /// From here on the target may have been changed.
    Ordered(Box<Ordered>),
    /// It is undone, refused, or done.
    Ended(FaultId),
}

/// An order, and what is needed to undo it and to see that it is undone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ordered {
    /// Who ordered it.
    pub fence: Fence,
    /// What. The undo follows from it: names in the kernel come from its id.
    pub order: Order,
    /// When it arrived.
    pub since: Timestamp,
    /// What it takes hold of.
    pub holds: BTreeSet<Hold>,
    /// What its namespace looked like before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Snapshot>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<E> {
    version: u32,
    at: Timestamp,
    entry: E,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    crc: Option<String>,
}

impl Entry {
    /// The line, with its end.
    pub fn line(&self, at: Timestamp) -> String {
        let line = Line { version: VERSION, at, entry: self, crc: None };
        let text = serde_json::to_string(&line).expect("entries are plain data: maps with text keys");
        let open = text.strip_suffix('}').expect("an object ends with a brace");
        format!("{open}{CRC}{:08x}\"}}\n", crc32fast::hash(open.as_bytes()))
    }

    /// Reads a line without its end; says why it cannot.
    pub fn read(line: &str) -> Result<Self, String> {
        let (open, rest) = line.rsplit_once(CRC).ok_or("it has no checksum")?;
        let found = rest.strip_suffix("\"}").ok_or("it is cut off")?;
        let computed = format!("{:08x}", crc32fast::hash(open.as_bytes()));
        if found != computed {
            return Err(format!("its checksum is {computed}, it says {found}"));
        }
        let line: Line<Self> = serde_json::from_str(line).map_err(|error| error.to_string())?;
        if line.version != VERSION {
            return Err(format!("it has version {}, this agent reads version {VERSION}", line.version));
        }
        Ok(line.entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> String {
        Entry::Started { boot: "b".into(), pid: 7, agent: "0.1.0".into() }.line(Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_line_is_what_the_first_version_wrote() {
        let golden = include_str!("../../tests/golden/ledger-1.jsonl");
        assert_eq!(line(), golden.lines().next().unwrap().to_owned() + "\n");
        for line in golden.lines() {
            Entry::read(line).unwrap();
        }
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let line = line();
        let line = line.trim_end();
        for place in 0..line.len() {
            let mut bytes = line.as_bytes().to_vec();
            bytes[place] ^= 1;
            let changed = String::from_utf8(bytes).unwrap();
            assert!(Entry::read(&changed).is_err(), "{changed}");
        }
    }
}

//! What a ledger says after a crash.

use super::entry::{Entry, Ordered};
use squall_experiments::name::{FaultId, RunId};
use std::collections::BTreeMap;

/// Everything a ledger holds.
#[derive(Debug, Default, PartialEq)]
pub struct Replay {
    /// The highest epoch of each run.
    pub epochs: BTreeMap<RunId, u64>,
    /// Faults that may be on, in the order they came.
    pub pending: Vec<Pending>,
    /// Lines that cannot be read.
    pub bad: Vec<BadLine>,
    /// Whether the last line was cut off: the agent died while writing it, before it touched anything.
    pub is_torn: bool,
}

/// A fault that may be on.
#[derive(Debug, PartialEq)]
pub struct Pending {
    /// The order and what goes with it.
    pub ordered: Ordered,
    /// The boot in which it was injected; empty where the line that said so cannot be read.
    pub boot: String,
}

/// A line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// Its number, from 1.
    pub number: usize,
    /// What is wrong with it.
    pub reason: String,
}

impl Replay {
    /// Reads a whole ledger.
    pub fn read(bytes: &[u8]) -> Self {
        let mut replay = Self::default();
        let mut boot = String::new();
        let mut pending: BTreeMap<FaultId, (usize, Pending)> = BTreeMap::new();
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        replay.is_torn = whole < bytes.len();
        for (index, line) in bytes[..whole].split_inclusive(|byte| *byte == b'\n').enumerate() {
            let read = match str::from_utf8(&line[..line.len() - 1]) {
                Ok(line) => Entry::read(line),
                Err(error) => Err(error.to_string()),
            };
            match read {
                Ok(Entry::Started { boot: now, .. }) => boot = now,
                Ok(Entry::Epoch(fence)) => replay.note_epoch(fence.run, fence.epoch),
                Ok(Entry::Ordered(ordered)) => {
                    replay.note_epoch(ordered.fence.run.clone(), ordered.fence.epoch);
                    let fault = ordered.order.id.clone();
                    pending.insert(fault, (index, Pending { ordered: *ordered, boot: boot.clone() }));
                }
                Ok(Entry::Ended(fault)) => {
                    pending.remove(&fault);
                }
                Err(reason) => {
                    // It may have been the line of a new boot: what follows is not known to be of the old one.
                    boot.clear();
                    replay.bad.push(BadLine { number: index + 1, reason });
                }
            }
        }
        let mut left: Vec<(usize, Pending)> = pending.into_values().collect();
        left.sort_by_key(|(index, _)| *index);
        replay.pending = left.into_iter().map(|(_, pending)| pending).collect();
        replay
    }

    fn note_epoch(&mut self, run: RunId, epoch: u64) {
        let highest = self.epochs.entry(run).or_default();
        *highest = epoch.max(*highest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn golden() -> String {
        include_str!("../../tests/golden/ledger-1.jsonl").to_owned()
    }

    #[test]
    fn what_was_ordered_and_not_ended_is_pending() {
        let replay = Replay::read(golden().as_bytes());
        let pending: Vec<_> = replay.pending.iter().map(|pending| pending.ordered.order.id.as_str()).collect();
        assert_eq!(pending, ["f2"]);
        assert_eq!(replay.pending[0].boot, "b");
        assert_eq!(replay.epochs, BTreeMap::from([(RunId::new("r"), 3)]));
        assert!(replay.bad.is_empty() && !replay.is_torn);
    }

    #[test]
    fn a_torn_last_line_is_tolerated_at_every_length() {
        let whole = golden();
        let kept = Entry::Ended(FaultId::new("f2")).line(Timestamp::UNIX_EPOCH);
        for length in 1..kept.len() {
            let replay = Replay::read((whole.clone() + &kept[..length]).as_bytes());
            assert!(replay.is_torn && replay.bad.is_empty() && replay.pending.len() == 1);
        }
        assert!(Replay::read((whole + &kept).as_bytes()).pending.is_empty());
    }

    #[test]
    fn a_bad_line_in_the_middle_is_named_and_what_it_ended_stays_pending() {
        let text = golden().replace("{\"ended\":\"f1\"}", "{\"ended\":\"f7\"}");
        let replay = Replay::read(text.as_bytes());
        assert_eq!(replay.bad.len(), 1);
        assert_eq!(replay.bad[0].number, 4);
        assert_eq!(replay.pending.len(), 2, "ambiguous means revert");
    }

    #[test]
    fn nothing_at_all_and_noise_are_read_too() {
        assert_eq!(Replay::read(b""), Replay::default());
        let noise = Replay::read(&[0xff, 0xfe, b'\n', 0, b'\n']);
        assert_eq!(noise.bad.len(), 2);
    }
}

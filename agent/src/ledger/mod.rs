//! What stands on the disk before anything is touched, and is replayed after a crash.
//!
//! Append-only lines, one JSON object each, readable with a pager at three in the morning:
//!
//! ```text
//! {"version":1,"at":"2026-11-22T07:00:00Z","entry":{"ordered":{...}},"crc":"9ae0daaf"}
//! ```
//!
//! The checksum is over everything before `,"crc"`. An order is synced before its target is changed
//! (the file, and the folder when the file is new); nothing else is waited for, above all no revert.
//! What is ambiguous after a crash counts as injected and is reverted: reverting is idempotent.
mod entry;
mod file;
mod replay;
mod writer;

pub use entry::{Entry, Ordered};
pub use file::{Ledger, LedgerError};
pub use replay::{BadLine, Pending, Replay};
pub use writer::LedgerWriter;

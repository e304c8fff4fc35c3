//! What is kept between runs: the history of every run, the locks of those that live, and the halt.
//!
//! ```text
//! ~/.local/state/squall/        $XDG_STATE_HOME, or `history` in squall.yaml
//!   history.sqlite              runs, their entries and judgements (WAL: `sqlite3` opens it)
//!   live/RUN                    held by flock while RUN lives; says what it holds
//!   halt                        there while everything is halted; says why
//!   agent/                      the local agent's socket and ledger
//! ```
mod folder;
mod halt;
mod left;
mod lock;
#[cfg(test)]
pub(crate) mod samples;
mod store;
#[cfg(test)]
mod store_tests;
mod writer;

pub use folder::StateFolder;
pub use halt::{Halt, HaltError, HaltWatch};
pub use left::StillLeft;
pub use lock::{Claimed, LiveRun, LockError};
pub use store::{RunLine, StartedProcess, Store, StoreError};
pub use writer::{Storing, Writer};

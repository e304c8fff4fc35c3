//! Who may hold which fault until when. Pure: no clock, no kernel, no file.
//!
//! ```text
//!   Ordered        Resolved        Recorded        Injected
//! ---------> Resolving ---> Recording ---> Injecting ---> On
//!                 |             |              |           |  lease, deadline, revert,
//!                 |             |              |           |  target gone
//!                 |             |              +---------> Reverting --+
//!                 |             |                          |           | Reverted
//!                 +-------------+------> Ended <-----------+-----------+
//! ```
//!
//! Nothing is touched before `Injecting`, so whatever ends a fault earlier just drops it. From
//! there on every fault gets exactly one [`Act::Revert`], or ends by itself (refused, or a one-shot
//! that is done). An ended fault is remembered, so a late retry of its order changes nothing.
mod book;
mod message;
#[cfg(test)]
mod tests;

pub use book::{Leases, check_version};
pub use message::{Act, End, Event, Hold};

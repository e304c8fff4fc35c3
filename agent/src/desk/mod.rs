//! The one task that owns all faults.
//!
//! ```text
//!   service --call--> +------+ --event--> leases (pure)
//!   ledger --written->| desk | <--acts---
//!   holders --told--> +------+ --work---> holders, ledger, reports
//! ```
//!
//! Everything reaches it as a message, so nothing is shared and nothing is locked. It never blocks:
//! kernel work is done on each fault's own thread ([`crate::holder`]), syncing on the ledger's.
mod handle;
mod reports;
mod task;

pub use handle::{Caller, DeskHandle};
pub use reports::Life;
pub use task::{Desk, Swept};

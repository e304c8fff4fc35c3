//! nftables: tables of chains of rules, as typed values, and the batches that make and unmake them.
//!
//! [`Table`] says *what* shall be there and knows nothing of bytes; [`Batch`] turns it into messages,
//! which the kernel carries out all or none. Headers: linux/netfilter/nf_tables.h.
mod batch;
mod expression;
mod listing;
mod table;
mod uapi;

pub use batch::Batch;
pub use expression::{Comparison, Expression, HeaderBase, Meta, Verdict};
pub use listing::{CounterTotals, Listed, counters, listing, table_exists};
pub use table::{Chain, Element, Family, Hook, HookPoint, KeyType, Lifetime, Rule, Set, Table};

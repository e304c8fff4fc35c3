//! What faults are aimed at: instances, how they are selected, how they are taken hold of.
mod cidr;
mod instance;
mod limits;
mod select;
mod selector;

pub use cidr::{Cidr, CidrError};
pub use instance::{Instance, Locator, ProcessLocator};
pub use limits::{Hit, LimitCaps, OverLimits, check_limits};
pub use select::{SelectError, Selection, select};
pub use selector::{Peer, Pick, Selector, Where};

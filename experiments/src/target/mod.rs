//! What faults are aimed at: instances, how they are selected, how they are taken hold of.
mod cidr;
mod instance;
mod selector;

pub use cidr::{Cidr, CidrError};
pub use instance::{Instance, Locator, ProcessLocator};
pub use selector::{Peer, Pick, Selector, Where};

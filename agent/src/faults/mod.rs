//! The faults an agent carries out: each a pair of *inject* and *revert*, written side by side.
pub mod network;

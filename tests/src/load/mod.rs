//! The customers, and the eye outside: an open-loop load generator and a small blackbox prober in one process.

mod customers;
mod prober;
mod serve;

pub use serve::{Options, serve};

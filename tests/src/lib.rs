//! The lab, and every test that needs more than one crate.
//!
//! A [`World`] is a small real system on one machine: zones as network namespaces on bridges, a real Prometheus, a
//! real HAProxy or a small shop with a breaker, customers that never wait, and a prober outside. It needs no root
//! where user namespaces are allowed, runs beside other worlds, and dies with whoever started it.
//!
//! ```text
//!   test, or `lab up`            one world (pid, mount, network namespaces)
//!   +--------------+  stdin     +--------------------------------------------------+
//!   | World        |----------> | lab init (PID 1): builds, supervises, reaps      |
//!   |  .run()      |  lab enter |   outside: Prometheus, HAProxy, load, commands   |
//!   |  .spawn()    |----------> |   hub ---- z1, z2, z3: one namespace an instance |
//!   +--------------+            +--------------------------------------------------+
//! ```
//!
//! The crate depends on nothing but what it tests, and is nobody's dependency.

#![forbid(unsafe_code)]

pub mod blueprint;
pub mod catalog;
mod client;
mod control;
pub mod demo;
mod duration;
pub mod enter;
mod exposition;
mod http;
pub mod init;
pub mod load;
mod network;
pub mod programs;
pub mod promql;
mod running;
pub mod scenarios;
pub mod shop;
mod supervisor;
mod world;

pub use http::request;
pub use running::Running;
pub use scenarios::{Scenario, Twin};
pub use world::World;

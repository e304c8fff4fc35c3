//! The shop: one server that plays storefront, checkout, payments, and the plain backends behind HAProxy.
//!
//! With an upstream it asks it for every customer, and **degrades gracefully**: without an answer the customer gets
//! a 200 all the same ("paid later"). With a breaker it stops asking an upstream that does not answer.

mod breaker;
mod metrics;
mod server;
mod upstream;

pub use server::{Options, serve};

//! The node agent as a program of its own.
fn main() {}

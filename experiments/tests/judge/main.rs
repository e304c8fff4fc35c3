//! The judge against worlds: recorded off a real Prometheus, made up, and drawn at random.
mod dwell;
mod losses;
mod properties;
mod recorded;
mod rules;
mod run;
mod traps;
mod world;

//! Everything Squall decides without touching the world.
#![forbid(unsafe_code)]

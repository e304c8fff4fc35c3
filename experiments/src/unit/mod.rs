//! Numbers with units, as written in experiments.
mod length;
mod number;

pub use length::{Length, LengthError};
pub use number::{NumberError, Percent, PercentError, parse_number};

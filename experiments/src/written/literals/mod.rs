//! How each type of the language is read from a scalar, and its JSON Schema.
mod numbers;
mod times;
mod words;

pub use numbers::{Allowance, AnyNumber, Bitrate, Pick, SizeOrShare};
pub use times::{Cron, Date};
pub use words::{Address, Choice, Free, Plain, Words};

pub(crate) use words::is_hole;

use crate::text::{Code, Complaint};

/// `Ok(None)`: it cannot be known yet.
type Read<T> = Result<Option<T>, Complaint>;

fn not_empty(text: &str) -> Result<(), Complaint> {
    if text.trim().is_empty() { Err(Complaint::plain(Code::EmptyValue, "the value is empty")) } else { Ok(()) }
}

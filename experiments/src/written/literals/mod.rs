//! How each type of the language is read from a scalar, and its JSON Schema.
mod numbers;
mod read;
mod times;
mod words;

pub use numbers::{Allowance, AnyNumber, Bitrate, Pick, SizeOrShare};
pub use times::{Cron, Date};
pub use words::{Address, Choice, Free, Plain, Words};

pub(crate) use words::is_hole;

use read::{Read, not_empty};

//! What reading a scalar gives: a value, nothing that is known yet, or a complaint.

use crate::text::{Code, Complaint};

/// `Ok(None)`: it cannot be known yet.
pub(super) type Read<T> = Result<Option<T>, Complaint>;

pub(super) fn not_empty(text: &str) -> Result<(), Complaint> {
    if text.trim().is_empty() { Err(Complaint::plain(Code::EmptyValue, "the value is empty")) } else { Ok(()) }
}

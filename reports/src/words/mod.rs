//! What a report says, in words and numbers with their units.
mod claim;
mod evidence;
mod log;
mod number;
mod standing;

pub(crate) use claim::{Source, absent, allowed, http, measure, program, recovery, source};
pub(crate) use evidence::{end_cause, evidence, refusal};
pub(crate) use log::{command, event};
pub(crate) use number::{Unit, span};
pub(crate) use standing::{Standing, State};

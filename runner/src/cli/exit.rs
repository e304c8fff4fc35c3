//! Exit codes: design.md section 3. CI tells a violated claim from a fault that may still be there.

use crate::history::{HaltError, LockError, StoreError};
use squall_experiments::judge::Verdict;
use std::path::Path;
use std::process::ExitCode;

/// What a command exits with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It passed, or did what was asked.
    Passed,
    /// A claim was violated.
    Failed,
    /// File, inventory or command line are at fault, or it was not confirmed. Nothing was touched.
    BadInput,
    /// Not enough evidence.
    Inconclusive,
    /// Something needed was not there or broke.
    Error,
    /// A true `abortIf`, a signal, a person, halt.
    Aborted,
    /// Says where, and how to remove them.
    FaultsMayRemain,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::BadInput => 2,
            Self::Inconclusive => 3,
            Self::Error => 4,
            Self::Aborted => 5,
            Self::FaultsMayRemain => 6,
        }
    }
}

impl From<Verdict> for Exit {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::FaultsMayRemain => Self::FaultsMayRemain,
            Verdict::Error => Self::Error,
            Verdict::Aborted => Self::Aborted,
            Verdict::Inconclusive => Self::Inconclusive,
            Verdict::Failed => Self::Failed,
            Verdict::Passed => Self::Passed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// A command that ends early: with which code, and what it says.
#[derive(Debug)]
pub struct Stop {
    /// The code.
    pub exit: Exit,
    /// A sentence fragment for stderr; empty: everything has been said.
    pub message: String,
}

impl Stop {
    /// The user's input is at fault.
    pub fn bad_input(message: impl Into<String>) -> Self {
        Self { exit: Exit::BadInput, message: message.into() }
    }

    /// Something needed is not there.
    pub fn error(message: impl Into<String>) -> Self {
        Self { exit: Exit::Error, message: message.into() }
    }

    /// Something failed; its causes are printed here, once.
    pub fn failed(error: &(dyn std::error::Error + 'static)) -> Self {
        let hint = out_of_reach(error).map(|path| {
            format!(
                "\n`{}` is where the history is: run this as its owner, or mend its rights; to keep the history \
                 elsewhere, write `history: FOLDER` in squall.yaml, or set SQUALL_HISTORY=FOLDER",
                path.display()
            )
        });
        Self::error(format!("failed to {}{}", squall_agent::explain(error), hint.unwrap_or_default()))
    }
}

/// The place of the history that this user cannot use, if that is what went wrong.
fn out_of_reach<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Path> {
    if let Some(error) = error.downcast_ref::<StoreError>() {
        return error.out_of_reach();
    }
    if let Some(LockError::File { path, .. }) = error.downcast_ref() {
        return Some(path);
    }
    error.downcast_ref::<HaltError>().map(HaltError::path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_verdicts() {
        for verdict in [
            Verdict::FaultsMayRemain,
            Verdict::Error,
            Verdict::Aborted,
            Verdict::Inconclusive,
            Verdict::Failed,
            Verdict::Passed,
        ] {
            assert_eq!(Exit::from(verdict).code(), verdict.exit_code());
        }
    }
}

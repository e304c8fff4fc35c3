//! The command line: one file a command, exit codes in one table.
mod allowed;
mod arguments;
mod confirm;
mod exit;
mod files;
mod output;
mod past;
mod plan;
mod plan_text;
mod revert;
mod run;
mod setup;
mod start;

pub use exit::{Exit, Stop};
pub use start::main;

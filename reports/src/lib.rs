//! A recorded run in; a terminal table, JSON and one HTML file out.
//!
//! ```text
//!                            +-> terminal
//! history::Record -> View ---+-> json
//!                            +-> html, and an index of several
//! ```
//!
//! Every function here is pure. Nothing is judged: the verdict, its reasons and every measure are
//! what the engine recorded; a report only puts them into words and pictures. Nothing is asked
//! again either: the samples that were judged are in the record, and they are what is drawn.
#![forbid(unsafe_code)]

mod columns;
mod html;
pub mod json;
mod summary;
mod terminal;
mod view;
mod words;

pub use html::{html, index, report_folder};
pub use json::{JSON_VERSION, json};
pub use summary::{summary, worst};
pub use terminal::{TerminalOptions, terminal};

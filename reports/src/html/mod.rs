//! A run as one HTML file that needs nothing else: no script, no font, no picture from elsewhere.
//!
//! Whatever came from outside (names, labels, queries, output of commands) is text: the template
//! escapes it, and charts are built from elements whose text and attributes are escaped where they
//! are written ([`svg`]). Besides charts only sentences are marked as safe, whose words in backticks
//! become code after everything has been escaped ([`prose`]).
mod axes;
mod chart;
mod index;
mod key;
mod page;
mod prose;
mod scale;
mod svg;
mod timeline;

pub use index::{index, report_folder};
pub use page::html;

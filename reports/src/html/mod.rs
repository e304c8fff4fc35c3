//! A run as one HTML file that needs nothing else: no script, no font, no picture from elsewhere.
//!
//! Whatever came from outside (names, labels, queries, output of commands) is text: the template
//! escapes it, and charts are built from elements whose text and attributes are escaped where they
//! are written ([`svg`]). Nothing else is ever marked as safe.
mod chart;
mod page;
mod scale;
mod svg;
mod timeline;

pub use page::html;

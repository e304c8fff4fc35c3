//! A run as it goes on, on stderr: redrawn in place on a terminal, line by line elsewhere.
//!
//! The shell takes [`Progress`](squall_experiments::engine::Progress) from the engine after each
//! step and hands it over; nothing here looks at a clock or decides anything.
//!
//! ```text
//! engine --Progress--> Display --+--> screen: the phase, what is on, each claim now; redrawn
//!                                +--> lines: one line whenever something changed
//! ```
mod display;
mod lines;
mod screen;
mod words;

pub use display::Display;
pub use lines::Lines;
pub use screen::Screen;

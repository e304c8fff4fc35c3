//! Which of the two ways fits where stderr goes.

use super::{Lines, Screen};
use squall_experiments::engine::Progress;
use std::io::{IsTerminal, Stderr, stderr};
use std::time::Duration;

/// A run's progress on stderr.
#[derive(Debug)]
pub enum Display {
    /// On a terminal.
    Screen(Screen),
    /// In a file, a pipe, a pipeline's log.
    Lines(Lines<Stderr>),
}

impl Display {
    /// Looks where stderr goes. Colours need a terminal and no `NO_COLOR`.
    pub fn on_stderr() -> Self {
        if stderr().is_terminal() {
            let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            Self::Screen(Screen::new(!no_colour))
        } else {
            Self::Lines(Lines::new(stderr()))
        }
    }

    /// Shows where the run is, `elapsed` after its beginning.
    pub fn show(&mut self, elapsed: Duration, progress: &Progress) {
        match self {
            Self::Screen(screen) => screen.show(elapsed, progress),
            Self::Lines(lines) => lines.show(elapsed, progress),
        }
    }

    /// Says something that stays: a warning, an agent that does not answer.
    pub fn note(&mut self, elapsed: Duration, text: &str) {
        match self {
            Self::Screen(screen) => screen.note(elapsed, text),
            Self::Lines(lines) => lines.note(elapsed, text),
        }
    }

    /// Clears what is redrawn, so that a report can follow.
    pub fn finish(self) {
        match self {
            Self::Screen(screen) => screen.finish(),
            Self::Lines(_) => {}
        }
    }
}

//! INT, TERM and HUP end a run early; a second one changes nothing: the revert is never skipped.

use squall_experiments::history::{AbortCause, Event};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that end a run; one for a whole command, so that none is lost between two runs.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    /// From now on these signals end nothing by themselves.
    ///
    /// # Errors
    /// The system does not let us listen.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// The next signal.
    pub async fn next(&mut self) -> Event {
        let name = tokio::select! {
            _ = self.interrupt.recv() => "INT",
            _ = self.terminate.recv() => "TERM",
            _ = self.hang_up.recv() => "HUP",
        };
        Event::AbortRequested(AbortCause::Signal { name: name.to_owned() })
    }

    /// Whether a signal came that nobody has heard of yet.
    pub async fn have_come(&mut self) -> bool {
        tokio::select! {
            biased;
            _ = self.next() => true,
            // The runtime looks for signals before it lets time pass.
            () = tokio::time::sleep(Duration::from_millis(1)) => false,
        }
    }
}

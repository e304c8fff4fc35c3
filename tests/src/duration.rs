//! Durations on the command line of the parts: `250ms`, `2s`, the language's spelling.

use std::time::Duration;

/// Reads a duration with its unit.
pub fn parse(text: &str) -> Result<Duration, String> {
    text.parse::<jiff::SignedDuration>()
        .map_err(|error| error.to_string())
        .and_then(|duration| Duration::try_from(duration).map_err(|error| error.to_string()))
}

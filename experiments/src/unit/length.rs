//! `DURATION`: a length of time, always with its unit.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A length of time that is not negative: `250ms`, `30s`, `1h 30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Length(Duration);

/// Why a text is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LengthError {
    /// A bare number.
    #[error("{0} what? write `{0}s`")]
    NoUnit(String),
    /// Less than nothing.
    #[error("`{0}` is negative: a length of time is not")]
    Negative(String),
    /// Anything else.
    #[error("`{0}` is not a length of time: write a number and a unit, such as `400ms` or `1m 30s`")]
    Unreadable(String),
}

impl Length {
    /// No time at all.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// From whole milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// From whole seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// As the standard library's type.
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl From<Duration> for Length {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl From<Length> for Duration {
    fn from(length: Length) -> Self {
        length.0
    }
}

impl FromStr for Length {
    type Err = LengthError;

    fn from_str(text: &str) -> Result<Self, LengthError> {
        let trimmed = text.trim();
        if trimmed.parse::<f64>().is_ok_and(f64::is_finite) {
            return Err(LengthError::NoUnit(trimmed.to_owned()));
        }
        let signed: jiff::SignedDuration = trimmed.parse().map_err(|_| LengthError::Unreadable(text.to_owned()))?;
        Duration::try_from(signed).map(Self).map_err(|_| LengthError::Negative(text.to_owned()))
    }
}

impl TryFrom<String> for Length {
    type Error = LengthError;
    fn try_from(text: String) -> Result<Self, LengthError> {
        text.parse()
    }
}

impl From<Length> for String {
    fn from(length: Length) -> String {
        length.to_string()
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        if nanos == 0 {
            return f.pad("0s");
        }
        let parts = [
            (self.0.as_secs() / 3600, "h"),
            (self.0.as_secs() / 60 % 60, "m"),
            (self.0.as_secs() % 60, "s"),
            (u64::from(self.0.subsec_millis()), "ms"),
            (u64::from(self.0.subsec_micros() % 1000), "us"),
            (u64::from(self.0.subsec_nanos() % 1000), "ns"),
        ];
        let words: Vec<String> =
            parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}")).collect();
        f.pad(&words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_read_and_print_the_same() {
        for text in ["250ms", "30s", "5m", "1h 30m", "1s 500ms", "0s"] {
            assert_eq!(text.parse::<Length>().unwrap().to_string(), text);
        }
        assert_eq!("0.5s".parse::<Length>().unwrap(), Length::from_millis(500));
    }

    #[test]
    fn a_bare_number_asks_for_its_unit() {
        assert_eq!("30".parse::<Length>().unwrap_err().to_string(), "30 what? write `30s`");
        assert!(matches!("-5s".parse::<Length>(), Err(LengthError::Negative(_))));
        assert!(matches!("30 parsecs".parse::<Length>(), Err(LengthError::Unreadable(_))));
    }
}

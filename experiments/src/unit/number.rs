//! `NUMBER` in a predicate, in Prometheus' base units; and shares of a whole.

use super::Length;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Why a text is no number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a number: write `3`, `99%`, `400ms` or `64MiB`")]
pub struct NumberError(pub String);

/// Reads `3`, `99%` (0.99), `400ms` (0.4 seconds) or `64MiB` (bytes): Prometheus' base units.
///
/// # Errors
/// When the text is none of these.
pub fn parse_number(text: &str) -> Result<f64, NumberError> {
    let text = text.trim();
    let error = || NumberError(text.to_owned());
    let plain = |digits: &str| {
        let digits = digits.trim();
        let looks = digits.bytes().next_back().is_some_and(|byte| byte.is_ascii_digit());
        digits.parse::<f64>().ok().filter(|number| looks && number.is_finite())
    };
    if let Some(number) = plain(text) {
        return Ok(number);
    }
    if let Some(percent) = text.strip_suffix('%') {
        return plain(percent).map(|number| number / 100.0).ok_or_else(error);
    }
    let sizes = [
        ("KiB", 1024.0),
        ("MiB", 1024f64.powi(2)),
        ("GiB", 1024f64.powi(3)),
        ("TiB", 1024f64.powi(4)),
        ("kB", 1e3),
        ("MB", 1e6),
        ("GB", 1e9),
        ("TB", 1e12),
        ("B", 1.0),
    ];
    for (unit, factor) in sizes {
        if let Some(number) = text.strip_suffix(unit).and_then(plain) {
            return Ok(number * factor);
        }
    }
    text.parse::<Length>().map(|length| length.get().as_secs_f64()).map_err(|_| error())
}

/// A share of a whole, 0 % to 100 %; held as a fraction.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Percent(f64);

/// Why a text is no share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a share: write a number from 0 to 100 and `%`, such as `15%`")]
pub struct PercentError(pub String);

impl Percent {
    /// The share as a fraction of one.
    pub fn fraction(self) -> f64 {
        self.0
    }

    /// From a fraction of one, or `None` outside 0 to 1.
    pub fn from_fraction(fraction: f64) -> Option<Self> {
        (0.0..=1.0).contains(&fraction).then_some(Self(fraction))
    }
}

impl FromStr for Percent {
    type Err = PercentError;
    fn from_str(text: &str) -> Result<Self, PercentError> {
        text.trim()
            .ends_with('%')
            .then(|| parse_number(text).ok())
            .flatten()
            .and_then(Self::from_fraction)
            .ok_or_else(|| PercentError(text.to_owned()))
    }
}

impl TryFrom<String> for Percent {
    type Error = PercentError;
    fn try_from(text: String) -> Result<Self, PercentError> {
        text.parse()
    }
}

impl From<Percent> for String {
    fn from(percent: Percent) -> String {
        percent.to_string()
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nine digits hide the binary fraction: 0.07 * 100 is 7.000000000000001.
        let rounded = (self.0 * 100.0 * 1e9).round() / 1e9;
        f.pad(&format!("{rounded}%"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_in_base_units() {
        for (text, number) in [
            ("3", 3.0),
            ("-1.5", -1.5),
            ("1e3", 1000.0),
            ("99%", 0.99),
            ("400ms", 0.4),
            ("64MiB", 67_108_864.0),
            ("1h 30m", 5400.0),
        ] {
            assert_eq!(parse_number(text), Ok(number), "{text}");
        }
        for text in ["", "inf", "nan", "3 apples", "%", "MiB"] {
            assert!(parse_number(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shares_stay_between_nothing_and_all() {
        assert_eq!("7%".parse::<Percent>().unwrap().to_string(), "7%");
        for text in ["7", "101%", "-1%", "0.5"] {
            assert!(text.parse::<Percent>().is_err(), "{text}");
        }
    }
}

//! Numbers with the unit a person expects: `99.83 %`, `350 ms`, `1.2 to 1.4 s`.

use squall_experiments::claim::{Claim, Source};
use std::time::Duration;

/// What a value counts, as far as it can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A number.
    Plain,
    /// A share of one, shown as percent.
    Share,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
}

impl Unit {
    /// The unit of a claim's values: as its predicate is written, else as its metric is named.
    pub(crate) fn of_claim(claim: &Claim) -> Self {
        Self::of(&claim.verb.predicate().to_string(), &claim.source)
    }

    /// The unit of a source's values.
    pub(crate) fn of(predicate: &str, source: &Source) -> Self {
        let written = predicate.split("of baseline").next().filter(|_| !predicate.contains("baseline"));
        let by_word = written.into_iter().flat_map(str::split_whitespace).find_map(|word| {
            let unit = word.trim_start_matches(|letter: char| letter.is_ascii_digit() || ".-+".contains(letter));
            let digits = unit.len() < word.len();
            match unit {
                "%" if digits => Some(Self::Share),
                "ns" | "us" | "ms" | "s" | "m" | "h" if digits => Some(Self::Seconds),
                "B" | "kB" | "MB" | "GB" | "TB" | "KiB" | "MiB" | "GiB" | "TiB" if digits => Some(Self::Bytes),
                _ => None,
            }
        });
        by_word.unwrap_or_else(|| match source {
            Source::Query(query) => Self::of_metric(&query.text.to_string()),
            Source::Http { .. } | Source::Exec { .. } | Source::Step(_) => Self::Plain,
        })
    }

    /// Prometheus' naming: base units end the name, before `_total`, `_bucket` and friends.
    fn of_metric(query: &str) -> Self {
        if query.contains(" / ") || query.contains("_count") || query.contains("_total") {
            Self::Plain
        } else if query.contains("_seconds") {
            Self::Seconds
        } else if query.contains("_bytes") {
            Self::Bytes
        } else if query.contains("_ratio") {
            Self::Share
        } else {
            Self::Plain
        }
    }

    /// A value with its unit.
    pub(crate) fn show(self, value: f64) -> String {
        if !value.is_finite() {
            return value.to_string();
        }
        match self {
            Self::Plain => plain(value),
            Self::Share => format!("{} %", percent(value)),
            Self::Seconds if value < 0.0 => format!("-{}", seconds(-value)),
            Self::Seconds => seconds(value),
            Self::Bytes => bytes(value),
        }
    }
}

/// Three or four digits that say something, no trailing zeros.
fn plain(value: f64) -> String {
    let size = value.abs();
    if value == value.trunc() && size < 1e15 {
        return format!("{value:.0}");
    }
    let decimals = match size {
        1000.0.. => 0,
        100.0..1000.0 => 1,
        10.0..100.0 => 2,
        1.0..10.0 => 3,
        0.001..1.0 => 4,
        _ => return format!("{value:.2e}"),
    };
    trimmed(format!("{value:.decimals$}"))
}

/// Close to 100 the distance to 100 is what counts: 99.995 must not become 100.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=6 just before")]
fn percent(value: f64) -> String {
    let percent = value * 100.0;
    let distance = (100.0 - percent).abs();
    if (90.0..110.0).contains(&percent) && distance > 1e-9 {
        let decimals = (1.0 - distance.log10().floor()).clamp(0.0, 6.0) as usize;
        return trimmed(format!("{percent:.decimals$}"));
    }
    plain((percent * 1e9).round() / 1e9)
}

fn bytes(value: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut scaled = value;
    let mut unit = 0;
    while scaled.abs() >= 1024.0 && unit + 1 < units.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    format!("{} {}", plain(scaled), units[unit])
}

fn trimmed(text: String) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A length of time: `350 ms`, `1.25 s`, `2 min 5 s`.
fn seconds(value: f64) -> String {
    let (number, unit) = parts(value);
    format!("{number} {unit}")
}

fn parts(value: f64) -> (String, &'static str) {
    if value == 0.0 {
        ("0".to_owned(), "s")
    } else if value < 0.000_999_5 {
        (plain((value * 1e7).round() / 10.0), "µs")
    } else if value < 0.999_5 {
        let millis = value * 1000.0;
        (trimmed(if millis < 10.0 { format!("{millis:.1}") } else { format!("{millis:.0}") }), "ms")
    } else if value < 9.995 {
        (trimmed(format!("{value:.2}")), "s")
    } else if value < 119.95 {
        (trimmed(format!("{value:.1}")), "s")
    } else {
        let whole = value.round();
        let (minutes, rest) = ((whole / 60.0).floor(), whole % 60.0);
        if minutes < 60.0 {
            (format!("{minutes:.0} min {rest:.0}"), "s")
        } else {
            (format!("{:.0} h {:.0}", (minutes / 60.0).floor(), minutes % 60.0), "min")
        }
    }
}

/// A length of time, for people.
pub(crate) fn span(length: Duration) -> String {
    seconds(length.as_secs_f64())
}

/// Between two lengths of time: `1.2 to 1.4 s`, `at most 200 ms`; one length where both read the same.
pub(crate) fn range(least: Duration, most: Duration) -> String {
    let (low, low_unit) = parts(least.as_secs_f64());
    let (high, high_unit) = parts(most.as_secs_f64());
    if (&low, low_unit) == (&high, high_unit) {
        format!("{high} {high_unit}")
    } else if least.is_zero() {
        format!("at most {high} {high_unit}")
    } else if low_unit == high_unit {
        format!("{low} to {high} {high_unit}")
    } else {
        format!("{low} {low_unit} to {high} {high_unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_a_person_writes_them() {
        for (unit, value, text) in [
            (Unit::Plain, 3.0, "3"),
            (Unit::Plain, 12.3456, "12.35"),
            (Unit::Plain, 0.000_012, "1.20e-5"),
            (Unit::Share, 0.99, "99 %"),
            (Unit::Share, 1.0, "100 %"),
            (Unit::Share, 0.999_95, "99.995 %"),
            (Unit::Share, 0.07, "7 %"),
            (Unit::Share, 0.973, "97.3 %"),
            (Unit::Seconds, 0.35, "350 ms"),
            (Unit::Seconds, 0.0032, "3.2 ms"),
            (Unit::Seconds, 0.000_12, "120 µs"),
            (Unit::Seconds, 0.999_9, "1 s"),
            (Unit::Seconds, 1.25, "1.25 s"),
            (Unit::Seconds, 30.0, "30 s"),
            (Unit::Seconds, 125.0, "2 min 5 s"),
            (Unit::Seconds, 3780.0, "1 h 3 min"),
            (Unit::Bytes, 1536.0, "1.5 KiB"),
            (Unit::Plain, f64::NAN, "NaN"),
        ] {
            assert_eq!(unit.show(value), text);
        }
    }

    #[test]
    fn ranges_name_their_unit_once() {
        let millis = Duration::from_millis;
        assert_eq!(range(millis(1200), millis(1400)), "1.2 to 1.4 s");
        assert_eq!(range(millis(900), millis(1100)), "900 ms to 1.1 s");
        assert_eq!(range(millis(0), millis(200)), "at most 200 ms");
        assert_eq!(range(millis(500), millis(500)), "500 ms");
    }

    #[test]
    fn the_predicate_names_the_unit_before_the_metric_does() {
        let step = Source::Step("a".parse().unwrap());
        assert_eq!(Unit::of("at least 99%", &step), Unit::Share);
        assert_eq!(Unit::of("below 400ms", &step), Unit::Seconds);
        assert_eq!(Unit::of("at most 64MiB", &step), Unit::Bytes);
        assert_eq!(Unit::of("at most 150% of baseline", &step), Unit::Plain);
        assert_eq!(Unit::of("not ms", &step), Unit::Plain);
    }
}

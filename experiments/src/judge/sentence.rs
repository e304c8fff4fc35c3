//! Words for people: lengths of time, values, series.

use super::{Labels, Reading};
use crate::claim::Predicate;
use jiff::{SignedDuration, Timestamp};

/// `0.07 s`, `4.2 s`, `312 s`.
pub(super) fn seconds(length: SignedDuration) -> String {
    let seconds = length.as_secs_f64();
    let digits = match seconds.abs() {
        at_least if at_least >= 100.0 => 0,
        at_least if at_least >= 1.0 => 1,
        _ => 2,
    };
    format!("{} s", trimmed(format!("{seconds:.digits$}")))
}

/// A number in the unit that the predicate is written in.
pub(super) fn number(value: f64, predicate: &Predicate) -> String {
    let text = predicate.to_string();
    let relative = predicate.is_relative();
    if !value.is_finite() {
        return value.to_string();
    }
    if text.ends_with('%') && !relative {
        return format!("{}%", plain(value * 100.0));
    }
    let is_time = |word: &str| {
        let unit = word.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
        unit.len() < word.len() && matches!(unit, "ns" | "us" | "ms" | "s" | "m" | "h")
    };
    if !relative && text.split_whitespace().any(is_time) {
        return if value.abs() < 1.0 { format!("{} ms", plain(value * 1000.0)) } else { format!("{} s", plain(value)) };
    }
    plain(value)
}

/// A reading in the unit that the predicate is written in.
pub(super) fn reading(reading: &Reading, predicate: &Predicate) -> String {
    match reading {
        Reading::Number(value) => number(*value, predicate),
        Reading::Text(text) => format!("`{text}`"),
    }
}

/// At most four digits that matter, and no less than the whole part.
pub(super) fn plain(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if value.abs() >= 1000.0 {
        return trimmed(format!("{value:.1}"));
    }
    if value.abs() < 1e-6 {
        return format!("{value:e}");
    }
    let mut digits = 3;
    let mut size = value.abs();
    while size >= 10.0 && digits > 0 {
        size /= 10.0;
        digits -= 1;
    }
    while size < 1.0 {
        size *= 10.0;
        digits += 1;
    }
    trimmed(format!("{value:.digits$}"))
}

fn trimmed(text: String) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// ` {instance="a"}`, with a space before it; nothing where there are no labels.
pub(super) fn named(labels: &Labels) -> String {
    let pairs: Vec<String> =
        labels.iter().filter(|(key, _)| *key != "__name__").map(|(key, value)| format!("{key}={value:?}")).collect();
    match (labels.get("__name__"), pairs.is_empty()) {
        (None, true) => String::new(),
        (Some(name), true) => format!(" {name}"),
        (name, false) => format!(" {}{{{}}}", name.map(String::as_str).unwrap_or_default(), pairs.join(", ")),
    }
}

/// `3.2 s after payments-slow.start`.
pub(super) fn relative(at: Timestamp, event: Timestamp, name: &str) -> String {
    let length = at.duration_since(event);
    if length.is_negative() {
        format!("{} before {name}", seconds(length.abs()))
    } else {
        format!("{} after {name}", seconds(length))
    }
}

/// `between 0.4 s and 0.6 s`, `within 0.6 s`.
pub(super) fn range(least: SignedDuration, most: SignedDuration) -> String {
    if least.as_millis() == 0 {
        format!("at most {}", seconds(most))
    } else {
        format!("between {} and {}", seconds(least), seconds(most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_in_the_unit_of_the_condition() {
        for (value, condition, shown) in [
            (0.987, "at least 99%", "98.7%"),
            (0.4123, "at most 400ms", "412.3 ms"),
            (1.5, "below 1s", "1.5 s"),
            (40.0, "at most 60", "40"),
            (123_456.0, "1", "123456"),
            (0.001_234_5, "1", "0.001234"),
            (15.0, "at most 150% of baseline", "15"),
            (f64::NAN, "1", "NaN"),
        ] {
            assert_eq!(number(value, &condition.parse().unwrap()), shown);
        }
    }

    #[test]
    fn lengths_are_as_exact_as_they_need_to_be() {
        for (millis, shown) in [(70, "0.07 s"), (400, "0.4 s"), (4230, "4.2 s"), (30_000, "30 s"), (312_400, "312 s")] {
            assert_eq!(seconds(SignedDuration::from_millis(millis)), shown);
        }
    }
}

//! `PREDICATE`: a condition in words.

use crate::judge::Reading;
use crate::unit::parse_number;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A condition on one reading. Written and stored in words: `at least 99%`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Predicate {
    kind: Kind,
    /// As the author wrote it.
    text: String,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Equal(Term),
    NotEqual(Term),
    AtLeast(Bound),
    AtMost(Bound),
    Above(Bound),
    Below(Bound),
    Between(f64, f64),
    WithinOfBaseline(f64),
}

#[derive(Debug, Clone, PartialEq)]
enum Term {
    Number(f64),
    Text(String),
}

/// The right-hand side of an inequality.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// A number in Prometheus' base units.
    Number(f64),
    /// This many times the baseline's median.
    Baseline(f64),
}

/// Why a text is no predicate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PredicateError {
    /// Nothing is written.
    #[error("the condition is empty: write `1`, `at least 99%` or `between 1 and 3`")]
    Empty,
    /// `>=`, `<`, `==` and friends.
    #[error("`{symbol}` is a symbol, which YAML may eat: write `{instead}`")]
    Symbol {
        /// What was written.
        symbol: String,
        /// The same in words.
        instead: String,
    },
    /// Begins like a comparison and goes on wrongly.
    #[error(
        "`{0}` is not a condition: write `1`, `not 1`, `at least 99%`, `below 5`, `between 1 and 3` or `at most 150% of baseline`"
    )]
    Unreadable(String),
    /// `between 3 and 1`.
    #[error("`between {0} and {1}` is never true: the smaller number comes first")]
    Reversed(String, String),
}

impl Predicate {
    /// Whether the reading satisfies it; `None` when that cannot be said: the reading is not a finite
    /// number where one is needed, or the baseline's median is needed and missing.
    pub fn holds(&self, reading: &Reading, baseline: Option<f64>) -> Option<bool> {
        let number = match reading {
            Reading::Number(number) if number.is_finite() => Some(*number),
            _ => None,
        };
        let bound = |bound: &Bound| match bound {
            Bound::Number(number) => Some(*number),
            Bound::Baseline(factor) => baseline.map(|median| median * factor),
        };
        let equal = |term: &Term| match (term, reading) {
            (Term::Number(wanted), Reading::Number(_)) => number.map(|number| number == *wanted),
            (Term::Number(wanted), Reading::Text(text)) => {
                Some(parse_number(text).is_ok_and(|number| number == *wanted))
            }
            (Term::Text(wanted), Reading::Text(text)) => Some(text == wanted),
            (Term::Text(_), Reading::Number(_)) => None,
        };
        match &self.kind {
            Kind::Equal(term) => equal(term),
            Kind::NotEqual(term) => equal(term).map(|equal| !equal),
            Kind::AtLeast(right) => Some(number? >= bound(right)?),
            Kind::AtMost(right) => Some(number? <= bound(right)?),
            Kind::Above(right) => Some(number? > bound(right)?),
            Kind::Below(right) => Some(number? < bound(right)?),
            Kind::Between(low, high) => number.map(|number| (*low..=*high).contains(&number)),
            Kind::WithinOfBaseline(share) => {
                let median = baseline?;
                Some((number? - median).abs() <= median.abs() * share)
            }
        }
    }

    /// Whether it needs the median of the baseline.
    pub fn is_relative(&self) -> bool {
        let bound = match &self.kind {
            Kind::WithinOfBaseline(_) => return true,
            Kind::AtLeast(bound) | Kind::AtMost(bound) | Kind::Above(bound) | Kind::Below(bound) => bound,
            Kind::Equal(_) | Kind::NotEqual(_) | Kind::Between(..) => return false,
        };
        matches!(bound, Bound::Baseline(_))
    }

    /// Whether it is met by one value alone.
    pub fn is_exact(&self) -> bool {
        matches!(&self.kind, Kind::Equal(_))
    }

    /// Whether it compares with a text that is no number.
    pub fn is_textual(&self) -> bool {
        matches!(&self.kind, Kind::Equal(Term::Text(_)) | Kind::NotEqual(Term::Text(_)))
    }

    /// Whether it says `at least` or `above`.
    pub fn is_lower_bound(&self) -> bool {
        matches!(&self.kind, Kind::AtLeast(_) | Kind::Above(_))
    }

    /// The closed band of numbers that satisfy it, for charts; `None` where there is no band.
    /// A side without an end is infinite.
    pub fn band(&self, baseline: Option<f64>) -> Option<(f64, f64)> {
        let value = |bound: &Bound| match bound {
            Bound::Number(number) => Some(*number),
            Bound::Baseline(factor) => baseline.map(|median| median * factor),
        };
        match &self.kind {
            Kind::Equal(Term::Number(number)) => Some((*number, *number)),
            Kind::AtLeast(bound) | Kind::Above(bound) => Some((value(bound)?, f64::INFINITY)),
            Kind::AtMost(bound) | Kind::Below(bound) => Some((f64::NEG_INFINITY, value(bound)?)),
            Kind::Between(low, high) => Some((*low, *high)),
            Kind::WithinOfBaseline(share) => {
                let median = baseline?;
                Some((median - median.abs() * share, median + median.abs() * share))
            }
            Kind::Equal(Term::Text(_)) | Kind::NotEqual(_) => None,
        }
    }
}

impl FromStr for Predicate {
    type Err = PredicateError;

    fn from_str(text: &str) -> Result<Self, PredicateError> {
        let written = text.trim();
        if written.is_empty() {
            return Err(PredicateError::Empty);
        }
        for (symbol, words) in [
            (">=", "at least"),
            ("=>", "at least"),
            ("≥", "at least"),
            ("<=", "at most"),
            ("=<", "at most"),
            ("≤", "at most"),
            ("!=", "not"),
            ("<>", "not"),
            ("≠", "not"),
            ("==", ""),
            ("=", ""),
            (">", "above"),
            ("<", "below"),
        ] {
            if let Some(rest) = written.strip_prefix(symbol) {
                let instead = format!("{words} {}", rest.trim()).trim().to_owned();
                return Err(PredicateError::Symbol { symbol: symbol.to_owned(), instead });
            }
        }
        let unreadable = || PredicateError::Unreadable(written.to_owned());
        let words: Vec<&str> = written.split_whitespace().collect();
        let bound = |words: &[&str]| -> Result<Bound, PredicateError> {
            match words {
                ["baseline"] => Ok(Bound::Baseline(1.0)),
                [share @ .., "of", "baseline"] => {
                    let share = share.join(" ");
                    let factor = parse_number(&share).ok().filter(|_| share.ends_with('%'));
                    factor.map(Bound::Baseline).ok_or_else(unreadable)
                }
                number => parse_number(&number.join(" ")).map(Bound::Number).map_err(|_| unreadable()),
            }
        };
        let term = |words: &[&str]| {
            let text = words.join(" ");
            parse_number(&text).map_or(Term::Text(text), Term::Number)
        };
        let kind = match words.as_slice() {
            ["at", "least", right @ ..] => Kind::AtLeast(bound(right)?),
            ["at", "most", right @ ..] => Kind::AtMost(bound(right)?),
            ["above", right @ ..] if !right.is_empty() => Kind::Above(bound(right)?),
            ["below", right @ ..] if !right.is_empty() => Kind::Below(bound(right)?),
            ["within", share @ .., "of", "baseline"] => {
                let share = share.join(" ");
                let number = parse_number(&share).ok().filter(|_| share.ends_with('%'));
                Kind::WithinOfBaseline(number.ok_or_else(unreadable)?)
            }
            ["between", rest @ ..] => {
                let and = rest.iter().position(|word| *word == "and").ok_or_else(unreadable)?;
                let (low, high) = (rest[..and].join(" "), rest[and + 1..].join(" "));
                let ends = parse_number(&low).and_then(|first| parse_number(&high).map(|second| (first, second)));
                let (first, second) = ends.map_err(|_| unreadable())?;
                if first > second {
                    return Err(PredicateError::Reversed(low, high));
                }
                Kind::Between(first, second)
            }
            ["not", right @ ..] if !right.is_empty() => Kind::NotEqual(term(right)),
            ["at" | "above" | "below" | "within" | "not", ..] => return Err(unreadable()),
            right => Kind::Equal(term(right)),
        };
        Ok(Self { kind, text: written.to_owned() })
    }
}

impl TryFrom<String> for Predicate {
    type Error = PredicateError;
    fn try_from(text: String) -> Result<Self, PredicateError> {
        text.parse()
    }
}

impl From<Predicate> for String {
    fn from(predicate: Predicate) -> String {
        predicate.text
    }
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str, number: f64, baseline: Option<f64>) -> Option<bool> {
        text.parse::<Predicate>().unwrap().holds(&Reading::Number(number), baseline)
    }

    #[test]
    fn conditions_in_words_hold_or_do_not() {
        for (text, yes, no) in [
            ("1", 1.0, 0.0),
            ("not 1", 0.0, 1.0),
            ("99%", 0.99, 0.98),
            ("at least 99%", 0.99, 0.9),
            ("at most 400ms", 0.4, 0.401),
            ("above 3", 3.1, 3.0),
            ("below 1s", 0.9, 1.0),
            ("between 1 and 3", 3.0, 3.1),
        ] {
            assert_eq!(holds(text, yes, None), Some(true), "{text} {yes}");
            assert_eq!(holds(text, no, None), Some(false), "{text} {no}");
        }
        assert_eq!(holds("at most 150% of baseline", 15.0, Some(10.0)), Some(true));
        assert_eq!(holds("above baseline", 10.0, Some(10.0)), Some(false));
        assert_eq!(holds("within 10% of baseline", 9.1, Some(10.0)), Some(true));
    }

    #[test]
    fn what_cannot_be_compared_is_never_true() {
        assert_eq!(holds("below 1", f64::NAN, None), None);
        assert_eq!(holds("below 1", f64::NEG_INFINITY, None), None);
        assert_eq!(holds("not 1", f64::NAN, None), None);
        assert_eq!(holds("above baseline", 1.0, None), None);
        assert_eq!(holds("Completed", 1.0, None), None);
    }

    #[test]
    fn text_compares_with_text() {
        let completed: Predicate = "Completed".parse().unwrap();
        assert_eq!(completed.holds(&Reading::Text("Completed".into()), None), Some(true));
        assert_eq!("not 1".parse::<Predicate>().unwrap().holds(&Reading::Text("2".into()), None), Some(true));
    }

    #[test]
    fn symbols_are_answered_with_words() {
        for (text, message) in [
            (">= 99%", "`>=` is a symbol, which YAML may eat: write `at least 99%`"),
            ("== 1", "`==` is a symbol, which YAML may eat: write `1`"),
            ("!= 1", "`!=` is a symbol, which YAML may eat: write `not 1`"),
            ("between 3 and 1", "`between 3 and 1` is never true: the smaller number comes first"),
        ] {
            assert_eq!(text.parse::<Predicate>().unwrap_err().to_string(), message);
        }
        for text in ["", "at least", "at least many", "above", "within 5 of baseline", "not"] {
            assert!(text.parse::<Predicate>().is_err(), "{text}");
        }
    }
}

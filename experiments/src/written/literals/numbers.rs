//! Numbers, shares, lengths, truth values, conditions.

use super::{Read, not_empty};
use crate::claim::{Predicate, PredicateError};
use crate::text::{Code, Complaint, Literal, Scalar};
use crate::unit::{Length, LengthError, Percent, parse_number};
use schemars::{Schema, json_schema};

impl Literal for bool {
    fn read(scalar: &Scalar) -> Read<Self> {
        let Some(text) = scalar.lenient()? else { return Ok(None) };
        match scalar.truth() {
            Some((value, true)) => Ok(Some(value)),
            Some((value, false)) => Err(Complaint::new(
                Code::NotABoolean,
                format!("`{text}` is a truth value for some YAML readers only"),
                format!("write `{value}`"),
            )),
            None => {
                Err(Complaint::new(Code::NotABoolean, format!("`{text}` is no truth value"), "write `true` or `false`"))
            }
        }
    }
    fn schema() -> Schema {
        json_schema!({"type": "boolean"})
    }
}

macro_rules! counts {
    ($($type:ty),*) => {$(
        impl Literal for $type {
            fn read(scalar: &Scalar) -> Read<Self> {
                let Some(text) = scalar.int_or_string()? else { return Ok(None) };
                not_empty(&text)?;
                text.trim().parse().map(Some).map_err(|_| {
                    let hint = format!("write a number from 0 to {}, such as `3`", <$type>::MAX);
                    Complaint::new(Code::BadNumber, format!("`{text}` is not a whole number that fits"), hint)
                })
            }
            fn schema() -> Schema {
                json_schema!({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^([0-9]+|.*\\$\\{.*)$"}]})
            }
        }
    )*};
}
counts!(u16, u32, u64);

/// `NUMBER`, in Prometheus' base units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnyNumber(pub f64);

impl Literal for AnyNumber {
    fn read(scalar: &Scalar) -> Read<Self> {
        let Some(text) = scalar.int_or_string()? else { return Ok(None) };
        not_empty(&text)?;
        let number = parse_number(&text).map_err(|error| Complaint::plain(Code::BadNumber, error.to_string()))?;
        Ok(Some(Self(number)))
    }
    fn schema() -> Schema {
        json_schema!({"type": ["integer", "string"]})
    }
}

impl Literal for Length {
    fn read(scalar: &Scalar) -> Read<Self> {
        let Some(text) = scalar.lenient()? else { return Ok(None) };
        not_empty(&text)?;
        text.parse().map(Some).map_err(|error: LengthError| match &error {
            LengthError::NoUnit(number) => {
                Complaint::new(Code::BadLength, format!("{number} what?"), format!("write `{number}s`"))
            }
            LengthError::Negative(_) | LengthError::Unreadable(_) => {
                Complaint::plain(Code::BadLength, error.to_string())
            }
        })
    }
    fn schema() -> Schema {
        json_schema!({"type": "string", "pattern": "^([0-9].*[a-z]|.*\\$\\{.*)$", "description": "A length of time with its unit: 400ms, 1m 30s."})
    }
}

impl Literal for Percent {
    fn read(scalar: &Scalar) -> Read<Self> {
        let Some(text) = scalar.lenient()? else { return Ok(None) };
        not_empty(&text)?;
        text.parse()
            .map(Some)
            .map_err(|error: crate::unit::PercentError| Complaint::plain(Code::BadNumber, error.to_string()))
    }
    fn schema() -> Schema {
        json_schema!({"type": "string", "pattern": "^([0-9.]+ *%|.*\\$\\{.*)$", "description": "A share: 15%."})
    }
}

/// A length of time, or a share of the window.
pub type Allowance = crate::claim::Allowance;

impl Literal for Allowance {
    fn read(scalar: &Scalar) -> Read<Self> {
        let Some(text) = scalar.lenient()? else { return Ok(None) };
        if text.trim().ends_with('%') {
            return Ok(Percent::read(scalar)?.map(Self::Share));
        }
        Ok(Length::read(scalar)?.map(Self::Time))
    }
    fn schema() -> Schema {
        json_schema!({"type": "string", "pattern": "^([0-9].*|.*\\$\\{.*)$", "description": "A length of time, or a share of the window: 500ms, 15%."})
    }
}

/// A size, or a share of what there is.
#[derive(Debug, Clone, PartialEq)]
pub struct SizeOrShare(pub String);

impl Literal for SizeOrShare {
    fn read(scalar: &Scalar) -> Read<Self> {
        let Some(text) = scalar.lenient()? else { return Ok(None) };
        let is_size = text.ends_with('B') && parse_number(&text).is_ok_and(|bytes| bytes > 0.0);
        if is_size || text.parse::<Percent>().is_ok() {
            return Ok(Some(Self(text)));
        }
        Err(Complaint::new(
            Code::BadNumber,
            format!("`{text}` is neither a size nor a share"),
            "write `64MiB` or `80%`",
        ))
    }
    fn schema() -> Schema {
        json_schema!({"type": "string", "description": "A size or a share: 64MiB, 80%."})
    }
}

/// Bits a second.
#[derive(Debug, Clone, PartialEq)]
pub struct Bitrate(pub String);

impl Literal for Bitrate {
    fn read(scalar: &Scalar) -> Read<Self> {
        let Some(text) = scalar.lenient()? else { return Ok(None) };
        let number =
            ["kbit", "mbit", "gbit"].iter().find_map(|unit| text.to_lowercase().strip_suffix(unit).map(str::to_owned));
        if number.and_then(|number| number.trim().parse::<f64>().ok()).is_some_and(|number| number > 0.0) {
            return Ok(Some(Self(text)));
        }
        Err(Complaint::new(Code::BadNumber, format!("`{text}` is not a rate"), "write `512kbit`, `10Mbit` or `1Gbit`"))
    }
    fn schema() -> Schema {
        json_schema!({"type": "string", "description": "Bits a second: 512kbit, 10Mbit, 1Gbit."})
    }
}

impl Literal for Predicate {
    fn read(scalar: &Scalar) -> Read<Self> {
        let Some(text) = scalar.int_or_string()? else { return Ok(None) };
        text.parse().map(Some).map_err(|error: PredicateError| match &error {
            PredicateError::Symbol { symbol, instead } => Complaint::new(
                Code::Symbol,
                format!("`{symbol}` is a symbol, which YAML may eat; conditions are written in words"),
                format!("write `{instead}`"),
            ),
            PredicateError::Empty | PredicateError::Unreadable(_) | PredicateError::Reversed(..) => {
                Complaint::plain(Code::BadPredicate, error.to_string())
            }
        })
    }
    fn schema() -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "description": "A condition in words: 1, not 1, at least 99%, below 400ms, between 1 and 3, at most 150% of baseline."
        })
    }
}

/// `all`, `one`, a count or a share.
pub type Pick = crate::target::Pick;

impl Literal for Pick {
    fn read(scalar: &Scalar) -> Read<Self> {
        let Some(text) = scalar.int_or_string()? else { return Ok(None) };
        not_empty(&text)?;
        let complaint = || {
            Complaint::new(
                Code::BadValue,
                format!("`{text}` does not say how many"),
                "write `all`, `one`, `2` or `50%`",
            )
        };
        match text.as_str() {
            "all" => return Ok(Some(Self::All)),
            "one" => return Ok(Some(Self::One)),
            _ => {}
        }
        if text.ends_with('%') {
            let share: Percent = text.parse().map_err(|_| complaint())?;
            return if share.fraction() > 0.0 { Ok(Some(Self::Share(share))) } else { Err(complaint()) };
        }
        match text.parse() {
            Ok(0) | Err(_) => Err(complaint()),
            Ok(count) => Ok(Some(Self::Count(count))),
        }
    }
    fn schema() -> Schema {
        json_schema!({"type": ["string", "integer"], "description": "all, one, a count, or a share: 50%."})
    }
}

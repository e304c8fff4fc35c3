//! How each type of the language is read from a scalar, and its JSON Schema.

use crate::claim::{Predicate, PredicateError};
use crate::experiment::{Edge, Event, Instant, Piece, Template};
use crate::fault::Signal;
use crate::name::{
    ClaimName, ExperimentName, IndicatorName, InstanceName, NodeName, ParameterName, PlatformName, StepName,
};
use crate::target::{Cidr, CidrError};
use crate::text::{Code, Complaint, Literal, Part, Scalar, nearest};
use crate::unit::{Length, LengthError, Percent, parse_number};
use jiff::SignedDuration;
use schemars::{Schema, json_schema};
use serde::de::IntoDeserializer;
use serde::de::value::{Error as WordError, StrDeserializer};
use std::fmt;
use std::str::FromStr;

type Read<T> = Result<Option<T>, Complaint>;

fn not_empty(text: &str) -> Result<(), Complaint> {
    if text.trim().is_empty() { Err(Complaint::plain(Code::EmptyValue, "the value is empty")) } else { Ok(()) }
}

/// Text that YAML readers agree on.
impl Literal for String {
    fn read(scalar: &Scalar) -> Read<Self> {
        let Some(text) = scalar.strict()? else { return Ok(None) };
        not_empty(&text)?;
        Ok(Some(text))
    }
    fn schema() -> Schema {
        json_schema!({"type": "string", "minLength": 1})
    }
}

/// Text for people: may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Free(pub String);

impl Literal for Free {
    fn read(scalar: &Scalar) -> Read<Self> {
        Ok(scalar.strict()?.map(Self))
    }
    fn schema() -> Schema {
        json_schema!({"type": "string"})
    }
}

/// A text or a whole number, as it stands: the value of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plain(pub String);

impl Literal for Plain {
    fn read(scalar: &Scalar) -> Read<Self> {
        Ok(scalar.int_or_string()?.map(Self))
    }
    fn schema() -> Schema {
        json_schema!({"type": ["string", "integer"]})
    }
}

/// Text whose holes are filled while the run goes on.
impl Literal for Template {
    fn read(scalar: &Scalar) -> Read<Self> {
        if scalar.parts.iter().all(|part| matches!(part, Part::Text(_))) {
            return Ok(scalar.strict()?.map(Self::text));
        }
        let piece = |part: &Part| match part {
            Part::Text(text) => Ok(Piece::Text(text.clone())),
            // `check` tolerates a parameter without a value; such an experiment is never run.
            Part::Missing(name) => Ok(Piece::Text(format!("${{{name}}}"))),
            Part::Hole(name) => piece(name),
        };
        Ok(Some(Self(scalar.parts.iter().map(piece).collect::<Result<_, _>>()?)))
    }
    fn schema() -> Schema {
        json_schema!({"type": "string"})
    }
}

fn piece(name: &str) -> Result<Piece, Complaint> {
    let words: Vec<&str> = name.splitn(3, '.').collect();
    let step =
        |word: &str| word.parse::<StepName>().map_err(|error| Complaint::plain(Code::BadName, error.to_string()));
    Ok(match words.as_slice() {
        ["run", "id"] => Piece::RunId,
        ["run", "seed"] => Piece::RunSeed,
        ["secret", secret] => Piece::Secret((*secret).to_owned()),
        [name, "targets"] => Piece::Targets(step(name)?, None),
        [name, "targets", key] => Piece::Targets(step(name)?, Some((*key).to_owned())),
        [name, "start"] => Piece::Start(step(name)?),
        [name, "end"] => Piece::End(step(name)?),
        _ => {
            let hint = "known are `${PARAMETER}`, `${STEP.targets}`, `${STEP.start}`, `${STEP.end}`, `${run.id}`, `${run.seed}` and `${secret.NAME}`";
            return Err(Complaint::new(Code::UnknownHole, format!("`${{{name}}}` names nothing"), hint));
        }
    })
}

/// Whether `${...}` has one of the forms that a run fills.
pub(crate) fn is_hole(name: &str) -> bool {
    piece(name).is_ok()
}

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

impl Literal for Instant {
    fn read(scalar: &Scalar) -> Read<Self> {
        let Some(text) = scalar.strict()? else { return Ok(None) };
        instant(&text).map(Some)
    }
    fn schema() -> Schema {
        json_schema!({"type": "string", "description": "STEP.start, STEP.end, method.start or method.end, plus or minus a length: cut.start + 5s."})
    }
}

fn instant(text: &str) -> Result<Instant, Complaint> {
    let complain = |message: String| {
        Err(Complaint::new(
            Code::BadInstant,
            message,
            "write `STEP.start`, `STEP.end`, `method.end`, or one of them `+ 5s`",
        ))
    };
    let (event, offset) = match text.find([' ', '+']) {
        Some(at) => (&text[..at], text[at..].trim()),
        None => (text, ""),
    };
    let Some((name, edge)) = event.rsplit_once('.') else {
        return complain(format!("`{text}` is not an instant"));
    };
    let edge = match edge {
        "start" => Edge::Start,
        "end" => Edge::End,
        _ => return complain(format!("`{event}` is not an event: it has `.start` and `.end` only")),
    };
    let offset = match offset.split_at_checked(1) {
        None => SignedDuration::ZERO,
        Some((sign, length)) => {
            let length =
                length.trim().parse::<Length>().ok().and_then(|length| SignedDuration::try_from(length.get()).ok());
            match (sign, length) {
                ("+", Some(length)) => length,
                ("-", Some(length)) => -length,
                _ => return complain(format!("`{offset}` is not `+` or `-` and a length of time")),
            }
        }
    };
    let event = if name == "method" {
        Event::Method(edge)
    } else {
        match name.parse() {
            Ok(step) => Event::Step(step, edge),
            Err(_) => return complain(format!("`{name}` is not the name of a step")),
        }
    };
    Ok(Instant { event, offset })
}

macro_rules! named {
    ($($type:ty),*) => {$(
        impl Literal for $type {
            fn read(scalar: &Scalar) -> Read<Self> {
                let Some(text) = scalar.strict()? else { return Ok(None) };
                not_empty(&text)?;
                text.parse().map(Some).map_err(|_| Complaint::new(
                    Code::BadName,
                    format!("`{text}` is not a name"),
                    "write lower-case letters, digits and `-`, at most 63, beginning and ending with a letter or digit",
                ))
            }
            fn schema() -> Schema {
                json_schema!({"type": "string", "pattern": "^([a-z0-9]([-a-z0-9]*[a-z0-9])?|.*\\$\\{.*)$"})
            }
        }
    )*};
}
named!(ExperimentName, StepName, ClaimName, IndicatorName, ParameterName, PlatformName);

macro_rules! free {
    ($($type:ty),*) => {$(
        impl Literal for $type {
            fn read(scalar: &Scalar) -> Read<Self> {
                Ok(String::read(scalar)?.map(Self::new))
            }
            fn schema() -> Schema {
                String::schema()
            }
        }
    )*};
}
free!(InstanceName, NodeName);

impl Literal for Cidr {
    fn read(scalar: &Scalar) -> Read<Self> {
        let Some(text) = scalar.strict()? else { return Ok(None) };
        text.parse().map(Some).map_err(|error| match &error {
            CidrError::HostBits(_, block) => Complaint::new(
                Code::BadValue,
                format!("`{text}` has bits set outside its prefix"),
                format!("write `{block}`"),
            ),
            CidrError::Unreadable(_) => Complaint::plain(Code::BadValue, error.to_string()),
        })
    }
    fn schema() -> Schema {
        json_schema!({"type": "string", "description": "A block of IP addresses: 10.0.0.0/8."})
    }
}

/// An IP address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address(pub std::net::IpAddr);

impl Literal for Address {
    fn read(scalar: &Scalar) -> Read<Self> {
        let Some(text) = scalar.strict()? else { return Ok(None) };
        let address = text.parse().map_err(|_| {
            Complaint::new(Code::BadValue, format!("`{text}` is not an IP address"), "write `10.0.1.2` or `fd00::2`")
        });
        address.map(|address| Some(Self(address)))
    }
    fn schema() -> Schema {
        json_schema!({"type": "string", "description": "An IP address."})
    }
}

impl Literal for Signal {
    fn read(scalar: &Scalar) -> Read<Self> {
        let Some(text) = scalar.strict()? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| {
            let near = nearest(&text, Self::names())
                .map_or("write `KILL`, `TERM` or `HUP`".to_owned(), |near| format!("did you mean `{near}`?"));
            Complaint::new(Code::BadValue, format!("`{text}` is not a signal"), near)
        })
    }
    fn schema() -> Schema {
        let names: Vec<&str> = Self::names().collect();
        json_schema!({"type": "string", "enum": names})
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

/// One of a few fixed words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice<T>(pub T);

/// The words of a [`Choice`].
pub trait Words: Sized {
    /// Every word that can be written.
    const WORDS: &'static [&'static str];
    /// The value of a word.
    fn of(word: &str) -> Option<Self>;
}

/// Every [`Words`] type is an enum of bare words for serde, which knows how to read one.
fn from_word<T: serde::de::DeserializeOwned>(word: &str) -> Option<T> {
    let word: StrDeserializer<'_, WordError> = word.into_deserializer();
    T::deserialize(word).ok()
}

macro_rules! words {
    ($($type:ty: $($word:literal)*;)*) => {$(
        impl Words for $type {
            const WORDS: &'static [&'static str] = &[$($word),*];
            fn of(word: &str) -> Option<Self> { from_word(word) }
        }
    )*};
}
words! {
    crate::fault::Direction: "egress" "ingress" "both";
    crate::fault::Protocol: "tcp" "udp" "icmp";
    crate::fault::ZoneLossMode: "isolate" "power";
    super::fault::DnsAnswer: "fail" "timeout" "wrong";
    super::gates::OnFailure: "stop" "continue";
    super::settings::Allow: "irreversible" "exec";
    super::settings::Confirm: "terminal" "always" "never";
}

impl<T: Words> Literal for Choice<T> {
    fn read(scalar: &Scalar) -> Read<Self> {
        let Some(text) = scalar.strict()? else { return Ok(None) };
        if let Some(value) = T::of(&text) {
            return Ok(Some(Self(value)));
        }
        let hint = match nearest(&text, T::WORDS.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("one of: {}", T::WORDS.join(", ")),
        };
        Err(Complaint::new(Code::UnknownWord, format!("there is no `{text}` here"), hint))
    }
    fn schema() -> Schema {
        json_schema!({"type": "string", "enum": T::WORDS})
    }
}

/// A date, as in `2026-12-24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(pub jiff::civil::Date);

impl Literal for Date {
    fn read(scalar: &Scalar) -> Read<Self> {
        let Some(text) = scalar.strict()? else { return Ok(None) };
        jiff::civil::Date::from_str(&text)
            .map(|date| Some(Self(date)))
            .map_err(|_| Complaint::new(Code::BadValue, format!("`{text}` is not a date"), "write `2026-12-24`"))
    }
    fn schema() -> Schema {
        json_schema!({"type": "string", "format": "date"})
    }
}

/// Five fields that say when: minute, hour, day, month, weekday.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron(pub String);

impl Literal for Cron {
    fn read(scalar: &Scalar) -> Read<Self> {
        let Some(text) = scalar.strict()? else { return Ok(None) };
        if text.split_whitespace().count() == 5 {
            return Ok(Some(Self(text)));
        }
        let hint = "write minute, hour, day, month and weekday, quoted: `\"30 2 * * 1-5\"`";
        Err(Complaint::new(Code::BadValue, format!("`{text}` does not have five fields"), hint))
    }
    fn schema() -> Schema {
        json_schema!({"type": "string", "description": "Minute, hour, day, month, weekday, quoted."})
    }
}

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

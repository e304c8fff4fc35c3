//! Text, names, addresses, and words out of a few.

use super::{Read, not_empty};
use crate::experiment::{Piece, Template};
use crate::fault::Signal;
use crate::name::{
    ClaimName, ExperimentName, IndicatorName, InstanceName, NodeName, ParameterName, PlatformName, StepName,
};
use crate::target::{Cidr, CidrError};
use crate::text::{Code, Complaint, Literal, Part, Scalar, nearest};
use schemars::{Schema, json_schema};
use serde::de::IntoDeserializer;
use serde::de::value::{Error as WordError, StrDeserializer};
use std::fmt;

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
    crate::written::fault::DnsAnswer: "fail" "timeout" "wrong";
    crate::written::gates::OnFailure: "stop" "continue";
    crate::written::settings::Allow: "irreversible" "exec";
    crate::written::settings::Confirm: "terminal" "always" "never";
}

impl<T: Words> Literal for Choice<T> {
    fn read(scalar: &Scalar) -> Read<Self> {
        let Some(text) = scalar.lenient()? else { return Ok(None) };
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

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

//! Typed values at the leaves of a file, and where they stood.

use super::bare::Bare;
use super::{Code, Part, Scalar, Span};
use serde::de::{self, Deserialize, SeqAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// A structure, where it stands, or `None` when a problem with it has been noted.
#[derive(Debug, Clone)]
pub struct Spot<T> {
    /// Where a reader looks for it: its key, or its first key in a list.
    pub span: Span,
    /// What stands there.
    pub value: Option<T>,
}

/// A scalar as a `T`, where it stands, or `None` when a problem with it has been noted (or a parameter
/// in it has no value, which `check` tolerates).
#[derive(Debug, Clone)]
pub struct Value<T> {
    /// Where it stands.
    pub span: Span,
    /// Where its key stands; in a list, where it stands itself.
    pub key: Span,
    /// What stands there.
    pub value: Option<T>,
}

/// A map whose keys are the author's own.
#[derive(Debug, Clone)]
pub struct Entries<T>(pub Vec<(Value<String>, T)>);

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// What is wrong with one scalar. Its place is known to whoever reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// The stable code.
    pub code: Code,
    /// One sentence without a full stop.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl Complaint {
    /// A complaint with what to write instead.
    pub fn new(code: Code, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: Some(hint.into()) }
    }

    /// A complaint that says it all.
    pub fn plain(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None }
    }
}

/// Serde's errors are text: this is how a complaint gets through to the decoder.
impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\u{1f}{}\u{1f}{}", self.code, self.message, self.hint.as_deref().unwrap_or_default())
    }
}

impl Complaint {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '\u{1f}');
        let code = Code::find(parts.next()?)?;
        let message = parts.next()?.to_owned();
        let hint = parts.next().filter(|hint| !hint.is_empty()).map(str::to_owned);
        Some(Self { code, message, hint })
    }
}

/// A type that one scalar can be read as.
pub trait Literal: Sized {
    /// Reads it. `Ok(None)`: it cannot be known yet, because a parameter has no value.
    ///
    /// # Errors
    /// Says what is wrong and what to write.
    fn read(scalar: &Scalar) -> Result<Option<Self>, Complaint>;

    /// Its JSON Schema.
    fn schema() -> schemars::Schema;
}

impl Scalar {
    /// The text where only text may stand: YAML readers must agree that it is text.
    ///
    /// # Errors
    /// When it needs quotes, or holds what only the run knows.
    pub fn strict(&self) -> Result<Option<String>, Complaint> {
        let Some(text) = self.lenient()? else { return Ok(None) };
        let becomes = match self.bare {
            Bare::Text => return Ok(Some(text)),
            Bare::Null => return Ok(None),
            Bare::Boolean(_) | Bare::Ambiguous(_) => "a truth value to YAML",
            Bare::Whole | Bare::Number => "a number to YAML",
        };
        Err(quote(&text, becomes))
    }

    /// The text where a number may stand as well.
    ///
    /// # Errors
    /// When it is empty, or holds what only the run knows.
    pub fn lenient(&self) -> Result<Option<String>, Complaint> {
        if let Some(hole) = self.hole() {
            let message = format!("`${{{hole}}}` has no value before the run; here a fixed one is needed");
            return Err(Complaint::new(Code::HoleNotHere, message, "write the value, or use a parameter"));
        }
        // The parser gives `~` for a value that is not there.
        if self.bare == Bare::Null {
            return Err(Complaint::plain(Code::EmptyValue, "the value is empty"));
        }
        Ok(self.text())
    }

    /// The text of a whole number or of anything that is no number for YAML; a bare fraction or truth
    /// value is refused, because a CRD cannot hold it in a field of text and whole numbers.
    ///
    /// # Errors
    /// When it needs quotes, or holds what only the run knows.
    pub fn int_or_string(&self) -> Result<Option<String>, Complaint> {
        let Some(text) = self.lenient()? else { return Ok(None) };
        match self.bare {
            Bare::Text | Bare::Whole | Bare::Null => Ok(Some(text)),
            Bare::Boolean(_) | Bare::Ambiguous(_) => Err(quote(&text, "a truth value to YAML")),
            Bare::Number => Err(quote(&text, "a fraction, which Kubernetes refuses here")),
        }
    }

    pub(crate) fn bare(&self) -> Bare {
        self.bare
    }

    /// The truth value it has for some YAML reader, and whether it has it for all of them.
    pub(crate) fn truth(&self) -> Option<(bool, bool)> {
        match self.bare {
            Bare::Boolean(value) => Some((value, true)),
            Bare::Ambiguous(value) => Some((value, false)),
            Bare::Text | Bare::Null | Bare::Whole | Bare::Number => None,
        }
    }
}

fn quote(text: &str, becomes: &str) -> Complaint {
    Complaint::new(Code::NeedsQuotes, format!("`{text}` is {becomes}"), format!("quote it: `\"{text}\"`"))
}

pub(super) const SPOT: &str = "$squall::Spot";
pub(super) const VALUE: &str = "$squall::Value";

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spot<T> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SpotVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for SpotVisitor<T> {
            type Value = Spot<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value from squall's own decoder")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Spot<T>, A::Error> {
                let start = seq.next_element()?.unwrap_or(0);
                let end = seq.next_element()?.unwrap_or(0);
                // The decoder has noted what is wrong inside.
                Ok(Spot { span: start..end, value: seq.next_element().unwrap_or(None) })
            }
        }
        deserializer.deserialize_newtype_struct(SPOT, SpotVisitor(PhantomData))
    }
}

impl<'de, T: Literal> Deserialize<'de> for Value<T> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ValueVisitor<T>(PhantomData<T>);
        impl<'de, T: Literal> Visitor<'de> for ValueVisitor<T> {
            type Value = Value<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value from squall's own decoder")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value<T>, A::Error> {
                let mut offset = || seq.next_element().map(Option::unwrap_or_default);
                let (span, key) = (offset()?..offset()?, offset()?..offset()?);
                // The decoder has noted what is wrong with it.
                let passed: Option<Passed<T>> = seq.next_element().unwrap_or(None);
                Ok(Value { span, key, value: passed.and_then(|passed| passed.0) })
            }
        }
        deserializer.deserialize_newtype_struct(VALUE, ValueVisitor(PhantomData))
    }
}

/// A [`Scalar`] that came through serde as a list of texts: how it was written, then its parts with a
/// letter in front; and what was read of it.
struct Passed<T>(Option<T>);

impl Scalar {
    pub(super) fn pass(&self) -> Vec<String> {
        let bare = match self.bare {
            Bare::Text => "text",
            Bare::Null => "null",
            Bare::Boolean(true) => "true",
            Bare::Boolean(false) => "false",
            Bare::Ambiguous(true) => "yes",
            Bare::Ambiguous(false) => "no",
            Bare::Whole => "whole",
            Bare::Number => "number",
        };
        let part = |part: &Part| match part {
            Part::Text(text) => format!("t{text}"),
            Part::Hole(name) => format!("h{name}"),
            Part::Missing(name) => format!("m{name}"),
        };
        std::iter::once(bare.to_owned()).chain(self.parts.iter().map(part)).collect()
    }
}

impl<'de, T: Literal> Deserialize<'de> for Passed<T> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = Vec::<String>::deserialize(deserializer)?;
        let mut words = words.into_iter();
        let bare = match words.next().as_deref() {
            Some("null") => Bare::Null,
            Some("true") => Bare::Boolean(true),
            Some("false") => Bare::Boolean(false),
            Some("yes") => Bare::Ambiguous(true),
            Some("no") => Bare::Ambiguous(false),
            Some("whole") => Bare::Whole,
            Some("number") => Bare::Number,
            _ => Bare::Text,
        };
        let part = |mut word: String| {
            let rest = word.split_off(1);
            match word.as_str() {
                "h" => Part::Hole(rest),
                "m" => Part::Missing(rest),
                _ => Part::Text(rest),
            }
        };
        T::read(&Scalar { parts: words.map(part).collect(), bare }).map(Self).map_err(de::Error::custom)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for EntriesVisitor<T> {
            type Value = Entries<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Entries<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(EntriesVisitor(PhantomData))
    }
}

impl<T: schemars::JsonSchema> schemars::JsonSchema for Spot<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        T::json_schema(generator)
    }
    fn inline_schema() -> bool {
        T::inline_schema()
    }
}

impl<T: Literal> schemars::JsonSchema for Value<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Value".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        T::schema()
    }
    fn inline_schema() -> bool {
        true
    }
}

impl<T: schemars::JsonSchema> schemars::JsonSchema for Entries<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("EntriesOf{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let values = generator.subschema_for::<T>();
        schemars::json_schema!({"type": "object", "additionalProperties": values})
    }
    fn inline_schema() -> bool {
        true
    }
}

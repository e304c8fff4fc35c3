//! One value, as a source gave it.

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A number, or a text from a source that gives text.
///
/// In JSON a finite number is a number; `NaN`, `+Inf` and `-Inf` are `{"number": "NaN"}`; text is text.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// A number; may be NaN or infinite.
    Number(f64),
    /// A text.
    Text(String),
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Special {
    number: String,
}

impl Serialize for Reading {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) if number.is_finite() => serializer.serialize_f64(*number),
            Self::Number(number) => Special { number: number.to_string() }.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Reading {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ReadingVisitor;
        impl<'de> Visitor<'de> for ReadingVisitor {
            type Value = Reading;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, a text or {\"number\": \"NaN\"}")
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Reading, E> {
                Ok(Reading::Number(number))
            }
            #[expect(clippy::cast_precision_loss, reason = "JSON has no integers: 1 and 1.0 are one number")]
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Reading, E> {
                Ok(Reading::Number(number as f64))
            }
            #[expect(clippy::cast_precision_loss, reason = "JSON has no integers: 1 and 1.0 are one number")]
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Reading, E> {
                Ok(Reading::Number(number as f64))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Reading, E> {
                Ok(Reading::Text(text.to_owned()))
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Reading, A::Error> {
                let special = Special::deserialize(de::value::MapAccessDeserializer::new(map))?;
                special.number.parse().map(Reading::Number).map_err(de::Error::custom)
            }
        }
        deserializer.deserialize_any(ReadingVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_survive_json_even_without_a_number() {
        for (reading, json) in [
            (Reading::Number(1.5), "1.5"),
            (Reading::Number(3.0), "3.0"),
            (Reading::Number(f64::INFINITY), r#"{"number":"inf"}"#),
            (Reading::Text("3".into()), r#""3""#),
        ] {
            assert_eq!(serde_json::to_string(&reading).unwrap(), json);
            assert_eq!(serde_json::from_str::<Reading>(json).unwrap(), reading);
        }
        let nan = serde_json::to_string(&Reading::Number(f64::NAN)).unwrap();
        assert!(matches!(serde_json::from_str(&nan).unwrap(), Reading::Number(number) if number.is_nan()));
    }
}

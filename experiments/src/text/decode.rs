//! A serde deserializer over the tree. Unlike a streaming one it goes on after an error: unknown keys
//! are noted and skipped, and [`Spot`] and [`Value`](super::Value) turn what does not fit into `None`.

use super::literal::{Complaint, SPOT, VALUE};
use super::{Code, Kind, Node, Problem, Problems, Span, Spot, nearest};
use serde::de::value::{SeqDeserializer, StrDeserializer};
use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use std::cell::RefCell;
use std::fmt;

/// Reads a `T` out of a tree; every problem is noted.
pub(crate) fn decode<T: de::DeserializeOwned>(root: &Node, problems: &mut Problems) -> Option<T> {
    let cell = RefCell::new(std::mem::take(problems));
    let decoder = Decoder { node: root, key: None, problems: &cell };
    let spot: Option<Spot<T>> = de::Deserialize::deserialize(decoder).ok();
    *problems = cell.into_inner();
    spot.and_then(|spot| spot.value)
}

/// Why a value could not be read.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// It has been said, or cannot be said yet.
    Noted,
    /// Still to be said, at the node that is being read.
    Unplaced(Complaint),
    /// Still to be said, at this place.
    Placed(Complaint, Span),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Noted => f.write_str("noted"),
            Self::Unplaced(complaint) | Self::Placed(complaint, _) => f.write_str(&complaint.message),
        }
    }
}

impl std::error::Error for Failure {}

impl de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let text = message.to_string();
        Self::Unplaced(Complaint::parse(&text).unwrap_or_else(|| Complaint::plain(Code::BadValue, text)))
    }
    fn missing_field(field: &'static str) -> Self {
        Self::Unplaced(Complaint::plain(Code::MissingKey, format!("`{field}` is missing")))
    }
}

#[derive(Clone, Copy)]
struct Decoder<'a> {
    node: &'a Node,
    /// The key it stands under.
    key: Option<&'a Node>,
    problems: &'a RefCell<Problems>,
}

impl<'a> Decoder<'a> {
    fn of(self, node: &'a Node, key: Option<&'a Node>) -> Self {
        Decoder { node, key, ..self }
    }

    fn note(&self, complaint: Complaint, span: &Span) {
        let mut problems = self.problems.borrow_mut();
        let mut problem = Problem::new(complaint.code, complaint.message).at(problems.place(span));
        problem.hint = complaint.hint;
        problems.push(problem);
    }

    /// Where a reader looks for this node.
    fn span(&self) -> Span {
        match (&self.node.kind, self.key) {
            (Kind::Mapping(_) | Kind::Sequence(_), Some(key)) => key.span.clone(),
            (Kind::Mapping(pairs), None) => pairs.first().map_or(&self.node.span, |(key, _)| &key.span).clone(),
            (Kind::Scalar(_), Some(key)) if self.node.span.is_empty() => key.span.clone(),
            _ => self.node.span.clone(),
        }
    }

    fn wrong_shape(&self, wanted: &str) -> Failure {
        let found = match &self.node.kind {
            Kind::Broken => return Failure::Noted,
            Kind::Sequence(_) => "a list",
            Kind::Mapping(_) => "a map",
            Kind::Scalar(scalar) if scalar.bare() == super::bare::Bare::Null => "nothing",
            Kind::Scalar(_) => "a single value",
        };
        let complaint = if found == "nothing" {
            Complaint::plain(Code::EmptyValue, format!("{wanted} is expected here, and there is nothing"))
        } else {
            Complaint::plain(Code::WrongShape, format!("{wanted} is expected here, not {found}"))
        };
        Failure::Placed(complaint, self.span())
    }

    fn settle(&self, failure: Failure) {
        match failure {
            Failure::Noted => {}
            Failure::Unplaced(complaint) => self.note(complaint, &self.span()),
            Failure::Placed(complaint, span) => self.note(complaint, &span),
        }
    }
}

impl<'de> de::Deserializer<'de> for Decoder<'_> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.node.kind {
            Kind::Sequence(_) => self.deserialize_seq(visitor),
            Kind::Mapping(_) => self.deserialize_map(visitor),
            Kind::Scalar(scalar) => visitor.visit_string(scalar.written()),
            Kind::Broken => Err(Failure::Noted),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.node.kind {
            Kind::Sequence(items) => visitor.visit_seq(Items(self, items.iter())),
            _ => Err(self.wrong_shape("a list")),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.node.kind {
            Kind::Mapping(pairs) => visitor.visit_map(Pairs {
                decoder: self,
                fields: None,
                pairs: pairs.iter(),
                value: None,
                guessed: Vec::new(),
            }),
            _ => Err(self.wrong_shape("a map")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Failure> {
        match name {
            SPOT => visitor.visit_seq(SpotParts(self, 0)),
            VALUE => visitor.visit_seq(ValueParts(self, 0)),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        match &self.node.kind {
            Kind::Mapping(pairs) => visitor.visit_map(Pairs {
                decoder: self,
                fields: Some(fields),
                pairs: pairs.iter(),
                value: None,
                guessed: Vec::new(),
            }),
            _ => Err(self.wrong_shape(&format!("a map with {}", listed(fields)))),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let one_of = |message: String, span: Span| {
            Failure::Placed(Complaint::new(Code::OneOf, message, format!("one of: {}", variants.join(", "))), span)
        };
        let pairs = match &self.node.kind {
            Kind::Mapping(pairs) => pairs,
            Kind::Scalar(scalar) if variants.contains(&scalar.written().as_str()) => {
                let word = scalar.written();
                let message = format!("`{word}` is a key: it needs a map below it");
                return Err(Failure::Placed(
                    Complaint::new(Code::WrongShape, message, format!("write `{{{word}: {{}}}}`")),
                    self.span(),
                ));
            }
            _ => return Err(self.wrong_shape("a map with exactly one key")),
        };
        let (key, value) = match pairs.as_slice() {
            [(key, value)] => (key, value),
            [] => return Err(one_of("nothing is chosen here".into(), self.span())),
            [_, (second, _), ..] => return Err(one_of("only one can be chosen here".into(), second.span.clone())),
        };
        let word = key.as_text().unwrap_or_default();
        if !variants.contains(&word.as_str()) {
            let suggestion = Problem::new(Code::UnknownWord, format!("there is no `{word}`"))
                .suggest(&word, variants.iter().copied());
            let complaint = Complaint { code: suggestion.code, message: suggestion.message, hint: suggestion.hint };
            return Err(Failure::Placed(complaint, key.span.clone()));
        }
        visitor.visit_enum(Variant { decoder: self.of(value, Some(key)), name: &word })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct tuple tuple_struct
        identifier ignored_any
    }
}

fn listed(fields: &[&str]) -> String {
    match fields {
        [one] => format!("`{one}`"),
        few if (2..=6).contains(&few.len()) => {
            few.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(", ")
        }
        [first, second, ..] => format!("keys such as `{first}` and `{second}`"),
        [] => "no keys".to_owned(),
    }
}

struct SpotParts<'a>(Decoder<'a>, u8);

impl<'de> de::SeqAccess<'de> for SpotParts<'_> {
    type Error = Failure;
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Failure> {
        self.1 += 1;
        match self.1 {
            1 => seed.deserialize(self.0.span().start.into_deserializer()).map(Some),
            2 => seed.deserialize(self.0.span().end.into_deserializer()).map(Some),
            _ => seed.deserialize(self.0).map(Some).map_err(|failure| {
                self.0.settle(failure);
                Failure::Noted
            }),
        }
    }
}

struct ValueParts<'a>(Decoder<'a>, u8);

impl<'de> de::SeqAccess<'de> for ValueParts<'_> {
    type Error = Failure;
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Failure> {
        self.1 += 1;
        let key = || self.0.key.map_or_else(|| self.0.span(), |key| key.span.clone());
        let offset = match self.1 {
            1 => Some(self.0.span().start),
            2 => Some(self.0.span().end),
            3 => Some(key().start),
            4 => Some(key().end),
            _ => None,
        };
        match offset {
            Some(offset) => seed.deserialize(offset.into_deserializer()).map(Some),
            None => match &self.0.node.kind {
                Kind::Scalar(scalar) => {
                    let read = seed.deserialize(SeqDeserializer::new(scalar.pass().into_iter()));
                    read.map(Some).map_err(|failure| {
                        self.0.settle(failure);
                        Failure::Noted
                    })
                }
                _ => {
                    self.0.settle(self.0.wrong_shape("a single value"));
                    Err(Failure::Noted)
                }
            },
        }
    }
}

struct Items<'a>(Decoder<'a>, std::slice::Iter<'a, Node>);

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = Failure;
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Failure> {
        self.1.next().map(|node| seed.deserialize(self.0.of(node, None))).transpose()
    }
}

struct Pairs<'a> {
    decoder: Decoder<'a>,
    fields: Option<&'static [&'static str]>,
    pairs: std::slice::Iter<'a, (Node, Node)>,
    value: Option<(&'a Node, &'a Node)>,
    /// Keys that misspelt ones were taken for.
    guessed: Vec<&'static str>,
}

impl<'de> de::MapAccess<'de> for Pairs<'_> {
    type Error = Failure;
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Failure> {
        for (key, value) in self.pairs.by_ref() {
            let Kind::Scalar(scalar) = &key.kind else {
                if !matches!(key.kind, Kind::Broken) {
                    self.decoder.note(Complaint::plain(Code::WrongShape, "a key must be a single word"), &key.span);
                }
                continue;
            };
            let Some(fields) = self.fields else {
                self.value = Some((key, value));
                return seed.deserialize(self.decoder.of(key, None)).map(Some);
            };
            let text = scalar.written();
            if !fields.contains(&text.as_str()) {
                let problem = Problem::new(Code::UnknownKey, format!("there is no key `{text}` here"))
                    .suggest(&text, fields.iter().copied());
                self.decoder
                    .note(Complaint { code: problem.code, message: problem.message, hint: problem.hint }, &key.span);
                // Reading on as if it were spelt right spares the author a complaint about what is missing.
                let near = nearest(&text, fields.iter().copied());
                let Some(near) =
                    near.filter(|near| !self.guessed.contains(near) && self.decoder.node.get(near).is_none())
                else {
                    continue;
                };
                self.guessed.push(near);
                self.value = Some((key, value));
                let name: StrDeserializer<'_, Failure> = near.into_deserializer();
                return seed.deserialize(name).map(Some);
            }
            self.value = Some((key, value));
            let name: StrDeserializer<'_, Failure> = text.as_str().into_deserializer();
            return seed.deserialize(name).map(Some);
        }
        Ok(None)
    }
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Failure> {
        let (key, value) = self.value.take().expect("a key came first");
        seed.deserialize(self.decoder.of(value, Some(key)))
    }
}

struct Variant<'a> {
    decoder: Decoder<'a>,
    name: &'a str,
}

impl<'de> de::EnumAccess<'de> for Variant<'_> {
    type Error = Failure;
    type Variant = Self;
    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Failure> {
        let name: StrDeserializer<'_, Failure> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'_> {
    type Error = Failure;
    fn unit_variant(self) -> Result<(), Failure> {
        Ok(())
    }
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Failure> {
        seed.deserialize(self.decoder)
    }
    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Failure> {
        Err(self.decoder.wrong_shape("a map"))
    }
    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Failure> {
        de::Deserializer::deserialize_struct(self.decoder, "", fields, visitor)
    }
}

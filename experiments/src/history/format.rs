//! A record as versioned JSON: whole, as reports take it, and in parts, as the store keeps it.
//!
//! The version stands in the header and is read before anything else, so that a record of another
//! version is answered with a sentence and not with the first key that happens to be unknown.
//!
//! | | what happens |
//! |---|---|
//! | old reader, new data | the version is higher: refused |
//! | new reader, old data | read, as long as `tests/golden/` holds a record of that version |
//! | an old writer that would drop a new field | cannot happen: records are written once and never changed |

use super::{Entry, Header, RECORD_VERSION, Record};
use crate::judge::Judgement;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It was written by another version.
    #[error("read a record of version {found}: this Squall reads version {RECORD_VERSION}; use the one that wrote it")]
    Version {
        /// The version that wrote it.
        found: u32,
    },
    /// It is not a record, or is damaged.
    #[error("read {what} of a record")]
    Unreadable {
        /// Which part.
        what: &'static str,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

#[derive(Deserialize)]
struct VersionedRecord {
    header: Versioned,
}

/// Writes a record, whole.
pub fn write_record(record: &Record) -> String {
    write(record)
}

/// Reads a record, whole.
///
/// # Errors
/// When it is of another version, damaged, or no record.
pub fn read_record(text: &str) -> Result<Record, RecordError> {
    check_version(parse::<VersionedRecord>("the version", text)?.header)?;
    parse("the whole", text)
}

/// Writes a header.
pub fn write_header(header: &Header) -> String {
    write(header)
}

/// Reads a header.
///
/// # Errors
/// When it is of another version, or damaged.
pub fn read_header(text: &str) -> Result<Header, RecordError> {
    check_version(parse("the version", text)?)?;
    parse("the header", text)
}

/// Writes an entry. Its version is its header's.
pub fn write_entry(entry: &Entry) -> String {
    write(entry)
}

/// Reads an entry of a record whose header could be read.
///
/// # Errors
/// When it is damaged.
pub fn read_entry(text: &str) -> Result<Entry, RecordError> {
    parse("an entry", text)
}

/// Writes a judgement. Its version is its header's.
pub fn write_judgement(judgement: &Judgement) -> String {
    write(judgement)
}

/// Reads the judgement of a record whose header could be read.
///
/// # Errors
/// When it is damaged.
pub fn read_judgement(text: &str) -> Result<Judgement, RecordError> {
    parse("the judgement", text)
}

fn check_version(found: Versioned) -> Result<(), RecordError> {
    if found.version == RECORD_VERSION { Ok(()) } else { Err(RecordError::Version { found: found.version }) }
}

fn parse<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, RecordError> {
    serde_json::from_str(text).map_err(|source| RecordError::Unreadable { what, source })
}

fn write<T: Serialize>(part: &T) -> String {
    serde_json::to_string(part).expect("keys are texts, and readings that are no number have a form of their own")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_is_answered_with_a_sentence_before_any_key_is() {
        let error = read_record(r#"{"header": {"version": 2, "shape": "new"}, "pages": []}"#).unwrap_err();
        assert_eq!(
            error.to_string(),
            "read a record of version 2: this Squall reads version 1; use the one that wrote it"
        );
        assert!(matches!(read_header(r#"{"version": 0}"#), Err(RecordError::Version { found: 0 })));
    }

    #[test]
    fn what_is_no_record_is_refused() {
        for text in ["", "{}", "[]", "null", r#"{"header": {"version": 1}}"#, "\u{0}\u{1}"] {
            assert!(read_record(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn unknown_keys_are_refused() {
        let golden = include_str!("../../tests/golden/record-v1.json");
        let with_key = golden.replacen("{\"number\":1,", "{\"number\":1,\"colour\":\"red\",", 1);
        assert_ne!(golden, with_key);
        let error = read_record(&with_key).unwrap_err();
        assert!(matches!(error, RecordError::Unreadable { what: "the whole", .. }), "{error}");
    }
}

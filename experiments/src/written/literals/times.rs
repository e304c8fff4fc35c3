//! Instants of a run, dates and times of the calendar.

use super::Read;
use crate::experiment::{Edge, Event, Instant};
use crate::text::{Code, Complaint, Literal, Scalar};
use crate::unit::Length;
use jiff::SignedDuration;
use schemars::{Schema, json_schema};
use std::str::FromStr;

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

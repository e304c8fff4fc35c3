//! `INSTANT`: a point in the run by its event.

use crate::name::StepName;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::fmt;

/// `EVENT`, `EVENT + DURATION`, `EVENT - DURATION`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instant {
    /// The event.
    pub event: Event,
    /// Added to it.
    pub offset: SignedDuration,
}

/// Something the run knows the time of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Event {
    /// A step's start or end.
    Step(StepName, Edge),
    /// The whole method's.
    Method(Edge),
}

/// Which end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Edge {
    /// `.start`
    Start,
    /// `.end`
    End,
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, edge) = match &self.event {
            Event::Step(name, edge) => (name.as_str(), edge),
            Event::Method(edge) => ("method", edge),
        };
        let edge = if *edge == Edge::Start { "start" } else { "end" };
        write!(f, "{name}.{edge}")?;
        let offset = crate::unit::Length::from(self.offset.unsigned_abs());
        match self.offset.signum() {
            0 => Ok(()),
            1.. => write!(f, " + {offset}"),
            _ => write!(f, " - {offset}"),
        }
    }
}

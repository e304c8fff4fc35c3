//! Which scenarios there are, each with its twin.

use std::fmt;

use clap::ValueEnum;

use crate::blueprint::Blueprint;
use crate::programs::{Program, Programs};

use super::{breaker, piece, shop, town, web, zones};

/// What runs in a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Scenario {
    /// HAProxy over one backend a zone, with a breaker on errors.
    Breaker,
    /// storefront -> checkout -> payments, with a breaker in checkout.
    Shop,
    /// HAProxy over one backend a zone, with health checks.
    Zones,
    /// All of it in one world: every ready experiment can run here, one after another.
    Town,
}

/// Which build of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twin {
    /// The mechanism works.
    Good,
    /// The mechanism is there, and does not work.
    Broken,
}

impl Scenario {
    /// Everything this scenario's world consists of.
    pub fn blueprint(self, twin: Twin, programs: &Programs, lab: &Program) -> Blueprint {
        let pieces = match self {
            Self::Breaker => vec![web::piece(&breaker::policy(twin), programs)],
            Self::Shop => vec![shop::piece(twin)],
            Self::Zones => vec![web::piece(&zones::policy(twin), programs)],
            Self::Town => town::pieces(twin, programs),
        };
        piece::assemble(pieces, lab)
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Breaker => "breaker",
            Self::Shop => "shop",
            Self::Zones => "zones",
            Self::Town => "town",
        })
    }
}

//! The one fold: from a record to what every format shows.
//!
//! ```text
//! entries --fold--> moments of phases, steps, faults, watched values
//!         --view--> the same, put beside experiment, plan and judgement
//! ```
//!
//! Everything here is on the run's own clock ([`At`]): the times of samples and of the judgement
//! are by their source's clock, and are put back by the skew that preflight measured.
mod at;
mod claims;
mod fold;
mod log;
mod plot;
mod run;
mod steps;
mod totals;

pub(crate) use at::{At, Axis, Span};
pub(crate) use claims::{ClaimView, WatchView};
pub(crate) use fold::FaultView;
pub(crate) use log::LogLine;
pub(crate) use plot::{Band, Line, Plot};
pub(crate) use run::View;
pub(crate) use steps::StepView;

//! The experiment with nothing left to check: what the engine runs.
mod authored;
mod instant;
mod step;
mod template;

pub use authored::{Experiment, Limits, Preparation};
pub use instant::{Edge, Event, Instant};
pub use step::{Action, Inject, Lasting, Perform, Step, StepId, StepKind, Undo, WaitFor, Witness};
pub use template::{Piece, RenderError, Template, Values};

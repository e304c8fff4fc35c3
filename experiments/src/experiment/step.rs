//! The steps of a method, as a tree.

use crate::claim::{HttpRequest, Predicate, Program, Source};
use crate::fault::Fault;
use crate::name::{PlatformName, StepName};
use crate::target::Selector;
use crate::unit::Length;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A step's place: counted through `prepare`, then through the method, outer before inner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(pub u32);

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Its place.
    pub id: StepId,
    /// Its name; `wait` and `parallel` may have none.
    pub name: Option<StepName>,
    /// What it does.
    pub kind: StepKind,
}

/// What a step does. `ask` is read, not yet carried out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StepKind {
    /// A fault.
    Inject(Box<Inject>),
    /// An action.
    Perform(Box<Perform>),
    /// Let time pass.
    Wait(Length),
    /// Until something is true.
    WaitFor(Box<WaitFor>),
    /// Started together; ends with the last.
    Parallel(Vec<Step>),
}

impl Step {
    /// The steps inside it: branches of `parallel`, or what runs `meanwhile`.
    pub fn children(&self) -> &[Step] {
        match &self.kind {
            StepKind::Parallel(steps) => steps,
            StepKind::Inject(inject) => inject.lasting.children(),
            StepKind::Perform(perform) => perform.lasting.children(),
            StepKind::Wait(_) | StepKind::WaitFor(_) => &[],
        }
    }

    /// Its name, or what it does.
    pub fn label(&self) -> String {
        match (&self.name, &self.kind) {
            (Some(name), _) => name.to_string(),
            (None, StepKind::Wait(length)) => format!("wait {length}"),
            (None, StepKind::Parallel(_)) => "parallel".to_owned(),
            (None, StepKind::Inject(_) | StepKind::Perform(_) | StepKind::WaitFor(_)) => self.id.to_string(),
        }
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}", self.0)
    }
}

/// A fault and what it is aimed at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inject {
    /// The fault.
    pub fault: Fault,
    /// Whom it hits.
    pub into: Selector,
    /// How long.
    pub lasting: Lasting,
    /// Again and again, picked anew each time; `lasting` is then `For`.
    pub every: Option<Length>,
    /// Proof from outside.
    pub witness: Option<Witness>,
}

/// How long a fault or an action lasts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Lasting {
    /// It happens once.
    Once,
    /// This long.
    For(Length),
    /// Until these steps are done.
    Meanwhile(Vec<Step>),
}

impl Lasting {
    /// The steps of `meanwhile`.
    pub fn children(&self) -> &[Step] {
        match self {
            Self::Meanwhile(steps) => steps,
            Self::Once | Self::For(_) => &[],
        }
    }
}

/// Proof from outside that a fault bites.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// What is watched.
    pub source: Source,
    /// Whose metric source.
    pub platform: Option<PlatformName>,
    /// What becomes true, and false again after the end.
    pub becomes: Predicate,
    /// In this time, each way.
    pub within: Length,
    /// The value of a query without series.
    pub absent: Option<f64>,
}

/// An action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Perform {
    /// What is done.
    pub action: Action,
    /// How it is taken back.
    pub undo: Undo,
    /// How long it lasts.
    pub lasting: Lasting,
    /// The longest it may take, for an action that happens once.
    pub timeout: Length,
    /// Proof from outside; the action then counts as a fault.
    pub witness: Option<Witness>,
}

/// How an action is taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Undo {
    /// By these actions; none: there is nothing to take back.
    By(Vec<Action>),
    /// It cannot be taken back.
    Irreversible,
}

/// Something done from where the runner runs. `kubernetes` is read, not yet carried out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// Run a command.
    Exec(Program),
    /// Send a request; success is 2xx.
    Http(HttpRequest),
}

/// Wait until something is true; not in time is `failed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaitFor {
    /// What is watched.
    pub source: Source,
    /// Whose metric source.
    pub platform: Option<PlatformName>,
    /// What must be true.
    pub is: Predicate,
    /// In this time.
    pub within: Length,
    /// The value of a query without series.
    pub absent: Option<f64>,
}

//! Steps, as written.

use super::action::{Action, Actions};
use super::claim::{WaitFor, Witness};
use super::experiment::List;
use super::fault::Fault;
use super::selector::Selector;
use crate::name::StepName;
use crate::text::{Spot, Value};
use crate::unit::Length;
use schemars::JsonSchema;
use serde::Deserialize;

/// A step: exactly one of `inject`, `perform`, `wait`, `waitFor`, `ask`, `parallel`, and what goes with it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Step {
    /// Its name; needed for `inject`, `perform` and `waitFor`.
    pub name: Option<Value<StepName>>,
    /// A fault, always reverted.
    pub inject: Option<Spot<Fault>>,
    /// An action.
    pub perform: Option<Spot<Action>>,
    /// Let time pass.
    pub wait: Option<Value<Length>>,
    /// Until something is true; not in time fails the run.
    pub wait_for: Option<Spot<WaitFor>>,
    /// A person answers (game days).
    pub ask: Option<Value<String>>,
    /// Steps that start together; it ends with the last.
    pub parallel: List<Step>,
    /// Whom a fault hits.
    pub into: Option<Spot<Selector>>,
    /// How long it lasts.
    pub r#for: Option<Value<Length>>,
    /// It lasts until these steps are done.
    pub meanwhile: List<Step>,
    /// Again and again: faults that happen at once, with `for`.
    pub every: Option<Value<Length>>,
    /// Proof from outside that it bites.
    pub witness: Option<Spot<Witness>>,
    /// How an action is taken back; `[]`: there is nothing to take back.
    pub undo: Actions,
    /// An action that cannot be taken back.
    pub irreversible: Option<Value<bool>>,
    /// The longest an action may take; 60s.
    pub timeout: Option<Value<Length>>,
    /// The longest a `waitFor` or `ask` may take.
    pub within: Option<Value<Length>>,
}

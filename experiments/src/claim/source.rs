//! `SOURCE`: where a value comes from.

use super::Query;
use crate::experiment::Template;
use crate::name::StepName;
use crate::unit::Length;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where a value comes from. `kubernetes` is read, not yet carried out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// PromQL, sampled by scrapes.
    Query(Query),
    /// The status code (0: no answer) or a value of the answer, sampled `every`.
    Http {
        /// What is asked.
        request: HttpRequest,
        /// A path into a JSON answer, as `.a.b`.
        json: Option<String>,
        /// How often.
        every: Length,
    },
    /// A command's exit code or output, sampled `every`.
    Exec {
        /// What is run. It must only read.
        program: Program,
        /// Whether the value is what it prints.
        stdout: bool,
        /// How often.
        every: Length,
    },
    /// The exit code or HTTP status of an action, once it has ended.
    Step(StepName),
}

/// An HTTP request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpRequest {
    /// Where.
    pub url: Template,
    /// `GET` for sources, `POST` for actions, unless written.
    pub method: String,
    /// Headers; may hold secrets.
    pub headers: BTreeMap<String, Template>,
    /// The body; may hold secrets.
    pub body: Option<Template>,
}

/// A command, without a shell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// Program and arguments.
    pub command: Vec<Template>,
    /// Added to the runner's environment; may hold secrets.
    pub env: BTreeMap<String, Template>,
}

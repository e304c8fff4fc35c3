//! Commands, requests and objects, as written.

use super::experiment::List;
use crate::experiment::Template;
use crate::name::PlatformName;
use crate::text::{Entries, Spot, Value};
use schemars::JsonSchema;
use serde::Deserialize;

/// What is done.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// Run a command where the runner runs, without a shell.
    Exec(Spot<Exec>),
    /// Send a request; success is 2xx.
    Http(Spot<Http>),
    /// Change an object.
    Kubernetes(Box<Spot<KubernetesAction>>),
}

/// A command, without a shell.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Exec {
    /// Program and arguments.
    #[schemars(required)]
    pub command: Option<Spot<Vec<Value<Template>>>>,
    /// Added to the environment; may hold secrets.
    pub env: Option<Spot<Entries<Value<Template>>>>,
}

/// A request.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Http {
    /// Where.
    #[schemars(required)]
    pub url: Option<Value<Template>>,
    /// How; POST.
    pub method: Option<Value<String>>,
    /// Headers; may hold secrets.
    pub headers: Option<Spot<Entries<Value<Template>>>>,
    /// The body; may hold secrets.
    pub body: Option<Value<Template>>,
}

/// A request whose answer is a value.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpSource {
    /// Where.
    #[schemars(required)]
    pub url: Option<Value<Template>>,
    /// How; GET.
    pub method: Option<Value<String>>,
    /// Headers; may hold secrets.
    pub headers: Option<Spot<Entries<Value<Template>>>>,
    /// The body; may hold secrets.
    pub body: Option<Value<Template>>,
    /// A path into a JSON answer (`.a.b`); without it the value is the status code.
    pub json: Option<Value<String>>,
}

/// A command whose exit code or output is a value. It must only read.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExecSource {
    /// Program and arguments.
    #[schemars(required)]
    pub command: Option<Spot<Vec<Value<Template>>>>,
    /// Added to the environment; may hold secrets.
    pub env: Option<Spot<Entries<Value<Template>>>>,
    /// The value is what it prints, not its exit code; false.
    pub stdout: Option<Value<bool>>,
}

/// A value out of an object's state.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KubernetesSource {
    /// Which: `deployment/cart`.
    #[schemars(required)]
    pub object: Option<Value<Template>>,
    /// Where it is.
    pub namespace: Option<Value<Template>>,
    /// The value of this field: `status.availableReplicas`.
    pub field: Option<Value<String>>,
    /// 1 if this condition is true, else 0.
    pub condition: Option<Value<String>>,
}

/// A change of an object: one of `apply`, `delete`, `patch`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KubernetesAction {
    /// A whole object.
    pub apply: Option<Spot<Entries<Anything>>>,
    /// Delete an object.
    pub delete: Option<Spot<KubernetesObject>>,
    /// Merge something into an object.
    pub patch: Option<Spot<KubernetesPatch>>,
    /// Which platform, where settings name several.
    pub platform: Option<Value<PlatformName>>,
}

/// An object.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KubernetesObject {
    /// Which: `deployment/cart`.
    #[schemars(required)]
    pub object: Option<Value<Template>>,
    /// Where it is.
    pub namespace: Option<Value<Template>>,
}

/// A change of an object.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KubernetesPatch {
    /// Which: `deployment/cart`.
    #[schemars(required)]
    pub object: Option<Value<Template>>,
    /// Where it is.
    pub namespace: Option<Value<Template>>,
    /// What is merged into it.
    #[schemars(required)]
    pub merge: Option<Spot<Entries<Anything>>>,
}

/// Part of an object of Kubernetes: Squall does not look into it.
#[derive(Debug, Clone, Copy)]
pub struct Anything;

impl<'de> Deserialize<'de> for Anything {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

impl JsonSchema for Anything {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Anything".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        true.into()
    }
    fn inline_schema() -> bool {
        true
    }
}

/// A list of actions.
pub type Actions = List<Action>;

//! `squall.yaml`: one file per environment, as written.

use super::experiment::{Limits, List};
use super::literals::{Choice, Plain};
use super::selector::Selector;
use crate::text::{Entries, Spot, Value};
use schemars::JsonSchema;
use serde::Deserialize;

/// Everything a file of settings may say.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SettingsFile {
    /// Where metrics come from.
    pub prometheus: Option<Spot<PrometheusFile>>,
    /// Platforms by name; without any, the local inventory or the current context.
    pub platforms: Option<Spot<Entries<Spot<PlatformFile>>>>,
    /// Values of parameters; names no experiment uses are ignored.
    pub parameters: Option<Spot<Entries<Value<Plain>>>>,
    /// Where secrets come from.
    pub secrets: Option<Spot<Entries<Spot<SecretFile>>>>,
    /// What is never hit.
    pub protected: List<Selector>,
    /// Caps on what experiments may say.
    pub limits: Option<Spot<Limits>>,
    /// `irreversible`, `exec`.
    pub allow: Option<Spot<Vec<Value<Choice<Allow>>>>>,
    /// `terminal`, `always` or `never`; terminal.
    pub confirm: Option<Value<Choice<Confirm>>>,
    /// How agents on other machines are reached.
    pub agents: Option<Spot<AgentsFile>>,
    /// Where runs are kept; `~/.local/state/squall`.
    pub history: Option<Value<String>>,
}

/// How Prometheus is reached.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrometheusFile {
    /// Where.
    #[schemars(required)]
    pub url: Option<Value<String>>,
    /// A file with a bearer token.
    pub bearer_token_file: Option<Value<String>>,
    /// A name and a password.
    pub basic_auth: Option<Spot<BasicAuthFile>>,
    /// A file with the certificates that are trusted.
    pub ca_file: Option<Value<String>>,
}

/// A name and a password.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BasicAuthFile {
    /// The name.
    #[schemars(required)]
    pub username: Option<Value<String>>,
    /// A file with the password.
    #[schemars(required)]
    pub password_file: Option<Value<String>>,
}

/// A platform: `{inventory}`, or `{kubeconfig, context}`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlatformFile {
    /// A file with an Inventory.
    pub inventory: Option<Value<String>>,
    /// A kubeconfig.
    pub kubeconfig: Option<Value<String>>,
    /// A context of it.
    pub context: Option<Value<String>>,
    /// Its own Prometheus.
    pub prometheus: Option<Spot<PrometheusFile>>,
}

/// Where a secret comes from: `{file}`, `{env}` or `{secret, key}`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretFile {
    /// A file.
    pub file: Option<Value<String>>,
    /// A variable of the environment.
    pub env: Option<Value<String>>,
    /// A secret of Kubernetes,
    pub secret: Option<Value<String>>,
    /// and its key.
    pub key: Option<Value<String>>,
}

/// Mutual TLS.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentsFile {
    /// Who is trusted.
    #[schemars(required)]
    pub ca_file: Option<Value<String>>,
    /// Who we are.
    #[schemars(required)]
    pub cert_file: Option<Value<String>>,
    /// The key of that.
    #[schemars(required)]
    pub key_file: Option<Value<String>>,
}

/// Something that settings allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Allow {
    /// Actions that cannot be undone.
    Irreversible,
    /// Commands on the runner's host.
    Exec,
}

/// Who says yes to a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Confirm {
    /// A person, if there is a terminal.
    #[default]
    Terminal,
    /// `--yes`, or nothing runs.
    Always,
    /// Nobody.
    Never,
}

//! `squall.yaml`, checked.

use super::checker::{Checker, at, get};
use super::holes::When;
use super::names::Names;
use super::timeline::Timeline;
use crate::name::{ParameterName, PlatformName};
use crate::target::Selector;
use crate::text::{Code, Entries, Place, Problem, Problems, SourceFile, Spot, Value, decode, documents};
use crate::unit::Percent;
use crate::written::Purpose;
use crate::written::experiment::Limits as WrittenLimits;
use crate::written::selector::Selector as WrittenSelector;
use crate::written::settings::{Allow, Confirm, PlatformFile, PrometheusFile, SecretFile, SettingsFile};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Settings: what differs from environment to environment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// Where metrics come from.
    pub prometheus: Option<PrometheusSettings>,
    /// Platforms by name; empty: the local inventory or the current context.
    pub platforms: BTreeMap<PlatformName, PlatformSettings>,
    /// Values of parameters.
    pub parameters: BTreeMap<String, String>,
    /// Where secrets come from.
    pub secrets: BTreeMap<String, SecretSource>,
    /// What is never hit; `None`: `kube-system` and Squall's own.
    pub protected: Option<Vec<Selector>>,
    /// Caps on what experiments may say.
    pub limits: LimitCaps,
    /// What is allowed; `None`: everything from a terminal, nothing in a cluster.
    pub allow: Option<BTreeSet<Allow>>,
    /// Who says yes to a plan.
    pub confirm: Confirm,
    /// How agents on other machines are reached.
    pub agents: Option<AgentFiles>,
    /// Where runs are kept.
    pub history: Option<PathBuf>,
}

/// Caps on limits; what is `None` is not capped.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LimitCaps {
    /// Distinct instances over all faults.
    pub max_targets: Option<u32>,
    /// Share of the instances that match.
    pub max_percent: Option<Percent>,
    /// How many stay untouched.
    pub keep_at_least: Option<u32>,
}

/// How Prometheus is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrometheusSettings {
    /// Where.
    pub url: String,
    /// A file with a bearer token.
    pub bearer_token_file: Option<PathBuf>,
    /// A name and a password.
    pub basic_auth: Option<BasicAuth>,
    /// A file with the certificates that are trusted.
    pub ca_file: Option<PathBuf>,
}

/// A name and the file with its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasicAuth {
    /// The name.
    pub username: String,
    /// The file.
    pub password_file: PathBuf,
}

/// A platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformSettings {
    /// What it is.
    pub source: PlatformSource,
    /// Its own Prometheus.
    pub prometheus: Option<PrometheusSettings>,
}

/// Where a platform's instances come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlatformSource {
    /// A file with an inventory.
    Inventory(PathBuf),
    /// A cluster.
    Kubernetes {
        /// Its kubeconfig; `None`: the usual one.
        kubeconfig: Option<PathBuf>,
        /// The context; `None`: the current one.
        context: Option<String>,
    },
}

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// A file.
    File(PathBuf),
    /// A variable of the environment.
    Environment(String),
    /// A secret of Kubernetes.
    Kubernetes {
        /// Its name.
        secret: String,
        /// Which of its keys.
        key: String,
    },
}

/// Files for mutual TLS with agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentFiles {
    /// Who is trusted.
    pub ca_file: PathBuf,
    /// Who we are.
    pub cert_file: PathBuf,
    /// The key of that.
    pub key_file: PathBuf,
}

/// What settings look like, for who gives something else.
const EXAMPLE: &str = "settings are a map, such as `prometheus: {url: \"http://prometheus.example:9090\"}`";

/// Reads a file of settings. An empty one is an error: whoever names an environment means one.
pub fn read_settings(file: &SourceFile, purpose: Purpose) -> (Option<Settings>, Vec<Problem>) {
    let mut problems = Problems::of(0);
    let roots = documents(&file.text, &mut problems);
    if let Some(second) = roots.get(1) {
        let first = second.span.start..second.span.start + 1;
        problems.note(Code::WrongShape, &first, "settings are one document, and here begins a second");
    }
    let settings = match roots.first() {
        Some(root) => {
            decode::<SettingsFile>(root, &mut problems).and_then(|written| settings(&written, purpose, &mut problems))
        }
        None => None,
    };
    for problem in &mut problems.found {
        let is_all =
            roots.first().is_some_and(|root| problem.place == Some(Place { file: 0, span: root.span.clone() }));
        if problem.code == Code::Empty || (problem.code == Code::WrongShape && is_all) {
            problem.hint = Some(EXAMPLE.to_owned());
        }
    }
    let mut found = problems.into_found();
    Problem::sort(&mut found);
    let is_fine = !found.iter().any(Problem::is_error);
    (settings.filter(|_| is_fine), found)
}

fn settings(written: &SettingsFile, purpose: Purpose, problems: &mut Problems) -> Option<Settings> {
    let mut checker = Checker {
        problems,
        purpose,
        names: Names::default(),
        timeline: Timeline::default(),
        indicators: BTreeMap::new(),
        used_indicators: BTreeSet::new(),
        not_yet: Vec::new(),
        counted: BTreeSet::new(),
        steps: 0,
        preparations: 0,
    };
    let prometheus = checker.prometheus(&written.prometheus);
    let platforms = checker.named(&written.platforms, |checker, spot| checker.platform(spot));
    let secrets = checker.named(&written.secrets, |checker, spot| checker.secret_source(spot));
    let protected = match &written.protected {
        Some(list) => {
            let selectors = list.value.iter().flatten().map(|spot| checker.protection(spot));
            Some(selectors.collect::<Option<Vec<_>>>()?)
        }
        None => None,
    };
    let mut parameters = BTreeMap::new();
    for (name, value) in written.parameters.iter().flat_map(|spot| &spot.value).flat_map(|entries| &entries.0) {
        let Some(word) = &name.value else { continue };
        if word.parse::<ParameterName>().is_err() {
            checker.note(Code::BadName, &name.span, format!("`{word}` is not the name of a parameter"));
        } else if let Some(value) = &value.value {
            parameters.insert(word.clone(), value.0.clone());
        }
    }
    let allow = written.allow.as_ref().and_then(|list| list.value.as_ref());
    let allow = allow.map(|words| words.iter().filter_map(|word| word.value.map(|choice| choice.0)).collect());
    let agents = match written.agents.as_ref() {
        Some(spot) => spot.value.as_ref().and_then(|files| {
            checker.later(&spot.span, "`agents`, the way to agents on other machines,");
            let ca_file = checker.required(files.ca_file.as_ref(), &spot.span, "caFile");
            let cert_file = checker.required(files.cert_file.as_ref(), &spot.span, "certFile");
            let key_file = checker.required(files.key_file.as_ref(), &spot.span, "keyFile");
            Some(AgentFiles { ca_file: ca_file?.into(), cert_file: cert_file?.into(), key_file: key_file?.into() })
        }),
        None => None,
    };
    Some(Settings {
        prometheus,
        platforms: platforms.into_iter().filter_map(|(name, value)| Some((name.parse().ok()?, value))).collect(),
        parameters,
        secrets,
        protected,
        limits: caps(written.limits.as_ref().and_then(|limits| limits.value.as_ref())),
        allow,
        confirm: get(&written.confirm).map(|choice| choice.0).unwrap_or_default(),
        agents,
        history: get(&written.history).map(PathBuf::from),
    })
}

fn caps(written: Option<&WrittenLimits>) -> LimitCaps {
    written.map_or_else(LimitCaps::default, |written| LimitCaps {
        max_targets: get(&written.max_targets),
        max_percent: get(&written.max_percent),
        keep_at_least: get(&written.keep_at_least),
    })
}

impl Checker<'_> {
    fn named<W, T>(
        &mut self,
        entries: &Option<Spot<Entries<Spot<W>>>>,
        read: impl Fn(&mut Self, &Spot<W>) -> Option<T>,
    ) -> BTreeMap<String, T> {
        let mut map = BTreeMap::new();
        for (name, spot) in entries.iter().flat_map(|spot| &spot.value).flat_map(|entries| &entries.0) {
            let Some(word) = &name.value else { continue };
            if word.parse::<PlatformName>().is_err() {
                self.note(Code::BadName, &name.span, format!("`{word}` is not a name"));
            }
            if let Some(value) = read(self, spot) {
                map.insert(word.clone(), value);
            }
        }
        map
    }

    fn prometheus(&mut self, spot: &Option<Spot<PrometheusFile>>) -> Option<PrometheusSettings> {
        let spot = spot.as_ref()?;
        let written = spot.value.as_ref()?;
        let url = self.required(written.url.as_ref(), &spot.span, "url");
        if let (Some(url), Some(value)) = (&url, &written.url)
            && !url.starts_with("http://")
            && !url.starts_with("https://")
        {
            self.hint(Code::BadValue, &value.span, format!("`{url}` is not a URL"), "write `http://HOST:9090`");
        }
        if let (Some(token), Some(basic)) = (&written.bearer_token_file, &written.basic_auth) {
            let problem = Problem::new(Code::OneOf, "one way to log in is enough").at(self.problems.place(&basic.span));
            let problem = problem.also(self.problems.place(&token.span), "the first one");
            self.problems.push(problem.hint("keep `bearerTokenFile` or `basicAuth`"));
        }
        let basic_auth = written.basic_auth.as_ref().and_then(|spot| {
            let written = spot.value.as_ref()?;
            let username = self.required(written.username.as_ref(), &spot.span, "username");
            let password_file = self.required(written.password_file.as_ref(), &spot.span, "passwordFile");
            Some(BasicAuth { username: username?, password_file: password_file?.into() })
        });
        let path = |value: &Option<Value<String>>| get(value).map(PathBuf::from);
        Some(PrometheusSettings {
            url: url?,
            bearer_token_file: path(&written.bearer_token_file),
            basic_auth,
            ca_file: path(&written.ca_file),
        })
    }

    /// What is never hit; a condition would be asked of nobody, so it protects nobody more or less.
    fn protection(&mut self, spot: &Spot<WrittenSelector>) -> Option<Selector> {
        let condition = spot.value.as_ref().and_then(|written| written.r#where.as_ref());
        if let Some(condition) = condition {
            self.later(&condition.span, "`where` in `protected`");
        }
        self.selector(spot, When::BeforeMethod)
    }

    fn platform(&mut self, spot: &Spot<PlatformFile>) -> Option<PlatformSettings> {
        let written = spot.value.as_ref()?;
        let prometheus = self.prometheus(&written.prometheus);
        let is_cluster = written.kubeconfig.is_some() || written.context.is_some();
        let source = match (&written.inventory, is_cluster) {
            (Some(inventory), false) => PlatformSource::Inventory(inventory.value.clone()?.into()),
            (None, true) => {
                let span = at(&written.kubeconfig).or(at(&written.context)).unwrap_or(&spot.span);
                self.later(span, "a platform that is a cluster");
                PlatformSource::Kubernetes {
                    kubeconfig: get(&written.kubeconfig).map(PathBuf::from),
                    context: get(&written.context),
                }
            }
            _ => {
                let hint = "write `{inventory: PATH}`, or `{kubeconfig: PATH, context: NAME}`";
                self.hint(Code::OneOf, &spot.span, "a platform is an inventory or a cluster", hint);
                return None;
            }
        };
        Some(PlatformSettings { source, prometheus })
    }

    fn secret_source(&mut self, spot: &Spot<SecretFile>) -> Option<SecretSource> {
        let written = spot.value.as_ref()?;
        match (&written.file, &written.env, &written.secret, &written.key) {
            (Some(file), None, None, None) => Some(SecretSource::File(file.value.clone()?.into())),
            (None, Some(env), None, None) => Some(SecretSource::Environment(env.value.clone()?)),
            (None, None, Some(secret), Some(key)) => {
                self.later(&secret.span, "a secret of Kubernetes");
                Some(SecretSource::Kubernetes { secret: secret.value.clone()?, key: key.value.clone()? })
            }
            _ => {
                let hint = "write `{file: PATH}`, `{env: NAME}`, or `{secret: NAME, key: KEY}`";
                self.hint(Code::OneOf, &spot.span, "a secret comes from one place", hint);
                None
            }
        }
    }
}

//! Prometheus' answers, decoded here: milliseconds, warnings and odd numbers are kept.

use super::{FiringAlert, MetricError, RuleKind, RuleState, RuleTrouble, ScrapeTarget};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use squall_experiments::judge::{Labels, Reading, Sample, Series};
use squall_experiments::unit::Length;
use std::time::Duration;

/// The frame around every answer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Frame<T> {
    status: String,
    data: Option<T>,
    error_type: Option<String>,
    error: Option<String>,
    #[serde(default)]
    warnings: Vec<String>,
    /// Since 3.x: hints that change nothing about the answer (`metric might not be a counter`).
    #[serde(default)]
    infos: Vec<String>,
}

/// What a query answers.
#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "camelCase")]
pub(super) enum Found {
    Vector(Vec<VectorItem>),
    Matrix(Vec<MatrixItem>),
    Scalar(Point),
    String(IgnoredAny),
}

#[derive(Deserialize)]
pub(super) struct VectorItem {
    #[serde(default)]
    metric: Labels,
    value: Option<Point>,
}

#[derive(Deserialize)]
pub(super) struct MatrixItem {
    #[serde(default)]
    metric: Labels,
    #[serde(default)]
    values: Vec<Point>,
}

/// `[1763790000.250, "3"]`
#[derive(Deserialize)]
pub(super) struct Point(f64, String);

impl Point {
    fn sample(&self) -> Result<Sample, String> {
        let at = instant(self.0).ok_or_else(|| format!("`{}` is not a time", self.0))?;
        let number = match self.1.as_str() {
            "NaN" => f64::NAN,
            "+Inf" | "Inf" => f64::INFINITY,
            "-Inf" => f64::NEG_INFINITY,
            text => text.parse().map_err(|_| format!("`{text}` is not a number"))?,
        };
        Ok(Sample(at, Reading::Number(number)))
    }
}

/// Unix seconds to the nearest millisecond: Prometheus' resolution.
#[expect(clippy::cast_possible_truncation, reason = "checked to be finite; too large is refused by the constructor")]
fn instant(seconds: f64) -> Option<Timestamp> {
    let millis = (seconds * 1000.0).round();
    (millis.abs() < 1e17).then(|| Timestamp::from_millisecond(millis as i64).ok()).flatten()
}

impl Found {
    /// As series; a scalar is a series without labels.
    pub(super) fn into_series(self) -> Result<Vec<Series>, String> {
        let one = |labels, point: &Point| Ok(Series { labels, samples: vec![point.sample()?] });
        match self {
            Self::Vector(items) => items
                .into_iter()
                .map(|item| match &item.value {
                    Some(point) => one(item.metric, point),
                    None => Err("a native histogram is not a number: use histogram_quantile() or a count".to_owned()),
                })
                .collect(),
            Self::Matrix(items) => items
                .into_iter()
                .map(|item| {
                    let samples = item.values.iter().map(Point::sample).collect::<Result<_, _>>()?;
                    Ok(Series { labels: item.metric, samples })
                })
                .collect(),
            Self::Scalar(point) => Ok(vec![one(Labels::new(), &point)?]),
            Self::String(_) => Err("the query answers with text, not with numbers".to_owned()),
        }
    }

    /// The number of a scalar, such as `time()`.
    pub(super) fn scalar(&self) -> Option<f64> {
        match self {
            Self::Scalar(point) => point.1.parse().ok(),
            Self::Vector(_) | Self::Matrix(_) | Self::String(_) => None,
        }
    }
}

/// Takes an answer apart.
pub(super) fn decode<T: DeserializeOwned>(
    url: &str,
    status: u16,
    body: &[u8],
) -> Result<(T, Vec<String>), MetricError> {
    let url = url.to_owned();
    if matches!(status, 401 | 403) {
        return Err(MetricError::Unauthorized { url, status });
    }
    let frame: Frame<T> = match serde_json::from_slice(body) {
        Ok(frame) => frame,
        // A success that ends in the middle was cut off on its way; anything else never was an answer.
        Err(error) if error.is_eof() && !body.is_empty() && (200..300).contains(&status) => {
            return Err(MetricError::Broken { url, reason: format!("it ends early ({} bytes)", body.len()) });
        }
        Err(error) if (200..300).contains(&status) && body.first() == Some(&b'{') => {
            return Err(MetricError::Broken { url, reason: error.to_string() });
        }
        Err(_) if status >= 500 => {
            return Err(MetricError::Failed { url, kind: format!("HTTP {status}"), message: beginning(body) });
        }
        Err(_) => return Err(MetricError::NotPrometheus { url, status, reason: beginning(body) }),
    };
    if frame.status != "success" {
        let kind = frame.error_type.unwrap_or_else(|| format!("HTTP {status}"));
        let message = frame.error.unwrap_or_else(|| "it gives no reason".to_owned());
        return Err(match kind.as_str() {
            "bad_data" | "execution" | "not_acceptable" => MetricError::Refused { url, kind, message },
            _ => MetricError::Failed { url, kind, message },
        });
    }
    let data = frame
        .data
        .ok_or_else(|| MetricError::Broken { url, reason: "it says `success` and has no data".to_owned() })?;
    tracing::debug!(infos = ?frame.infos, "answer");
    Ok((data, frame.warnings))
}

/// The beginning of a body, for people.
fn beginning(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(400)]);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(120) {
        Some((end, _)) => format!("`{}...`", &line[..end]),
        None if line.is_empty() => "an empty answer".to_owned(),
        None => format!("`{line}`"),
    }
}

/// `/api/v1/targets`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Targets {
    active_targets: Vec<ActiveTarget>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ActiveTarget {
    labels: Labels,
    health: String,
    scrape_interval: String,
    scrape_timeout: String,
}

impl Targets {
    pub(super) fn into_targets(self) -> Result<Vec<ScrapeTarget>, String> {
        let target = |target: ActiveTarget| {
            Ok(ScrapeTarget {
                interval: duration(&target.scrape_interval)?,
                timeout: duration(&target.scrape_timeout)?,
                up: target.health == "up",
                labels: target.labels,
            })
        };
        self.active_targets.into_iter().map(target).collect()
    }
}

/// Prometheus writes `500ms`, `1m30s`, `1m0s`.
fn duration(text: &str) -> Result<Duration, String> {
    text.parse::<Length>().map(Length::get).map_err(|_| format!("`{text}` is not a length of time"))
}

/// `/api/v1/rules`
#[derive(Deserialize)]
pub(super) struct Rules {
    groups: Vec<RuleGroup>,
}

#[derive(Deserialize)]
struct RuleGroup {
    name: String,
    #[serde(default)]
    file: String,
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    name: String,
    health: String,
    #[serde(default)]
    last_error: String,
    #[serde(default)]
    r#type: Option<RuleKind>,
    #[serde(default)]
    last_evaluation: Option<Timestamp>,
}

impl Rules {
    pub(super) fn states(self) -> Vec<RuleState> {
        let of_group = |group: RuleGroup| {
            // Groups of different files may share a name.
            let name = if group.file.is_empty() { group.name } else { format!("{} of {}", group.name, group.file) };
            let state = |rule: Rule| {
                let (healthy, evaluated) = (rule.health == "ok", rule.last_evaluation);
                Some(RuleState { kind: rule.r#type?, group: name.clone(), rule: rule.name, healthy, evaluated })
            };
            group.rules.into_iter().filter_map(state).collect::<Vec<_>>()
        };
        self.groups.into_iter().flat_map(of_group).collect()
    }

    pub(super) fn sick(self) -> Vec<RuleTrouble> {
        let of_group = |group: RuleGroup| {
            let name = group.name;
            group
                .rules
                .into_iter()
                .filter(|rule| rule.health == "err")
                .map(|rule| RuleTrouble { group: name.clone(), rule: rule.name, error: rule.last_error })
                .collect::<Vec<_>>()
        };
        self.groups.into_iter().flat_map(of_group).collect()
    }
}

/// `/api/v1/alerts`
#[derive(Deserialize)]
pub(super) struct Alerts {
    alerts: Vec<Alert>,
}

#[derive(Deserialize)]
struct Alert {
    labels: Labels,
    state: String,
}

impl Alerts {
    pub(super) fn firing(self) -> Vec<FiringAlert> {
        let firing = |alert: &Alert| alert.state == "firing";
        let named = |mut alert: Alert| FiringAlert {
            name: alert.labels.remove("alertname").unwrap_or_else(|| "an alert without a name".to_owned()),
            labels: alert.labels,
        };
        self.alerts.into_iter().filter(firing).map(named).collect()
    }
}

/// `/api/v1/status/buildinfo`
#[derive(Deserialize)]
pub(super) struct BuildInfo {
    pub(super) version: String,
}

/// `/api/v1/status/flags`
#[derive(Deserialize)]
pub(super) struct Flags {
    #[serde(rename = "query.lookback-delta")]
    lookback_delta: Option<String>,
}

impl Flags {
    pub(super) fn lookback(&self) -> Result<Option<Duration>, String> {
        self.lookback_delta.as_deref().map(duration).transpose()
    }
}

//! Asking the world's Prometheus, for readiness and for people.

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::blueprint::PROMETHEUS;
use crate::http;

/// One series' value at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Its labels, as JSON.
    pub labels: Value,
    /// Its value.
    pub value: f64,
}

/// Evaluates a query now, inside the world.
pub fn query(promql: &str) -> Result<Vec<Sample>> {
    let url = format!("http://{PROMETHEUS}/api/v1/query?query={}", http::encode(promql));
    let (code, body) = http::request("GET", &url)?;
    ensure!(code == 200, "Prometheus refused `{promql}`: {code}: {body}");
    let answer: Value = serde_json::from_str(&body).context("read Prometheus' answer")?;
    let series = answer["data"]["result"].as_array().with_context(|| format!("`{promql}` is not an instant vector"))?;
    let sample = |series: &Value| -> Result<Sample> {
        let text = series["value"][1].as_str().context("a sample without a value")?;
        let value = text.parse().with_context(|| format!("`{text}` is not a number"))?;
        Ok(Sample { labels: series["metric"].clone(), value })
    };
    series.iter().map(sample).collect()
}

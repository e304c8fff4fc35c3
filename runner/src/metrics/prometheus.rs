//! Prometheus 2.42 and 3.x over its HTTP API.
//!
//! Every question names its time to the millisecond; "now" is never asked for. Range selectors are
//! closed at their beginning in Prometheus 2 and open in 3: one millisecond more is asked for and cut
//! off here, so both give `(from, until]`.

use super::answer::{Alerts, BuildInfo, Flags, Found, Rules, Targets, decode};
use super::client::{Access, ClientError, http_client, read};
use super::{Answer, FiringAlert, MetricError, MetricSource, RuleState, RuleTrouble, ScrapeTarget};
use crate::chain;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use squall_experiments::judge::Labels;
use std::time::Duration;

/// The longest that one question may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// No claim needs more than this: a million samples are about 30 MB of JSON.
const LARGEST_ANSWER: usize = 64 << 20;

/// A Prometheus server.
pub struct Prometheus {
    client: reqwest::Client,
    access: Access,
    base: String,
    patience: Duration,
    largest: usize,
}

impl Prometheus {
    /// A client for the server; nothing is asked yet.
    ///
    /// # Errors
    /// An address that is none, or files that cannot be read.
    pub fn try_new(access: Access) -> Result<Self, ClientError> {
        let address: Option<reqwest::Url> = access.url.parse().ok();
        if !address.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) {
            return Err(ClientError::Address { url: access.url });
        }
        let client = http_client(access.ca_file.as_deref(), PATIENCE)?;
        let base = access.url.trim_end_matches('/').to_owned();
        let prometheus = Self { client, access, base, patience: PATIENCE, largest: LARGEST_ANSWER };
        prometheus.credentials()?;
        Ok(prometheus)
    }

    /// Waits this long instead of five seconds, and takes this much.
    #[must_use]
    pub fn with_bounds(mut self, patience: Duration, largest: usize) -> Self {
        self.patience = patience;
        self.largest = largest;
        self
    }

    /// Read anew for every question: tokens are rotated.
    fn credentials(&self) -> Result<Credentials, ClientError> {
        if let Some(path) = &self.access.bearer_token_file {
            return read(path).map(Credentials::Bearer);
        }
        match &self.access.basic_auth {
            Some((user, path)) => read(path).map(|password| Credentials::Basic(user.clone(), password)),
            None => Ok(Credentials::None),
        }
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        form: Option<&[(&str, &str)]>,
    ) -> Result<(T, Vec<String>), MetricError> {
        let url = format!("{}{path}", self.base);
        let unreachable = |reason: String| MetricError::Unreachable { url: self.base.clone(), reason };
        let request = match form {
            // A POST: queries outgrow what proxies let pass in an address.
            Some(form) => self.client.post(&url).form(form),
            None => self.client.get(&url),
        };
        let request = match self.credentials().map_err(|error| unreachable(chain(&error)))? {
            Credentials::None => request,
            Credentials::Bearer(token) => request.bearer_auth(token),
            Credentials::Basic(user, password) => request.basic_auth(user, Some(password)),
        };
        let broken = |error: reqwest::Error| {
            if error.is_timeout() {
                MetricError::TimedOut { url: self.base.clone(), after: self.patience }
            } else if error.is_body() || error.is_decode() {
                MetricError::Broken { url: self.base.clone(), reason: chain(&error.without_url()) }
            } else {
                unreachable(chain(&error.without_url()))
            }
        };
        let mut response = request.timeout(self.patience).send().await.map_err(broken)?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(broken)? {
            body.extend_from_slice(&part);
            if body.len() > self.largest {
                return Err(MetricError::TooLarge { url: self.base.clone(), limit: self.largest });
            }
        }
        decode(&self.base, status, &body)
    }

    async fn query(&self, path: &str, form: &[(&str, &str)]) -> Result<Answer, MetricError> {
        let (found, warnings) = self.ask::<Found>(path, Some(form)).await?;
        let mut series = found.into_series().map_err(|reason| self.broken(reason))?;
        series.sort_by(|left, right| left.labels.cmp(&right.labels));
        Ok(Answer { series, warnings })
    }

    fn broken(&self, reason: String) -> MetricError {
        MetricError::Broken { url: self.base.clone(), reason }
    }
}

enum Credentials {
    None,
    Bearer(String),
    Basic(String, String),
}

impl MetricSource for Prometheus {
    fn samples<'a>(
        &'a self,
        selector: &'a str,
        from: Timestamp,
        until: Timestamp,
    ) -> BoxFuture<'a, Result<Answer, MetricError>> {
        async move {
            let length = until.as_millisecond() - from.as_millisecond();
            if length <= 0 {
                return Ok(Answer::default());
            }
            let query = format!("{selector}[{}ms]", length + 1);
            let mut answer = self.query("/api/v1/query", &[("query", &query), ("time", &seconds(until))]).await?;
            for series in &mut answer.series {
                series.samples.retain(|sample| sample.0 > from && sample.0 <= until);
            }
            answer.series.retain(|series| !series.samples.is_empty());
            Ok(answer)
        }
        .boxed()
    }

    fn values<'a>(
        &'a self,
        query: &'a str,
        from: Timestamp,
        until: Timestamp,
        step: Duration,
    ) -> BoxFuture<'a, Result<Answer, MetricError>> {
        async move {
            let step = i64::try_from(step.as_millis()).unwrap_or(i64::MAX).max(1);
            let first = (from.as_millisecond().div_euclid(step) + 1) * step;
            let last = until.as_millisecond().div_euclid(step) * step;
            if first > last {
                return Ok(Answer::default());
            }
            let at = |millis| {
                Timestamp::from_millisecond(millis).map(seconds).map_err(|error| self.broken(error.to_string()))
            };
            let (start, end) = (at(first)?, at(last)?);
            let step = format!("{}.{:03}", step / 1000, step % 1000);
            let form = [("query", query), ("start", &start), ("end", &end), ("step", &step)];
            self.query("/api/v1/query_range", &form).await
        }
        .boxed()
    }

    fn value_at<'a>(&'a self, query: &'a str, at: Timestamp) -> BoxFuture<'a, Result<Answer, MetricError>> {
        async move { self.query("/api/v1/query", &[("query", query), ("time", &seconds(at))]).await }.boxed()
    }

    fn knows<'a>(
        &'a self,
        selector: &'a str,
        from: Timestamp,
        until: Timestamp,
    ) -> BoxFuture<'a, Result<bool, MetricError>> {
        async move {
            // One is enough; a server that does not know `limit` gives all.
            let (start, end) = (seconds(from), seconds(until));
            let form = [("match[]", selector), ("start", &start), ("end", &end), ("limit", "1")];
            let (found, _) = self.ask::<Vec<Labels>>("/api/v1/series", Some(&form)).await?;
            Ok(!found.is_empty())
        }
        .boxed()
    }

    fn clock(&self) -> BoxFuture<'_, Result<Timestamp, MetricError>> {
        async {
            let (found, _) = self.ask::<Found>("/api/v1/query", Some(&[("query", "time()")])).await?;
            let seconds = found.scalar().ok_or_else(|| self.broken("`time()` is not a number".to_owned()))?;
            #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970 fit")]
            let millis = (seconds * 1000.0).round() as i64;
            Timestamp::from_millisecond(millis).map_err(|error| self.broken(error.to_string()))
        }
        .boxed()
    }

    fn version(&self) -> BoxFuture<'_, Result<String, MetricError>> {
        async { Ok(self.ask::<BuildInfo>("/api/v1/status/buildinfo", None).await?.0.version) }.boxed()
    }

    fn lookback(&self) -> BoxFuture<'_, Result<Option<Duration>, MetricError>> {
        async {
            let (flags, _) = self.ask::<Flags>("/api/v1/status/flags", None).await?;
            flags.lookback().map_err(|reason| self.broken(reason))
        }
        .boxed()
    }

    fn targets(&self) -> BoxFuture<'_, Result<Vec<ScrapeTarget>, MetricError>> {
        async {
            let (targets, _) = self.ask::<Targets>("/api/v1/targets?state=active", None).await?;
            targets.into_targets().map_err(|reason| self.broken(reason))
        }
        .boxed()
    }

    fn sick_rules(&self) -> BoxFuture<'_, Result<Vec<RuleTrouble>, MetricError>> {
        async { Ok(self.ask::<Rules>("/api/v1/rules", None).await?.0.sick()) }.boxed()
    }

    fn rules(&self) -> BoxFuture<'_, Result<Vec<RuleState>, MetricError>> {
        async { Ok(self.ask::<Rules>("/api/v1/rules", None).await?.0.states()) }.boxed()
    }

    fn firing(&self) -> BoxFuture<'_, Result<Vec<FiringAlert>, MetricError>> {
        async { Ok(self.ask::<Alerts>("/api/v1/alerts", None).await?.0.firing()) }.boxed()
    }
}

/// Unix seconds with milliseconds, as the API takes them.
fn seconds(at: Timestamp) -> String {
    let millis = at.as_millisecond();
    format!("{}.{:03}", millis.div_euclid(1000), millis.rem_euclid(1000))
}

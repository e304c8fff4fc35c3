//! One reading of an `http` or `exec` source.

use super::launch::{Session, launched};
use crate::metrics::HttpClient;
use crate::secrets::Secrets;
use squall_experiments::claim::{HttpRequest, Program, Source};
use squall_experiments::judge::Reading;
use squall_experiments::unit::parse_number;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The largest answer a value is looked for in.
const LARGEST: usize = 1 << 20;

/// Reads sources on this host.
pub struct Probe {
    squall: PathBuf,
    client: HttpClient,
    secrets: Arc<Secrets>,
}

impl Probe {
    /// `squall`: the program that launches commands.
    pub fn new(squall: PathBuf, client: HttpClient, secrets: Arc<Secrets>) -> Self {
        Self { squall, client, secrets }
    }

    /// What holes are filled from.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Asks once.
    ///
    /// # Errors
    /// Why there is no value, as a sentence. A server that does not answer is status 0, not an error.
    pub async fn read(&self, source: &Source, patience: Duration) -> Result<Reading, String> {
        let read = match source {
            Source::Http { request, json, .. } => self.http(request, json.as_deref(), patience).await,
            Source::Exec { program, stdout, .. } => self.exec(program, *stdout, patience).await,
            Source::Query(_) | Source::Step(_) => Err("it is not asked on this host".to_owned()),
        };
        read.map_err(|reason| self.secrets.hide(&reason))
    }

    async fn http(&self, request: &HttpRequest, json: Option<&str>, patience: Duration) -> Result<Reading, String> {
        let ready = self.secrets.fill_request(&self.client, request)?.timeout(patience);
        let answer = ready.send().await;
        let Some(path) = json else {
            return Ok(Reading::Number(answer.map_or(0.0, |answer| f64::from(answer.status().as_u16()))));
        };
        let mut answer =
            answer.map_err(|error| format!("no answer: {}", squall_agent::explain(&error.without_url())))?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|error| squall_agent::explain(&error.without_url()))? {
            body.extend_from_slice(&part);
            if body.len() > LARGEST {
                return Err(format!("the answer is larger than {LARGEST} bytes"));
            }
        }
        let value: serde_json::Value = serde_json::from_slice(&body)
            .map_err(|error| format!("the answer (HTTP {status}) is not JSON: {error}"))?;
        let found = lookup(&value, path).ok_or_else(|| format!("the answer (HTTP {status}) has no `{path}`"))?;
        reading(found).ok_or_else(|| format!("`{path}` is neither a number nor a text"))
    }

    async fn exec(&self, program: &Program, stdout: bool, patience: Duration) -> Result<Reading, String> {
        let (words, environment) = self.secrets.fill_program(program)?;
        let mut child = launched(&self.squall, &words, environment)
            .spawn()
            .map_err(|error| format!("the command could not be started: {error}"))?;
        // Held until this is over, in time or not, or nobody asks any more: nothing it started goes on.
        let session = child.id().map(Session);
        let (output, errors) = (child.stdout.take(), child.stderr.take());
        let ending = async {
            let status = child.wait().await;
            // What it left behind holds the pipes open; they close, and reading ends.
            drop(session);
            status
        };
        let all = async { tokio::join!(ending, read_some(output), read_some(errors)) };
        let Ok((status, output, errors)) = tokio::time::timeout(patience, all).await else {
            let patience = squall_experiments::unit::Length::from(patience);
            return Err(format!("the command took longer than {patience}"));
        };
        let status = status.map_err(|error| format!("wait for the command: {error}"))?;
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
        if !stdout {
            return Ok(Reading::Number(f64::from(code)));
        }
        if code != 0 {
            let said = String::from_utf8_lossy(&errors);
            let last = said.lines().last().unwrap_or("it says nothing");
            return Err(format!("the command exited with {code}: {last}"));
        }
        let text = String::from_utf8_lossy(&output);
        Ok(textual(text.trim()))
    }
}

/// Reads to the end, so that a full pipe stops nobody, and keeps the beginning.
async fn read_some(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let Some(mut stream) = stream else { return Vec::new() };
    let mut kept = Vec::new();
    let mut part = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut part).await {
        if kept.len() < LARGEST {
            kept.extend_from_slice(&part[..length]);
        }
    }
    kept
}

/// `.a.b.0`: keys and places.
fn lookup<'a>(value: &'a serde_json::Value, path: &str) -> Option<&'a serde_json::Value> {
    path.split('.').filter(|key| !key.is_empty()).try_fold(value, |inside, key| match inside {
        serde_json::Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        _ => inside.get(key),
    })
}

fn reading(value: &serde_json::Value) -> Option<Reading> {
    match value {
        serde_json::Value::Number(number) => number.as_f64().map(Reading::Number),
        serde_json::Value::Bool(true) => Some(Reading::Number(1.0)),
        serde_json::Value::Bool(false) => Some(Reading::Number(0.0)),
        serde_json::Value::String(text) => Some(textual(text)),
        serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => None,
    }
}

/// A number where it is one, so that `at least 3` can be asked of it.
fn textual(text: &str) -> Reading {
    parse_number(text).map_or_else(|_| Reading::Text(text.to_owned()), Reading::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use squall_experiments::experiment::Template;
    use squall_experiments::unit::Length;
    use std::collections::BTreeMap;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    fn probe() -> Probe {
        let client = HttpClient::waiting(Duration::from_secs(5));
        Probe::new("squall".into(), client, Arc::new(Secrets::default()))
    }

    fn get(url: &str, json: Option<&str>) -> Source {
        let request =
            HttpRequest { url: Template::text(url), method: "GET".into(), headers: BTreeMap::new(), body: None };
        Source::Http { request, json: json.map(str::to_owned), every: Length::from_secs(1) }
    }

    #[tokio::test]
    async fn an_http_source_is_its_status_or_a_value_inside() {
        let server = MockServer::start().await;
        let body = r#"{"a":{"b":["x",{"c":true,"d":"7","e":"up"}]}}"#;
        let template = ResponseTemplate::new(503).set_body_string(body);
        Mock::given(wiremock::matchers::any()).respond_with(template).mount(&server).await;
        let (probe, patience) = (probe(), Duration::from_secs(5));
        for (json, wanted) in [
            (None, Reading::Number(503.0)),
            (Some(".a.b.1.c"), Reading::Number(1.0)),
            (Some(".a.b.1.d"), Reading::Number(7.0)),
            (Some(".a.b.1.e"), Reading::Text("up".into())),
        ] {
            assert_eq!(probe.read(&get(&server.uri(), json), patience).await.unwrap(), wanted);
        }
        let missing = probe.read(&get(&server.uri(), Some(".a.z")), patience).await.unwrap_err();
        assert_eq!(missing, "the answer (HTTP 503 Service Unavailable) has no `.a.z`");
    }

    #[tokio::test]
    async fn a_server_that_does_not_answer_is_status_zero() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let patience = Duration::from_secs(5);
        assert_eq!(probe().read(&get(&url, None), patience).await.unwrap(), Reading::Number(0.0));
        assert!(probe().read(&get(&url, Some(".a")), patience).await.unwrap_err().starts_with("no answer"));
    }
}

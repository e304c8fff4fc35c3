//! What real Prometheuses answered to every question that Squall has, read: Debian's 2.42, and a 3.x.
//!
//! `answers/VERSION.json`: to each question its path, its query, and the status and body that came back at the Unix
//! time `at`. Recorded from a Prometheus that scraped itself (job `itself`, every 500 ms, timeout 400 ms) and a
//! target that does not answer (job `nobody`, every 1m30s, timeout 1s), with one group of four rules: the recorded
//! `job:up:sum`, the impossible `ambiguous` (`up * on () up`), and the alerts `Down` and, with `for: 1h`, `Soon`; its flags, those of `query.` alone, with
//! `--query.lookback-delta=1m30s`.

use super::{Access, Answer, MetricError, MetricSource as _, Prometheus, RuleKind};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use squall_experiments::judge::Reading;
use std::collections::BTreeMap;
use std::time::Duration;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

const RECORDINGS: [&str; 2] = [include_str!("answers/2.42.0.json"), include_str!("answers/3.15.0.json")];

/// The query of a question, if it has one.
fn asked(request: &Request) -> Option<String> {
    let mut url = request.url.clone();
    url.set_query(std::str::from_utf8(&request.body).ok());
    url.query_pairs().find(|(name, _)| name == "query").map(|(_, query)| query.into_owned())
}

#[derive(Deserialize)]
struct Recording {
    at: f64,
    answers: BTreeMap<String, Recorded>,
}

#[derive(Deserialize)]
struct Recorded {
    path: String,
    query: Option<String>,
    status: u16,
    body: Value,
}

/// A server that says again what was recorded.
struct Again {
    recording: Recording,
    prometheus: Prometheus,
    _server: MockServer,
}

impl Again {
    async fn all() -> [Self; 2] {
        let [two, three] = RECORDINGS;
        [Self::of(two).await, Self::of(three).await]
    }

    async fn of(text: &str) -> Self {
        let recording: Recording = serde_json::from_str(text).unwrap();
        let server = MockServer::start().await;
        for recorded in recording.answers.values() {
            let answer = ResponseTemplate::new(recorded.status).set_body_json(&recorded.body);
            let query = recorded.query.clone();
            let same_query = move |request: &Request| query == asked(request);
            Mock::given(path(recorded.path.as_str())).and(same_query).respond_with(answer).mount(&server).await;
        }
        let prometheus = Prometheus::try_new(Access::open(server.uri())).unwrap();
        Self { recording, prometheus, _server: server }
    }

    /// When it was recorded.
    #[expect(clippy::cast_possible_truncation, reason = "a time of this century in milliseconds")]
    fn at(&self) -> Timestamp {
        Timestamp::from_millisecond((self.recording.at * 1000.0).round() as i64).unwrap()
    }

    fn before(&self, length: Duration) -> Timestamp {
        self.at().checked_sub(jiff::SignedDuration::try_from(length).unwrap()).unwrap()
    }

    async fn value(&self, question: &str) -> Result<Answer, MetricError> {
        let query = self.recording.answers[question].query.as_deref().unwrap();
        self.prometheus.value_at(query, self.at()).await
    }
}

#[tokio::test]
async fn versions_clocks_and_targets_are_read() {
    for (again, version) in Again::all().await.iter().zip(["2.42.0+ds", "3.15.0"]) {
        let prometheus = &again.prometheus;
        assert_eq!(prometheus.version().await.unwrap(), version);
        assert_eq!(prometheus.lookback().await.unwrap(), Some(Duration::from_secs(90)));
        let apart = prometheus.clock().await.unwrap().duration_since(again.at());
        assert!(apart.as_secs().abs() < 2, "{version}: {apart:?}");
        let targets = prometheus.targets().await.unwrap();
        let seen = |job: &str| {
            let target = targets.iter().find(|target| target.labels["job"] == job).unwrap();
            (target.interval, target.timeout, target.up)
        };
        assert_eq!(targets.len(), 2);
        assert_eq!(seen("itself"), (Duration::from_millis(500), Duration::from_millis(400), true));
        assert_eq!(seen("nobody"), (Duration::from_secs(90), Duration::from_secs(1), false));
    }
}

#[tokio::test]
async fn rules_and_alerts_are_read() {
    for again in Again::all().await {
        let rules = again.prometheus.rules().await.unwrap();
        let found: Vec<_> = rules.iter().map(|rule| (rule.rule.as_str(), rule.kind, rule.healthy)).collect();
        let (recording, alerting) = (RuleKind::Recording, RuleKind::Alerting);
        let expected = [
            ("job:up:sum", recording, true),
            ("ambiguous", recording, false),
            ("Down", alerting, true),
            ("Soon", alerting, true),
        ];
        assert_eq!(found, expected);
        for rule in &rules {
            assert!(
                rule.evaluated.is_some_and(|evaluated| evaluated > again.before(Duration::from_secs(2))),
                "{rule:?}"
            );
            assert_eq!(rule.group, "g of rules.yml");
        }
        let sick = again.prometheus.sick_rules().await.unwrap();
        assert_eq!((sick.len(), sick[0].rule.as_str()), (1, "ambiguous"));
        assert!(sick[0].error.contains("many-to-many"), "{}", sick[0].error);
        let firing = again.prometheus.firing().await.unwrap();
        assert_eq!((firing.len(), firing[0].name.as_str()), (1, "Down"), "what is pending does not fire");
        assert_eq!(firing[0].labels["job"], "nobody");
    }
}

#[tokio::test]
async fn samples_and_values_keep_their_times() {
    for again in Again::all().await {
        let (from, until) = (again.before(Duration::from_secs(2)), again.at());
        let up = again.prometheus.samples("up", from, until).await.unwrap();
        assert_eq!(up.series.len(), 1, "the other was scraped before");
        let samples = &up.series[0].samples;
        assert_eq!(samples.len(), 4, "two seconds, twice a second");
        assert!(samples.iter().all(|sample| sample.0 > from && sample.0 <= until && sample.1 == Reading::Number(1.0)));

        let rate = again.recording.answers["values"].query.clone().unwrap();
        let values = again.prometheus.values(&rate, from, until, Duration::from_millis(500)).await.unwrap();
        assert_eq!(values.series[0].samples.len(), 5);
        assert!(values.warnings.is_empty());

        let value = again.value("value").await.unwrap();
        assert_eq!((value.series.len(), &value.series[0].samples[0].1), (1, &Reading::Number(0.0)));
        assert!(again.value("nothing").await.unwrap().series.is_empty());
        let odd = again.value("nan").await.unwrap();
        assert!(odd.series.iter().all(|one| matches!(one.samples[0].1, Reading::Number(number) if number.is_nan())));
    }
}

#[tokio::test]
async fn a_warning_is_told_and_a_hint_is_not() {
    let [two, three] = Again::all().await;
    for again in [&two, &three] {
        assert!(again.value("infos").await.unwrap().warnings.is_empty(), "that it is no counter changes no number");
    }
    assert!(two.value("warnings").await.unwrap().warnings.is_empty(), "2.42 does not say so");
    let warnings = three.value("warnings").await.unwrap().warnings;
    assert!(warnings.len() == 1 && warnings[0].contains("quantile"), "{warnings:?}");
    let hinted = &three.recording.answers["infos"].body["infos"];
    assert!(hinted.to_string().contains("might not be a counter"), "it was recorded: {hinted}");
}

#[tokio::test]
async fn refusals_say_why() {
    for again in Again::all().await {
        let Err(MetricError::Refused { kind, message, .. }) = again.value("refused").await else {
            panic!("not refused")
        };
        assert!(kind == "bad_data" && message.contains("parse error"), "{message}");
        let Err(MetricError::Refused { kind, .. }) = again.value("ambiguous").await else { panic!("not refused") };
        assert_eq!(kind, "execution");
    }
}

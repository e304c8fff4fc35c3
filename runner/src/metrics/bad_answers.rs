//! Every way in which a Prometheus can answer badly. What good ones answer stands in `real_answers`.

use super::{Access, MetricError, MetricSource as _, Prometheus};
use jiff::Timestamp;
use squall_experiments::judge::Reading;
use std::io::Write as _;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use wiremock::matchers::{body_string_contains, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap()
}

async fn server(status: u16, body: &str) -> MockServer {
    let server = MockServer::start().await;
    let template = ResponseTemplate::new(status).set_body_string(body);
    Mock::given(wiremock::matchers::any()).respond_with(template).mount(&server).await;
    server
}

fn client(url: &str) -> Prometheus {
    Prometheus::try_new(Access::open(url)).unwrap()
}

async fn error(status: u16, body: &str) -> MetricError {
    let server = server(status, body).await;
    client(&server.uri()).value_at("up", at(1000)).await.unwrap_err()
}

/// Answers once with these bytes, then hangs up.
async fn raw(bytes: &'static [u8]) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _length = stream.read(&mut request).await.unwrap();
        stream.write_all(bytes).await.unwrap();
    });
    url
}

#[tokio::test]
async fn samples_keep_milliseconds_odd_numbers_and_warnings() {
    let body = r#"{"status":"success","warnings":["half of it is missing"],"infos":["just so"],"data":{"resultType":"matrix","result":[
        {"metric":{"job":"b"},"values":[[10.5,"NaN"],[11,"+Inf"],[11.25,"-Inf"],[12,"3"],[12.001,"4"]]},
        {"metric":{"job":"a"},"values":[[10,"1"]]}]}}"#;
    let server = server(200, body).await;
    let answer = client(&server.uri()).samples("up", at(10_000), at(12_000)).await.unwrap();
    assert_eq!(answer.warnings, ["half of it is missing"]);
    assert_eq!(answer.series.len(), 1, "a sample at the beginning is outside, and a series without samples is none");
    let samples = &answer.series[0].samples;
    assert_eq!(
        samples.iter().map(|sample| sample.0.as_millisecond()).collect::<Vec<_>>(),
        [10_500, 11_000, 11_250, 12_000]
    );
    assert!(matches!(samples[0].1, Reading::Number(number) if number.is_nan()));
    assert_eq!(samples[1].1, Reading::Number(f64::INFINITY));
    assert_eq!(samples[2].1, Reading::Number(f64::NEG_INFINITY));
}

#[tokio::test]
async fn questions_name_their_time_to_the_millisecond() {
    let server = MockServer::start().await;
    let body = r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#;
    for (endpoint, form) in [
        ("/prefix/api/v1/query", "query=up%5B2001ms%5D&time=12.000"),
        ("/prefix/api/v1/query_range", "query=rate%28a%5B1m%5D%29&start=10.500&end=11.500&step=0.500"),
    ] {
        Mock::given(method("POST"))
            .and(path(endpoint))
            .and(body_string_contains(form))
            .respond_with(ResponseTemplate::new(200).set_body_string(body))
            .expect(1)
            .mount(&server)
            .await;
    }
    let prometheus = client(&format!("{}/prefix/", server.uri()));
    prometheus.samples("up", at(10_000), at(12_000)).await.unwrap();
    prometheus.values("rate(a[1m])", at(10_000), at(11_900), Duration::from_millis(500)).await.unwrap();
}

#[tokio::test]
async fn a_scalar_is_a_series_without_labels() {
    let server =
        server(200, r#"{"status":"success","data":{"resultType":"scalar","result":[1763790000.25,"1763790000.25"]}}"#)
            .await;
    let prometheus = client(&server.uri());
    assert_eq!(prometheus.clock().await.unwrap(), at(1_763_790_000_250));
    assert!(prometheus.value_at("time()", at(0)).await.unwrap().series[0].labels.is_empty());
}

#[tokio::test]
async fn an_absent_server_is_unreachable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = client(&url).clock().await.unwrap_err();
    assert!(matches!(&error, MetricError::Unreachable { reason, .. } if reason.contains("refused")), "{error}");
    assert!(!error.is_lasting());
}

#[test]
fn a_wrong_address_is_refused_before_anything_is_asked() {
    for url in ["prometheus:9090", "ftp://prometheus", "", "http://"] {
        assert!(Prometheus::try_new(Access::open(url)).is_err(), "{url}");
    }
}

#[tokio::test]
async fn refusals_last_and_failures_do_not() {
    let error = error(400, r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#).await;
    assert!(error.is_lasting());
    assert!(error.to_string().ends_with("refused the query (bad_data): parse error"), "{error}");
    let busy = self::error(503, r#"{"status":"error","errorType":"timeout","error":"query timed out"}"#).await;
    assert!(matches!(&busy, MetricError::Failed { kind, .. } if kind == "timeout"), "{busy}");
    assert!(!busy.is_lasting());
    let unwell = self::error(502, "<html>Bad Gateway</html>").await;
    assert!(matches!(&unwell, MetricError::Failed { kind, .. } if kind == "HTTP 502"), "{unwell}");
}

#[tokio::test]
async fn missing_credentials_are_named() {
    for status in [401, 403] {
        let error = error(status, "Unauthorized").await;
        assert!(error.is_lasting());
        assert!(error.to_string().contains("see `prometheus` in squall.yaml"), "{error}");
    }
}

#[tokio::test]
async fn what_is_not_prometheus_is_said_to_be_none() {
    for (status, body) in [(200, "<html>hello</html>"), (404, "404 page not found"), (200, "")] {
        let error = error(status, body).await;
        assert!(matches!(error, MetricError::NotPrometheus { .. }), "{error}");
    }
    for body in [
        r#"{"hello":1}"#,
        r#"{"status":"success"}"#,
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"many"]}]}}"#,
    ] {
        let error = error(200, body).await;
        assert!(matches!(error, MetricError::Broken { .. }), "{body}: {error}");
    }
}

#[tokio::test]
async fn a_truncated_answer_is_never_taken_for_a_short_one() {
    let cut = error(200, r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"val"#).await;
    assert!(matches!(&cut, MetricError::Broken { reason, .. } if reason.contains("ends early")), "{cut}");
    let url = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"status\":\"success\"").await;
    let hung_up = client(&url).value_at("up", at(0)).await.unwrap_err();
    assert!(matches!(hung_up, MetricError::Broken { .. }), "{hung_up}");
}

#[tokio::test]
async fn a_stalled_server_is_given_up_in_time() {
    let server = MockServer::start().await;
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(10));
    Mock::given(wiremock::matchers::any()).respond_with(slow).mount(&server).await;
    let prometheus = client(&server.uri()).with_bounds(Duration::from_millis(200), 1 << 20);
    let began = std::time::Instant::now();
    let error = prometheus.clock().await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(error.to_string().ends_with("did not answer within 200ms"), "{error}");
}

#[tokio::test]
async fn an_answer_without_end_is_refused() {
    let server = server(200, &"x".repeat(4096)).await;
    let prometheus = client(&server.uri()).with_bounds(Duration::from_secs(5), 1000);
    assert!(matches!(prometheus.clock().await.unwrap_err(), MetricError::TooLarge { limit: 1000, .. }));
}

#[tokio::test]
async fn credentials_are_read_from_files_and_sent() {
    let mut token = tempfile::NamedTempFile::new().unwrap();
    writeln!(token, "s3cret").unwrap();
    let server = MockServer::start().await;
    let body = r#"{"status":"success","data":{"version":"3.1.0"}}"#;
    for value in ["Bearer s3cret", "Basic cm9zYTpzM2NyZXQ="] {
        let answer = ResponseTemplate::new(200).set_body_string(body);
        Mock::given(header("authorization", value)).respond_with(answer).expect(1).mount(&server).await;
    }
    let file = token.path().to_owned();
    let bearer = Access { bearer_token_file: Some(file.clone()), ..Access::open(server.uri()) };
    let basic = Access { basic_auth: Some(("rosa".into(), file)), ..Access::open(server.uri()) };
    for access in [bearer, basic] {
        assert_eq!(Prometheus::try_new(access).unwrap().version().await.unwrap(), "3.1.0");
    }
    let gone = Access { bearer_token_file: Some("/nowhere/token".into()), ..Access::open(server.uri()) };
    assert!(Prometheus::try_new(gone).is_err());
}

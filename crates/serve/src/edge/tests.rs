use std::fs;

use axum::{Extension, body::Body, http::StatusCode, routing::post};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;
use crate::config::ServeConfig;

/// Minimal routes with the layers around them.
struct Bench {
    app: Router,
    metrics: Arc<Metrics>,
    shutdown: CancellationToken,
}

fn bench(limits: Limits, keys: Option<&str>, origins: &[&str]) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let keys = keys.map(|keys| {
        let path = folder.path().join("keys");
        fs::write(&path, keys).unwrap();
        Arc::new(ApiKeys::read(&path).unwrap())
    });
    let access = Access {
        cors_origins: origins.iter().map(|&origin| origin.to_owned()).collect(),
        ..Access::default()
    };
    let timing = Timing {
        queue: Duration::from_micros(1500),
        tokenization: Duration::from_micros(250),
        inference: Duration::from_millis(12),
    };
    let metrics = Arc::new(Metrics::default());
    let routes = Router::new()
        .route(
            "/answer/{name}",
            post(async move || (Extension(timing), "answer")),
        )
        .route("/long", get(async || "x".repeat(20_000)))
        .route("/never", post(std::future::pending::<()>))
        .route("/health", get(async || "ok"))
        .merge(metrics_route(Arc::clone(&metrics)));
    let shutdown = CancellationToken::new();
    let edge = Edge {
        limits,
        keys,
        origins: Origins::new(&access.cors_origins),
        answer_memory: Memory::new(5000),
        metrics: Arc::clone(&metrics),
        shutdown: shutdown.clone(),
    };
    Bench {
        app: wrap(routes, Arc::new(edge), cors(&access).unwrap()),
        metrics,
        shutdown,
    }
}

fn defaults() -> Limits {
    ServeConfig::default().limits
}

impl Bench {
    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from("body")).unwrap();
        self.app.clone().oneshot(request).await.unwrap()
    }
}

async fn text_of(response: Response) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn requests_without_a_key_answer_401_with_a_challenge() {
    let bench = bench(defaults(), Some("first\nsecond\n"), &[]);
    let cases = [
        (None, Some("Bearer")),
        (Some("first"), Some("Bearer")),
        (Some("Basic first"), Some("Bearer")),
        (Some("Bearer"), Some("Bearer")),
        (
            Some("Bearer third"),
            Some(r#"Bearer error="invalid_token""#),
        ),
        (Some("Bearer "), Some(r#"Bearer error="invalid_token""#)),
        (Some("Bearer first"), None),
        (Some("bearer  second"), None),
    ];
    for (sent, challenge) in cases {
        let headers: Vec<_> = sent
            .map(|value| ("authorization", value))
            .into_iter()
            .collect();
        let response = bench.send("POST", "/answer/1", &headers).await;
        let found = response.headers().get(header::WWW_AUTHENTICATE);
        assert_eq!(
            found.map(|value| value.to_str().unwrap()),
            challenge,
            "{sent:?}"
        );
        if challenge.is_some() {
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{sent:?}");
            assert_eq!(text_of(response).await, r#"{"detail":"Not authenticated"}"#);
        } else {
            assert_eq!(response.status(), StatusCode::OK, "{sent:?}");
        }
    }
}

#[tokio::test]
async fn only_probes_and_documentation_need_no_key() {
    let bench = bench(defaults(), Some("key"), &[]);
    let cases = [
        ("/health", StatusCode::OK),
        // These paths have no route in this test: 404 shows that no key was needed.
        ("/ready", StatusCode::NOT_FOUND),
        ("/v2/health/live", StatusCode::NOT_FOUND),
        ("/docs", StatusCode::NOT_FOUND),
        ("/openapi.json", StatusCode::NOT_FOUND),
        ("/", StatusCode::NOT_FOUND),
        // Redirects to the probe.
        ("/health/", StatusCode::NOT_FOUND),
        ("/info", StatusCode::UNAUTHORIZED),
        ("/metrics", StatusCode::UNAUTHORIZED),
        ("/nowhere", StatusCode::UNAUTHORIZED),
        ("/info/", StatusCode::UNAUTHORIZED),
        ("/v2/health", StatusCode::UNAUTHORIZED),
    ];
    for (path, status) in cases {
        assert_eq!(
            bench.send("GET", path, &[]).await.status(),
            status,
            "{path}"
        );
    }
    // A POST to the same path is the Inference API.
    let response = bench.send("POST", "/", &[]).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let response = bench
        .send("GET", "/metrics", &[("authorization", "Bearer key")])
        .await;
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        metrics::CONTENT_TYPE
    );
}

#[tokio::test]
async fn pages_from_elsewhere_may_ask_only_if_listed() {
    let origin = [("origin", "https://shop.example")];
    let allowed = async |origins: &[&str]| {
        let response = bench(defaults(), None, origins)
            .send("POST", "/answer/1", &origin)
            .await;
        response
            .headers()
            .get(header::ACCESS_CONTROL_ALLOW_ORIGIN)
            .cloned()
    };
    assert_eq!(allowed(&[]).await, None);
    assert_eq!(allowed(&["https://other.example"]).await, None);
    let listed = ["https://other.example", "https://shop.example"];
    assert_eq!(allowed(&listed).await.unwrap(), "https://shop.example");
    assert_eq!(allowed(&["*"]).await.unwrap(), "*");
}

#[tokio::test]
async fn browsers_may_ask_whether_they_may_ask_without_a_key() {
    let bench = bench(defaults(), Some("key"), &["https://shop.example"]);
    let preflight = [
        ("origin", "https://shop.example"),
        ("access-control-request-method", "POST"),
        (
            "access-control-request-headers",
            "authorization,content-type",
        ),
    ];
    let response = bench.send("OPTIONS", "/answer/1", &preflight).await;
    assert_eq!(response.status(), StatusCode::OK);
    let headers = response.headers()[header::ACCESS_CONTROL_ALLOW_HEADERS]
        .to_str()
        .unwrap();
    assert!(headers.contains("authorization"), "{headers}");
    // The request itself needs a key.
    let response = bench.send("POST", "/answer/1", &preflight[..1]).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
}

#[test]
fn origins_are_what_browsers_send() {
    for right in [
        "*",
        "https://example.org",
        "http://localhost:3000",
        "http://[::1]:80",
    ] {
        assert!(parse_origin(right).is_some(), "{right}");
    }
    for wrong in [
        "",
        "example.org",
        "https://example.org/",
        "https://a.org/b",
        "https://u@a.org",
        "null",
        "**",
    ] {
        assert!(parse_origin(wrong).is_none(), "{wrong}");
    }
}

#[tokio::test]
async fn answers_say_where_the_time_went_and_which_request_they_are_for() {
    let bench = bench(defaults(), None, &[]);
    let response = bench
        .send("POST", "/answer/1", &[("x-request-id", "order-66")])
        .await;
    let timing = response.headers()["server-timing"].to_str().unwrap();
    let steps = "queue;dur=1.500, tokenize;dur=0.250, inference;dur=12.000, total;dur=";
    assert!(timing.starts_with(steps), "{timing}");
    assert_eq!(response.headers()["x-request-id"], "order-66");
    let response = bench
        .send("GET", "/health", &[("x-request-id", "two words")])
        .await;
    assert_eq!(response.headers()["x-request-id"].len(), 32);
}

#[tokio::test]
async fn refusals_say_how_long_they_took() {
    let limits = Limits {
        timeout: Duration::from_millis(20),
        ..defaults()
    };
    let bench = bench(limits, Some("key"), &[]);
    let key = ("authorization", "Bearer key");
    for (path, headers) in [
        ("/answer/1", &[][..]),
        ("/nowhere", &[key]),
        ("/never", &[key]),
    ] {
        let response = bench.send("POST", path, headers).await;
        assert!(!response.status().is_success(), "{path}");
        let timing = response.headers()["server-timing"].to_str().unwrap();
        assert!(timing.starts_with("total;dur="), "{path}: {timing}");
    }
}

#[tokio::test]
async fn answer_that_does_not_come_in_time_is_504() {
    let limits = Limits {
        timeout: Duration::from_millis(20),
        ..defaults()
    };
    let bench = bench(limits, None, &[]);
    let response = bench.send("POST", "/never", &[]).await;
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(
        text_of(response).await,
        r#"{"detail":"the answer took too long"}"#
    );
}

#[tokio::test]
async fn long_responses_take_room_until_they_are_written() {
    let bench = bench(defaults(), None, &[]);
    let first = bench.send("GET", "/long", &[]).await;
    assert_eq!(first.headers()[header::CONTENT_LENGTH], "20000");
    let second = bench.send("GET", "/long", &[]).await;
    assert_eq!(second.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(second.headers()[header::RETRY_AFTER], "1");
    assert_eq!(
        bench.send("GET", "/health", &[]).await.status(),
        StatusCode::OK
    );
    assert_eq!(text_of(first).await.len(), 20_000);
    let third = bench.send("GET", "/long", &[]).await;
    assert_eq!(third.status(), StatusCode::OK);
}

#[tokio::test]
async fn responses_close_their_connections_once_the_server_shuts_down() {
    let bench = bench(defaults(), None, &[]);
    let before = bench.send("GET", "/health", &[]).await;
    assert!(!before.headers().contains_key(header::CONNECTION));
    bench.shutdown.cancel();
    let after = bench.send("GET", "/health", &[]).await;
    assert_eq!(after.headers()[header::CONNECTION], "close");
}

#[tokio::test]
async fn requests_are_counted_by_pattern_and_status_even_if_nobody_waits_for_them() {
    let bench = bench(defaults(), None, &[]);
    for path in ["/answer/secret", "/answer/2", "/nowhere/secret"] {
        bench.send("POST", path, &[]).await;
    }
    let gone = bench.send("POST", "/never", &[]);
    assert!(time::timeout(Duration::from_millis(1), gone).await.is_err());
    let text = bench.metrics.encode();
    for line in [
        r#"bakeoff_requests_total{route="/answer/{name}",status="200"} 2"#,
        r#"bakeoff_requests_total{route="none",status="404"} 1"#,
        r#"bakeoff_requests_total{route="/never",status="499"} 1"#,
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "no `{line}` in\n{text}"
        );
    }
    assert!(!text.contains("secret"), "{text}");
}

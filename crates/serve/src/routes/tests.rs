use std::num::NonZeroUsize;
use std::sync::Arc;

use axum::{
    body::Body,
    http::{Method, Response, StatusCode, header},
    middleware,
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::task;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::*;
use crate::{
    config::{Admission, ServeConfig},
    engine::{Engine, Workers},
    fake::{Controls, Fake, WARM_UP, too_long},
    memory::Memory,
    metrics::Metrics,
    refusal,
    service::Readiness,
};

/// Routes, and the layer for the format of error responses.
fn app(service: &Service) -> Router {
    router(service.clone()).layer(middleware::from_fn(refusal::in_the_shape_of_the_api))
}

/// Service with a fake model, without a socket.
struct Bench {
    service: Service,
    workers: Workers,
    fake: Controls,
    shutdown: CancellationToken,
}

/// One worker, and a queue with room for one short question.
fn bench() -> Bench {
    bench_with(Admission {
        max_queue_tokens: NonZeroUsize::MIN,
        ..Admission::default()
    })
}

/// One worker, and a queue with room for lists.
fn roomy() -> Bench {
    bench_with(Admission::default())
}

fn bench_with(admission: Admission) -> Bench {
    let config = ServeConfig {
        threads: NonZeroUsize::MIN,
        admission,
        ..ServeConfig::default()
    };
    let (model, controls) = Fake::model();
    let metrics = Arc::new(Metrics::default());
    let (engine, workers) = Engine::start(&config, model, Arc::clone(&metrics)).unwrap();
    let shutdown = CancellationToken::new();
    let readiness = Arc::new(Readiness::new(shutdown.clone()));
    let service = Service {
        body_memory: Memory::new(config.limits.body_memory_bytes),
        engine,
        readiness,
        config: Arc::new(config),
        metrics,
    };
    Bench {
        service,
        workers,
        fake: controls,
        shutdown,
    }
}

impl Bench {
    async fn send(&self, method: Method, path: &str, body: impl Into<Body>) -> Response<Body> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(body.into())
            .unwrap();
        app(&self.service).oneshot(request).await.unwrap()
    }

    async fn ask(&self, body: &Value) -> (StatusCode, Value) {
        json_of(
            self.send(Method::POST, "/question_answering", body.to_string())
                .await,
        )
        .await
    }

    async fn fetch(&self, path: &str) -> (StatusCode, Value) {
        json_of(self.send(Method::GET, path, Body::empty()).await).await
    }

    async fn send_question(&self, question: &str) -> Response<Body> {
        let request = ask_for(question);
        app(&self.service).oneshot(request).await.unwrap()
    }

    /// Starts a request without waiting for its response.
    fn start(&self, question: &str) -> task::JoinHandle<StatusCode> {
        let request = ask_for(question);
        let router = app(&self.service);
        task::spawn(async move { router.oneshot(request).await.unwrap().status() })
    }

    /// Waits for a number of questions in the queue.
    async fn until_waiting(&self, expected: usize) {
        while self.service.engine.queue.len() != expected {
            task::yield_now().await;
        }
    }
}

async fn json_of(response: Response<Body>) -> (StatusCode, Value) {
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap())
}

fn ask_for(question: &str) -> Request {
    let body = json!({ "question": question, "context": "c" }).to_string();
    Request::post("/question_answering")
        .body(Body::from(body))
        .unwrap()
}

#[tokio::test]
async fn one_answer_is_an_object() {
    let (status, body) = bench()
        .ask(&json!({ "question": "cat", "context": "A cat." }))
        .await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        (body["score"].as_f64().unwrap() - 1.0).abs() < 0.01,
        "{body}"
    );
    assert_eq!((&body["start"], &body["end"]), (&json!(2), &json!(5)));
    assert_eq!(body["answer"], "cat");
    assert_eq!(body.as_object().unwrap().len(), 4);
}

#[tokio::test]
async fn a_slash_at_the_end_leads_to_the_path_without_it() {
    let bench = bench();
    let way = async |method: Method, path: &str| {
        let response = bench.send(method, path, "{}").await;
        let location = response.headers().get(header::LOCATION);
        let location = location.map(|location| location.to_str().unwrap().to_owned());
        (response.status(), location)
    };
    for (method, path, expected) in [
        (
            Method::POST,
            "/question_answering/",
            "../question_answering",
        ),
        (Method::GET, "/health//?a=1", "../../health?a=1"),
        (Method::POST, "/v2/models/cats/infer/", "../infer"),
        (Method::POST, "/models/owner/cats/", "../cats"),
    ] {
        let found = way(method, path).await;
        let expected = (StatusCode::TEMPORARY_REDIRECT, Some(expected.to_owned()));
        assert_eq!(found, expected, "{path}");
    }
    for path in ["/nowhere/", "/v2/models//", "/a/b/c/d/e/"] {
        assert_eq!(
            way(Method::GET, path).await,
            (StatusCode::NOT_FOUND, None),
            "{path}"
        );
    }
}

#[tokio::test]
async fn several_answers_are_a_list() {
    let (status, body) = bench()
        .ask(&json!({ "question": "cat", "context": "A cat, a black cat.", "top_k": 2 }))
        .await;
    assert_eq!(status, StatusCode::OK);
    let answers = body.as_array().unwrap();
    assert_eq!(answers.len(), 2, "{body}");
    // Both cats are one answer, as in the pipeline.
    assert_eq!(
        (&answers[0]["answer"], &answers[0]["start"]),
        (&json!("cat"), &json!(2))
    );
    assert!(answers[0]["score"].as_f64() >= answers[1]["score"].as_f64());
}

#[tokio::test]
async fn offsets_count_code_points_past_emoji_and_combining_marks() {
    let context = "👩‍🚀 e\u{301}te\u{301} 🇫🇷 flies";
    let (status, body) = bench()
        .ask(&json!({ "question": "flies", "context": context }))
        .await;
    assert_eq!(status, StatusCode::OK);
    let range = (
        body["start"].as_u64().unwrap(),
        body["end"].as_u64().unwrap(),
    );
    assert_eq!(range, (13, 18));
    let characters: Vec<char> = context.chars().collect();
    assert_eq!(characters[13..18].iter().collect::<String>(), "flies");
}

#[tokio::test]
async fn content_type_does_not_matter() {
    let bench = bench();
    for content_type in [
        "application/json",
        "application/x-www-form-urlencoded",
        "text/plain; charset=utf-8",
    ] {
        let mut request = ask_for("c");
        request
            .headers_mut()
            .insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        let response = app(&bench.service).oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{content_type}");
    }
}

#[tokio::test]
async fn a_megabyte_of_context_is_answered_and_of_question_is_refused() {
    let megabyte = "🦀".repeat(262_144);
    let bench = bench();
    let (status, body) = bench
        .ask(&json!({ "question": "end", "context": format!("{megabyte} end") }))
        .await;
    assert_eq!((status, &body["start"]), (StatusCode::OK, &json!(262_145)));
    let (status, body) = bench
        .ask(&json!({ "question": megabyte, "context": "c" }))
        .await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let message = "Value error, `question` has 262144 characters, limit is 10000";
    assert_eq!(body["detail"][0]["msg"], message);
}

#[tokio::test]
async fn invalid_body_answers_422_with_every_problem() {
    let sent = json!({ "question": 5 });
    let (status, body) = bench().ask(&sent).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let expected = json!({ "detail": [
        { "type": "string_type", "loc": ["body", "question"], "msg": "Input should be a valid string or a list of strings", "input": 5 },
        { "type": "missing", "loc": ["body", "context"], "msg": "Field required", "input": sent },
    ] });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn question_that_the_model_cannot_take_answers_422() {
    let question = too_long();
    let (status, body) = bench()
        .ask(&json!({ "question": question.question(), "context": question.context() }))
        .await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let message = "Value error, question has 300 tokens, limit is 252 with this `max_seq_len` and `doc_stride`";
    let expected = json!({ "detail": [
        { "type": "value_error", "loc": ["body", "question"], "msg": message, "input": null },
    ] });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn body_over_the_limit_answers_413_whether_announced_or_not() {
    let bench = bench();
    let limit = bench.service.config.limits.max_body_bytes;
    let exact = json!({ "question": "q", "context": "c", "note": "" })
        .to_string()
        .len();
    let body = |bytes: usize| {
        json!({ "question": "q", "context": "c", "note": "x".repeat(bytes - exact) }).to_string()
    };

    let largest = bench
        .send(Method::POST, "/question_answering", body(limit))
        .await;
    assert_eq!(largest.status(), StatusCode::OK);

    let announced = Body::from(body(limit + 1));
    let in_chunks = Body::new(Body::from(body(limit + 1)).map_frame(|frame| frame));
    for body in [announced, in_chunks] {
        let response = bench.send(Method::POST, "/question_answering", body).await;
        let (status, body) = json_of(response).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(
            body,
            json!({ "detail": "the body is larger than 2097152 bytes" })
        );
    }
}

#[tokio::test]
async fn unknown_path_answers_404_and_wrong_method_405() {
    let bench = bench();
    assert_eq!(
        bench.fetch("/nowhere").await,
        (StatusCode::NOT_FOUND, json!({ "detail": "Not Found" }))
    );
    let response = bench
        .send(Method::GET, "/question_answering", Body::empty())
        .await;
    assert_eq!(response.headers()[header::ALLOW], "POST");
    let expected = (
        StatusCode::METHOD_NOT_ALLOWED,
        json!({ "detail": "Method Not Allowed" }),
    );
    assert_eq!(json_of(response).await, expected);
}

#[tokio::test]
async fn overloaded_server_answers_429() {
    let mut bench = bench();
    let in_work = bench.start("block");
    assert_eq!(bench.fake.next_started().await, "block");
    let waiting = bench.start("c");
    bench.until_waiting(1).await;

    let response = bench.send_question("c").await;
    let retry_after: u64 = response.headers()[header::RETRY_AFTER]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(retry_after >= 1);
    let (status, body) = json_of(response).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    let expected = format!("too many questions are waiting, try again in {retry_after} s");
    assert_eq!(body, json!({ "detail": expected }));

    bench.fake.release.send(()).unwrap();
    assert_eq!(in_work.await.unwrap(), StatusCode::OK);
    assert_eq!(waiting.await.unwrap(), StatusCode::OK);
}

#[tokio::test]
async fn client_gone_frees_the_slot_and_costs_no_inference() {
    let mut bench = bench();
    let in_work = bench.start("block");
    assert_eq!(bench.fake.next_started().await, "block");
    let gone = bench.start("gone");
    bench.until_waiting(1).await;
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());

    let next = bench.start("next");
    while bench.service.engine.queue.len() != 1 || !bench.service.engine.queue.all_wanted() {
        task::yield_now().await;
    }
    bench.fake.release.send(()).unwrap();
    assert_eq!(in_work.await.unwrap(), StatusCode::OK);
    assert_eq!(next.await.unwrap(), StatusCode::OK);
    assert_eq!(bench.fake.next_started().await, "next");
}

#[tokio::test]
async fn panic_in_the_answerer_answers_500_and_the_next_question_is_answered() {
    let bench = bench();
    for question in ["panic", "fail"] {
        let (status, body) = bench
            .ask(&json!({ "question": question, "context": "c" }))
            .await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(body, json!({ "detail": "Internal Server Error" }));
        assert_eq!(
            bench
                .ask(&json!({ "question": "c", "context": "c" }))
                .await
                .0,
            StatusCode::OK
        );
    }
}

#[tokio::test]
async fn health_is_live_from_the_start() {
    assert_eq!(
        bench().fetch("/health").await,
        (StatusCode::OK, json!({ "status": "ok" }))
    );
}

#[tokio::test]
async fn ready_only_after_the_warm_up_and_until_the_shutdown() {
    let mut bench = bench();
    let (status, body) = bench.fetch("/ready").await;
    assert_eq!(
        (status, body),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            json!({ "detail": "the model is warming up" })
        )
    );

    bench.workers.warmed_up().await.unwrap();
    assert_eq!(bench.fake.started.recv().await.unwrap(), WARM_UP);
    bench.service.readiness.warmed_up();
    assert_eq!(
        bench.fetch("/ready").await,
        (StatusCode::OK, json!({ "status": "ready" }))
    );

    bench.shutdown.cancel();
    let (status, body) = bench.fetch("/ready").await;
    assert_eq!(
        (status, body),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            json!({ "detail": "the server is shutting down" })
        )
    );
}

#[tokio::test]
async fn stopped_workers_answer_503() {
    let mut bench = bench();
    bench.workers.stop().await;
    let (status, _) = bench.ask(&json!({ "question": "c", "context": "c" })).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn description_is_served_and_covers_the_routes() {
    let (status, body) = bench().fetch("/openapi.json").await;
    assert_eq!(status, StatusCode::OK);
    let operations: Vec<String> = body["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(move |method| format!("{method} {path}"))
        })
        .collect();
    let expected = [
        "get /",
        "post /",
        "get /docs",
        "get /health",
        "get /info",
        "post /models/{name}",
        "post /models/{owner}/{name}",
        "get /openapi.json",
        "post /question_answering",
        "get /ready",
        "get /v2",
        "get /v2/health/live",
        "get /v2/health/ready",
        "get /v2/models/{name}",
        "post /v2/models/{name}/infer",
        "get /v2/models/{name}/ready",
        "get /v2/models/{name}/versions/{version}",
        "post /v2/models/{name}/versions/{version}/infer",
        "get /v2/models/{name}/versions/{version}/ready",
    ];
    assert_eq!(operations, expected);
    let statuses = |pointer: &str| -> Vec<String> {
        let responses = body.pointer(pointer).unwrap().as_object().unwrap();
        responses.keys().cloned().collect()
    };
    assert_eq!(
        statuses("/paths/~1question_answering/post/responses"),
        [
            "200", "400", "401", "403", "408", "413", "415", "422", "429", "431", "500", "503",
            "504"
        ]
    );
    assert_eq!(
        statuses("/paths/~1v2~1models~1{name}~1infer/post/responses"),
        [
            "200", "400", "401", "403", "404", "408", "413", "415", "429", "431", "500", "503",
            "504"
        ]
    );
}

#[tokio::test]
async fn docs_load_nothing_from_elsewhere() {
    let bench = bench();
    let root = bench.send(Method::GET, "/", Body::empty()).await;
    assert_eq!(root.headers()[header::LOCATION], "docs");
    let response = bench.send(Method::GET, "/docs", Body::empty()).await;
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "text/html; charset=utf-8"
    );
    let page = response.into_body().collect().await.unwrap().to_bytes();
    let page = String::from_utf8(page.to_vec()).unwrap();
    assert!(page.contains("openapi.json"));
    assert!(!page.contains("://"), "the page must not name another host");
}

mod compression;
mod hugging_face;
mod lists;
mod open_inference;

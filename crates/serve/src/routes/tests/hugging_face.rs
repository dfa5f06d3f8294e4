//! Hugging Face's Inference API.

use super::*;

async fn post(bench: &Bench, path: &str, body: &Value) -> (StatusCode, Value) {
    json_of(bench.send(Method::POST, path, body.to_string()).await).await
}

#[tokio::test]
async fn inference_api_answers_as_the_pipeline_does() {
    let bench = roomy();
    let texts = json!({ "question": "cat", "context": "A cat." });
    let (_, expected) = bench.ask(&texts).await;
    for path in [
        "/",
        "/models/minilm-squad",
        "/models/minilm%2Dsquad",
        "/models/deepset/minilm-squad",
    ] {
        let (status, body) = post(&bench, path, &json!({ "inputs": texts })).await;
        assert_eq!((status, &body), (StatusCode::OK, &expected), "{path}");
    }
    let parameters = json!({ "top_k": 2, "max_question_len": 64 });
    let (_, body) = post(
        &bench,
        "/",
        &json!({ "inputs": texts, "parameters": parameters }),
    )
    .await;
    assert_eq!(body.as_array().unwrap().len(), 2);
    let lists = json!({ "question": ["cat", ""], "context": "A cat." });
    let (_, body) = post(&bench, "/", &json!({ "inputs": lists })).await;
    let failed = json!({ "error": "`question` cannot be empty", "index": 1 });
    assert_eq!(body, json!([expected, failed]));
}

#[tokio::test]
async fn inference_api_refuses_with_one_error() {
    let bench = roomy();
    let cases = [
        (json!({}), "inputs: Field required"),
        (
            json!({ "inputs": { "question": "q" } }),
            "inputs.context: Field required",
        ),
        (
            json!({ "inputs": { "question": "", "context": 5 } }),
            "inputs.question: `question` cannot be empty; \
            inputs.context: Input should be a valid string or a list of strings",
        ),
        (
            json!({ "inputs": { "question": "q", "context": "c" }, "parameters": { "doc_stride": 500 } }),
            "parameters.doc_stride: `doc_stride` (500) is larger than `max_seq_len` (384)",
        ),
    ];
    for (body, error) in cases {
        assert_eq!(
            post(&bench, "/", &body).await,
            (StatusCode::BAD_REQUEST, json!({ "error": error }))
        );
    }
}

#[tokio::test]
async fn other_refusals_have_the_shape_of_the_api() {
    let bench = roomy();
    let body = json!({ "inputs": { "question": "cat", "context": "A cat." } });
    let error = "there is no such model, or version of it, here";
    for path in [
        "/models/bert",
        "/models/%FF",
        "/models/minilm-squad%00",
        "/models/a/b",
    ] {
        assert_eq!(
            post(&bench, path, &body).await,
            (StatusCode::NOT_FOUND, json!({ "error": error })),
            "{path}"
        );
    }
    assert_eq!(
        post(&bench, "/models/a/b/c", &body).await,
        (StatusCode::NOT_FOUND, json!({ "error": "Not Found" }))
    );
    let huge = json!({ "inputs": "x".repeat(3_000_000) });
    let (status, body) = post(&bench, "/", &huge).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(
        body,
        json!({ "error": "the body is larger than 2097152 bytes" })
    );
    let response = bench
        .send(Method::GET, "/models/minilm-squad", Body::empty())
        .await;
    assert_eq!(response.headers()[header::ALLOW], "POST");
    assert_eq!(
        json_of(response).await,
        (
            StatusCode::METHOD_NOT_ALLOWED,
            json!({ "error": "Method Not Allowed" })
        )
    );
}

#[tokio::test]
async fn overload_names_the_time_in_every_shape() {
    let mut bench = bench();
    let in_work = bench.start("block");
    assert_eq!(bench.fake.next_started().await, "block");
    let waiting = bench.start("c");
    bench.until_waiting(1).await;
    let body = json!({ "inputs": { "question": "c", "context": "c" } }).to_string();
    let response = bench.send(Method::POST, "/", body).await;
    let retry_after = response.headers()[header::RETRY_AFTER].clone();
    let (status, body) = json_of(response).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    let error = body["error"].as_str().unwrap();
    assert!(error.contains(&format!("in {} s", retry_after.to_str().unwrap())));
    drop(bench.fake.release);
    assert_eq!(in_work.await.unwrap(), StatusCode::OK);
    assert_eq!(waiting.await.unwrap(), StatusCode::OK);
}

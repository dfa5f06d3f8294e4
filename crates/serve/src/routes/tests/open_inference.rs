//! The Open Inference Protocol.

use super::*;

const INFER: &str = "/v2/models/minilm-squad/infer";

fn inputs(questions: &[&str], contexts: &[&str]) -> Value {
    json!([
        { "name": "question", "shape": [questions.len()], "datatype": "BYTES", "data": questions },
        { "name": "context", "shape": [contexts.len()], "datatype": "BYTES", "data": contexts },
    ])
}

async fn infer(bench: &Bench, body: &Value) -> (StatusCode, Value) {
    json_of(bench.send(Method::POST, INFER, body.to_string()).await).await
}

#[tokio::test]
async fn server_and_model_describe_themselves() {
    let bench = roomy();
    let (status, body) = bench.fetch("/v2").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body["name"], "bakeoff");
    assert_eq!(body["extensions"], json!(["binary_tensor_data"]));
    assert_eq!(
        bench.fetch("/v2/health/live").await,
        (StatusCode::OK, json!({ "live": true }))
    );
    let (_, model) = bench.fetch("/v2/models/minilm-squad").await;
    assert_eq!(model["name"], "minilm-squad");
    assert_eq!(model["versions"], json!(["1"]));
    let outputs: Vec<_> = model["outputs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tensor| (tensor["name"].as_str().unwrap(), &tensor["datatype"]))
        .collect();
    let expected = [
        ("output", &json!("BYTES")),
        ("answer", &json!("BYTES")),
        ("score", &json!("FP64")),
        ("start", &json!("INT64")),
        ("end", &json!("INT64")),
    ];
    assert_eq!(outputs, expected);
    let (_, version) = bench.fetch("/v2/models/minilm-squad/versions/1").await;
    assert_eq!(version, model);
}

#[tokio::test]
async fn readiness_is_that_of_the_server() {
    let bench = roomy();
    let paths = [
        "/v2/health/ready",
        "/v2/models/minilm-squad/ready",
        "/v2/models/minilm-squad/versions/1/ready",
    ];
    for path in paths {
        let (status, body) = bench.fetch(path).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(body, json!({ "error": "the model is warming up" }));
    }
    bench.service.readiness.warmed_up();
    for path in paths {
        let (status, body) = bench.fetch(path).await;
        assert_eq!((status, &body["ready"]), (StatusCode::OK, &json!(true)));
    }
}

#[tokio::test]
async fn unknown_models_and_versions_answer_404() {
    let bench = roomy();
    let error = json!({ "error": "there is no such model, or version of it, here" });
    for path in [
        "/v2/models/bert",
        "/v2/models/bert/ready",
        "/v2/models/minilm-squad/versions/2",
        "/v2/models/%C3%28/versions/1/ready",
    ] {
        assert_eq!(
            bench.fetch(path).await,
            (StatusCode::NOT_FOUND, error.clone()),
            "{path}"
        );
    }
    assert_eq!(
        bench.fetch("/v2/nowhere").await,
        (StatusCode::NOT_FOUND, json!({ "error": "Not Found" }))
    );
}

#[tokio::test]
async fn tensors_go_in_and_come_out() {
    let bench = roomy();
    let body = json!({ "id": "7", "inputs": inputs(&["dog", "cat"], &["A dog, a cat."]) });
    let (status, body) = infer(&bench, &body).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(body["id"], "7");
    assert_eq!(body["model_name"], "minilm-squad");
    assert_eq!(body["model_version"], "1");
    let outputs = body["outputs"].as_array().unwrap();
    let tensor = |name: &str| {
        outputs
            .iter()
            .find(|tensor| tensor["name"] == name)
            .unwrap()
    };
    assert_eq!(tensor("answer")["shape"], json!([2, 1]));
    assert_eq!(tensor("answer")["data"], json!(["dog", "cat"]));
    assert_eq!(tensor("start")["data"], json!([2, 9]));
    assert_eq!(tensor("end")["data"], json!([5, 12]));
    assert_eq!(tensor("output")["shape"], json!([2]));
    let first: Value = serde_json::from_str(tensor("output")["data"][0].as_str().unwrap()).unwrap();
    let (_, alone) = bench
        .ask(&json!({ "question": "dog", "context": "A dog, a cat." }))
        .await;
    assert_eq!(first, alone);
    assert_eq!(tensor("score")["data"][0], alone["score"]);
}

#[tokio::test]
async fn a_failed_question_leaves_its_row_empty_and_says_why() {
    let body = json!({
        "inputs": inputs(&["fail", "cat"], &["A cat."]),
        "outputs": [{ "name": "output" }, { "name": "answer" }, { "name": "score" }],
        "parameters": { "top_k": 2 },
    });
    let (status, body) = infer(&roomy(), &body).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let outputs = body["outputs"].as_array().unwrap();
    assert_eq!(outputs.len(), 3);
    assert_eq!(
        outputs[0]["data"][0],
        r#"{"error":"the model failed on this question","index":0}"#
    );
    assert_eq!(outputs[1]["shape"], json!([2, 2]));
    assert_eq!(outputs[1]["data"].as_array().unwrap()[..3], ["", "", "cat"]);
    assert_eq!(outputs[2]["data"][0], 0.0);
}

#[tokio::test]
async fn binary_goes_in_and_comes_out() {
    let text = |text: &str| {
        [
            &u32::try_from(text.len()).unwrap().to_le_bytes(),
            text.as_bytes(),
        ]
        .concat()
    };
    let tensor = |name: &str, data: &[u8]| {
        json!({
            "name": name, "shape": [1], "datatype": "BYTES", "parameters": { "binary_data_size": data.len() },
        })
    };
    let (context, question) = (text("Ein Käse."), text("Käse"));
    let json = json!({
        "inputs": [tensor("context", &context), tensor("question", &question)],
        "outputs": [
            { "name": "answer", "parameters": { "binary_data": true } },
            { "name": "start", "parameters": { "binary_data": true } },
            { "name": "end" },
        ],
    })
    .to_string();
    let request = Request::post(INFER)
        .header("Inference-Header-Content-Length", json.len())
        .body(Body::from([json.as_bytes(), &context, &question].concat()))
        .unwrap();
    let response = app(&roomy().service).oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "application/octet-stream"
    );
    let length = response.headers()["inference-header-content-length"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let (json, binary) = body.split_at(length);
    let json: Value = serde_json::from_slice(json).unwrap();
    assert_eq!(
        json["outputs"][0]["parameters"]["binary_data_size"],
        4 + "Käse".len()
    );
    assert_eq!(json["outputs"][2]["data"], json!([8]));
    assert_eq!(binary, [text("Käse"), 4_i64.to_le_bytes().into()].concat());
}

#[tokio::test]
async fn requests_that_make_no_sense_answer_400() {
    let bench = roomy();
    let (status, body) = infer(&bench, &json!({ "inputs": inputs(&["fail"], &["c"]) })).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(body, json!({ "error": "Internal Server Error" }));
    let (status, body) = infer(&bench, &json!({ "inputs": inputs(&[""], &["c"]) })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(
        body,
        json!({ "error": "inputs.question[0]: `question` cannot be empty" })
    );
}

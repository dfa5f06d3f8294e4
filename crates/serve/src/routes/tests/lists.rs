//! Several questions in one request.

use super::*;

#[tokio::test]
async fn several_questions_have_an_entry_each_in_their_order() {
    let (status, body) = roomy()
        .ask(&json!({ "question": ["dog", "cat"], "context": ["A dog.", "The cat."] }))
        .await;
    assert_eq!(status, StatusCode::OK);
    let answers: Vec<_> = body
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["answer"].as_str().unwrap(), one["start"].as_u64()))
        .collect();
    assert_eq!(answers, [("dog", Some(2)), ("cat", Some(4))]);
}

#[tokio::test]
async fn several_answers_to_several_questions_are_lists_in_a_list() {
    let (status, body) = roomy()
        .ask(&json!({ "question": ["dog", "cat"], "context": "A dog, a cat.", "top_k": 2 }))
        .await;
    assert_eq!(status, StatusCode::OK);
    for (index, expected) in ["dog", "cat"].iter().enumerate() {
        let answers = body[index].as_array().unwrap();
        assert_eq!(answers.len(), 2);
        assert_eq!(answers[0]["answer"], *expected);
    }
}

#[tokio::test]
async fn a_list_of_one_is_answered_like_the_question_alone() {
    let bench = roomy();
    let (_, alone) = bench
        .ask(&json!({ "question": "cat", "context": "A cat." }))
        .await;
    for context in [json!("A cat."), json!(["A cat."])] {
        let (status, body) = bench
            .ask(&json!({ "question": ["cat"], "context": context }))
            .await;
        assert_eq!((status, &body), (StatusCode::OK, &alone));
    }
}

#[tokio::test]
async fn no_questions_have_no_answers() {
    let (status, body) = roomy()
        .ask(&json!({ "question": [], "context": "c" }))
        .await;
    assert_eq!((status, body), (StatusCode::OK, json!([])));
}

#[tokio::test]
async fn a_question_that_cannot_be_answered_fails_alone_with_its_index() {
    let questions = ["cat", "", "fail", "panic", &"cat".repeat(4000), "cat"];
    let bench = roomy();
    let (status, body) = bench
        .ask(&json!({ "question": questions, "context": "A cat." }))
        .await;
    assert_eq!(status, StatusCode::OK);
    let entries = body.as_array().unwrap();
    assert_eq!(entries.len(), 6);
    assert_eq!(entries[0]["answer"], "cat");
    assert_eq!(entries[5], entries[0]);
    let failed = [
        (1, "`question` cannot be empty"),
        (2, "the model failed on this question"),
        (3, "the model failed on this question"),
        (4, "`question` has 12000 characters, limit is 10000"),
    ];
    for (index, error) in failed {
        assert_eq!(entries[index], json!({ "error": error, "index": index }));
    }
}

#[tokio::test]
async fn the_only_question_of_a_list_fails_with_its_place() {
    let bench = roomy();
    let question = too_long();
    for text in ["", question.question()] {
        let body = json!({ "question": [text], "context": question.context() });
        let (status, body) = bench.ask(&body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(body["detail"][0]["loc"], json!(["body", "question", 0]));
    }
    let (status, _) = bench
        .ask(&json!({ "question": ["fail"], "context": "c" }))
        .await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn a_list_with_a_text_of_the_wrong_type_is_refused_whole() {
    let (status, body) = roomy()
        .ask(&json!({ "question": ["cat", 5], "context": "A cat." }))
        .await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(body["detail"][0]["loc"], json!(["body", "question", 1]));
}

#[tokio::test]
async fn offsets_count_what_is_asked_for() {
    let bench = roomy();
    for (offsets, start, end) in [("code_points", 3, 6), ("utf16", 5, 8), ("bytes", 9, 12)] {
        let body = json!({ "question": "cat", "context": "🇫🇷 cat", "offsets": offsets });
        let (_, body) = bench.ask(&body).await;
        assert_eq!(
            (&body["start"], &body["end"]),
            (&json!(start), &json!(end)),
            "{offsets}"
        );
    }
}

#[tokio::test]
async fn answers_carry_their_timing() {
    let bench = roomy();
    let response = bench.send_question("c").await;
    assert!(
        response
            .extensions()
            .get::<crate::engine::Timing>()
            .is_some()
    );
}

#[tokio::test]
async fn info_tells_model_version_and_limits() {
    let (status, body) = roomy().fetch("/info").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body["model"], "minilm-squad");
    assert_eq!(body["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(body["compat"], "4.57");
    assert_eq!(body["threads"], 1);
    assert_eq!(body["limits"]["max_items"], 1000);
    assert_eq!(body["limits"]["max_seq_len"], 512);
    assert_eq!(body["limits"]["max_header_bytes"], 16 * 1024);
    assert_eq!(body["limits"]["max_queue_tokens"], 262_144);
    assert_eq!(body["limits"]["max_queue_delay_seconds"], 10.0);
}

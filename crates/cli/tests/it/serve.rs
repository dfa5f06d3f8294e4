//! `bakeoff serve` with the bundled model.

use std::net::TcpListener;
use std::path::Path;

use crate::bakeoff::{Server, run};

const QUESTION: &str =
    r#"{"question": "Who wrote it?", "context": "The opera was written by Ada Byron in 1843."}"#;

#[test]
fn bundled_model_answers_and_sigterm_ends_it_with_0() {
    let server = Server::start(&["serve", "--port", "0", "--threads", "1"]);
    let answer = server.post_json("/question_answering", QUESTION);
    assert_eq!(
        (answer.status, &answer.json()["answer"]),
        (200, &"Ada Byron".into())
    );
    assert_eq!(
        (
            answer.json()["start"].as_u64(),
            answer.json()["end"].as_u64()
        ),
        (Some(25), Some(34))
    );
    assert_eq!(server.get("/health").status, 200);
    assert_eq!(server.get("/ready").status, 200);
    assert_eq!(
        server.get("/openapi.json").json()["openapi"]
            .as_str()
            .map(|version| &version[..1]),
        Some("3")
    );
    server.end("TERM").expect(0, &[]);
}

/// A golden case of both versions: "answers of three tokens".
#[test]
fn older_compat_keeps_equal_texts_apart() {
    let context = "The Eiffel Tower is a wrought-iron lattice tower on the Champ de Mars in Paris, France. It is named after \
                   the engineer Gustave Eiffel, whose company designed and built the tower from 1887 to 1889.";
    let body = serde_json::json!({
        "question": "Who designed the tower?", "context": context, "max_answer_len": 3, "top_k": 4,
    });
    let eiffels = |compat: &str| {
        let server = Server::start(&["serve", "--port", "0", "--threads", "1", "--compat", compat]);
        let answers = server
            .post_json("/question_answering", &body.to_string())
            .json();
        let answers = answers.as_array().unwrap();
        answers
            .iter()
            .filter(|answer| answer["answer"] == "Eiffel")
            .count()
    };
    assert_eq!((eiffels("4.57"), eiffels("4.52")), (1, 2));
}

#[test]
fn ctrl_c_ends_it_with_0() {
    Server::start(&["serve", "--port", "0", "--threads", "1"])
        .end("INT")
        .expect(0, &[]);
}

#[test]
fn awkward_texts_are_answered_with_code_point_offsets() {
    let server = Server::start(&["serve", "--port", "0", "--threads", "1"]);
    let body = r#"{"question": "Who wrote it?", "context": "👩‍🚀 e\u0301 The opera was written by Ada Byron."}"#;
    let answer = server.post_json("/question_answering", body).json();
    assert_eq!(
        (answer["answer"].as_str(), answer["start"].as_u64()),
        (Some("Ada Byron"), Some(32))
    );
    for wrong in [
        r#"{"question": "", "context": "c"}"#,
        r#"{"question": 7, "context": "c"}"#,
        "{}",
        "not json",
    ] {
        let answer = server.post_json("/question_answering", wrong);
        assert_eq!(answer.status, 422, "{wrong}");
        assert!(answer.json()["detail"].is_array(), "{wrong}");
    }
    let long = format!(
        r#"{{"question": "{}", "context": "c"}}"#,
        "who ".repeat(250_000)
    );
    assert_eq!(server.post_json("/question_answering", &long).status, 422);
}

#[test]
fn port_in_use_is_the_environments_fault() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    run(Path::new("."), &["serve", "--port", &port])
        .expect(3, &["cannot listen on", &port, "hint: ", "--port"]);
}

#[test]
fn folder_without_a_model_is_the_users_mistake() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["serve", "--model", "."]).expect(2, &["config.json"]);
    run(folder.path(), &["serve", "--model", "nowhere"]).expect(2, &["nowhere"]);
}

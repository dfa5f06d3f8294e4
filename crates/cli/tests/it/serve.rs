//! `bakeoff serve` with the bundled model.

use std::io::BufRead;
use std::net::TcpListener;
use std::path::Path;

use crate::bakeoff::{Ended, Server, bakeoff, run};

const QUESTION: &str =
    r#"{"question": "Who wrote it?", "context": "The opera was written by Ada Byron in 1843."}"#;

#[test]
fn bundled_model_answers_and_sigterm_ends_it_with_0() {
    let server = Server::serve();
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
        let server = Server::serve_with(&["--compat", compat]);
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
    Server::serve().end("INT").expect(0, &[]);
}

#[test]
fn awkward_texts_are_answered_with_code_point_offsets() {
    let server = Server::serve();
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

/// Variables that Kubernetes sets for a service called `bakeoff`, and empty variables of a manifest.
#[test]
fn variables_of_kubernetes_and_empty_ones_do_not_count() {
    let mut command = bakeoff(&["serve", "--threads", "1", "--metrics-port", "0"]);
    command
        // Not the default, which may be taken.
        .args(["--host", "127.0.0.1", "--port=0"])
        .env("BAKEOFF_PORT", "tcp://10.0.171.239:8000")
        .env("BAKEOFF_PORT_8000_TCP_ADDR", "10.0.171.239")
        .env("BAKEOFF_METRICS_PORT", "tcp://10.0.171.240:9100")
        .env("BAKEOFF_MODEL", "")
        .env("BAKEOFF_LOG", "")
        .env("BAKEOFF_TIMEOUT", "");
    let server = Server::spawn(&mut command);
    assert_eq!(server.get("/health").status, 200);
    server.end("TERM").expect(0, &[]);
}

#[test]
fn an_error_about_a_variable_names_it() {
    let with = |args: &[&str], variables: &[(&str, &str)]| {
        let mut command = bakeoff(args);
        Ended::of(command.envs(variables.iter().copied()).output().unwrap())
    };
    let hint = "hint: the value comes from the variable BAKEOFF_PORT\n";
    with(&["serve"], &[("BAKEOFF_PORT", "eight")]).expect(2, &["'--port <PORT>'", hint]);
    with(&["serve", "--host", "h"], &[("BAKEOFF_THREADS", "0")]).expect(
        2,
        &["hint: the value comes from the variable BAKEOFF_THREADS\n"],
    );
    let users = [("LOCUST_USERS", "many"), ("BAKEOFF_SCENARIO", "s.toml")];
    with(&["swarm"], &users).expect(
        2,
        &["hint: the value comes from the variable LOCUST_USERS\n"],
    );
    let given = with(&["serve", "--port", "nine"], &[("BAKEOFF_PORT", "8000")]);
    given.expect(2, &["'nine'"]);
    assert!(!given.stderr.contains("BAKEOFF_PORT"), "{given:#?}");
}

#[test]
fn tokens_that_the_model_does_not_know_are_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../qa/tests/tiny/bert");
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        std::fs::copy(tiny.join(file), folder.path().join(file)).unwrap();
    }
    let added = r#"{"added_tokens_decoder": {"900": {"content": "<ent>"}}}"#;
    std::fs::write(folder.path().join("tokenizer_config.json"), added).unwrap();
    let model = folder.path().to_str().unwrap();
    let mut command = bakeoff(&["serve", "--port", "0", "--threads", "1", "--model", model]);
    let mut child = command
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = std::io::BufReader::new(child.stderr.take().unwrap());
    let warned = stderr
        .lines()
        .map_while(Result::ok)
        .take_while(|line| !line.contains("http://"));
    let warned: Vec<String> = warned.filter(|line| line.contains("WARN")).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        warned.iter().any(|line| line.contains("<ent>")),
        "{warned:?}"
    );
}

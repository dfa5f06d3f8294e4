//! Other people's clients ask `bakeoff serve`, and schemathesis holds it to its own description.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::bakeoff::{Server, available, root};

/// Where the clients are. Their virtual environment needs a package index: not a test's business.
fn folder() -> PathBuf {
    root().join("reference/clients")
}

fn environment() -> Result<(), String> {
    if folder().join(".venv/bin/schemathesis").is_file() {
        Ok(())
    } else {
        Err("run `make clients` once".to_owned())
    }
}

fn start() -> Server {
    Server::serve()
}

#[test]
fn schemathesis_finds_nothing_that_the_description_does_not_say() {
    if !available("clients", environment()) {
        return;
    }
    let server = start();
    until_ready(&server);
    let leftovers = tempfile::tempdir().unwrap();
    let output = Command::new(folder().join(".venv/bin/schemathesis"))
        .arg("--config-file")
        .arg(folder().join("schemathesis.toml"))
        .args(["run", &format!("{}/openapi.json", server.url())])
        .args(["--phases", "examples,coverage,fuzzing", "--checks", "all"])
        // Lengths that do not fit together, say a window that the question fills, are refused, and no schema can say so.
        .args(["--exclude-checks", "positive_data_acceptance"])
        // The same requests each time.
        .args(["--max-examples", "20", "--generation-deterministic"])
        .args(["--continue-on-failure", "--no-color"])
        // Whatever it leaves behind shall not lie in the repository.
        .current_dir(leftovers.path())
        .output()
        .unwrap();
    let found = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{found}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // That it asked at all, and everything.
    assert!(found.contains("Selected: 18/18"), "{found}");
    assert!(found.contains("Tested: 18"), "{found}");
}

/// Returns once the server answers without delay, lest 503 looks like a finding.
fn until_ready(server: &Server) {
    while server.get("/ready").status != 200 {
        std::thread::yield_now();
    }
}

#[test]
fn tritons_client_gets_the_answers_of_the_pipeline() {
    if !available("clients", environment()) {
        return;
    }
    let server = start();
    until_ready(&server);
    let said = run("tritonclient_http.py", &[&server.authority, "minilm-squad"]);
    let expected = json!(answers(&server));
    for way in ["binary", "json", "mixed", "gzip", "deflate"] {
        assert_eq!(said[way], expected, "{way}");
    }
    for (question, yes) in [
        ("live", true),
        ("ready", true),
        ("model_ready", true),
        ("version_ready", true),
        ("other_ready", false),
    ] {
        assert_eq!(said[question], yes, "{question}");
    }
    assert_eq!(said["extensions"], json!(["binary_tensor_data"]));
    assert_eq!(said["metadata"]["inputs"][0]["datatype"], "BYTES");
    assert_eq!(said["refused"], "400: inputs: there is no input `context`");
}

#[test]
fn hugging_faces_client_gets_the_answers_of_the_pipeline() {
    if !available("clients", environment()) {
        return;
    }
    let server = start();
    let expected = answers(&server);
    for url in [
        server.url(),
        format!("{}/models/minilm-squad", server.url()),
    ] {
        let said = run("hugging_face.py", &[&url]);
        assert_eq!(said["one"], json!(expected), "{url}");
        assert_eq!(said["several"].as_array().unwrap().len(), 3);
        assert_eq!(said["several"][0]["answer"], expected[0]["answer"]);
        assert_eq!(said["refused"], 400);
    }
}

/// Questions with their contexts.
const PAIRS: [(&str, &str); 3] = [
    (
        "Who wrote it?",
        "The opera was written by Ada Byron in 1843.",
    ),
    ("Wo wohnt sie?", "Zoë wohnt in Köln 🏰 am Rhein."),
    (
        "When was it written?",
        "The opera was written by Ada Byron in 1843.",
    ),
];

/// Answers of the server to `PAIRS`, requested as the pipeline does.
fn answers(server: &Server) -> Vec<Value> {
    let ask = |&(question, context): &(&str, &str)| {
        let body = json!({ "question": question, "context": context }).to_string();
        let answer = server.post_json("/question_answering", &body);
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    };
    PAIRS.iter().map(ask).collect()
}

/// Output of a script in `reference/clients` for `PAIRS`.
fn run(script: &str, args: &[&str]) -> Value {
    let mut child = Command::new(folder().join(".venv/bin/python"))
        .arg(folder().join(script))
        .args(args)
        // Asks nobody but the server.
        .env("HF_HUB_DISABLE_TELEMETRY", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    write!(stdin, "{}", json!(PAIRS)).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

//! `bakeoff serve` as its operator sees it: keys, logs, metrics, signals and a system that is short of files.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::bakeoff::{Ended, Server, bakeoff, send_signal, serve};

const QUESTION: &str =
    r#"{"question": "Who is the secret author?", "context": "The secret author is Ada."}"#;

fn keys(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("keys");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn ask_with(server: &Server, key: &str) -> u16 {
    let headers = format!("authorization: Bearer {key}\r\n");
    server
        .request("POST", "/question_answering", &headers, QUESTION)
        .status
}

#[test]
fn keys_open_the_api_and_are_read_again_on_sighup() {
    let folder = tempfile::tempdir().unwrap();
    let path = keys(folder.path(), "# shop\nold-key\n");
    let file = path.to_str().unwrap();
    let server = Server::serve_with(&["--api-key-file", file]);
    let refused = server.post_json("/question_answering", QUESTION);
    assert_eq!(
        (refused.status, &refused.json()["detail"]),
        (401, &"Not authenticated".into())
    );
    assert!(
        refused.head.contains("www-authenticate: bearer"),
        "{}",
        refused.head
    );
    assert_eq!(server.get("/health").status, 200);
    assert_eq!(server.get("/metrics").status, 401);
    assert_eq!(
        (ask_with(&server, "old-key"), ask_with(&server, "new-key")),
        (200, 401)
    );

    fs::write(&path, "two words\n").unwrap();
    send_signal(&server.child, "HUP");
    server.line_with("cannot reload the API keys");
    assert_eq!(ask_with(&server, "old-key"), 200);

    fs::write(&path, "new-key\n").unwrap();
    send_signal(&server.child, "HUP");
    server.line_with("API keys reloaded");
    assert_eq!(
        (ask_with(&server, "old-key"), ask_with(&server, "new-key")),
        (401, 200)
    );
    server.end("TERM").expect(0, &[]);
}

/// Reading a pipe without a writer would never end.
#[test]
fn keys_come_from_regular_files_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = keys(folder.path(), "key\n");
    let file = path.to_str().unwrap();
    let server = Server::serve_with(&["--api-key-file", file]);
    server.line_with("ready");
    fs::remove_file(&path).unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap()
            .success()
    );
    send_signal(&server.child, "HUP");
    let said = server.line_with("cannot reload the API keys");
    assert!(said.contains("it is not a regular file"), "{said}");
    assert_eq!(ask_with(&server, "key"), 200);
    server.end("TERM").expect(0, &[]);
    for file in [file, "/dev/zero", "/"] {
        let mut command = serve(&["--api-key-file", file]);
        Ended::of(command.output().unwrap())
            .expect(2, &["cannot read API keys from", "regular file", "hint: "]);
    }
}

#[test]
fn pages_of_other_origins_may_not_post_in_any_content_type() {
    let server = Server::serve_with(&["--cors-origin", "https://shop.example"]);
    let ask = |headers: &str| {
        server
            .request("POST", "/question_answering", headers, QUESTION)
            .status
    };
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json",
    ] {
        let from = |origin: &str| {
            ask(&format!(
                "content-type: {content_type}\r\norigin: {origin}\r\n"
            ))
        };
        assert_eq!(from("https://evil.example"), 403, "{content_type}");
        assert_eq!(from("null"), 403, "{content_type}");
        assert_eq!(from("https://shop.example"), 200, "{content_type}");
        assert_eq!(from(&server.url()), 200, "{content_type}");
    }
    // What curl sends.
    assert_eq!(
        ask("content-type: application/x-www-form-urlencoded\r\n"),
        200
    );
}

#[test]
fn documentation_needs_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = keys(folder.path(), "key");
    let file = path.to_str().unwrap();
    let server = Server::serve_with(&["--api-key-file", file]);
    for path in ["/docs", "/openapi.json"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    assert_eq!(server.get("/").status, 307);
    for path in ["/info", "/v2/models/minilm-squad"] {
        assert_eq!(server.get(path).status, 401, "{path}");
    }
    assert_eq!(server.post_json("/", QUESTION).status, 401);
}

#[test]
fn sighup_without_keys_changes_nothing() {
    let server = Server::serve();
    send_signal(&server.child, "HUP");
    server.line_with("SIGHUP ignored");
    assert_eq!(
        server.post_json("/question_answering", QUESTION).status,
        200
    );
    server.end("TERM").expect(0, &[]);
}

#[test]
fn unusable_settings_are_the_users_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let with = |arguments: &[&str]| {
        let mut command = serve(arguments);
        Ended::of(command.current_dir(folder.path()).output().unwrap())
    };
    with(&["--api-key-file", "nowhere"])
        .expect(2, &["cannot read API keys from nowhere", "hint: "]);
    keys(folder.path(), "# none\n");
    with(&["--api-key-file", "keys"]).expect(2, &["keys holds no API key"]);
    with(&["--cors-origin", "https://example.org/"])
        .expect(2, &["`https://example.org/` is no web origin"]);
    for time in ["soon", "0", "2y", "99999999999999999"] {
        with(&["--timeout", time]).expect(2, &["--timeout"]);
    }
    with(&["--compat", "4.53"]).expect(2, &["4.57"]);
}

#[test]
fn open_doors_are_pointed_out() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&[
        "serve",
        "--port",
        "0",
        "--host",
        "0.0.0.0",
        "--threads",
        "1",
    ]);
    server.line_with("the server has no API keys");
    server.end("TERM").expect(0, &[]);
    let path = keys(folder.path(), "key");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let file = path.to_str().unwrap();
    let server = Server::serve_with(&["--api-key-file", file]);
    server.line_with("every user of this machine can read the API keys");
    server.end("TERM").expect(0, &[]);
}

#[test]
fn logs_are_objects_on_request_and_hold_nothing_of_what_was_asked() {
    let server = Server::spawn(serve(&["--log-format", "json"]).env("BAKEOFF_LOG", "trace"));
    let headers = "x-request-id: order-66\r\nx-other: secret\r\n\
        traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n";
    let asked = server.request(
        "POST",
        "/question_answering?token=secret",
        headers,
        QUESTION,
    );
    assert_eq!(asked.status, 200, "{}", asked.body);
    assert!(
        asked.head.contains("\r\nx-request-id: order-66"),
        "{}",
        asked.head
    );
    assert!(
        asked.head.contains("\r\nserver-timing: queue;dur="),
        "{}",
        asked.head
    );
    let line: Value = serde_json::from_str(&server.line_with("order-66")).unwrap();
    assert_eq!(
        (&line["level"], &line["target"]),
        (&"INFO".into(), &"bakeoff::request".into())
    );
    assert_eq!(
        (&line["method"], &line["route"], &line["status"]),
        (&"POST".into(), &"/question_answering".into(), &200.into())
    );
    assert_eq!(line["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert!(line["ms"].as_f64().unwrap() > 0.0, "{line}");

    server.request("SECRET", "/secret", "x-request-id: sec ret\r\n", "secret");
    server.request(
        "POST",
        "/question_answering",
        "",
        r#"{"question": "secret"}"#,
    );
    let long = format!(
        r#"{{"question": "{}", "context": "secret"}}"#,
        "secret ".repeat(400)
    );
    assert_eq!(server.post_json("/question_answering", &long).status, 422);
    let ended = server.end("TERM");
    ended.expect(0, &["shutting down"]);
    for line in ended.stderr.lines() {
        assert!(
            serde_json::from_str::<Value>(line).is_ok_and(|line| line.is_object()),
            "{line}"
        );
        assert!(!line.to_lowercase().contains("secret"), "{line}");
    }
}

/// Escape sequences in a log line would be run by the terminal of its reader.
#[test]
fn log_lines_hold_no_control_characters_of_a_client() {
    for format in ["text", "json"] {
        let server = Server::spawn(serve(&["--log-format", format]).env("BAKEOFF_LOG", "trace"));
        for part in ["\u{1b}[31m", "\u{9b}31m", "\u{7}\u{8}", "a\rb", "\u{7f}"] {
            let heads = [
                format!("GET /{part} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"),
                format!(
                    "GET / HTTP/1.1\r\nhost: a\r\nx-request-id: {part}\r\nconnection: close\r\n\r\n"
                ),
                format!("{part} / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"),
            ];
            for head in heads {
                let mut connection = TcpStream::connect(&server.authority).unwrap();
                connection.write_all(head.as_bytes()).unwrap();
                let _ = connection.read_to_end(&mut Vec::new());
            }
            let body = serde_json::json!({ "question": part, "context": format!("a {part}") });
            let answer = server.post_json("/question_answering", &body.to_string());
            assert!([200, 422].contains(&answer.status), "{}", answer.body);
        }
        let ended = server.end("TERM");
        ended.expect(0, &["shutting down"]);
        let control = ended
            .stderr
            .chars()
            .find(|character| character.is_control() && *character != '\n');
        assert_eq!(control, None, "{format}");
    }
}

#[test]
fn errors_hold_no_path_of_the_file_system() {
    let server = Server::serve();
    let too_many = format!(
        r#"{{"question": "q", "context": "{}"}}"#,
        "c ".repeat(1_200_000)
    );
    for (method, path, body) in [
        ("GET", "/etc/passwd", ""),
        ("GET", "/../../etc/passwd", ""),
        ("PUT", "/question_answering", ""),
        ("POST", "/question_answering", "{"),
        ("POST", "/question_answering", &too_many),
    ] {
        let answer = server.request(method, path, "", body);
        assert!(
            (400..500).contains(&answer.status),
            "{path}: {}",
            answer.status
        );
        for part in [
            "/etc",
            "/home",
            "/root",
            "/usr",
            "/tmp",
            env!("CARGO_MANIFEST_DIR"),
            ".rs",
            ".onnx",
        ] {
            assert!(!answer.body.contains(part), "{path}: {}", answer.body);
        }
    }
}

/// The address in what the server says about a URL.
fn authority(said: &str) -> &str {
    let (_, address) = said.split_once("http://").unwrap();
    address.split('/').next().unwrap()
}

/// A whole response, head and all.
fn get(authority: &str, path: &str) -> String {
    let mut connection = TcpStream::connect(authority).unwrap();
    write!(
        connection,
        "GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut text = String::new();
    connection.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn metrics_have_a_port_of_their_own_on_request() {
    let server = Server::serve_with(&["--metrics-port", "0"]);
    let said = server.line_with("metrics are at");
    assert_eq!(server.get("/metrics").status, 404);
    assert_eq!(
        server.post_json("/question_answering", QUESTION).status,
        200
    );
    let text = get(authority(&said), "/metrics");
    for part in [
        "content-type: text/plain; version=0.0.4",
        r#"bakeoff_requests_total{route="/question_answering",status="200"} 1"#,
        r#"bakeoff_build_info{model="minilm-squad",version=""#,
        "bakeoff_inference_duration_seconds_count 1",
        "process_resident_memory_bytes ",
    ] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
    server.end("TERM").expect(0, &[]);
}

#[test]
fn second_signal_ends_it_at_once() {
    let server = Server::serve_with(&["--drain-delay", "1h"]);
    send_signal(&server.child, "TERM");
    server.line_with("shutting down");
    assert_eq!(server.get("/ready").status, 503);
    assert_eq!(
        server.post_json("/question_answering", QUESTION).status,
        200
    );
    server.end("TERM").expect(130, &[]);
}

#[test]
fn system_short_of_files_is_outlived() {
    let program = bakeoff(&[]).get_program().to_owned();
    let mut limited = Command::new("sh");
    limited
        .args([
            "-c",
            "ulimit -n 80; exec \"$0\" serve --port 0 --threads 1 --metrics-port 0",
        ])
        .arg(program)
        .env("NO_COLOR", "1");
    let server = Server::spawn(&mut limited);
    let said = server.line_with("metrics are at");
    let private = authority(&said);
    server.line_with("the limit of open files allows fewer connections");
    server.line_with("ready");
    let greedy: Vec<_> = (0..100)
        .map(|_| TcpStream::connect(&server.authority).unwrap())
        .collect();
    // The public listener takes no more, and the probes of the private one are answered all the same.
    assert!(get(private, "/ready").starts_with("HTTP/1.1 200 OK\r\n"));
    drop(greedy);
    assert_eq!(
        server.post_json("/question_answering", QUESTION).status,
        200
    );
    server.end("TERM").expect(0, &[]);
}

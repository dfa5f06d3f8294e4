//! `bakeoff swarm --headless`.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Stdio;

use serde_json::Value;

use crate::bakeoff::{Ended, assert_schema, bakeoff, run, send_signal};

const SCENARIO: &str = r#"
name = "hello"
[load]
users = 3
spawn_rate = 100
run_time = "1s"
[[task]]
name = "/hello"
path = "/hello"
"#;

/// A server that answers every request with `answer`, and its address.
fn server(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                while stream.read(&mut buffer).is_ok_and(|read| read > 0) {
                    if stream.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

fn folder_with(scenario: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("s.toml"), scenario).unwrap();
    folder
}

#[test]
fn answered_load_ends_with_0_and_its_statistics() {
    let folder = folder_with(SCENARIO);
    let args = [
        "swarm",
        "--headless",
        "-f",
        "s.toml",
        "-H",
        &server(HELLO),
        "--html",
        "r.html",
    ];
    let ended = run(folder.path(), &args);
    ended.expect(0, &[]);
    for word in ["/hello", "Aggregated", "99.99", "req/s"] {
        assert!(ended.stdout.contains(word), "no {word} in {}", ended.stdout);
    }
    let html = fs::read_to_string(folder.path().join("r.html")).unwrap();
    assert!(html.starts_with("<!DOCTYPE html>") && html.contains("hello"));
}

#[test]
fn json_record_keeps_to_its_schema() {
    let folder = folder_with(SCENARIO);
    let ended = run(
        folder.path(),
        &[
            "swarm",
            "--headless",
            "-f",
            "s.toml",
            "-H",
            &server(HELLO),
            "--json",
            "-u",
            "5",
        ],
    );
    ended.expect(0, &[]);
    let record: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_schema(&record, "run.schema.json");
    assert_eq!(record["measurement"]["users"], 5);
}

#[test]
fn failed_requests_end_it_with_1_and_their_cause() {
    let folder = folder_with(SCENARIO);
    let host = server("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");
    let ended = run(
        folder.path(),
        &["swarm", "--headless", "-f", "s.toml", "-H", &host],
    );
    ended.expect(1, &[]);
    assert!(ended.stdout.contains("status 503"), "{}", ended.stdout);
}

#[test]
fn refusing_host_is_counted_and_not_an_error() {
    let folder = folder_with(SCENARIO);
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let ended = run(
        folder.path(),
        &[
            "swarm",
            "--headless",
            "-f",
            "s.toml",
            "-H",
            &format!("http://{closed}"),
        ],
    );
    ended.expect(1, &[]);
    assert!(
        ended.stdout.contains("connection refused"),
        "{}",
        ended.stdout
    );
}

#[test]
fn users_mistakes_end_it_with_2_and_say_which() {
    let folder = folder_with(&SCENARIO.replace("users", "usres"));
    run(
        folder.path(),
        &[
            "swarm",
            "--headless",
            "-f",
            "s.toml",
            "-H",
            "http://127.0.0.1:1",
        ],
    )
    .expect(2, &["s.toml:4", "usres", "users"]);
    run(folder.path(), &["swarm", "--headless", "-f", "none.toml"]).expect(2, &["none.toml"]);
    let folder = folder_with(SCENARIO);
    run(folder.path(), &["swarm", "--headless", "-f", "s.toml"])
        .expect(2, &["names no host", "hint: ", "--host"]);
    run(
        folder.path(),
        &[
            "swarm",
            "--headless",
            "-f",
            "s.toml",
            "-H",
            "http://no.such.host.invalid",
        ],
    )
    .expect(2, &["no.such.host.invalid"]);
    run(
        folder.path(),
        &["swarm", "--headless", "-f", "s.toml", "-u", "0"],
    )
    .expect(2, &["--users"]);
    run(
        folder.path(),
        &["swarm", "--headless", "-f", "s.toml", "-r", "-1"],
    )
    .expect(2, &[]);
    run(
        folder.path(),
        &["swarm", "--headless", "-f", "s.toml", "-t", "soon"],
    )
    .expect(2, &["90s"]);
}

#[test]
fn broken_threshold_ends_it_with_1() {
    let threshold = "[[threshold]]\nmetric = \"requests_per_second\"\nabove = 1e9\n";
    let folder = folder_with(&format!("{SCENARIO}{threshold}"));
    let ended = run(
        folder.path(),
        &["swarm", "--headless", "-f", "s.toml", "-H", &server(HELLO)],
    );
    ended.expect(1, &["threshold broken", "requests_per_second"]);
}

#[test]
fn interruption_ends_it_with_130_and_what_was_measured() {
    let folder = folder_with(SCENARIO);
    let args = [
        "swarm",
        "--headless",
        "-f",
        "s.toml",
        "-H",
        &server(HELLO),
        "-t",
        "1h",
    ];
    let mut command = bakeoff(&args);
    let mut child = command
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The second live table says that the load is on.
    let mut live = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut seen = String::new();
    while seen.matches("Aggregated").count() < 2 {
        assert!(
            std::io::BufRead::read_line(&mut live, &mut seen).unwrap() > 0,
            "{seen}"
        );
    }
    send_signal(&child, "INT");
    let drained = std::thread::spawn(move || std::io::copy(&mut live, &mut std::io::sink()));
    let ended = Ended::of(child.wait_with_output().unwrap());
    drained.join().unwrap().unwrap();
    ended.expect(130, &[]);
    assert!(ended.stdout.contains("Aggregated"), "{}", ended.stdout);
}

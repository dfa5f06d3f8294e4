//! `bakeoff swarm --headless`.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Stdio;

use serde_json::Value;

use crate::bakeoff::{Ended, assert_schema, bakeoff, run, send_signal};

pub(crate) const SCENARIO: &str = r#"
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
pub(crate) fn server(answer: &'static str) -> String {
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

pub(crate) const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

pub(crate) fn folder_with(scenario: &str) -> tempfile::TempDir {
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
fn a_server_that_never_answers_fails_the_load_in_every_output() {
    let folder = folder_with(&format!(
        "{SCENARIO}[[threshold]]\nmetric = \"response_time.p99\"\nbelow = \"100ms\"\n"
    ));
    let host = server("");
    let args =
        "swarm --headless -f s.toml --stop-timeout 200ms --csv x --junit j.xml --record r.json -H";
    let mut args: Vec<&str> = args.split(' ').collect();
    args.push(&host);
    let ended = run(folder.path(), &args);
    ended.expect(1, &["threshold broken: response_time.p99"]);
    let cause = "no answer within 200ms after the end of the load";
    assert!(
        ended.stdout.contains(cause) && ended.stdout.contains("> 1,"),
        "{}",
        ended.stdout
    );
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(read("x_failures.csv").contains(&format!("GET,/hello,{cause},3")));
    assert!(read("x_stats.csv").contains("GET,/hello,3,3,"));
    assert!(read("j.xml").contains("failures=\"1\""));
    let record: Value = serde_json::from_str(&read("r.json")).unwrap();
    assert_eq!(record["summary"]["unfinished"], 3);
    assert_eq!(record["summary"]["total"]["fail_ratio"], 1.0);
}

#[test]
fn every_file_that_is_asked_for_is_written() {
    let folder = folder_with(&format!(
        "{SCENARIO}[[threshold]]\nmetric = \"fail_ratio\"\nbelow = 0.5\n"
    ));
    let host = server(HELLO);
    let files = "--csv out/x --csv-full-history --json-file y --record z.json --markdown m.md --junit j.xml -u 5";
    let mut args = vec!["swarm", "--headless", "-f", "s.toml", "-H", &host];
    args.extend(files.split(' '));
    let ended = Ended::of(
        bakeoff(&args)
            .current_dir(folder.path())
            .env("GITHUB_STEP_SUMMARY", folder.path().join("summary.md"))
            .output()
            .unwrap(),
    );
    ended.expect(0, &["wrote z.json", "wrote j.xml"]);
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let record: Value = serde_json::from_str(&read("z.json")).unwrap();
    assert_schema(&record, "run.schema.json");
    assert_eq!(record["measurement"]["users"], 5);
    let requests = record["summary"]["total"]["requests"].as_u64().unwrap();
    let stats = read("out/x_stats.csv");
    let total = stats.lines().last().unwrap();
    assert!(
        total.starts_with(&format!(",Aggregated,{requests},0,")),
        "{stats}"
    );
    assert!(read("out/x_stats_history.csv").lines().count() > 1);
    assert_eq!(read("out/x_failures.csv").lines().count(), 1);
    assert_eq!(
        read("out/x_exceptions.csv"),
        "Count,Message,Traceback,Nodes\r\n"
    );
    let json: Value = serde_json::from_str(&read("y.json")).unwrap();
    assert_eq!(json[0]["num_requests"], requests);
    assert!(read("j.xml").contains("failures=\"0\""));
    assert!(read("m.md").contains("/hello"));
    assert_eq!(read("summary.md"), read("m.md"));
}

#[test]
fn json_on_stdout_is_locusts() {
    let folder = folder_with(SCENARIO);
    let host = server(HELLO);
    let ended = run(
        folder.path(),
        &["swarm", "--headless", "-f", "s.toml", "-H", &host, "--json"],
    );
    ended.expect(0, &["Aggregated"]);
    let rows: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        (&rows[0]["name"], &rows[0]["method"]),
        (&"/hello".into(), &"GET".into())
    );
    assert_eq!(rows.as_array().unwrap().len(), 1);
}

#[test]
fn files_that_cannot_be_written_are_named_before_the_load_begins() {
    let folder = folder_with(SCENARIO);
    fs::write(folder.path().join("file"), "").unwrap();
    let host = server(HELLO);
    run(
        folder.path(),
        &[
            "swarm",
            "--headless",
            "-f",
            "s.toml",
            "-H",
            &host,
            "--csv",
            "file/x",
        ],
    )
    .expect(3, &["cannot write file/x_stats.csv"]);
}

#[test]
fn arrivals_stages_and_iterations_are_asked_for_on_the_command_line_or_in_the_file() {
    let folder = folder_with(SCENARIO);
    let host = server(HELLO);
    let of = |flags: &str| {
        let mut args = vec![
            "swarm",
            "--headless",
            "-f",
            "s.toml",
            "-H",
            &host,
            "--record",
            "r.json",
        ];
        args.extend(flags.split(' '));
        run(folder.path(), &args).expect(0, &[]);
        let text = fs::read_to_string(folder.path().join("r.json")).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["measurement"].take()
    };
    let arrived = of("--arrival-rate 50 -t 2");
    let planned = arrived["arrivals"]["planned"].as_f64().unwrap();
    // Four standard deviations around a hundred.
    assert!((planned - 100.0).abs() < 40.0, "{planned}");
    assert_eq!(of("-i 7")["requests"][0]["completed_in_period"], 7);
    assert_eq!(of("--reset-stats -r 2 -u 3 -t 1")["warm_up_ms"], 1000.0);
    run(
        folder.path(),
        &[
            "swarm",
            "-f",
            "s.toml",
            "-H",
            &host,
            "--arrival-rate",
            "5",
            "-u",
            "2",
        ],
    )
    .expect(2, &["--users"]);
}

#[test]
fn a_hopeless_load_is_given_up_and_fails() {
    let threshold = "[[threshold]]\nmetric = \"response_time.max\"\nbelow = \"1us\"\nabort_on = true\nabort_after = \"1s\"\n";
    let folder = folder_with(&format!("{SCENARIO}{threshold}"));
    let host = server(HELLO);
    run(
        folder.path(),
        &[
            "swarm",
            "--headless",
            "-f",
            "s.toml",
            "-H",
            &host,
            "-t",
            "1h",
        ],
    )
    .expect(1, &["threshold broken: response_time.max below 1us"]);
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
    for (flag, value, words) in [
        ("-t", "30M", "write `m` for minutes"),
        (
            "-u",
            "2.5",
            "invalid value '2.5' for '--users <N>': it has to be a whole number",
        ),
        ("-i", "0", "it has to be a whole number of at least 1"),
        ("--seed", "99999999999999999999", "it is too large"),
    ] {
        let args = ["swarm", "--headless", "-f", "s.toml", flag, value];
        run(folder.path(), &args).expect(2, &[words]);
    }
    fs::write(folder.path().join("locustfile.py"), "class User: pass").unwrap();
    let args = ["swarm", "--headless", "-f", "locustfile.py"];
    run(folder.path(), &args).expect(
        2,
        &["locustfile.py is a locustfile in Python", "docs/swarm.md"],
    );
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

/// Runs the binary in `folder` under a limit of open files that `ulimit` understands.
fn run_with_files(folder: &std::path::Path, limit: &str, args: &[&str]) -> Ended {
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", &format!("ulimit {limit} && exec \"$@\""), "sh"])
        .arg(env!("CARGO_BIN_EXE_bakeoff"))
        .args(args)
        .env("XDG_DATA_HOME", env!("CARGO_TARGET_TMPDIR"));
    Ended::of(command.current_dir(folder).output().unwrap())
}

#[test]
fn too_few_open_files_are_said_before_the_start_and_where_requests_fail() {
    let folder = folder_with(SCENARIO);
    let host = server(HELLO);
    let args = ["swarm", "--headless", "-f", "s.toml", "-H", &host];
    let args = [&args[..], &["-u", "100", "-r", "1000", "-t", "1s"]].concat();
    let ended = run_with_files(folder.path(), "-n 60", &args);
    ended.expect(
        1,
        &[
            "warning: up to 100 connections are wanted and the limit of open files is 60; those beyond it will fail",
            "hint: raise the limit with `ulimit -n 164` before the start",
        ],
    );
    let cause = "too many open files (limit 60) on the machine that makes the load";
    let all = format!("{}{}", ended.stdout, ended.stderr);
    assert!(all.contains(cause), "{ended:#?}");
    // Where the system allows more, more is taken without a word.
    let ended = run_with_files(folder.path(), "-S -n 60", &args);
    ended.expect(0, &[]);
    assert!(!ended.stderr.contains("warning"), "{ended:#?}");
}

#[test]
fn the_version_of_http_can_be_asked_for() {
    let folder = folder_with(SCENARIO);
    let host = server("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    let args = [
        "swarm",
        "--headless",
        "--http2",
        "-f",
        "s.toml",
        "-H",
        &host,
    ];
    let ended = run(folder.path(), &args);
    ended.expect(1, &[]);
    let cause = "does the server speak HTTP/2?";
    assert!(ended.stdout.contains(cause), "{ended:#?}");
}

#[test]
fn a_certificate_file_that_is_not_there_is_the_users_mistake() {
    let folder = folder_with(&format!("{SCENARIO}[connection]\nca_file = \"none.pem\"\n"));
    let ended = run(
        folder.path(),
        &[
            "swarm",
            "--headless",
            "-f",
            "s.toml",
            "-H",
            "https://127.0.0.1",
        ],
    );
    ended.expect(2, &["error: s.toml:11: `ca_file` cannot read none.pem"]);
}

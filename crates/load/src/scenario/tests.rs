use std::fs;

use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::{Rate, Spacing};

mod mistakes;
mod requests;

const TASK: &str = "[[task]]\npath = \"/\"\n";

fn parse(text: &str) -> Result<Scenario, ScenarioError> {
    Scenario::parse(text, Path::new("scenarios/qa.toml"))
}

fn error(text: &str) -> String {
    parse(text).expect_err(text).to_string()
}

/// A folder with a file `rows.jsonl` of these rows.
fn folder(rows: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rows.jsonl"), rows).unwrap();
    folder
}

fn parse_in(folder: &TempDir, task: &str) -> Result<Scenario, ScenarioError> {
    let text =
        format!("[[task]]\n{task}\ndata = {{ file = \"rows.jsonl\", order = \"sequential\" }}");
    Scenario::parse(&text, &folder.path().join("scenario.toml"))
}

/// The error without the folder's name.
fn error_in(folder: &TempDir, task: &str) -> String {
    let error = parse_in(folder, task).expect_err(task).to_string();
    error.replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn a_file_without_a_name_is_shown_as_the_current_folder() {
    for (lines, expected) in [
        (format!("{TASK}body_file = \"\""), "cannot read .: "),
        (
            format!("{TASK}[connection]\nca_file = \"\""),
            "`ca_file` cannot read .: ",
        ),
    ] {
        let error = Scenario::parse(&lines, Path::new("s.toml")).unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string);
        let error = format!("{error}: {}", source.unwrap_or_default());
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a whole scenario")]
fn a_whole_scenario_is_read() {
    let folder = folder(
        "{\"question\": \"Who?\", \"context\": \"Ada \\\"did\\\".\"}\n\n{\"question\": \"Why?\", \"context\": 7}\n",
    );
    let text = r#"
        name = "question answering"
        host = "http://127.0.0.1:8000"
        [load]
        users = 70
        spawn_rate = 10
        run_time = "1m 30s"
        wait_time = { between = ["1s", "3s"] }
        [[task]]
        name = "ask"
        weight = 3
        method = "POST"
        path = "/question_answering"
        headers = { x-question = "q ${question}" }
        json = { question = "${question}", context = "${context}", both = "${question} ${context}", top_k = 1, deep = [{ a = true }] }
        data = { file = "rows.jsonl", order = "shuffled" }
        check = [{ status = 201 }, { json = "/answer", kind = "string" }, { contains = "Ada" }]
        timeout = "500ms"
        [[task]]
        path = "/health"
        [[threshold]]
        metric = "response_time.p99.9"
        below = "500ms"
    "#;
    let scenario = Scenario::parse(text, &folder.path().join("scenario.toml")).unwrap();
    assert_eq!(
        (scenario.name(), scenario.host()),
        ("question answering", Some("http://127.0.0.1:8000"))
    );
    let wait_time = WaitTime::Between(Duration::from_secs(1), Duration::from_secs(3));
    let run_time = Some(Duration::from_secs(90));
    let users = NonZeroU32::new(70).unwrap();
    assert_eq!(
        *scenario.load(),
        Load {
            workload: Workload::Users {
                users,
                spawn_rate: 10.0,
            },
            iterations: None,
            run_time,
            wait_time
        }
    );
    let [ask, health] = scenario.users()[0].tasks() else {
        panic!("two tasks")
    };
    assert_eq!(
        (
            ask.name(),
            ask.requests[0].method.as_str(),
            ask.weight().get(),
            ask.rows
        ),
        ("ask", "POST", 3, 2)
    );
    let body = |row| serde_json::from_slice::<Value>(ask.requests[0].body.made().of(row)).unwrap();
    let expected = json!({"question": "Who?", "context": "Ada \"did\".", "both": "Who? Ada \"did\".", "top_k": 1, "deep": [{"a": true}]});
    assert_eq!(body(0), expected);
    assert_eq!(
        body(1),
        json!({"question": "Why?", "context": 7, "both": "Why? 7", "top_k": 1, "deep": [{"a": true}]})
    );
    assert_eq!(ask.requests[0].headers.of(1)["x-question"], "q Why?");
    assert_eq!(
        ask.requests[0].headers.of(0)["content-type"],
        "application/json"
    );
    assert_eq!(
        (
            ask.requests[0].checks.status.clone(),
            ask.requests[0].checks.body.len()
        ),
        (vec![StatusCode::CREATED], 2)
    );
    assert_eq!(ask.requests[0].timeout, Duration::from_millis(500));
    assert_eq!(
        (health.name(), &health.requests[0].method, health.rows),
        ("/health", &Method::GET, 1)
    );
    assert_eq!(health.requests[0].timeout, Duration::from_secs(30));
    assert_eq!(
        scenario.thresholds()[0].to_string(),
        "response_time.p99.9 below 500ms"
    );
}

#[test]
fn what_a_file_leaves_out_is_as_in_locust() {
    let scenario = parse(TASK).unwrap();
    assert_eq!((scenario.name(), scenario.host()), ("qa", None));
    let load = Load {
        workload: Workload::Users {
            users: NonZeroU32::MIN,
            spawn_rate: 1.0,
        },
        run_time: None,
        iterations: None,
        wait_time: WaitTime::Constant(Duration::ZERO),
    };
    assert_eq!(*scenario.load(), load);
}

#[test]
fn a_load_can_be_of_stages_or_of_arrivals() {
    let workload = |load: &str| {
        let scenario = parse(&format!("[load]\n{load}\n{TASK}")).unwrap();
        scenario.load().workload.clone()
    };
    let stage = |seconds, users, spawn_rate| Stage {
        duration: Duration::from_secs(seconds),
        users,
        spawn_rate,
    };
    let stages = "spawn_rate = 5\nstages = [{ duration = \"30s\", users = 20 }, { duration = \"1m\", users = 0, spawn_rate = 1 }]";
    assert_eq!(
        workload(stages),
        Workload::Stages(vec![stage(30, 20, 5.0), stage(60, 0, 1.0)])
    );
    let arrivals = |rates: Vec<Rate>, spacing, max_in_flight| {
        Workload::Arrivals(Arrivals {
            rates,
            spacing,
            max_in_flight: NonZeroU32::new(max_in_flight).unwrap(),
        })
    };
    let ramp = Rate {
        from: 10.0,
        to: 100.5,
        over: Duration::from_mins(1),
    };
    let even = "arrivals = \"even\"\nmax_in_flight = 7";
    assert_eq!(
        workload("arrival_rate = 50"),
        arrivals(vec![Rate::constant(50.0)], Spacing::Poisson, 1000)
    );
    for rate in [
        "{ from = 10, to = 100.5, over = \"60s\" }",
        "[{ from = 10, to = 100.5, over = \"60s\" }]",
    ] {
        assert_eq!(
            workload(&format!("arrival_rate = {rate}\n{even}")),
            arrivals(vec![ramp], Spacing::Even, 7)
        );
    }
}

#[test]
fn wait_times_are_written_in_five_ways() {
    let wait_time = |value: &str| {
        parse(&format!("[load]\nwait_time = {value}\n{TASK}"))
            .unwrap()
            .load()
            .wait_time
    };
    let secs = Duration::from_secs;
    assert_eq!(wait_time("\"2s\""), WaitTime::Constant(secs(2)));
    assert_eq!(
        wait_time("{ between = [\"0s\", \"3s\"] }"),
        WaitTime::Between(secs(0), secs(3))
    );
    assert_eq!(
        wait_time("{ constant_pacing = \"2s\" }"),
        WaitTime::ConstantPacing(secs(2))
    );
    assert_eq!(
        wait_time("{ constant_throughput = 0.5 }"),
        WaitTime::ConstantPacing(secs(2))
    );
}

#[test]
fn requests_without_columns_are_made_once() {
    let folder = folder("{\"name\": 1}\n{\"name\": 2}");
    let scenario = parse_in(&folder, "path = \"/${name}\"\nbody = \"same\"").unwrap();
    let task = &scenario.users()[0].tasks()[0];
    assert_eq!(
        task.requests[0].body.made().of(0).as_ptr(),
        task.requests[0].body.made().of(1).as_ptr()
    );
    assert_eq!(
        (
            task.requests[0].path.made().of(0).as_str(),
            task.requests[0].path.made().of(1).as_str()
        ),
        ("/1", "/2")
    );
}

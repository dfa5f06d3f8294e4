use std::fs;

use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::{Rate, Spacing};

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
            ask.requests[0].checks.status,
            ask.requests[0].checks.body.len()
        ),
        (Some(StatusCode::CREATED), 2)
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

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn a_mistake_is_named_with_its_file_line_and_key() {
    let cases = [
        (
            "[load]\nusres = 70\n",
            "2: unknown key `usres`, expected one of `users`, `spawn_rate`",
        ),
        (
            "[load]\nusers = 0\n",
            "2: `users` must be a whole number of at least 1, not 0",
        ),
        (
            "[load]\nusers = -3\n",
            "2: `users` must be a whole number of at least 1, not -3",
        ),
        (
            "[load]\nusers = \"70\"\n",
            "2: `users` must be a whole number of at least 1, not \"70\"",
        ),
        (
            "[load]\nusers = 5000000000\n",
            "2: `users` must be a whole number",
        ),
        (
            "[load]\nspawn_rate = 0.0\n",
            "2: `spawn_rate` must be a number above 0, not 0.0",
        ),
        (
            "[load]\nspawn_rate = nan\n",
            "2: `spawn_rate` must be a number above 0, not nan",
        ),
        (
            "[load]\nrun_time = \"0s\"\n",
            "2: `run_time` must be a duration above 0, such as \"60s\", not \"0s\"",
        ),
        (
            "[load]\nrun_time = 60\n",
            "2: `run_time` must be a duration above 0, such as \"60s\", not 60",
        ),
        (
            "[load]\nwait_time = \"-1s\"\n",
            "2: `wait_time` must be a duration such as",
        ),
        (
            "[load]\nwait_time = { between = [\"3s\", \"1s\"] }\n",
            "2: `wait_time` must be a duration such as",
        ),
        (
            "[load]\nwait_time = { constant_pacing = \"0s\" }\n",
            "2: `wait_time` must be a duration such as",
        ),
        (
            "[load]\nwait_time = { constant_throughput = 1e-300 }\n",
            "2: `wait_time` must be a duration such as",
        ),
        (
            "[load]\nwait_time = { sometimes = 1 }\n",
            "2: `wait_time` must be a duration such as",
        ),
        (
            "[load]\nstages = [{ users = 3 }]\n",
            "2: missing key `duration`",
        ),
        (
            "[load]\nstages = []\n",
            "2: `stages` needs at least one stage",
        ),
        (
            "[load]\nusers = 2\nstages = [{ duration = \"1s\", users = 3 }]\n",
            "3: `stages` say how many users there are",
        ),
        (
            "[load]\narrival_rate = 0\n",
            "2: `arrival_rate` must be a number of requests per second above 0",
        ),
        (
            "[load]\narrival_rate = { from = 1, to = -1, over = \"1s\" }\n",
            "2: `arrival_rate` must be",
        ),
        (
            "[load]\nusers = 2\narrival_rate = 50\n",
            "3: with `arrival_rate` requests arrive by themselves",
        ),
        (
            "[load]\narrivals = \"often\"\n",
            "2: `arrivals` must be another value than `often`",
        ),
        (
            "[load]\nmax_in_flight = 0\n",
            "2: `max_in_flight` must be a whole number of at least 1",
        ),
        (
            "[load]\niterations = -3\n",
            "2: `iterations` must be a whole number of at least 1",
        ),
        (
            "host = \"127.0.0.1:8000\"\n",
            "1: `host` `127.0.0.1:8000` is no address of a server",
        ),
        ("nmae = \"x\"\n", "1: unknown key `nmae`"),
        (
            "name = 3\n",
            "1: `name` must be of another type: integer `3`, expected a string",
        ),
        ("load = 3\n", "1: `load` must be of another type"),
        ("name =\n", "1: "),
        (
            "[[threshold]]\nmetric = \"p95\"\nbelow = \"1s\"\n",
            "2: `metric` must be response_time.p95 (or",
        ),
        (
            "[[threshold]]\nmetric = \"response_time.p95\"\nbelow = 500\n",
            "3: `below` must be a duration",
        ),
        (
            "[[threshold]]\nmetric = \"fail_ratio\"\nbelow = 5\n",
            "3: `below` must be a number from 0 to 1",
        ),
        (
            "[[threshold]]\nmetric = \"requests\"\nabove = \"1s\"\n",
            "3: `above` must be a number of at least 0",
        ),
        (
            "[[threshold]]\nmetric = \"requests\"\n",
            "2: a [[threshold]] needs `above`, `below` or both",
        ),
    ];
    for (text, expected) in cases {
        let error = error(&format!("{text}{TASK}"));
        let expected = format!("scenarios/qa.toml:{expected}");
        assert!(error.starts_with(&expected), "{text}\n{error}\n{expected}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn a_mistake_in_a_task_is_named_with_its_line_and_key() {
    let cases = [
        ("", "1: a request needs a `path`, such as"),
        (
            "path = \"ask\"",
            "2: `path` must start with `/`, not \"ask\"",
        ),
        ("path = \"/${\"", "2: `path` has a `${` without its `}`"),
        (
            "path = \"/${}\"",
            "2: `path` has a `${}` without a column's name",
        ),
        ("path = \"/\"\nwieght = 2", "3: unknown key `wieght`"),
        (
            "path = \"/\"\nweight = 0",
            "3: `weight` must be a whole number of at least 1, not 0",
        ),
        (
            "path = \"/\"\nmethod = \"post\"",
            "3: `method` must be one of GET, POST",
        ),
        (
            "path = \"/\"\nbody = \"a\"\njson = 1",
            "3: a request has one of `json`, `form`, `body` and `body_file`",
        ),
        (
            "path = \"/\"\njson = { x = nan }",
            "3: `json` has NaN, which JSON cannot say",
        ),
        (
            "path = \"/${id}\"",
            "2: `${id}` needs rows to be filled in from",
        ),
        (
            "path = \"/\"\njson = { x = \"${id}\" }",
            "3: `${id}` needs rows to be filled in from",
        ),
        (
            "path = \"/\"\ntimeout = \"soon\"",
            "3: `timeout` must be a duration above 0",
        ),
        (
            "path = \"/\"\nheaders = { \"a b\" = \"c\" }",
            "3: header `a b` is no valid name",
        ),
        (
            "path = \"/\"\nheaders = { content-length = \"3\" }",
            "3: header `content-length` follows from the body",
        ),
        (
            "path = \"/\"\ncheck = [{ status = 99 }]",
            "3: `status` must be from 100 to 999, not 99",
        ),
        (
            "path = \"/\"\ncheck = [{ status = 200 }, { status = 201 }]",
            "3: a task can check for one `status` only",
        ),
        (
            "path = \"/\"\ncheck = [{ json = \"answer\" }]",
            "3: `json` must be a JSON pointer",
        ),
        (
            "path = \"/\"\ncheck = [{ json = \"/a\", kind = \"strng\" }]",
            "3: `kind` must be another value than `strng`",
        ),
        (
            "path = \"/\"\ncheck = [{ kind = \"string\" }]",
            "3: a check is one of",
        ),
        (
            "path = \"/\"\ndata = { file = \"x\", order = \"random\" }",
            "3: `order` must be another value than `random`",
        ),
    ];
    for (task, expected) in cases {
        let error = error(&format!("[[task]]\n{task}\n"));
        let expected = format!("scenarios/qa.toml:{expected}");
        assert!(error.starts_with(&expected), "{task}\n{error}\n{expected}");
    }
    assert_eq!(
        error("name = \"x\"\n"),
        "scenarios/qa.toml:2: there is no [[task]]; users need at least one with a `path`"
    );
}

#[test]
fn a_bad_data_file_is_named_with_its_line() {
    let task = "path = \"/\"\njson = { x = \"${x}\" }";
    let cases = [
        (
            "",
            "rows.jsonl has no rows; it needs one JSON object a line",
        ),
        (
            "\n  \n",
            "rows.jsonl has no rows; it needs one JSON object a line",
        ),
        (
            "{\"x\": 1}\n{\"y\": 1}\n",
            "rows.jsonl:2: the row has no column `x`, which scenario.toml fills in",
        ),
        (
            "{\"x\": 1}\n\n{\"x\": \n",
            "rows.jsonl:3: the row is no JSON object",
        ),
        ("[1, 2]\n", "rows.jsonl:1: the row is no JSON object"),
    ];
    for (rows, expected) in cases {
        let error = error_in(&folder(rows), task);
        assert!(error.starts_with(expected), "{rows}\n{error}\n{expected}");
    }
    let unreadable = folder("\u{0}");
    fs::write(unreadable.path().join("rows.jsonl"), [0xff, 0xfe]).unwrap();
    assert_eq!(error_in(&unreadable, task), "cannot read rows.jsonl");
    fs::remove_file(unreadable.path().join("rows.jsonl")).unwrap();
    assert_eq!(error_in(&unreadable, task), "cannot read rows.jsonl");
    let header = error_in(
        &folder("{\"x\": \"a\\nb\"}"),
        "path = \"/\"\nheaders = { x-x = \"${x}\" }",
    );
    assert!(
        header.contains("header `x-x` would have a character that no header can have"),
        "{header}"
    );
}

#[test]
fn a_scenario_that_cannot_be_read_is_named() {
    let error = Scenario::open(Path::new("no/such.toml")).unwrap_err();
    assert_eq!(error.to_string(), "cannot read no/such.toml");
}

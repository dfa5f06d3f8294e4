//! Requests of users.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, Method, Uri};
use bakeoff_load::{Control, IncorrectAnswer, LoadConfig, LoadError, Scenario, check_once, run};

use crate::server::{
    ONE_TASK, Server, config, config_of, failures, lasting, measure, millis, requests, scenario,
    users_at,
};

/// Requests as a server got them.
type Log = Arc<Mutex<Vec<(Method, Uri, HeaderMap, String)>>>;

/// A server that logs every request and answers with its body.
fn logging_server() -> (Server, Log) {
    let log = Log::default();
    let logged = Arc::clone(&log);
    let handler = move |method: Method, uri: Uri, headers: HeaderMap, body: String| async move {
        logged
            .lock()
            .unwrap()
            .push((method, uri, headers, body.clone()));
        body
    };
    (Server::start(Router::new().fallback(handler)), log)
}

#[test]
fn requests_are_sent_as_the_scenario_writes_them() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("rows.jsonl"),
        "{\"id\": \"a b\", \"n\": 7}",
    )
    .unwrap();
    let text = r#"
        [[task]]
        name = "ask"
        method = "POST"
        path = "/ask/${id}?x=1"
        headers = { x-id = "<${id}>", user-agent = "test" }
        json = { n = "${n}", text = "n is ${n}" }
        data = { file = "rows.jsonl" }
        check = [{ status = 200 }, { json = "/n", equal = 7 }, { contains = "n is 7" }]
    "#;
    let scenario = Scenario::parse(text, &folder.path().join("scenario.toml")).unwrap();
    let (server, log) = logging_server();
    let prefixed = format!("{}/api/", server.url);
    let measurement = measure(&scenario, &lasting(&prefixed, 1, millis(50)));
    assert_eq!(failures(&measurement), 0, "{:?}", measurement.failures);
    let log = log.lock().unwrap();
    let (method, uri, headers, body) = &log[0];
    assert_eq!(
        (method, uri.to_string().as_str()),
        (&Method::POST, "/api/ask/a%20b?x=1")
    );
    assert_eq!(body, "{\"n\":7,\"text\":\"n is 7\"}");
    assert_eq!(headers["x-id"], "<a b>");
    assert_eq!(headers["user-agent"], "test");
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["content-length"], body.len().to_string().as_str());
    assert_eq!(
        format!("http://{}", headers["host"].to_str().unwrap()),
        server.url
    );
    assert_eq!(
        (
            measurement.requests[0].name.as_str(),
            measurement.requests[0].method.as_str()
        ),
        ("ask", "POST")
    );
}

#[test]
fn tasks_are_chosen_by_weight_and_counted_by_name() {
    let text = "[[task]]\npath = \"/often\"\nweight = 4\n[[task]]\npath = \"/seldom\"\n\
                [[task]]\npath = \"/also\"\nname = \"/often\"\nweight = 1\n";
    let (server, log) = logging_server();
    let measurement = measure(&scenario(text), &lasting(&server.url, 8, millis(600)));
    let mut by_path = HashMap::new();
    for (_, uri, _, _) in log.lock().unwrap().iter() {
        *by_path.entry(uri.path().to_owned()).or_insert(0_u64) += 1;
    }
    let count = |path: &str| by_path.get(path).copied().unwrap_or_default();
    let [often, seldom] = measurement.requests.as_slice() else {
        panic!("two names")
    };
    assert_eq!(
        (often.name.as_str(), often.requests()),
        ("/often", count("/often") + count("/also"))
    );
    assert_eq!(
        (seldom.name.as_str(), seldom.requests()),
        ("/seldom", count("/seldom"))
    );
    let total = requests(&measurement) as f64;
    assert!(total > 200.0, "{total}");
    // Four standard deviations around five in six.
    let share = often.requests() as f64 / total;
    assert!(
        (share - 5.0 / 6.0).abs() < 4.0 * (5.0 / 36.0 / total).sqrt(),
        "{share} of {total}"
    );
}

#[test]
fn the_same_seed_sends_the_same_requests() {
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<String> = (0..50).map(|id| format!("{{\"id\": {id}}}")).collect();
    std::fs::write(folder.path().join("rows.jsonl"), rows.join("\n")).unwrap();
    let text = "[[task]]\npath = \"/${id}\"\ndata = { file = \"rows.jsonl\" }\n[[task]]\npath = \"/other\"";
    let scenario = Scenario::parse(text, &folder.path().join("scenario.toml")).unwrap();
    let sent = |seed| {
        let (server, log) = logging_server();
        measure(
            &scenario,
            &LoadConfig {
                seed,
                ..config_of(&server.url, 30)
            },
        );
        let log = log.lock().unwrap();
        log.iter()
            .take(30)
            .map(|(_, uri, _, _)| uri.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(sent(5).len(), 30);
    assert_eq!(sent(5), sent(5));
    assert_ne!(sent(5), sent(6));
}

#[tokio::test]
async fn one_correct_answer_to_each_task_is_enough() {
    let (server, log) = logging_server();
    let right = scenario(
        "[[task]]\npath = \"/a\"\n[[task]]\npath = \"/b\"\nbody = \"x\"\ncheck = [{ contains = \"x\" }]",
    );
    check_once(&right, &server.url, millis(5_000))
        .await
        .unwrap();
    assert_eq!(log.lock().unwrap().len(), 2);
    let wrong =
        scenario("[[task]]\npath = \"/a\"\nname = \"the task\"\ncheck = [{ contains = \"x\" }]");
    let error = check_once(&wrong, &server.url, millis(5_000))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "request `the task`: check failed: the body does not contain \"x\""
    );
    let error = check_once(&wrong, "ftp://x", millis(5_000))
        .await
        .unwrap_err();
    assert!(
        matches!(error, IncorrectAnswer::Load(LoadError::Host(_))),
        "{error}"
    );
}

#[test]
fn a_load_that_cannot_start_says_why() {
    let error = |host: &str, spawn_rate: f64| {
        let config = LoadConfig {
            workload: users_at(1, spawn_rate),
            ..config(host, 1, Duration::from_mins(1))
        };
        run(&scenario(ONE_TASK), &config, &Control::new(), &mut |_| {
            panic!("nothing runs")
        })
        .unwrap_err()
        .to_string()
    };
    assert_eq!(
        error("http://no-such-host.invalid:80", 1.0),
        "cannot resolve `no-such-host.invalid`"
    );
    assert!(error("127.0.0.1:80", 1.0).contains("is no address of a server"));
    assert!(error("http://127.0.0.1:80", 0.0).contains("must be above 0"));
    assert!(error("http://127.0.0.1:80", f64::NAN).contains("must be above 0"));
    let long = format!(
        "[[task]]\nname = \"long\"\npath = \"/{}\"",
        "a".repeat(70_000)
    );
    let odd = Scenario::parse(&long, Path::new("s.toml")).unwrap();
    let result = run(
        &odd,
        &config("http://127.0.0.1:80", 1, millis(1)),
        &Control::new(),
        &mut |_| (),
    );
    assert_eq!(
        result.unwrap_err().to_string(),
        "request `long`: its path is too long; at most 65,534 bytes can be sent"
    );
}

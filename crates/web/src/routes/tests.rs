//! Routes of the page, without a socket.

use std::panic::Location;
use std::path::Path;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Request, header};
use bakeoff_history::{History, NewRun};
use bakeoff_load::Scenario;
use bakeoff_record::{LoadTest, Machine, Measurement, RequestStats, Second, TimeKind, Times};
use http_body_util::BodyExt;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

use super::*;
use crate::PageConfig;
use crate::fuzzing::defaults;

mod access;
mod experiments;
mod history;
mod load;

const SCENARIO: &str = "name = \"<script>\"\n[[task]]\nname = \"/a\"\npath = \"/a\"\nweight = 3\n[[task]]\nname = \"/b\"\npath = \"/b\"\n";

/// Longest wait for an event.
const PATIENCE: Duration = Duration::from_mins(10);

/// A page with a history of two finished runs.
struct TestPage {
    router: Router,
    stop: CancellationToken,
    folder: TempDir,
}

fn page(login: Option<&str>) -> TestPage {
    page_of(SCENARIO, login)
}

fn page_of(scenario: &str, login: Option<&str>) -> TestPage {
    let folder = tempfile::tempdir().unwrap();
    let mut history = History::open(&folder.path().join("history.sqlite")).unwrap();
    for (name, ms) in [("shop", 10), ("bank", 20)] {
        let test = load_test(name, ms);
        let run = history.begin(&NewRun {
            name: test.name.clone(),
            host: test.host.clone(),
            config: "3 users at 1/s".to_owned(),
            bakeoff_version: test.bakeoff_version.clone(),
            machine: test.machine.clone(),
            tags: Vec::new(),
        });
        history.finish(run.unwrap(), &test.measurement).unwrap();
    }
    let config = PageConfig {
        scenario: Scenario::parse(scenario, Path::new("s.toml")).unwrap(),
        defaults: defaults(),
        machine: load_test("", 1).machine,
        bakeoff_version: "0.1.0".to_owned(),
        experiments: Vec::new(),
        history: Some(history),
        login: None,
    };
    let stop = CancellationToken::new();
    let page = Page {
        experiments: Arc::new(Experiments::new(vec![folder.path().join("bakeoff.toml")])),
        swarm: Arc::new(Swarm::new(config)),
        stop: stop.clone(),
    };
    TestPage {
        router: router(
            page,
            login.map(|login| login.parse().unwrap()),
            &Limits::default(),
        ),
        stop,
        folder,
    }
}

fn load_test(name: &str, ms: u64) -> LoadTest {
    let mut times = Times::new();
    times.record(Duration::from_millis(ms));
    let mut by_kind = bakeoff_record::RequestTimes::default();
    for kind in [TimeKind::Response, TimeKind::Service] {
        by_kind[kind] = times.clone();
    }
    LoadTest {
        name: name.to_owned(),
        host: "http://127.0.0.1:1".to_owned(),
        bakeoff_version: "0.1.0".to_owned(),
        machine: Machine {
            cpu: "Example CPU".to_owned(),
            cores: 2,
            memory_bytes: 1,
            os: "Linux".to_owned(),
            ..Machine::default()
        },
        measurement: Measurement {
            started_at: std::time::SystemTime::UNIX_EPOCH,
            warm_up: Duration::ZERO,
            period: Duration::from_secs(1),
            users: 3,
            requests: vec![RequestStats {
                method: "GET".to_owned(),
                name: "/<script>".to_owned(),
                times: by_kind,
                completed_in_period: 1,
                failed_in_period: 0,
                body_bytes: 5,
            }],
            failures: Vec::new(),
            timeline: vec![Second {
                since_start: Duration::ZERO,
                users: 3,
                requests: 1,
                failures: 0,
                response_times: times.encode(),
                by_name: Vec::new(),
            }],
            connections_opened: 1,
            ..Measurement::nothing(std::time::SystemTime::UNIX_EPOCH)
        },
    }
}

struct Answer {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl TestPage {
    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header(header::HOST, "127.0.0.1:8089");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "").await
    }

    /// Waits until the statistics are as expected.
    #[track_caller]
    fn until(&self, expected: impl Fn(&Value) -> bool) -> impl Future<Output = ()> {
        let (caller, began) = (Location::caller(), Instant::now());
        async move {
            let mut stats = self.get("/stats/requests").await.json();
            while !expected(&stats) {
                assert!(began.elapsed() < PATIENCE, "{caller}: it stays {stats:#}");
                tokio::task::yield_now().await;
                stats = self.get("/stats/requests").await.json();
            }
        }
    }

    async fn post(&self, path: &str, form: &str) -> Answer {
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        self.ask("POST", path, &kind, form).await
    }
}

#[tokio::test]
async fn every_path_answers_as_locust_does() {
    let page = page(None);
    assert_eq!(page.get("/stats/reset").await.status, 405);
    let stats = page.get("/stats/requests").await.json();
    for key in [
        "stats",
        "errors",
        "total_rps",
        "total_fail_per_sec",
        "fail_ratio",
        "current_response_time_percentiles",
        "state",
        "user_count",
    ] {
        assert!(stats.get(key).is_some(), "{key}");
    }
    assert_eq!(stats["state"], "ready");
    let tasks = page.get("/tasks").await.json();
    assert_eq!(tasks["per_class"]["User"]["tasks"]["/a"]["ratio"], 0.75);
    assert_eq!(tasks["total"]["User"]["ratio"], 1.0);
    assert_eq!(
        page.get("/logs").await.json(),
        json!({"master": [], "workers": {}})
    );
    assert_eq!(
        page.get("/exceptions").await.json(),
        json!({"exceptions": []})
    );
    assert_eq!(page.get("/stats/report?download=1").await.status, 404);
    let table = page.get("/stats/requests/csv").await;
    assert!(table.body.ends_with("N/A\r\n"), "{}", table.body);
    assert!(table.headers.contains_key(header::CONTENT_DISPOSITION));
    let login = page.get("/login").await;
    assert_eq!(
        (
            login.status.as_u16(),
            login.headers[header::LOCATION].as_bytes()
        ),
        (302, &b"/"[..])
    );
}

#[tokio::test]
async fn every_asset_that_the_page_names_is_there() {
    let page = page(None);
    let html = page.get("/").await.body;
    let named = html.split('"').filter(|part| part.starts_with("/assets/"));
    let named: Vec<&str> = named.collect();
    assert!(named.len() >= 4, "{named:?}");
    for path in named {
        assert_eq!(page.get(path).await.status, 200, "{path}");
    }
    let app = page.get("/assets/app.js").await.body;
    let modules: Vec<&str> = app.split("from \"./").skip(1).collect();
    assert!(modules.len() >= 9, "{modules:?}");
    for module in modules {
        let name = module.split('"').next().unwrap();
        assert_eq!(
            page.get(&format!("/assets/{name}")).await.status,
            200,
            "{name}"
        );
    }
    assert_eq!(page.get("/assets/none.js").await.status, 404);
}

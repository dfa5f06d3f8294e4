use std::io::{Read, Write};
use std::num::{NonZeroU32, NonZeroUsize};
use std::panic::Location;
use std::path::Path;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Request, header};
use bakeoff_history::import::{self, Texts};
use bakeoff_history::{History, NewRun};
use bakeoff_load::{LoadConfig, Scenario, Share, Workload};
use bakeoff_record::{LoadTest, Machine, Measurement, RequestStats, Second, Source, Times};
use http_body_util::BodyExt;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

use super::*;
use crate::PageConfig;
use bakeoff_record::TimeKind;

const SCENARIO: &str = "name = \"<script>\"\n[[task]]\nname = \"/a\"\npath = \"/a\"\nweight = 3\n[[task]]\nname = \"/b\"\npath = \"/b\"\n";

/// The time after which something hangs.
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
        defaults: LoadConfig {
            // Nothing listens there.
            host: "http://127.0.0.1:1".to_owned(),
            workload: Workload::Users {
                users: NonZeroU32::MIN,
                spawn_rate: 1.0,
            },
            iterations: None,
            run_time: None,
            warm_up: None,
            stop_timeout: Duration::ZERO,
            enough: None,
            seed: 1,
            share: Share::WHOLE,
            threads: NonZeroUsize::MIN,
        },
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
            ..bakeoff_record::Measurement::nothing(std::time::SystemTime::UNIX_EPOCH)
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
async fn wrong_forms_and_wishes_at_the_wrong_time_say_why() {
    let page = page(None);
    for (form, word) in [
        ("user_count=0", "user_count"),
        ("spawn_rate=fast", "spawn_rate"),
        ("run_time=soon", "run_time"),
        ("stages=5+1m", "stages"),
        ("host=nowhere", "nowhere"),
        ("user_count=4294967295", "do not fit into the free memory"),
        ("stages=1m+4294967295", "do not fit into the free memory"),
    ] {
        let answer = page.post("/swarm", form).await;
        assert_eq!(answer.status, 200, "{form}");
        let said = answer.json();
        assert_eq!(
            (&said["success"], &said["host"]),
            (&json!(false), &json!("http://127.0.0.1:1")),
            "{form}"
        );
        assert!(said["message"].as_str().unwrap().contains(word), "{said}");
    }
    let json = [("content-type", "application/json")];
    let answer = page.ask("POST", "/swarm", &json, "{}").await;
    assert!(answer.body.contains("form"), "{}", answer.body);
    assert_eq!(page.get("/stats/requests").await.json()["state"], "ready");
    let lines = page.get("/logs").await.json()["master"].clone();
    assert_eq!(lines.as_array().unwrap().len(), 8);
}

#[tokio::test]
async fn a_form_may_have_parts_a_profile_and_a_time() {
    let page = page(None);
    let field = |name, value| {
        format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let fields = [
        ("user_count", "2"),
        ("run_time", "1h30m"),
        ("profile", "nightly"),
    ];
    let form: String = fields.map(|(name, value)| field(name, value)).concat();
    let kind = [("content-type", "multipart/form-data; boundary=x")];
    let answer = page
        .ask("POST", "/swarm", &kind, &format!("{form}--x--\r\n"))
        .await;
    assert_eq!(answer.json()["run_time"], 5400, "{}", answer.body);
    page.until(|stats| stats["user_count"] == 2).await;
    page.post("/stop", "").await;
    page.until(|stats| stats["state"] == "stopped").await;
    let runs = page.get("/history?search=nightly").await.json();
    assert_eq!(runs["runs"][0]["tags"], json!(["nightly"]));
}

#[tokio::test]
async fn another_host_ends_the_run_and_begins_the_next() {
    let page = page(None);
    page.post("/swarm", "user_count=2&spawn_rate=1000").await;
    page.until(|stats| stats["user_count"] == 2).await;
    let wrong = page.post("/swarm", "host=nowhere").await.json();
    assert_eq!(wrong["success"], false);
    let moved = page.post("/swarm", "host=http://127.0.0.1:2").await.json();
    assert_eq!(
        (&moved["success"], &moved["host"]),
        (&json!(true), &json!("http://127.0.0.1:2"))
    );
    page.until(|stats| stats["host"] == "http://127.0.0.1:2" && stats["user_count"] == 2)
        .await;
    page.post("/stop", "").await;
    let again = page.post("/swarm", "user_count=3&spawn_rate=1000").await;
    assert_eq!(again.json()["message"], "Swarming started");
    page.until(|stats| stats["user_count"] == 3).await;
    page.post("/swarm", "user_count=0&spawn_rate=1000").await;
    page.until(|stats| stats["user_count"] == 0).await;
    let fixed = page.post("/swarm", "arrival_rate=5").await.json();
    assert_eq!(fixed["success"], false);
    page.post("/stop", "").await;
    page.until(|stats| stats["state"] == "stopped").await;
    let runs = page.get("/history").await.json()["runs"].clone();
    let hosts: Vec<_> = runs.as_array().unwrap()[..3]
        .iter()
        .map(|run| run["host"].as_str().unwrap())
        .collect();
    let (one, two) = ("http://127.0.0.1:1", "http://127.0.0.1:2");
    assert_eq!(hosts, [one, two, one]);
    page.post("/stats/reset", "").await;
    let stats = page.get("/stats/requests").await.json();
    assert_eq!(stats["stats"][0]["num_requests"], 0);
}

#[tokio::test]
async fn figures_asked_for_after_a_reset_have_begun_anew() {
    let page = page(None);
    page.post("/swarm", "user_count=2&spawn_rate=1000").await;
    let requests = |stats: &Value| stats["stats"][0]["num_requests"].as_u64().unwrap();
    page.until(|stats| requests(stats) > 0).await;
    let first = requests(&page.get("/stats/requests").await.json());
    page.until(|stats| requests(stats) > first).await;
    let before = requests(&page.get("/stats/requests").await.json());
    page.post("/stats/reset", "").await;
    let after = requests(&page.get("/stats/requests").await.json());
    assert!(after < before, "{after} after {before}");
    page.post("/stop", "").await;
    page.until(|stats| stats["state"] == "stopped").await;
}

#[tokio::test]
async fn the_users_and_figures_of_a_running_load_can_be_changed() {
    let page = page(None);
    assert_eq!(
        page.post("/swarm", "user_count=2&spawn_rate=1000")
            .await
            .status,
        200
    );
    let changed = page.post("/swarm", "user_count=7&spawn_rate=1000").await;
    assert_eq!(changed.json()["message"], "Swarming updated");
    page.until(|stats| stats["user_count"] == 7).await;
    assert_eq!(page.post("/stats/reset", "").await.body, "ok");
    assert_eq!(page.post("/stop", "").await.json()["success"], true);
    page.until(|stats| stats["state"] == "stopped").await;
    for (path, word) in [
        ("/stats/requests/csv", "Request Count"),
        ("/stats/requests_full_history/csv", "User Count"),
        ("/stats/failures/csv", "Occurrences"),
        ("/exceptions/csv", "Traceback"),
        ("/metrics", "bakeoff_swarm_users"),
        ("/stats/record", "7 users at 1000/s"),
        ("/stats/report", "<!DOCTYPE html>"),
    ] {
        let file = page.get(path).await;
        assert!(
            file.status == 200 && file.body.contains(word),
            "{path}: {}",
            file.body
        );
    }
}

#[tokio::test]
async fn classes_of_users_are_listed_and_chosen() {
    let class = |name: &str, rest: &str| {
        format!("[[user]]\nname = \"{name}\"\n{rest}\n[[user.task]]\npath = \"/{name}\"\n")
    };
    let classes =
        class("reader", "weight = 3") + &class("writer", "") + &class("admin", "fixed_count = 1");
    let page = page_of(&classes, None);
    let settings = page.get("/settings").await.json();
    assert_eq!(
        settings["user_classes"],
        json!(["reader", "writer", "admin"])
    );
    let tasks = page.get("/tasks").await.json();
    assert_eq!(
        tasks["total"]["reader"],
        json!({ "ratio": 0.75, "tasks": { "/reader": { "ratio": 0.75 } } })
    );
    assert_eq!(
        tasks["per_class"]["writer"],
        json!({ "ratio": 0.25, "tasks": { "/writer": { "ratio": 1.0 } } })
    );
    let unknown = page.post("/swarm", "user_classes=nobody").await.json();
    assert_eq!(unknown["success"], false);
    page.post(
        "/swarm",
        "user_count=3&spawn_rate=1000&user_classes=writer&user_classes=admin",
    )
    .await;
    let named = |stats: &Value, name: &str| {
        let all = stats["stats"].as_array().unwrap();
        all.iter().any(|entry| entry["name"] == name)
    };
    page.until(|stats| named(stats, "/writer") && named(stats, "/admin"))
        .await;
    let stats = page.get("/stats/requests").await.json();
    assert!(!named(&stats, "/reader"), "{stats:#}");
    page.post("/stop", "").await;
}

#[tokio::test]
async fn arrivals_have_no_users_to_change() {
    let page = page(None);
    assert_eq!(page.post("/swarm", "arrival_rate=5").await.status, 200);
    let changed = page.post("/swarm", "user_count=7").await.json();
    assert_eq!(changed["success"], false);
    page.post("/stop", "").await;
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
    for module in app.split("from \"./").skip(1) {
        let name = module.split('"').next().unwrap();
        assert_eq!(
            page.get(&format!("/assets/{name}")).await.status,
            200,
            "{name}"
        );
    }
    assert_eq!(page.get("/assets/none.js").await.status, 404);
}

#[tokio::test]
async fn browsers_are_told_to_load_nothing_from_elsewhere() {
    let page = page(None);
    for path in ["/", "/assets/app.js", "/stats/requests", "/none"] {
        let answer = page.get(path).await;
        let policy = &answer.headers[header::CONTENT_SECURITY_POLICY];
        assert!(
            policy.to_str().unwrap().starts_with("default-src 'self'"),
            "{path}"
        );
        assert!(
            !answer
                .headers
                .contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN)
        );
    }
}

#[tokio::test]
async fn other_sites_change_and_read_nothing() {
    let page = page(None);
    for (method, path) in [
        ("POST", "/swarm"),
        ("POST", "/stop"),
        ("POST", "/stats/reset"),
        ("PATCH", "/history/1"),
        ("DELETE", "/history/1"),
    ] {
        let foreign = [("origin", "http://elsewhere.example")];
        assert_eq!(
            page.ask(method, path, &foreign, "").await.status,
            403,
            "{method} {path}"
        );
    }
    let renamed = [("host", "attacker.example")];
    assert_eq!(page.ask("GET", "/history", &renamed, "").await.status, 403);
    assert_eq!(page.get("/history/1").await.status, 200);
}

#[tokio::test]
async fn only_the_login_lets_in() {
    let page = page(Some("ada:secret"));
    let basic = |login: &str| {
        use base64::Engine;
        let encoded = base64::engine::general_purpose::STANDARD.encode(login);
        format!("Basic {encoded}")
    };
    let right = basic("ada:secret");
    for path in ["/", "/stats/requests", "/events", "/history"] {
        let answer = page.get(path).await;
        assert_eq!(answer.status, 401, "{path}");
        assert!(answer.headers.contains_key(header::WWW_AUTHENTICATE));
    }
    for wrong in [
        basic("ada:secre"),
        basic("ada"),
        right.replace("Basic", "Bearer"),
        "Basic !".to_owned(),
    ] {
        let answer = page.ask("GET", "/", &[("authorization", &wrong)], "").await;
        assert_eq!(answer.status, 401, "{wrong}");
    }
    let answer = page.ask("GET", "/", &[("authorization", &right)], "").await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_coarse_run_is_listed_and_compared_with_gaps() {
    let page = page(None);
    let wrk = "Running 3s test @ http://old/\n 2 threads and 8 connections\n Latency 4ms 1ms 9ms 80%\n \
               Latency Distribution\n 50% 4.5ms\n 450 requests in 3.00s, 1MB read\n Socket errors: connect 0, timeout 6\n";
    let texts = Texts {
        name: "old",
        main: wrk,
        ..Texts::default()
    };
    let run = import::read(Source::WrkText, &texts).unwrap();
    let path = page.folder.path().join("history.sqlite");
    let id = History::open(&path).unwrap().import_coarse(&run).unwrap();
    let listed = page.get("/history?search=wrk").await.json()["runs"][0].clone();
    assert_eq!((&listed["id"], &listed["users"]), (&json!(id.0), &json!(8)));
    let caveat = "coarse: imported from wrk text; percentiles between the known ones are not known";
    assert_eq!(listed["coarse"], caveat);
    for unknown in ["started_at", "failures", "p95_ms"] {
        assert_eq!(listed[unknown], Value::Null, "{unknown}");
    }
    let compared = page.get(&format!("/compare?ids=1,{}", id.0)).await.json();
    let coarse = &compared["runs"][1];
    assert_eq!(coarse["percentiles"], json!([[50.0, 4.5], [100.0, 9.0]]));
    assert_eq!(
        (&coarse["statistics"], &coarse["points"]["seconds"]),
        (&Value::Null, &json!([]))
    );
}

#[tokio::test]
async fn runs_are_found_annotated_compared_and_forgotten() {
    let page = page(None);
    let found = |answer: Answer| -> Vec<i64> {
        let runs = answer.json()["runs"].as_array().unwrap().clone();
        runs.iter().map(|run| run["id"].as_i64().unwrap()).collect()
    };
    assert_eq!(found(page.get("/history").await), [2, 1]);
    let json = [("content-type", "application/json")];
    let wish = r#"{"notes": "after <b>", "tags": ["nightly"]}"#;
    let changed = page.ask("PATCH", "/history/1", &json, wish).await;
    assert_eq!(changed.json()["tags"], json!(["nightly"]));
    let unknown = page
        .ask("PATCH", "/history/1", &json, r#"{"name": "x"}"#)
        .await;
    assert_eq!(unknown.status, 422);
    assert_eq!(found(page.get("/history?search=nightly").await), [1]);
    let detail = page.get("/history/1").await.json();
    assert_eq!(detail["names"], json!(["GET /<script>"]));
    assert_eq!(detail["points"]["requests_per_second"], json!([1.0]));
    assert_eq!(detail["percentiles"][0], json!([50.0, 10.0]));
    let compared = page.get("/compare?ids=1,2").await.json();
    assert_eq!(compared["runs"][1]["percentiles"][10][0], 100.0);
    let caveats = compared["caveats"].as_array().unwrap();
    let caveat = |words: &str| {
        caveats
            .iter()
            .any(|caveat| caveat.as_str().unwrap().contains(words))
    };
    assert!(
        caveat("The runs were not interleaved") && caveat("there is no verdict"),
        "{caveats:?}"
    );
    for ids in ["", "1,", "a", "1,1,1,1,1,1,1"] {
        let answer = page.get(&format!("/compare?ids={ids}")).await;
        assert_eq!(answer.status, 422, "{ids}");
    }
    assert_eq!(page.get("/compare?ids=1,9").await.status, 404);
    assert_eq!(page.ask("DELETE", "/history/1", &[], "").await.status, 200);
    assert_eq!(page.ask("DELETE", "/history/1", &[], "").await.status, 404);
    assert_eq!(found(page.get("/history").await), [2]);
}

#[tokio::test]
async fn events_begin_with_the_whole_load_and_end_with_the_page() {
    let page = page(None);
    let request = Request::get("/events?series=none").header(header::HOST, "localhost:8089");
    let request = request.body(Body::empty()).unwrap();
    let mut response = page.router.clone().oneshot(request).await.unwrap();
    let kind = &response.headers()[header::CONTENT_TYPE];
    assert_eq!(kind, "text/event-stream");
    let first = response.body_mut().frame().await.unwrap().unwrap();
    let first = String::from_utf8(first.into_data().unwrap().to_vec()).unwrap();
    let message: Value =
        serde_json::from_str(first.trim().strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(message["begin"], true);
    assert_eq!(message["stats"]["state"], "ready");
    page.stop.cancel();
    assert!(response.body_mut().frame().await.is_none());
}

/// Answers everything on a thread of its own, for as long as the tests run.
fn answering_server() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                let mut buffer = [0; 4096];
                while stream.read(&mut buffer).is_ok_and(|read| read > 0) {
                    if stream.write_all(answer).is_err() {
                        return;
                    }
                }
            });
        }
    });
    url
}

#[tokio::test]
async fn an_experiment_is_started_watched_and_reported() {
    let page = page(None);
    let folder = page.folder.path();
    let contender = |name: &str| {
        format!(
            "[[contender]]\nname = \"{name}\"\nurl = \"{}\"\n",
            answering_server()
        )
    };
    let head = "scenario = \"s.toml\"\nblocks = 6\nextra_blocks = 0\nmeasure = \"10ms\"\nwarm_up = \"0s\"\nusers = 2\n";
    std::fs::write(folder.join("s.toml"), SCENARIO).unwrap();
    let text = format!("{head}{}{}", contender("one"), contender("two"));
    let write = |text: &str| std::fs::write(folder.join("bakeoff.toml"), text).unwrap();
    write(&text.replace("blocks = 6", "blocks = 5"));
    let status = page.get("/experiments").await.json();
    let file = status["files"][0].as_str().unwrap().to_owned();
    assert_eq!(status["has_report"], false);
    assert_eq!(page.get("/experiments/report").await.status, 404);
    let refused = page.post("/experiments", "file=/etc/passwd").await.json();
    assert_eq!(refused["success"], false);
    let few = page.post("/experiments", &format!("file={file}")).await;
    let few = few.json()["message"].as_str().unwrap().to_owned();
    assert!(few.ends_with("a verdict needs 6"), "{few}");
    write(&text);
    let started = page
        .post("/experiments", &format!("file={file}"))
        .await
        .json();
    assert_eq!(started["success"], true, "{started}");
    let busy = page
        .post("/experiments", &format!("file={file}"))
        .await
        .json();
    assert_eq!(busy["message"], "an experiment is running; stop it first");
    let load = page
        .post("/swarm", "user_count=1&spawn_rate=1")
        .await
        .json();
    assert_eq!(load["message"], "an experiment is running; stop it first");
    let began = Instant::now();
    let over = loop {
        let status = page.get("/experiments").await.json();
        if status["running"] == false {
            break status;
        }
        assert!(began.elapsed() < PATIENCE, "it stays {status:#}");
        tokio::task::yield_now().await;
    };
    assert_eq!(over["has_report"], true, "{over:#}");
    assert_eq!(over["so_far"].as_array().unwrap().len(), 2, "{over:#}");
    let report = page.get("/experiments/report").await;
    assert!(report.body.contains("two"), "{}", report.body);
    let record = page.get("/experiments/record").await.json();
    assert_eq!(record["interrupted"], false);
    assert_eq!(record["runs"].as_array().unwrap().len(), 6 * 3);
}

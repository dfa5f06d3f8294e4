//! A load that is started, changed, reset, stopped and followed.

use axum::body::Body;
use axum::http::{Request, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{page, page_of};

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

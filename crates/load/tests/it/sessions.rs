//! Users who do one thing after another and remember what they were told.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use bakeoff_load::{
    ArrivalRate, Control, LoadConfig, OpenModel, Scenario, Spacing, Workload, check_once, run,
};
use bakeoff_record::Measurement;

use crate::server::{Server, config, failures, lasting, measure, millis, requests, scenario};

/// Number of requests of each path.
type Asked = Arc<Mutex<BTreeMap<String, u64>>>;

/// A shop that knows its customers by cookie and token, which have to belong together.
fn shop() -> (Server, Asked) {
    let asked = Asked::default();
    let logins = Arc::new(AtomicU64::new(0));
    let login = move |body: String| {
        let number = logins.fetch_add(1, Ordering::SeqCst);
        let cookie = format!("session={number}; HttpOnly; Path=/");
        let answer = format!("{{\"token\": \"t{number}\", \"you\": {body}}}");
        async move { ([(SET_COOKIE, cookie)], answer) }
    };
    let log = Arc::clone(&asked);
    let count = move |request: Request, next: axum::middleware::Next| {
        let path = request.uri().path().to_owned();
        *log.lock().unwrap().entry(path).or_default() += 1;
        next.run(request)
    };
    let router = Router::new()
        .route("/login", post(login))
        .route(
            "/orders",
            get(|headers: HeaderMap| async move {
                known(&headers).map(|number| ([("x-first", format!("/orders/{number}"))], "[]"))
            }),
        )
        .route(
            "/orders/{id}",
            any(
                |headers: HeaderMap, path: axum::extract::Path<String>| async move {
                    match known(&headers) {
                        Ok(number) if number == path.0 => Ok(number),
                        Ok(_) => Err(StatusCode::NOT_FOUND),
                        Err(status) => Err(status),
                    }
                },
            ),
        )
        .route(
            "/logout",
            post(|headers: HeaderMap| async move { known(&headers) }),
        )
        .layer(axum::middleware::from_fn(count));
    (Server::start(router), asked)
}

/// The customer's number.
fn known(headers: &HeaderMap) -> Result<String, StatusCode> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let cookie = text(COOKIE).and_then(|cookie| cookie.strip_prefix("session="));
    let token = text(AUTHORIZATION).and_then(|token| token.strip_prefix("Bearer t"));
    match (cookie, token) {
        (Some(cookie), Some(token)) if cookie == token => Ok(token.to_owned()),
        _ => Err(StatusCode::UNAUTHORIZED),
    }
}

const CUSTOMER: &str = r#"
[[user]]
name = "customer"
auth = { bearer = "${token}" }
[[user.on_start]]
method = "POST"
path = "/login"
auth = { basic = { user = "me", password = "secret" } }
json = { name = "Ada" }
extract = { token = { json = "/token" } }
check = [{ json = "/you/name", equal = "Ada" }]
[[user.task]]
name = "look and order"
[[user.task.request]]
path = "/orders"
extract = { id = { header = "x-first", matches = '/orders/(\d+)' } }
[[user.task.request]]
name = "/orders/{id}"
method = "POST"
path = "/orders/${id}"
json = { order = "${id}" }
[[user.on_stop]]
method = "POST"
path = "/logout"
"#;

fn counts(measurement: &Measurement) -> BTreeMap<String, u64> {
    let requests = measurement.requests.iter();
    requests
        .map(|stats| (stats.name.clone(), stats.requests()))
        .collect()
}

#[test]
fn users_log_in_once_use_what_they_were_told_and_log_out() {
    let (server, asked) = shop();
    let measurement = measure(&scenario(CUSTOMER), &lasting(&server.url, 5, millis(200)));
    assert_eq!(failures(&measurement), 0, "{:?}", measurement.failures);
    let counts = counts(&measurement);
    assert_eq!((counts["/login"], counts["/logout"]), (5, 5));
    assert!(counts["/orders"] > 5);
    assert_eq!(counts["/orders"], counts["/orders/{id}"]);
    let asked = asked.lock().unwrap();
    assert_eq!(asked.values().sum::<u64>(), requests(&measurement));
    assert_eq!((asked["/login"], asked["/logout"]), (5, 5));
}

#[test]
fn an_arrival_is_a_new_user_from_login_to_logout() {
    let (server, asked) = shop();
    let workload = Workload::OpenModel(OpenModel {
        rates: vec![ArrivalRate::constant(100.0)],
        spacing: Spacing::Even,
        max_in_flight: std::num::NonZeroU32::new(100).unwrap(),
    });
    let config = LoadConfig {
        workload,
        ..config(&server.url, 1, millis(300))
    };
    let measurement = measure(&scenario(CUSTOMER), &config);
    assert_eq!(failures(&measurement), 0, "{:?}", measurement.failures);
    let arrivals = measurement.arrivals.unwrap();
    for count in counts(&measurement).values() {
        assert_eq!(*count, arrivals.planned - arrivals.not_sent);
    }
    let asked = asked.lock().unwrap();
    assert_eq!(asked.values().sum::<u64>(), requests(&measurement));
}

#[test]
fn all_requests_of_the_last_iteration_count() {
    let (server, _) = shop();
    let config = LoadConfig {
        iterations: std::num::NonZeroU64::new(7),
        run_time: None,
        ..config(&server.url, 3, millis(1))
    };
    let measurement = measure(&scenario(CUSTOMER), &config);
    assert_eq!(failures(&measurement), 0, "{:?}", measurement.failures);
    let counts = counts(&measurement);
    assert_eq!((counts["/orders"], counts["/orders/{id}"]), (7, 7));
    assert_eq!(measurement.unfinished, 0);
}

#[test]
fn what_no_answer_gave_is_not_sent_and_says_so() {
    let text = CUSTOMER.replace("\"/token\"", "\"/ticket\"");
    let (server, asked) = shop();
    let measurement = measure(&scenario(&text), &lasting(&server.url, 1, millis(50)));
    let causes: Vec<&str> = measurement
        .failures
        .iter()
        .map(|failure| failure.cause.as_str())
        .collect();
    assert!(
        causes.contains(&"extraction failed: no /ticket for `token` in the body"),
        "{causes:?}"
    );
    assert!(
        causes.contains(&"`token` has no value yet: no answer gave it"),
        "{causes:?}"
    );
    assert_eq!(asked.lock().unwrap().keys().collect::<Vec<_>>(), ["/login"]);
}

#[tokio::test]
async fn one_check_goes_through_everything_in_order() {
    let (server, asked) = shop();
    check_once(&scenario(CUSTOMER), &server.url, Duration::from_secs(30))
        .await
        .unwrap();
    let asked: Vec<u64> = asked.lock().unwrap().values().copied().collect();
    assert_eq!(asked, [1, 1, 1, 1]);
}

/// Counts what the users of each class did.
fn by_class(load: &str, users: u32) -> BTreeMap<String, u64> {
    let server = Server::start(Router::new().fallback(|| async {}));
    let scenario = scenario(load);
    let config = LoadConfig {
        iterations: std::num::NonZeroU64::new(users.into()),
        ..config(&server.url, users, Duration::from_mins(1))
    };
    counts(&measure(&scenario, &config))
}

#[test]
fn classes_share_the_users() {
    let load = r#"
        [load]
        wait_time = "1h"
        [[user]]
        name = "reader"
        weight = 3
        [[user.task]]
        path = "/read"
        [[user]]
        name = "writer"
        [[user.task]]
        path = "/write"
        [[user]]
        name = "admin"
        fixed_count = 2
        [[user.task]]
        path = "/admin"
    "#;
    let expected = [("/admin", 2), ("/read", 6), ("/write", 2)];
    let expected = expected.map(|(name, count)| (name.to_owned(), count));
    assert_eq!(by_class(load, 10), BTreeMap::from(expected));
}

#[test]
fn tasks_in_order_come_as_they_are_written_with_a_row_for_each_user() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("users.jsonl"),
        "{\"name\": \"a\"}\n{\"name\": \"b\"}",
    )
    .unwrap();
    let text = r#"
        [[user]]
        name = "walker"
        in_order = true
        headers = { x-class = "walker" }
        [[user.task]]
        path = "/1/${name}"
        data = { file = "users.jsonl", order = "per_user" }
        [[user.task]]
        path = "/2/${name}"
        data = { file = "users.jsonl", order = "per_user" }
    "#;
    let scenario = Scenario::parse(text, &folder.path().join("s.toml")).unwrap();
    let log = Arc::new(Mutex::new(Vec::new()));
    let logged = Arc::clone(&log);
    let server = Server::start(Router::new().fallback(
        move |headers: HeaderMap, uri: axum::http::Uri| async move {
            assert_eq!(headers["x-class"], "walker");
            logged.lock().unwrap().push(uri.path().to_owned());
        },
    ));
    measure(&scenario, &lasting(&server.url, 2, millis(50)));
    let log = log.lock().unwrap();
    for user in ["a", "b"] {
        let steps: Vec<char> = log
            .iter()
            .filter(|path| path.ends_with(user))
            .filter_map(|path| path.chars().nth(1))
            .collect();
        assert!(steps.len() > 2, "{log:?}");
        let expected = ['1', '2'].iter().cycle().take(steps.len());
        assert!(steps.iter().eq(expected), "{steps:?}");
    }
}

#[test]
fn redirections_are_followed_and_one_request_is_counted() {
    let moved = |status: StatusCode, to: &'static str| async move {
        (status, [(LOCATION, to), (SET_COOKIE, "way=taken")]).into_response()
    };
    let echo = |headers: HeaderMap, method: axum::http::Method, body: Bytes| async move {
        let cookie = headers
            .get(COOKIE)
            .map(|cookie| cookie.to_str().unwrap().to_owned());
        let typed = headers.contains_key(CONTENT_TYPE);
        format!(
            "{method} {} {typed} {}",
            String::from_utf8_lossy(&body),
            cookie.unwrap_or_default()
        )
    };
    let router = Router::new()
        .route("/found", any(move || moved(StatusCode::FOUND, "end")))
        .route(
            "/kept",
            any(move || moved(StatusCode::TEMPORARY_REDIRECT, "/end?again")),
        )
        .route("/loop", any(move || moved(StatusCode::FOUND, "/loop")))
        .route(
            "/away",
            any(move || moved(StatusCode::FOUND, "http://127.0.0.1:1/")),
        )
        .route("/end", any(echo));
    let server = Server::start(router);
    let one = |path: &str, rest: &str| {
        let text = format!("[[task]]\nmethod = \"POST\"\npath = \"{path}\"\njson = 1\n{rest}");
        let config = LoadConfig {
            iterations: std::num::NonZeroU64::new(1),
            ..config(&server.url, 1, Duration::from_mins(1))
        };
        let measurement = run(&scenario(&text), &config, &Control::new(), &mut |_| ()).unwrap();
        assert_eq!(requests(&measurement), 1);
        measurement
            .failures
            .first()
            .map(|failure| failure.cause.clone())
    };
    assert_eq!(
        one(
            "/found",
            "check = [{ contains = \"GET  false way=taken\" }]"
        ),
        None
    );
    assert_eq!(
        one(
            "/kept",
            "check = [{ contains = \"POST 1 true way=taken\" }]"
        ),
        None
    );
    assert_eq!(one("/found", "check = [{ status = 302 }]"), None);
    let not_followed =
        "follow_redirects = false\ncheck = [{ header = \"location\", equal = \"end\" }]";
    assert_eq!(one("/found", not_followed), None);
    assert_eq!(
        one("/loop", "").as_deref(),
        Some("more than 30 redirections")
    );
    assert_eq!(
        one("/away", "").as_deref(),
        Some("redirected to another server: http://127.0.0.1:1")
    );
}

#[test]
fn a_file_is_a_body() {
    let folder = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..=255).collect();
    std::fs::write(folder.path().join("image.bin"), &bytes).unwrap();
    let text = "[[task]]\nmethod = \"PUT\"\npath = \"/\"\nbody_file = \"image.bin\"\nheaders = { content-type = \"image/png\" }";
    let scenario = Scenario::parse(text, &folder.path().join("s.toml")).unwrap();
    let handler = move |headers: HeaderMap, body: Bytes| async move {
        let right = headers[CONTENT_TYPE] == "image/png" && body == bytes;
        if right {
            StatusCode::OK
        } else {
            StatusCode::BAD_REQUEST
        }
        .into_response() as Response
    };
    let server = Server::start(Router::new().fallback(handler));
    let measurement = measure(&scenario, &lasting(&server.url, 1, millis(30)));
    assert!(requests(&measurement) > 0);
    assert_eq!(failures(&measurement), 0);
    let missing = Scenario::parse(text, Path::new("/nowhere/s.toml")).unwrap_err();
    assert_eq!(missing.to_string(), "cannot read /nowhere/image.bin");
}

#[tokio::test]
async fn a_sample_is_the_same_whoever_answers() {
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<String> = (0..10).map(|row| format!("{{\"n\": {row}}}")).collect();
    std::fs::write(folder.path().join("rows.jsonl"), rows.join("\n")).unwrap();
    let text = "[[task]]\nmethod = \"POST\"\npath = \"/\"\nbody = \"${n}\"\ndata = { file = \"rows.jsonl\" }\ncheck = [{ status = 200 }]";
    let scenario = Scenario::parse(text, &folder.path().join("s.toml")).unwrap();
    let echo = |body: String| async move {
        match body.as_str() {
            "4" => Err(StatusCode::IM_A_TEAPOT),
            _ => Ok(body),
        }
    };
    let server = Server::start(Router::new().fallback(echo));
    let answers = bakeoff_load::sample(&scenario, &server.url, 5)
        .await
        .unwrap();
    let answered: Vec<_> = answers
        .iter()
        .map(|answer| (answer.row, answer.body.as_deref().map_err(String::as_str)))
        .collect();
    let expected: [(usize, Result<&[u8], &str>); 5] = [
        (0, Ok(b"0")),
        (2, Ok(b"2")),
        (4, Err("status 418")),
        (6, Ok(b"6")),
        (8, Ok(b"8")),
    ];
    assert_eq!(answered, expected);
}

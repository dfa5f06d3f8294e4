//! Limits of the page, over real connections.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::*;
use crate::access::Guesses;
use crate::fuzzing::defaults;

/// A limit that every test waits for.
const SHORT: Duration = Duration::from_millis(50);

/// A limit that no test waits for.
const LONG: Duration = Duration::from_hours(1);

const SCENARIO: &str = "[[task]]\nname = \"/a\"\npath = \"/a\"\n";

fn config(login: Option<&str>) -> PageConfig {
    PageConfig {
        scenario: Scenario::parse(SCENARIO, Path::new("s.toml")).unwrap(),
        defaults: defaults(),
        machine: Machine::default(),
        bakeoff_version: "0.1.0".to_owned(),
        history: None,
        experiments: Vec::new(),
        login: login.map(|login| login.parse().unwrap()),
    }
}

/// Limits that nothing reaches.
fn limits() -> Limits {
    Limits {
        head: LONG,
        body: LONG,
        write: LONG,
        goodbye: LONG,
        ..Limits::default()
    }
}

/// A page that is served.
struct Served {
    address: SocketAddr,
    stop: CancellationToken,
    ended: JoinHandle<Option<Measurement>>,
}

async fn serve(limits: Limits, login: Option<&str>) -> Served {
    let page = WebPage::bind("127.0.0.1", 0).await.unwrap();
    let (address, stop) = (page.address(), CancellationToken::new());
    let (config, stopped) = (config(login), stop.clone());
    let ended = tokio::spawn(async move { page.serve_within(&limits, config, stopped).await });
    Served {
        address,
        stop,
        ended,
    }
}

impl Served {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends `text` over a connection of its own.
    async fn send(&self, text: &str) -> TcpStream {
        let mut connection = self.connect().await;
        connection.write_all(text.as_bytes()).await.unwrap();
        connection
    }

    /// Everything that a request is answered, after which the connection ends.
    async fn ask(&self, line: &str, headers: &str) -> String {
        let connection = self.send(&request(line, headers)).await;
        read_to_end(connection).await
    }

    async fn end(self) {
        self.stop.cancel();
        soon("the end", self.ended).await.unwrap();
    }
}

fn request(line: &str, headers: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n")
}

/// Fails instead of hanging for ever.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_mins(1), future)
        .await
        .unwrap_or_else(|_| panic!("{what} takes for ever"))
}

/// Everything up to the end of the connection, which may be a reset.
async fn read_to_end(mut connection: TcpStream) -> String {
    let mut text = Vec::new();
    let _ = soon("the end of a connection", connection.read_to_end(&mut text)).await;
    String::from_utf8(text).unwrap()
}

#[track_caller]
fn assert_status(answer: &str, status: u16, what: &str) {
    let expected = format!("HTTP/1.1 {status} ");
    let expected =
        answer.starts_with(&expected) || answer.starts_with(&expected.replace("1.1", "1.0"));
    assert!(expected, "{what}: {status} expected: {answer:.200}");
}

/// Live events, once the first has come.
async fn events(page: &Served) -> TcpStream {
    let mut connection = page.send(&request("GET /events", "")).await;
    until_read(&mut connection, b"\n\n").await;
    connection
}

async fn until_read(connection: &mut TcpStream, end: &[u8]) {
    let mut text = Vec::new();
    while !text.windows(end.len()).any(|part| part == end) {
        let read = soon("an answer", connection.read_buf(&mut text)).await;
        assert_ne!(read.unwrap(), 0, "{}", String::from_utf8_lossy(&text));
    }
}

#[tokio::test]
async fn unfinished_heads_end_however_they_drip() {
    let limits = Limits {
        head: SHORT,
        ..limits()
    };
    let page = serve(limits, None).await;
    for head in ["", "GET / HTTP/1.1\r\nHost: localhost\r\nx: "] {
        let (reading, mut writing) = page.send(head).await.into_split();
        let drip = tokio::spawn(async move {
            while !head.is_empty() && writing.write_all(b"x").await.is_ok() {
                tokio::time::sleep(SHORT / 10).await;
            }
            writing
        });
        let mut reading = reading;
        let mut answer = Vec::new();
        let _ = soon("the end", reading.read_to_end(&mut answer)).await;
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{head}");
        soon("the last drop", drip).await.unwrap();
    }
    // Kept open after an answer, it has as long for the next head.
    let again = "GET /logs HTTP/1.1\r\nHost: localhost\r\n\r\nGET /lo";
    assert_status(&read_to_end(page.send(again).await).await, 200, "idle");
    page.end().await;
}

#[tokio::test]
async fn unfinished_bodies_are_answered_408() {
    let limits = Limits {
        body: SHORT,
        ..limits()
    };
    let page = serve(limits, None).await;
    let headers = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000000\r\n";
    let connection = page.send(&request("POST /swarm", headers)).await;
    let (mut reading, mut writing) = connection.into_split();
    let drip = tokio::spawn(async move {
        while writing.write_all(b"x").await.is_ok() {
            tokio::time::sleep(SHORT / 10).await;
        }
    });
    let mut answer = vec![0; 12];
    soon("an answer", reading.read_exact(&mut answer))
        .await
        .unwrap();
    assert_eq!(answer, b"HTTP/1.1 408");
    soon("the last drop", drip).await.unwrap();
    page.end().await;
}

#[tokio::test]
async fn large_bodies_are_refused() {
    let page = serve(limits(), None).await;
    for (bytes, status) in [(2 << 20, 200), ((2 << 20) + 1, 413)] {
        let headers = format!("Content-Length: {bytes}\r\n");
        let mut connection = page.send(&request("POST /stop", &headers)).await;
        connection.write_all(&vec![b'x'; bytes]).await.unwrap();
        assert_status(&read_to_end(connection).await, status, &headers);
    }
    page.end().await;
}

#[tokio::test]
async fn large_heads_are_refused() {
    let page = serve(limits(), None).await;
    for (bytes, status) in [(31 << 10, 200), (32 << 10, 431)] {
        let header = format!("x: {}\r\n", "x".repeat(bytes));
        let answer = page.ask("GET /logs", &header).await;
        assert_status(&answer, status, "a head");
    }
    page.end().await;
}

#[tokio::test]
async fn answers_that_nobody_takes_end() {
    let limits = Limits {
        write: SHORT,
        ..limits()
    };
    let page = serve(limits, None).await;
    let mut connection = page.connect().await;
    let request = "GET /assets/uplot.js HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let asking = async { while connection.write_all(request.as_bytes()).await.is_ok() {} };
    soon("the end of a connection that is not read", asking).await;
    page.end().await;
}

#[tokio::test]
async fn events_outlive_the_limits_and_end_with_the_page() {
    let limits = Limits {
        head: SHORT,
        body: SHORT,
        write: SHORT,
        ..limits()
    };
    let page = serve(limits, None).await;
    let events = events(&page).await;
    // Each of these takes as long as the limit.
    for _ in 0..3 {
        assert_eq!(read_to_end(page.connect().await).await, "");
    }
    page.end().await;
    let rest = read_to_end(events).await;
    assert!(rest.ends_with("0\r\n\r\n"), "cut off: {rest}");
}

#[tokio::test]
async fn held_connections_do_not_keep_the_page_from_ending() {
    let limits = Limits {
        goodbye: SHORT,
        ..limits()
    };
    let page = serve(limits, None).await;
    let (silent, half) = (page.connect().await, page.send("GET / HT").await);
    let body = request("POST /swarm", "Content-Length: 10\r\n");
    let body = page.send(&body).await;
    assert_status(&page.ask("GET /logs", "").await, 200, "after them");
    page.end().await;
    for connection in [silent, half, body] {
        assert_eq!(read_to_end(connection).await, "");
    }
}

#[tokio::test]
async fn idle_connections_end_with_the_page() {
    let page = serve(limits(), None).await;
    let mut idle = page
        .send("GET /logs HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    until_read(&mut idle, b"}").await;
    let silent = page.connect().await;
    page.end().await;
    for connection in [idle, silent] {
        assert_eq!(read_to_end(connection).await, "");
    }
}

#[tokio::test]
async fn silent_connections_give_way_to_new_ones() {
    let limits = Limits {
        connections: 2,
        ..limits()
    };
    let page = serve(limits, None).await;
    let (oldest, mut younger) = (page.connect().await, page.send("GET /lo").await);
    let answer = page.ask("GET /logs", "").await;
    assert_status(&answer, 200, "beyond the limit");
    assert_eq!(read_to_end(oldest).await, "");
    let rest = "gs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    younger.write_all(rest.as_bytes()).await.unwrap();
    assert_status(&read_to_end(younger).await, 200, "the younger one");
    page.end().await;
}

#[tokio::test]
async fn connections_in_use_are_kept_and_new_ones_wait() {
    let limits = Limits {
        connections: 2,
        ..limits()
    };
    let page = serve(limits, None).await;
    let (first, second) = (events(&page).await, events(&page).await);
    let mut third = page.send(&request("GET /logs", "")).await;
    let early = tokio::time::timeout(SHORT, third.read_u8()).await;
    assert!(early.is_err(), "answered beyond the limit");
    drop(first);
    assert_status(&read_to_end(third).await, 200, "once there is a place");
    let (answered, ()) = tokio::join!(read_to_end(second), page.end());
    assert!(answered.ends_with("0\r\n\r\n"), "cut off: {answered}");
}

fn basic(login: &str) -> String {
    format!("Authorization: Basic {}\r\n", STANDARD.encode(login))
}

#[tokio::test]
async fn guesses_at_the_login_end_but_not_for_who_is_known() {
    let limits = Limits {
        guesses: Guesses {
            most: 3,
            every: LONG,
        },
        ..limits()
    };
    let page = serve(limits, Some("ada:secret")).await;
    let right = basic("ada:secret");
    let answer = page.ask("GET /logs", &right).await;
    assert_status(&answer, 200, "the right login");
    let cookie = answer.split("set-cookie: ").nth(1).unwrap();
    let cookie = cookie.split(';').next().unwrap();
    for guess in 0..3 {
        // A second time costs nothing.
        for _ in 0..2 {
            let answer = page.ask("GET /logs", &basic(&format!("ada:{guess}"))).await;
            assert_status(&answer, 401, "a wrong login");
        }
    }
    for login in ["ada:3", "ada:secret"] {
        let answer = page.ask("GET /logs", &basic(login)).await;
        assert_status(&answer, 429, login);
        let wait = answer.split("retry-after: ").nth(1).unwrap();
        let wait: u64 = wait.split('\r').next().unwrap().parse().unwrap();
        assert!((1..=LONG.as_secs()).contains(&wait), "{wait} s");
    }
    assert_status(&page.ask("GET /logs", "").await, 401, "no login");
    let known = format!("{right}Cookie: a=b; {cookie}\r\n");
    assert_status(&page.ask("GET /logs", &known).await, 200, "a known browser");
    for (headers, status) in [
        (format!("Cookie: {cookie}\r\n"), 401),
        (format!("{right}Cookie: {cookie}x\r\n"), 429),
        (format!("{}Cookie: {cookie}\r\n", basic("ada:9")), 401),
    ] {
        assert_status(&page.ask("GET /logs", &headers).await, status, &headers);
    }
    page.end().await;
}

#[tokio::test]
async fn connections_without_the_login_are_closed() {
    let page = serve(limits(), Some("ada:secret")).await;
    let request = "POST /swarm HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n";
    let answer = read_to_end(page.send(request).await).await;
    assert_status(&answer, 401, "before its body");
    assert!(answer.contains("connection: close"), "{answer}");
    page.end().await;
}

#[tokio::test]
async fn requests_name_this_page_once() {
    let page = serve(limits(), None).await;
    let at = page.address;
    for (request, status) in [
        ("GET /logs HTTP/1.1\r\n\r\n".to_owned(), 400),
        (
            format!("GET /logs HTTP/1.1\r\nHost: {at}\r\nHost: {at}\r\n\r\n"),
            400,
        ),
        (
            format!("GET /logs HTTP/1.1\r\nHost: {at}\r\nHost: evil.example\r\n\r\n"),
            400,
        ),
        (
            format!("GET http://evil.example/logs HTTP/1.1\r\nHost: {at}\r\n\r\n"),
            400,
        ),
        (
            format!("GET http://{at}/logs HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n"),
            200,
        ),
        (
            "GET /logs HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_owned(),
            403,
        ),
        ("GET /logs HTTP/1.1\r\nHost: \r\n\r\n".to_owned(), 403),
        ("GET /logs HTTP/1.0\r\n\r\n".to_owned(), 403),
        (format!("GET /logs HTTP/1.0\r\nHost: {at}\r\n\r\n"), 200),
    ] {
        let answer = read_to_end(page.send(&request).await).await;
        assert_status(&answer, status, &request);
    }
    for (headers, status) in [
        // Programs, not browsers.
        ("", 200),
        ("Origin: http://localhost\r\n", 200),
        (
            "Origin: http://localhost\r\nSec-Fetch-Site: same-origin\r\n",
            200,
        ),
        ("Origin: null\r\n", 403),
        ("Origin: http://localhost.evil.example\r\n", 403),
        ("Origin: http://localhost:1\r\n", 403),
        (
            "Origin: http://localhost\r\nOrigin: http://evil.example\r\n",
            403,
        ),
        ("Sec-Fetch-Site: cross-site\r\n", 403),
        ("Sec-Fetch-Site: same-site\r\n", 403),
    ] {
        let headers = format!("{headers}Content-Length: 0\r\n");
        let answer = page.ask("POST /stop", &headers).await;
        assert_status(&answer, status, &headers);
    }
    page.end().await;
}

#[tokio::test]
async fn what_does_not_exist_yet_is_not_found() {
    let page = serve(limits(), None).await;
    for (path, status) in [
        ("/experiments/report", 404),
        ("/experiments/record", 404),
        ("/stats/report", 404),
        ("/stats/report?download=1", 404),
        ("/stats/record", 404),
        ("/history", 404),
        ("/history/1", 404),
        // Locust's tables have their heads before the first load too.
        ("/stats/requests/csv", 200),
        ("/stats/requests_full_history/csv", 200),
        ("/stats/failures/csv", 200),
        ("/exceptions/csv", 200),
        ("/metrics", 200),
    ] {
        let answer = page.ask(&format!("GET {path}"), "").await;
        assert_status(&answer, status, path);
    }
    page.end().await;
}

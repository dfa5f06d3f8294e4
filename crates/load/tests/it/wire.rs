//! Bytes that are sent, and bytes that are understood, as Python's requests has both.

use bakeoff_record::times::TimeKind;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};

use crate::server::{causes, config_of, failures, measure, raw_server, requests, scenario, write};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Requests as a server reads them.
#[derive(Debug, Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// First lines of all requests.
    fn lines(&self) -> Vec<String> {
        let line = |request: &String| request.lines().next().unwrap_or_default().to_owned();
        self.all().iter().map(line).collect()
    }
}

/// A request with its body, which a `content-length` announces; `None` where the connection ended before.
fn read_whole(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return Some(text.into_owned());
            }
        }
        match stream.read(&mut piece) {
            Ok(length @ 1..) => bytes.extend_from_slice(&piece[..length]),
            _ => return None,
        }
    }
}

/// A server that notes what it reads and answers the request of each number, from 0, so.
fn server(answer: impl Fn(usize) -> String + Send + Sync + 'static) -> (String, Heard) {
    let heard = Heard::default();
    let notes = heard.clone();
    let (url, _) = raw_server(move |stream| {
        while let Some(request) = read_whole(stream) {
            let number = {
                let mut notes = notes.0.lock().unwrap();
                notes.push(request);
                notes.len() - 1
            };
            write(stream, &answer(number));
        }
    });
    (url, heard)
}

#[test]
fn paths_are_sent_percent_encoded() {
    let (url, heard) = server(|_| OK.to_owned());
    let of = scenario("[[task]]\npath = \"/wiki/Künstliche Intelligenz?q=ü\"\nmethod = \"purge\"");
    measure(&of, &config_of(&format!("{url}/ä"), 1));
    assert_eq!(
        heard.lines(),
        ["PURGE /%C3%A4/wiki/K%C3%BCnstliche%20Intelligenz?q=%C3%BC HTTP/1.1"]
    );
}

#[test]
fn values_that_were_taken_are_sent_as_they_came() {
    let (url, heard) = server(|number| match number {
        0 => {
            let body = r#"{"price": 1.10, "big": 123456789012345678901234567890, "id": null}"#;
            format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
        }
        _ => OK.to_owned(),
    });
    let of = scenario(
        r#"
        [[task]]
        [[task.request]]
        path = "/first"
        extract = { price = { json = "/price" }, big = { json = "/big" }, id = { json = "/id" } }
        [[task.request]]
        path = "/second/${price}"
        method = "POST"
        json = { z = "${big}", a = "${price}", id = "${id}" }
        [[task.request]]
        path = "/third/${id}"
        "#,
    );
    let measurement = measure(&of, &config_of(&url, 1));
    assert_eq!(
        causes(&measurement),
        [("`id` is null, which no text can hold", 1)]
    );
    let sent = &heard.all()[1];
    assert!(sent.starts_with("POST /second/1.10 "), "{sent}");
    let body = r#"{"z":123456789012345678901234567890,"a":1.10,"id":null}"#;
    assert!(sent.ends_with(body), "{sent}");
}

#[test]
fn made_values_are_the_same_for_the_same_seed() {
    let of = scenario(
        "[[task]]\npath = \"/${random_int:1:1000000}/${uuid}/${choice:a,b}\"\nmethod = \"POST\"\njson = { n = \"${random_int:5:5}\" }",
    );
    let sent = || {
        let (url, heard) = server(|_| OK.to_owned());
        measure(&of, &config_of(&url, 20));
        assert!(
            heard
                .all()
                .iter()
                .all(|request| request.ends_with(r#"{"n":5}"#))
        );
        heard.lines()
    };
    let mut first = sent();
    assert_eq!(first, sent());
    first.sort();
    first.dedup();
    assert_eq!(first.len(), 20);
}

#[test]
fn a_login_is_sent_without_the_token_that_it_gets() {
    let (url, heard) = server(|number| match number {
        1 => "HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\n{\"token\": \"T\"}".to_owned(),
        _ => OK.to_owned(),
    });
    let of = scenario(
        r#"
        [[user]]
        name = "member"
        auth = { bearer = "${token}" }
        [[user.on_start]]
        path = "/csrf"
        [[user.on_start]]
        method = "POST"
        path = "/login"
        extract = { token = { json = "/token" } }
        [[user.task]]
        path = "/me"
        "#,
    );
    let measurement = measure(&of, &config_of(&url, 2));
    assert_eq!(causes(&measurement), []);
    let tokens: Vec<bool> = heard
        .all()
        .iter()
        .map(|request| request.contains("authorization: Bearer T"))
        .collect();
    assert_eq!(tokens, [false, false, true, true]);
}

#[test]
fn cookies_and_redirections_belong_to_the_host_that_is_named() {
    let (url, heard) = server(|number| {
        match number {
        0 => "HTTP/1.1 302 Found\r\nset-cookie: s=1; Domain=example.org\r\nlocation: http://www.example.org/next\r\ncontent-length: 0\r\n\r\n".to_owned(),
        _ => OK.to_owned(),
    }
    });
    let of = scenario("[[task]]\npath = \"/\"\nheaders = { host = \"www.example.org\" }");
    let measurement = measure(&of, &config_of(&url, 1));
    assert_eq!(causes(&measurement), []);
    assert_eq!(heard.lines(), ["GET / HTTP/1.1", "GET /next HTTP/1.1"]);
    let second = &heard.all()[1];
    assert!(second.contains("cookie: s=1"), "{second}");
    assert!(second.contains("host: www.example.org"), "{second}");
}

#[test]
fn requests_stay_http_1_1_after_an_answer_in_http_1_0() {
    let (url, heard) = server(|_| {
        "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok".to_owned()
    });
    let measurement = measure(&scenario("[[task]]\npath = \"/\""), &config_of(&url, 3));
    assert_eq!(causes(&measurement), []);
    assert_eq!(heard.lines(), ["GET / HTTP/1.1"; 3]);
    assert_eq!(measurement.connections_opened, 1);
}

#[test]
fn packed_bodies_are_unpacked_for_checks_and_counted_as_they_came() {
    let packed: &[u8] = include_bytes!("../packed/body.br");
    let (url, _) = raw_server(move |stream| {
        while read_whole(stream).is_some() {
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: {}\r\n\r\n",
                packed.len()
            );
            let _ = stream.write_all(&[head.as_bytes(), packed].concat());
        }
    });
    let of = scenario(
        r#"
        [[task]]
        [[task.request]]
        path = "/"
        check = [{ json = "/id", kind = "string" }, { contains = "aaaa" }]
        extract = { id = { json = "/id" } }
        [[task.request]]
        path = "/${id}"
        "#,
    );
    let measurement = measure(&of, &config_of(&url, 1));
    assert_eq!(causes(&measurement), []);
    let bytes = measurement
        .requests
        .iter()
        .map(|request| request.body_bytes);
    assert_eq!(bytes.sum::<u64>(), 2 * packed.len() as u64);
}

#[test]
fn an_early_answer_is_read_though_the_server_reads_no_further() {
    let (url, _) = raw_server(|stream| {
        // A few bytes of many.
        let _ = stream.read(&mut [0; 100]);
        write(
            stream,
            "HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 5\r\n\r\nlarge",
        );
        // With bytes unread, the system tears the connection down.
        let _ = stream.shutdown(Shutdown::Both);
    });
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("long"), vec![b'x'; 20_000_000]).unwrap();
    let text = "[[task]]\npath = \"/\"\nmethod = \"POST\"\nbody_file = \"long\"";
    let of = bakeoff_load::Scenario::parse(text, &folder.path().join("s.toml")).unwrap();
    let measurement = measure(&of, &config_of(&url, 30));
    assert_eq!(causes(&measurement), [("status 413", 30)]);
}

#[test]
fn answers_can_have_hundreds_of_headers() {
    let answer = |headers: usize| {
        let headers: Vec<_> = (0..headers).map(|n| format!("x-{n}: 1\r\n")).collect();
        let headers = headers.concat();
        format!("HTTP/1.1 200 OK\r\n{headers}content-length: 2\r\n\r\nok")
    };
    let (url, _) = server(move |number| answer(if number == 0 { 500 } else { 600 }));
    let measurement = measure(&scenario("[[task]]\npath = \"/\""), &config_of(&url, 2));
    assert_eq!(
        causes(&measurement),
        [(
            "answer with too large a head, or with more than 512 headers",
            1
        )]
    );
}

#[test]
fn a_connection_that_is_closed_after_some_answers_is_told_from_a_crash() {
    let (url, connections) = raw_server(|stream| {
        for _ in 0..5 {
            if read_whole(stream).is_none() {
                return;
            }
            write(stream, OK);
        }
        // Closed only when the next request is there, as happens where both cross.
        read_whole(stream);
    });
    let measurement = measure(&scenario("[[task]]\npath = \"/\""), &config_of(&url, 12));
    let cause = "connection closed before the answer, on a connection that had served 5 answers";
    assert_eq!(causes(&measurement), [(cause, 2)]);
    assert_eq!((requests(&measurement), failures(&measurement)), (12, 2));
    assert_eq!(connections.count(), 2);
}

#[test]
fn the_measured_period_ends_with_the_last_answer() {
    let (url, _) = raw_server(|stream| {
        while read_whole(stream).is_some() {
            // The server's delay, not a wait of the test's.
            std::thread::sleep(std::time::Duration::from_millis(300));
            write(stream, OK);
        }
    });
    let config = bakeoff_load::LoadConfig {
        workload: crate::server::users_at(10, 1e6),
        ..config_of(&url, 10)
    };
    let measurement = measure(&scenario("[[task]]\npath = \"/\""), &config);
    let requests = &measurement.requests[0];
    assert_eq!(
        (
            requests.times[TimeKind::Response].count(),
            requests.completed_in_period
        ),
        (10, 10)
    );
    assert!(measurement.period >= std::time::Duration::from_millis(300));
    assert!(!measurement.interrupted);
}

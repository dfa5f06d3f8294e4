//! Servers that give too little, too slowly, too much or without end: each request has its limit, and its cause.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::TcpStream;

use crate::server::{
    ONE_TASK, Seen, causes, config, config_of, failures, measure, millis, over, raw_server,
    read_request, requests, scenario, write,
};

const TIMED_OUT: &str = "timed out after 150ms";

/// Loads a server that treats every connection so and expects all requests to fail for this cause alone.
fn check(expected: &str, serve: impl Fn(&mut TcpStream) + Send + Sync + 'static) {
    let (url, connections) = raw_server(serve);
    let limit = if expected == TIMED_OUT { "150ms" } else { "1m" };
    let text = format!("{ONE_TASK}timeout = \"{limit}\"\ncheck = [{{ contains = \"never\" }}]");
    let measurement = measure(&scenario(&text), &config_of(&url, 3));
    assert_eq!(causes(&measurement), [(expected, 3)]);
    assert_eq!((requests(&measurement), over(&measurement)), (3, 3));
    assert_eq!(measurement.connections_opened, connections.count());
    assert_eq!(measurement.unfinished, 0);
}

/// Writes this again and again until nobody reads it any more.
fn write_without_end(stream: &mut TcpStream, piece: &[u8]) {
    while stream.write_all(piece).is_ok() {}
}

#[test]
fn an_answer_that_trickles_is_given_up_at_the_limit_of_the_whole() {
    for (at_once, trickle) in [
        ("", "HTTP/1.1 200 OK\r\n"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n", "slowly"),
    ] {
        check(TIMED_OUT, move |stream| {
            read_request(stream);
            write(stream, at_once);
            for byte in trickle.bytes() {
                std::thread::sleep(millis(50));
                let _ = stream.write_all(&[byte]);
            }
        });
    }
}

#[test]
fn a_connection_that_is_reset_is_named() {
    // What is closed with something unread in it is reset.
    check("connection reset", |stream| {
        let _ = stream.read(&mut [0]);
    });
}

#[test]
fn lengths_that_cannot_be_are_no_answer() {
    for head in [
        "content-length: -1",
        "content-length: two",
        "content-length: 2\r\ncontent-length: 3",
        "content-length: 99999999999999999999999",
    ] {
        check("invalid HTTP answer", move |stream| {
            read_request(stream);
            write(stream, &format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\nok"));
            let _ = stream.read_to_end(&mut Vec::new());
        });
    }
    check("invalid HTTP answer", |stream| {
        read_request(stream);
        write(
            stream,
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\nok",
        );
        let _ = stream.read_to_end(&mut Vec::new());
    });
}

#[test]
fn what_follows_an_answer_is_no_answer_to_the_next_request() {
    let (url, connections) = raw_server(|stream| {
        read_request(stream);
        write(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 500 Not asked for\r\n\r\n",
        );
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let measurement = measure(&scenario(ONE_TASK), &config_of(&url, 3));
    assert_eq!(causes(&measurement), []);
    assert_eq!(
        [
            requests(&measurement),
            connections.count(),
            measurement.connections_opened
        ],
        [3; 3]
    );
}

#[test]
fn an_answer_without_end_is_given_up() {
    check(TIMED_OUT, |stream| {
        read_request(stream);
        write(stream, "HTTP/1.1 200 OK\r\n\r\n");
        write_without_end(stream, &[b'x'; 16_384]);
    });
    check(TIMED_OUT, |stream| {
        read_request(stream);
        write_without_end(stream, b"HTTP/1.1 100 Continue\r\n\r\n");
    });
    for line in ["x-a: 1\r\n", "an-endless-name"] {
        check(
            "answer with too large a head, or with more than 512 headers",
            move |stream| {
                read_request(stream);
                write(stream, "HTTP/1.1 200 OK\r\n");
                write_without_end(stream, line.as_bytes());
            },
        );
    }
}

#[test]
fn a_multitude_of_causes_is_told_apart_up_to_a_limit_and_none_is_lost() {
    let turn = Seen::default();
    let (url, _) = raw_server(move |stream| {
        while read_request(stream) {
            let status = 400 + turn.one_more() % 600;
            write(
                stream,
                &format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\n\r\n"),
            );
        }
    });
    let mut config = config(&url, 4, millis(60_000));
    config.iterations = std::num::NonZeroU64::new(3_000);
    let measurement = measure(&scenario(ONE_TASK), &config);
    assert_eq!(
        (requests(&measurement), failures(&measurement)),
        (3_000, 3_000)
    );
    let causes = causes(&measurement);
    let counted: u64 = causes.iter().map(|(_, times)| times).sum();
    assert_eq!(counted, 3_000);
    let told_apart: HashSet<&str> = causes.iter().map(|(cause, _)| *cause).collect();
    assert_eq!(told_apart.len(), causes.len());
    assert!((100..=101).contains(&causes.len()), "{}", causes.len());
    assert_eq!(causes[0].0, "other causes");
}

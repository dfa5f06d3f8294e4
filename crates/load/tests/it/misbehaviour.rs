//! Servers that refuse, hang, break off, lie and die: counted failures, and nothing measured is lost.

use bakeoff_record::times::TimeKind;
use std::io::Read;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use bakeoff_load::check_once;

use crate::server::{
    ONE_TASK, Seen, causes, config, failures, lasting, measure, millis, over, raw_server,
    read_request, requests, scenario, write,
};

const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Loads a server that treats every connection so and expects all requests to fail for this cause alone.
fn check(expected: &str, serve: impl Fn(&mut std::net::TcpStream) + Send + Sync + 'static) {
    let (url, connections) = raw_server(serve);
    let measurement = measure(&scenario(ONE_TASK), &lasting(&url, 3, millis(150)));
    assert_eq!(causes(&measurement), [(expected, requests(&measurement))]);
    assert_eq!(
        (failures(&measurement), over(&measurement)),
        (requests(&measurement), requests(&measurement))
    );
    assert!(
        requests(&measurement) >= 3
            && measurement.requests[0].times[TimeKind::Response].count() == 0
    );
    assert_eq!(measurement.connections_opened, connections.count());
    assert_eq!(measurement.unfinished, 0);
    let failure = &measurement.failures[0];
    assert!(failure.first_seen <= failure.last_seen && failure.last_seen >= millis(1));
}

#[test]
fn a_server_that_closes_without_an_answer_fails_every_request() {
    check("connection closed before the answer", |stream| {
        read_request(stream);
    });
}

#[test]
fn a_server_that_closes_half_way_fails_every_request() {
    check("connection closed half-way through the answer", |stream| {
        read_request(stream);
        write(stream, "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nhalf");
    });
    check("connection closed half-way through the answer", |stream| {
        read_request(stream);
        write(
            stream,
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        );
    });
    check("connection closed before the answer", |stream| {
        read_request(stream);
        write(stream, "HTTP/1.1 200 OK\r\ncontent-le");
    });
}

#[test]
fn garbage_is_no_answer() {
    check("invalid HTTP answer", |stream| {
        read_request(stream);
        write(stream, "\u{1}\u{2}garbage, and no end of it\r\n\r\n");
    });
    check("invalid HTTP answer", |stream| {
        read_request(stream);
        write(
            stream,
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nthis is no chunk\r\n",
        );
    });
}

#[test]
fn a_wrong_status_is_a_failure_with_its_number() {
    check("status 503", |stream| {
        while read_request(stream) {
            write(stream, "HTTP/1.1 503 Oh no\r\ncontent-length: 0\r\n\r\n");
        }
    });
}

#[test]
fn a_server_that_refuses_is_not_stormed() {
    let refused = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", refused.local_addr().unwrap());
    drop(refused);
    let measurement = measure(&scenario(ONE_TASK), &config(&url, 4, millis(450)));
    let [("connection refused", occurrences)] = causes(&measurement)[..] else {
        panic!("{:?}", measurement.failures)
    };
    // One at once, then one every 100 ms.
    assert!((4..=4 * 5).contains(&occurrences), "{occurrences}");
    assert_eq!(
        (requests(&measurement), measurement.connections_opened),
        (occurrences, 0)
    );
}

#[test]
fn a_server_that_hangs_is_given_up_after_the_timeout() {
    let hang = |stream: &mut std::net::TcpStream| {
        let _ = stream.read_to_end(&mut Vec::new());
    };
    let (url, connections) = raw_server(hang);
    let impatient = scenario(&format!("{ONE_TASK}timeout = \"100ms\""));
    let measurement = measure(&impatient, &config(&url, 2, millis(250)));
    assert_eq!(
        causes(&measurement),
        [("timed out after 100ms", requests(&measurement))]
    );
    let times = &measurement.requests[0].times[TimeKind::Failure];
    assert!(times.min().unwrap() >= millis(100), "{times:?}");
    assert_eq!(requests(&measurement), connections.count());
    assert_eq!(measurement.connections_opened, connections.count());
}

#[test]
fn a_server_that_dies_keeps_what_it_did_before() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answered = Seen::default();
    let counted = answered.clone();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        while counted.count() < 10 && read_request(&mut stream) {
            write(&mut stream, ANSWER);
            counted.one_more();
        }
    });
    let measurement = measure(&scenario(ONE_TASK), &config(&url, 1, millis(500)));
    assert_eq!(
        (
            measurement.requests[0].times[TimeKind::Response].count(),
            answered.count()
        ),
        (10, 10)
    );
    let refused = causes(&measurement)
        .iter()
        .find(|(cause, _)| *cause == "connection refused")
        .map(|(_, times)| *times);
    assert!(
        refused.is_some_and(|times| (1..=6).contains(&times)),
        "{:?}",
        measurement.failures
    );
    assert_eq!(requests(&measurement), 10 + failures(&measurement));
}

#[test]
fn a_connection_that_the_server_closed_while_idle_is_opened_again_without_a_failure() {
    let (url, connections) = raw_server(|stream| {
        read_request(stream);
        write(stream, ANSWER);
    });
    let idle = scenario(&format!("[load]\nwait_time = \"30ms\"\n{ONE_TASK}"));
    let measurement = measure(&idle, &lasting(&url, 3, millis(300)));
    assert_eq!(causes(&measurement), []);
    assert!(requests(&measurement) >= 6);
    assert_eq!(
        (connections.count(), measurement.connections_opened),
        (requests(&measurement), requests(&measurement))
    );
}

#[test]
fn an_answer_without_keep_alive_is_followed_by_a_new_connection() {
    let (url, connections) = raw_server(|stream| {
        read_request(stream);
        write(
            stream,
            "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nuntil the end",
        );
    });
    let measurement = measure(&scenario(ONE_TASK), &lasting(&url, 2, millis(100)));
    assert_eq!(causes(&measurement), []);
    assert_eq!(connections.count(), requests(&measurement));
    assert_eq!(
        measurement.requests[0].body_bytes,
        13 * requests(&measurement)
    );
}

#[test]
fn causes_are_counted_apart_and_the_most_frequent_is_first() {
    let turn = Arc::new(Mutex::new(0));
    let (url, _) = raw_server(move |stream| {
        while read_request(stream) {
            let mut turn = turn.lock().unwrap();
            *turn += 1;
            let status = if *turn % 3 == 0 { 500 } else { 404 };
            write(
                stream,
                &format!("HTTP/1.1 {status} No\r\ncontent-length: 2\r\n\r\n{{}}"),
            );
        }
    });
    let measurement = measure(&scenario(ONE_TASK), &lasting(&url, 2, millis(100)));
    let [("status 404", often), ("status 500", seldom)] = causes(&measurement)[..] else {
        panic!("{:?}", measurement.failures)
    };
    assert_eq!(seldom, (often + seldom) / 3);
}

#[tokio::test]
async fn a_server_without_an_answer_is_not_correct() {
    let (url, _) = raw_server(|stream| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let error = check_once(&scenario(ONE_TASK), &url, millis(50))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "request `/`: timed out after 50ms");
}

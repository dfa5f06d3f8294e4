//! `bakeoff swarm --otlp` with a fake collector.

use std::fs;
use std::io::{BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use serde_json::Value;

use crate::bakeoff::{Server, read_head};
use crate::load::{HEALTH, folder_with, run_headless};

/// Collector that answers with `status`: its address, and the request line and body of each request.
fn collector(status: &'static str) -> (String, Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (seen, received) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let head = read_head(&mut reader).unwrap();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; length.unwrap().parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            write!(
                reader.get_mut(),
                "HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\n{{}}"
            )
            .unwrap();
            let line = head.lines().next().unwrap().to_owned();
            if seen
                .send((line, serde_json::from_slice(&body).unwrap()))
                .is_err()
            {
                return;
            }
        }
    });
    (address, received)
}

#[test]
fn a_collector_gets_every_request_and_one_that_fails_disturbs_nothing() {
    let folder = folder_with(HEALTH);
    let server = Server::serve();
    let host = server.url();
    let load = |endpoint: &str| {
        let flags = format!("-q --record r.json --store h.sqlite --otlp {endpoint}");
        run_headless(folder.path(), &host, &flags)
    };
    let (endpoint, received) = collector("200 OK");
    load(&endpoint).expect(0, &[]);
    let (line, message) = received.iter().next().unwrap();
    assert_eq!(line, "POST /v1/metrics HTTP/1.1");
    let of = &message["resourceMetrics"][0];
    assert_eq!(
        of["resource"]["attributes"][0]["value"]["stringValue"],
        "bakeoff"
    );
    let requests = &of["scopeMetrics"][0]["metrics"][0];
    let record: Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("r.json")).unwrap()).unwrap();
    let expected = record["summary"]["total"]["requests"].to_string();
    assert_eq!(requests["name"], "bakeoff.requests");
    assert_eq!(requests["sum"]["dataPoints"][0]["asInt"], expected);

    let (endpoint, _received) = collector("503 Service Unavailable");
    load(&endpoint).expect(0, &["cannot send metrics to the collector", "503"]);
    load("ftp://x").expect(2, &["ftp://x", "hint: ", "http://127.0.0.1:4318"]);
}

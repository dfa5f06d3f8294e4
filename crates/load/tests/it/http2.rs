//! Loads over HTTP/2, from servers that behave and servers that do not.

use std::io::Read;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use h2::server::{self, SendResponse};
use h2::{Reason, RecvStream};
use hyper::{Request, Response, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use crate::certificates::{Authority, scenario_beside};
use crate::server::{
    ONE_TASK, Seen, async_server, causes, config, config_of, failures, lasting, measure, millis,
    raw_server, read_request, requests, scenario, users_at, write,
};

const HTTP2: &str = "[connection]\nhttp = \"2\"\n";

/// Reaction of a server to a request.
type Reply = fn(SendResponse<Bytes>);

/// Answers every request of a connection as `reply` does; after `goodbye` of them the connection takes no more.
async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    goodbye: Option<u64>,
    reply: impl Fn(Request<RecvStream>, SendResponse<Bytes>),
) {
    let Ok(mut connection) = server::handshake(stream).await else {
        return;
    };
    let mut answered = 0;
    while let Some(Ok((request, response))) = connection.accept().await {
        answered += 1;
        reply(request, response);
        if Some(answered) == goodbye {
            connection.graceful_shutdown();
        }
    }
}

fn say(mut response: SendResponse<Bytes>, text: &'static [u8]) {
    if let Ok(mut body) = response.send_response(Response::new(()), false) {
        let _ = body.send_data(Bytes::from_static(text), true);
    }
}

/// A server without TLS that replies so: its address and the connections that it saw.
fn http2_server(goodbye: Option<u64>, reply: Reply) -> (String, Seen) {
    let (address, connections) =
        async_server(move |stream| speak(stream, goodbye, move |_, response| reply(response)));
    (format!("http://{address}"), connections)
}

/// Loads a server that replies so and expects all requests to fail for this cause alone.
fn check(expected: &str, reply: Reply) {
    let (url, connections) = http2_server(None, reply);
    let measurement = measure(
        &scenario(&format!("{HTTP2}{ONE_TASK}timeout = \"400ms\"")),
        &config_of(&url, 3),
    );
    assert_eq!(causes(&measurement), [(expected, 3)]);
    assert_eq!(measurement.connections_opened, connections.count());
}

#[test]
fn a_server_that_allows_no_request_is_named() {
    let (address, _) = async_server(|stream| async move {
        let mut settings = server::Builder::new();
        let settings = settings.max_concurrent_streams(0);
        if let Ok(mut connection) = settings.handshake::<_, Bytes>(stream).await {
            while connection.accept().await.is_some() {}
        }
    });
    let measurement = measure(
        &scenario(&format!("{HTTP2}{ONE_TASK}")),
        &config_of(&format!("http://{address}"), 3),
    );
    // What is sent before the settings are there, the server refuses.
    for (cause, _) in causes(&measurement) {
        assert!(
            cause.contains("SETTINGS_MAX_CONCURRENT_STREAMS is 0")
                || cause.contains("RST_STREAM with REFUSED_STREAM"),
            "{cause}"
        );
    }
    assert_eq!((requests(&measurement), failures(&measurement)), (3, 3));
    assert!(causes(&measurement).len() <= 2);
}

#[test]
fn requests_arrive_as_the_scenario_writes_them_with_one_connection_a_user() {
    type Log = Vec<(Request<()>, Vec<u8>)>;
    let log: Arc<Mutex<Log>> = Arc::default();
    let logged = Arc::clone(&log);
    let (address, connections) = async_server(move |stream| {
        let logged = Arc::clone(&logged);
        speak(stream, None, move |request, response| {
            let logged = Arc::clone(&logged);
            tokio::spawn(async move {
                let (head, mut body) = request.into_parts();
                let mut text = Vec::new();
                while let Some(Ok(piece)) = body.data().await {
                    text.extend_from_slice(&piece);
                }
                let mut logged = logged.lock().unwrap();
                logged.push((Request::from_parts(head, ()), text));
                say(response, b"hello");
            });
        })
    });
    let text = format!(
        "{HTTP2}[[task]]\nmethod = \"POST\"\npath = \"/ask?x=1\"\nbody = \"who?\"\n\
         headers = {{ host = \"model.internal:1\", connection = \"keep-alive\", x-id = \"7\" }}\n\
         check = [{{ status = 200 }}, {{ contains = \"hello\" }}]"
    );
    let measurement = measure(
        &scenario(&text),
        &lasting(&format!("http://{address}/api"), 3, millis(500)),
    );
    assert_eq!(causes(&measurement), []);
    let log = log.lock().unwrap();
    assert_eq!(log.len() as u64, requests(&measurement));
    assert_eq!(
        (connections.count(), measurement.connections_opened),
        (3, 3)
    );
    let (request, body) = &log[0];
    assert_eq!(
        request.uri().to_string(),
        "http://model.internal:1/api/ask?x=1"
    );
    assert_eq!(
        (request.method().as_str(), body.as_slice()),
        ("POST", &b"who?"[..])
    );
    let header = |name: &str| request.headers().get(name)?.to_str().ok();
    assert_eq!(
        ["host", "connection", "x-id", "content-length"].map(header),
        [None, None, Some("7"), Some("4")]
    );
    let stats = &measurement.requests[0];
    assert_eq!(stats.body_bytes, 5 * stats.requests());
}

#[test]
fn over_tls_the_version_is_agreed_on_in_the_handshake() {
    let authority = Authority::new();
    let acceptor = authority.sign("127.0.0.1").acceptor("h2");
    let (address, _) = async_server(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                speak(stream, None, |request, response| {
                    assert_eq!(request.uri().scheme_str(), Some("https"));
                    say(response, b"hello");
                })
                .await;
            }
        }
    });
    let scenario = scenario_beside(
        &authority.path("scenario.toml"),
        "http = \"2\"\nca_file = \"ca.pem\"",
    )
    .unwrap();
    let measurement = measure(&scenario, &config_of(&format!("https://{address}"), 20));
    assert_eq!(causes(&measurement), []);
    assert_eq!(
        (requests(&measurement), measurement.connections_opened),
        (20, 1)
    );
}

#[test]
fn a_body_larger_than_every_window_is_read_to_its_end() {
    const LENGTH: usize = 12 << 20;
    static BODY: [u8; LENGTH] = [b'x'; LENGTH];
    let (url, _) = http2_server(None, |response| say(response, &BODY));
    let measurement = measure(
        &scenario(&format!("{HTTP2}{ONE_TASK}")),
        &config_of(&url, 3),
    );
    assert_eq!(causes(&measurement), []);
    assert_eq!(measurement.requests[0].body_bytes, 3 * LENGTH as u64);
    assert_eq!(measurement.connections_opened, 1);
}

#[test]
fn a_server_that_says_goodbye_is_connected_to_again_without_a_failure() {
    let (url, connections) = http2_server(Some(5), |response| say(response, b"hello"));
    let measurement = measure(
        &scenario(&format!("{HTTP2}{ONE_TASK}")),
        &config_of(&url, 50),
    );
    assert_eq!(causes(&measurement), []);
    assert_eq!(requests(&measurement), 50);
    assert_eq!(measurement.connections_opened, connections.count());
    // The goodbye may come before or after the next request.
    assert!(
        (10..=13).contains(&connections.count()),
        "{}",
        connections.count()
    );
}

#[test]
fn a_connection_that_the_server_closed_while_idle_is_opened_again_without_a_failure() {
    let (address, connections) = async_server(|stream| async move {
        let mut connection = server::handshake(stream).await.unwrap();
        if let Some(Ok((_, response))) = connection.accept().await {
            say(response, b"hello");
            let _ = tokio::time::timeout(millis(20), connection.accept()).await;
        }
    });
    let text = format!("[load]\nwait_time = \"80ms\"\n{HTTP2}{ONE_TASK}");
    let measurement = measure(
        &scenario(&text),
        &lasting(&format!("http://{address}"), 2, millis(400)),
    );
    assert_eq!(causes(&measurement), []);
    assert!(requests(&measurement) >= 4);
    assert_eq!(connections.count(), requests(&measurement));
    assert_eq!(measurement.connections_opened, requests(&measurement));
}

#[test]
fn streams_that_are_reset_are_failures() {
    check(
        "request ended by the server (RST_STREAM with REFUSED_STREAM)",
        |mut response| response.send_reset(Reason::REFUSED_STREAM),
    );
    check(
        "request ended by the server (RST_STREAM with INTERNAL_ERROR)",
        |mut response| {
            let mut body = response.send_response(Response::new(()), false).unwrap();
            let _ = body.send_data(Bytes::from_static(b"half"), false);
            body.send_reset(Reason::INTERNAL_ERROR);
        },
    );
    check("status 503", |mut response| {
        let mut unavailable = Response::new(());
        *unavailable.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response.send_response(unavailable, true).unwrap();
    });
    check("timed out after 400ms", |response| {
        tokio::spawn(async move {
            let _kept = response;
            std::future::pending::<()>().await;
        });
    });
}

#[test]
fn a_connection_that_the_server_ends_is_a_failure() {
    let loaded = |url: String| {
        measure(
            &scenario(&format!("{HTTP2}{ONE_TASK}")),
            &config(&url, 2, millis(100)),
        )
    };
    let (address, _) = async_server(|stream| async move {
        if let Ok(mut connection) = server::handshake(stream).await {
            let first = connection.accept().await;
            connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
            while connection.accept().await.is_some() {}
            drop(first);
        }
    });
    let measurement = loaded(format!("http://{address}"));
    let calm = "connection ended by the server (GOAWAY with ENHANCE_YOUR_CALM)";
    assert_eq!(causes(&measurement), [(calm, requests(&measurement))]);

    let (address, _) = async_server(|mut stream| async move {
        let _ = stream.read(&mut [0; 1024]).await;
    });
    let measurement = loaded(format!("http://{address}"));
    let failed = failures(&measurement);
    assert!(failed > 0 && failed == requests(&measurement));
    for (cause, _) in causes(&measurement) {
        assert!(
            ["connection closed before the answer", "connection reset"].contains(&cause),
            "{cause}"
        );
    }

    let (url, _) = raw_server(|stream| {
        read_request(stream);
        write(
            stream,
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n",
        );
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let measurement = loaded(url);
    let wrong = "invalid HTTP/2 answer (FRAME_SIZE_ERROR); does the server speak HTTP/2?";
    assert_eq!(causes(&measurement), [(wrong, requests(&measurement))]);
}

#[test]
fn arrivals_share_connections_that_are_idle() {
    let (url, connections) = http2_server(None, |response| say(response, b"hello"));
    let text = format!("[load]\narrival_rate = 200\n{HTTP2}{ONE_TASK}");
    let scenario = scenario(&text);
    let mut config = config(&url, 1, millis(300));
    config.workload = scenario.load().workload.clone();
    let measurement = measure(&scenario, &config);
    assert_eq!(causes(&measurement), []);
    assert_ne!(config.workload, users_at(1, 1.0));
    assert_eq!(measurement.connections_opened, connections.count());
    assert!(connections.count() < requests(&measurement));
}

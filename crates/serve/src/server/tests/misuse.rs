//! Clients that misuse connections, by mistake or on purpose. They lose their connection, and other clients are not affected.

mod bounds;

use std::sync::LazyLock;

use super::*;
use crate::config::Limits;

const MOMENT: Duration = Duration::from_millis(50);

/// Server with a private listener for its metrics.
struct Watched {
    server: Running,
    private: SocketAddr,
}

async fn watched(limits: Limits) -> Watched {
    let (model, fake) = Fake::model();
    let mut server = Server::bind("127.0.0.1", 0).await.unwrap();
    let private = server.bind_metrics("127.0.0.1", 0).await.unwrap();
    let address = server.address();
    let signals = Signals::default();
    let shutdown = signals.shutdown.clone();
    let config = ServeConfig { limits, ..config() };
    let ended = task::spawn(async move { server.run(&config, model, signals).await });
    let server = Running {
        address,
        shutdown,
        ended,
        fake,
    };
    Watched { server, private }
}

impl Watched {
    /// Response of the private listener.
    async fn private(&self, path: &str) -> String {
        let mut connection = TcpStream::connect(self.private).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).await.unwrap();
        soon("the private listener", read_to_end(connection)).await
    }

    /// Waits until no connection is open and the queue is empty, and then checks that a question is answered.
    async fn until_recovered(&self) {
        soon("the end of every connection", async {
            loop {
                let metrics = self.private("/metrics").await;
                let is = |line: &str| metrics.lines().any(|found| found == line);
                if is(r#"bakeoff_connections{listener="public"} 0"#)
                    && is("bakeoff_queue_items 0")
                    && is("bakeoff_queue_tokens 0")
                {
                    return;
                }
                task::yield_now().await;
            }
        })
        .await;
        let mut connection = self.server.ask("c").await;
        let response = soon("an answer", read_response(&mut connection)).await;
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    }

    /// Data that the server sends after `bytes`, until it closes the connection.
    async fn answer_to(&self, bytes: &[u8]) -> String {
        let mut connection = self.server.connect().await;
        // The server can close the connection before it has read everything.
        let _ = connection.write_all(bytes).await;
        soon("the end of the connection", lossy_to_end(connection)).await
    }
}

impl Watched {
    /// Sends `start`, and then `byte` again and again until the server closes the connection. The client may see no response
    /// before the end of the connection, since it still sends.
    async fn cuts_off_a_trickle(&self, start: &str, byte: u8) {
        let (mut reading, mut writing) = self.server.connect().await.into_split();
        writing.write_all(start.as_bytes()).await.unwrap();
        let trickle = task::spawn(async move {
            while writing.write_u8(byte).await.is_ok() {
                time::sleep(MOMENT / 10).await;
            }
        });
        let mut answer = Vec::new();
        let end = reading.read_to_end(&mut answer);
        let _ = soon("the end of the connection", end).await;
        soon("the end of the trickle", trickle).await.unwrap();
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 408 "),
            "{answer:?}"
        );
    }
}

/// Status of each response on a connection.
fn statuses(responses: &str) -> Vec<&str> {
    let responses = responses.split("HTTP/1.1 ").skip(1);
    responses.map(|response| &response[..3]).collect()
}

/// Data until the connection ends or fails.
async fn lossy_to_end(mut connection: TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = connection.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Head of a request with additional header lines.
fn head(lines: &str) -> String {
    format!("POST /question_answering HTTP/1.1\r\nHost: test\r\n{lines}\r\n")
}

static LONG_LINE: LazyLock<String> =
    LazyLock::new(|| format!("X-Long: {}\r\n", "x".repeat(20_000)));

/// Name of a case, the sent bytes, and the expected status. An empty status is a closed connection.
type Case = (&'static str, Vec<u8>, &'static str);

fn no_heads() -> Vec<Case> {
    let many = "X-Line: x\r\n".repeat(101);
    vec![
        ("binary", vec![0, 159, 146, 150, 13, 10, 13, 10], "400"),
        (
            "a TLS hello",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(),
            "400",
        ),
        (
            "a preface of HTTP/2",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            "",
        ),
        ("a line of chat", b"hello there\r\n\r\n".to_vec(), "400"),
        (
            "a version to come",
            b"GET / HTTP/9.9\r\n\r\n".to_vec(),
            "400",
        ),
        ("a huge line of header", head(&LONG_LINE).into(), "431"),
        ("too many lines of header", head(&many).into(), "431"),
        (
            "a huge path",
            format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(70_000)).into(),
            "4",
        ),
        (
            "a header without a colon",
            head("Nonsense\r\n").into(),
            "400",
        ),
        ("NUL in a header", head("X-Nul: \0\r\n").into(), "400"),
        (
            "a space before the colon",
            head("Content-Length : 5\r\n").into(),
            "400",
        ),
        (
            "a length that is no number",
            head("Content-Length: many\r\n").into(),
            "400",
        ),
        (
            "a negative length",
            head("Content-Length: -1\r\n").into(),
            "400",
        ),
        (
            "a length beyond all numbers",
            head("Content-Length: 99999999999999999999999\r\n").into(),
            "400",
        ),
        (
            "two lengths",
            head("Content-Length: 5\r\nContent-Length: 6\r\n").into(),
            "400",
        ),
    ]
}

fn no_bodies() -> Vec<Case> {
    vec![
        (
            "an unknown encoding",
            head("Transfer-Encoding: cow\r\n").into(),
            "400",
        ),
        (
            "a chunk without a size",
            (head("Transfer-Encoding: chunked\r\n") + "zz\r\n\r\n").into(),
            "400",
        ),
        (
            "a chunk beyond all numbers",
            (head("Transfer-Encoding: chunked\r\n") + "ffffffffffffffffff\r\n").into(),
            "400",
        ),
        (
            "a chunk without its end",
            (head("Transfer-Encoding: chunked\r\n") + "2\r\n{}{}\r\n").into(),
            "400",
        ),
        (
            "a body longer than it says",
            (head("Content-Length: 2\r\n") + "{}garbage\r\n\r\n").into(),
            "422",
        ),
    ]
}

#[tokio::test]
async fn what_is_no_http_is_refused_and_closed() {
    let watched = watched(Limits::default()).await;
    for (what, bytes, status) in no_heads().into_iter().chain(no_bodies()) {
        let answer = watched.answer_to(&bytes).await;
        let expected = if status.is_empty() {
            String::new()
        } else {
            format!("HTTP/1.1 {status}")
        };
        assert!(answer.starts_with(&expected), "{what}: {answer}");
        assert!(!answer.contains("200 OK"), "{what}: {answer}");
        assert!(
            !expected.is_empty() || answer.is_empty(),
            "{what}: {answer}"
        );
    }
    watched.until_recovered().await;
}

/// A proxy in front of the server can use the length, and then read a request as part of the body.
#[tokio::test]
async fn length_beside_chunks_cannot_smuggle_a_second_request() {
    let watched = watched(Limits::default()).await;
    let next = "GET /nowhere HTTP/1.1\r\nHost: test\r\n\r\n";
    let (length, chunks) = (
        "Content-Length: 99999\r\n",
        "Transfer-Encoding: chunked\r\n",
    );
    for lines in [[length, chunks], [chunks, length]] {
        let sent = head(&lines.concat()) + "2\r\n{}\r\n0\r\n\r\n" + next;
        let answer = watched.answer_to(sent.as_bytes()).await;
        assert_eq!(statuses(&answer), ["422"], "{answer}");
    }
    watched.until_recovered().await;
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let watched = watched(Limits::default()).await;
    let mut connection = watched.server.connect().await;
    let health = "GET /health HTTP/1.1\r\nHost: test\r\n\r\n";
    let last = "GET /nowhere HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    let all = format!("{}{health}{}{last}", request("c"), request(""));
    connection.write_all(all.as_bytes()).await.unwrap();
    let answers = soon("the answers", read_to_end(connection)).await;
    assert_eq!(
        statuses(&answers),
        ["200", "200", "422", "404"],
        "{answers}"
    );
    watched.until_recovered().await;
}

#[tokio::test]
async fn connection_cut_amid_a_request_leaves_nothing_behind() {
    let watched = watched(Limits::default()).await;
    for cut in [
        "P",
        "POST /question_answering HTTP/1.1\r\nHo",
        &head("Content-Length: 99\r\n"),
        &(head("Content-Length: 99\r\n") + "{\"question"),
        &(head("Transfer-Encoding: chunked\r\n") + "5\r\n{\"q"),
    ] {
        let mut connection = watched.server.connect().await;
        connection.write_all(cut.as_bytes()).await.unwrap();
        drop(connection);
        // A client that shuts down only its sending side gets at most a 400.
        let mut connection = watched.server.connect().await;
        connection.write_all(cut.as_bytes()).await.unwrap();
        connection.shutdown().await.unwrap();
        let answer = soon("the end of the connection", lossy_to_end(connection)).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400"),
            "{cut}: {answer}"
        );
    }
    watched.until_recovered().await;
}

#[tokio::test]
async fn client_that_shuts_down_its_sending_side_withdraws_its_question() {
    let mut watched = watched(Limits::default()).await;
    let _in_work = watched.server.ask("block").await;
    assert_eq!(watched.server.next_started().await, "block");
    let mut half_closed = watched.server.ask("gone").await;
    half_closed.shutdown().await.unwrap();
    assert_eq!(
        soon("the end of the connection", lossy_to_end(half_closed)).await,
        ""
    );
    let next = watched.server.ask("next").await;
    until_arrived(&watched.server).await;
    watched.server.fake.release.send(()).unwrap();
    assert_eq!(watched.server.next_started().await, "next");
    drop(next);
}

#[tokio::test]
async fn head_that_takes_too_long_is_answered_408_even_if_it_trickles() {
    let watched = watched(Limits {
        read_timeout: MOMENT,
        ..Limits::default()
    })
    .await;
    assert!(
        watched
            .answer_to(b"GET /health HT")
            .await
            .starts_with("HTTP/1.1 408 ")
    );
    assert_eq!(
        watched.answer_to(b"").await,
        "",
        "nothing was asked, so nothing is answered"
    );

    watched.cuts_off_a_trickle("", b'x').await;
    watched.until_recovered().await;
}

#[tokio::test]
async fn body_that_takes_too_long_is_answered_408_even_if_it_trickles() {
    let watched = watched(Limits {
        read_timeout: MOMENT,
        ..Limits::default()
    })
    .await;
    let stalled = head("Content-Length: 99\r\n") + "{";
    let answer = watched.answer_to(stalled.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(
        answer.ends_with(r#"{"detail":"the body took too long to arrive"}"#),
        "{answer}"
    );

    let head = head("Content-Length: 999999\r\n");
    watched.cuts_off_a_trickle(&head, b' ').await;
    watched.until_recovered().await;
}

#[tokio::test]
async fn idle_connection_is_closed_after_its_time() {
    let watched = watched(Limits {
        idle_timeout: MOMENT,
        ..Limits::default()
    })
    .await;
    let answer = watched.answer_to(request("c").as_bytes()).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with('}'),
        "{answer}"
    );
    watched.until_recovered().await;
}

#[tokio::test]
async fn client_that_takes_no_answers_is_cut_off() {
    let watched = watched(Limits {
        idle_timeout: MOMENT,
        ..Limits::default()
    })
    .await;
    let mut connection = watched.server.connect().await;
    let pipeline = "GET /docs HTTP/1.1\r\nHost: test\r\n\r\n".repeat(1000);
    soon("the end of the connection", async {
        while connection.write_all(pipeline.as_bytes()).await.is_ok() {}
    })
    .await;
    watched.until_recovered().await;
}

#[tokio::test]
async fn request_beyond_its_deadline_is_answered_504() {
    let mut watched = watched(Limits {
        timeout: MOMENT,
        ..Limits::default()
    })
    .await;
    let mut late = watched.server.ask("block").await;
    assert_eq!(watched.server.next_started().await, "block");
    let answer = soon("the refusal", read_response(&mut late)).await;
    assert!(
        answer.starts_with("HTTP/1.1 504 Gateway Timeout\r\n"),
        "{answer}"
    );
    // The time limit of the request includes the body.
    let stalled = head("Content-Length: 99\r\n") + "{";
    let answer = watched.answer_to(stalled.as_bytes()).await;
    assert!(
        answer.starts_with("HTTP/1.1 504 Gateway Timeout\r\n"),
        "{answer}"
    );
    watched.server.fake.release.send(()).unwrap();
    drop(late);
}

#[tokio::test]
async fn full_server_is_probed_at_its_private_listener_and_takes_the_next_when_one_leaves() {
    let limits = Limits {
        max_connections: std::num::NonZeroU32::MIN,
        ..Limits::default()
    };
    let watched = watched(limits).await;
    let mut only = watched.server.connect().await;
    only.write_all(request("c").as_bytes()).await.unwrap();
    soon("the answer", read_response(&mut only)).await;
    let mut waiting = watched.server.ask("c").await;
    for path in ["/health", "/ready"] {
        soon("the probe", async {
            // `/ready` has status 200 only after the warm-up.
            while !watched
                .private(path)
                .await
                .starts_with("HTTP/1.1 200 OK\r\n")
            {}
        })
        .await;
    }
    assert_eq!(so_far(&waiting), "");
    drop(only);
    let answer = soon("the answer", read_response(&mut waiting)).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test]
async fn metrics_are_private_where_they_have_a_listener() {
    let watched = watched(Limits::default()).await;
    let ask = b"GET /metrics HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    assert!(watched.answer_to(ask).await.starts_with("HTTP/1.1 404 "));
    assert!(
        watched
            .private("/metrics")
            .await
            .starts_with("HTTP/1.1 200 ")
    );
    assert!(
        watched
            .private("/question_answering")
            .await
            .starts_with("HTTP/1.1 404 ")
    );
    let public = start(config()).await;
    let mut connection = public.connect().await;
    connection.write_all(ask).await.unwrap();
    let answer = soon("the metrics", read_to_end(connection)).await;
    assert!(answer.contains("\nbakeoff_build_info{"), "{answer}");
}

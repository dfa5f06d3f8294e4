mod misuse;

use std::{error::Error, future::Future, io, num::NonZeroUsize, time::Duration};

use bakeoff_qa::backend::BackendError;
use bakeoff_qa::{AnswerError, Backend, Batch, Logits};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::{self, JoinHandle},
};

use super::*;
use crate::{
    config::Admission,
    fake::{Controls, Fake, with_backend},
};

/// Server with a fake model on a free port.
struct Running {
    address: SocketAddr,
    shutdown: CancellationToken,
    ended: JoinHandle<Result<Drained, ServeError>>,
    fake: Controls,
}

/// One worker, and a drain time longer than any test.
fn config() -> ServeConfig {
    ServeConfig {
        threads: NonZeroUsize::MIN,
        drain_time: Some(Duration::from_mins(10)),
        ..ServeConfig::default()
    }
}

async fn start(config: ServeConfig) -> Running {
    let (model, controls) = Fake::model();
    let server = Server::bind("127.0.0.1", 0).await.unwrap();
    let address = server.address();
    let signals = Signals::default();
    let (shutdown, asked) = (signals.shutdown.clone(), signals);
    let ended = task::spawn(async move { server.run(&config, model, asked).await });
    Running {
        address,
        shutdown,
        ended,
        fake: controls,
    }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends a question over a new connection, which stays open.
    async fn ask(&self, question: &str) -> TcpStream {
        let mut connection = self.connect().await;
        connection
            .write_all(request(question).as_bytes())
            .await
            .unwrap();
        connection
    }

    /// The next question whose inference starts.
    async fn next_started(&mut self) -> String {
        soon("the inference", self.fake.next_started()).await
    }

    /// Sends a GET request over a new connection, which stays open.
    async fn get(&self, path: &str) -> TcpStream {
        let mut connection = self.connect().await;
        let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
        connection.write_all(request.as_bytes()).await.unwrap();
        connection
    }

    /// Waits until the server accepts no more connections.
    async fn until_refused(&self) {
        while TcpStream::connect(self.address).await.is_ok() {
            task::yield_now().await;
        }
    }
}

fn request(question: &str) -> String {
    let body = json!({ "question": question, "context": "c" }).to_string();
    format!(
        "POST /question_answering HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Everything up to the end of the connection.
async fn read_to_end(mut connection: TcpStream) -> String {
    let mut text = String::new();
    connection.read_to_string(&mut text).await.unwrap();
    text
}

/// Response with a short body. The connection stays open.
async fn read_response(connection: &mut TcpStream) -> String {
    let mut response = Vec::new();
    while !response.ends_with(b"}") {
        assert_ne!(
            connection.read_buf(&mut response).await.unwrap(),
            0,
            "closed early"
        );
    }
    String::from_utf8(response).unwrap()
}

/// Result of `future`.
///
/// # Panics
/// After one minute.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    time::timeout(Duration::from_mins(1), future)
        .await
        .unwrap_or_else(|_| panic!("{what} takes too long"))
}

#[test]
fn addresses_read_as_people_write_them() {
    assert_eq!(join("127.0.0.1", 8000), "127.0.0.1:8000");
    assert_eq!(join("::1", 8000), "[::1]:8000");
    assert_eq!(join("localhost", 0), "localhost:0");
}

#[tokio::test]
async fn port_in_use_is_an_error_that_names_the_address() {
    let first = Server::bind("127.0.0.1", 0).await.unwrap();
    let port = first.address().port();
    let error = Server::bind("127.0.0.1", port).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("cannot listen on 127.0.0.1:{port}")
    );
    let source = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
    assert_eq!(source.kind(), io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn connections_are_kept_between_requests() {
    let server = start(config()).await;
    let mut connection = server.connect().await;
    for _ in 0..3 {
        connection.write_all(request("c").as_bytes()).await.unwrap();
        let response = soon("an answer", read_response(&mut connection)).await;
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
        assert!(
            response.contains("content-type: application/json\r\n"),
            "{response}"
        );
    }
}

#[tokio::test]
async fn percent_encoded_letters_of_a_path_are_letters() {
    let server = start(config()).await;
    let mut connection = server.connect().await;
    let request = request("c").replace("/question_answering", "/%71uestion%5Fanswering?a=%5f");
    connection.write_all(request.as_bytes()).await.unwrap();
    let response = soon("an answer", read_response(&mut connection)).await;
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
}

#[tokio::test]
async fn shutdown_answers_what_has_arrived_refuses_the_rest_and_returns() {
    let mut server = start(config()).await;
    let silent = server.connect().await;
    let mut idle = server.ask("c").await;
    soon("the first answer", read_response(&mut idle)).await;
    assert_eq!(server.next_started().await, "c");
    let in_work = server.ask("block").await;
    assert_eq!(server.next_started().await, "block");
    let queued = server.ask("c").await;
    until_arrived(&server).await;

    server.shutdown.cancel();
    soon("the refusal", server.until_refused()).await;
    assert_eq!(soon("the idle connection", read_to_end(idle)).await, "");
    assert_eq!(soon("the silent connection", read_to_end(silent)).await, "");
    assert!(!server.ended.is_finished());

    server.fake.release.send(()).unwrap();
    for connection in [in_work, queued] {
        let response = soon("the answer", read_to_end(connection)).await;
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    }
    assert_eq!(
        soon("the end", server.ended).await.unwrap().unwrap(),
        Drained::Whole
    );
}

/// Waits until all requests on other connections have been read. The one thread of the test reads connections in turn, and a few
/// round trips give each connection a turn.
async fn until_arrived(server: &Running) {
    for _ in 0..3 {
        let mut probe = server.get("/health").await;
        soon("the probe", read_response(&mut probe)).await;
    }
}

#[tokio::test]
async fn during_the_drain_delay_requests_are_answered_and_their_connections_closed() {
    let server = start(ServeConfig {
        drain_delay: Duration::from_mins(10),
        ..config()
    })
    .await;
    let mut kept = server.connect().await;
    kept.write_all(request("c").as_bytes()).await.unwrap();
    soon("the first answer", read_response(&mut kept)).await;
    server.shutdown.cancel();
    let probe = server.get("/ready").await;
    let ready = soon("the probe", read_to_end(probe)).await;
    assert!(ready.starts_with("HTTP/1.1 503 "), "{ready}");
    let mut new = server.connect().await;
    for connection in [&mut kept, &mut new] {
        connection.write_all(request("c").as_bytes()).await.unwrap();
    }
    for connection in [kept, new] {
        let answer = soon("the answer", read_to_end(connection)).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("connection: close\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn drain_ends_when_its_time_is_over() {
    let mut server = start(ServeConfig {
        drain_time: Some(Duration::ZERO),
        ..config()
    })
    .await;
    let _in_work = server.ask("block").await;
    assert_eq!(server.next_started().await, "block");
    server.shutdown.cancel();
    assert_eq!(
        soon("the end", server.ended).await.unwrap().unwrap(),
        Drained::CutShort
    );
}

#[tokio::test]
async fn client_that_hangs_up_withdraws_its_question() {
    let mut server = start(ServeConfig {
        admission: Admission {
            max_queue_tokens: NonZeroUsize::MIN,
            ..Admission::default()
        },
        ..config()
    })
    .await;
    let _in_work = server.ask("block").await;
    assert_eq!(server.next_started().await, "block");
    let gone = server.ask("gone").await;
    until_arrived(&server).await;
    drop(gone);
    // The queue has one place. It is free when the server has noticed the disconnection.
    let next = soon("a free place", async {
        loop {
            let next = server.ask("next").await;
            until_arrived(&server).await;
            if !so_far(&next).starts_with("HTTP/1.1 429") {
                return next;
            }
        }
    })
    .await;
    server.fake.release.send(()).unwrap();
    assert_eq!(server.next_started().await, "next");
    drop(next);
}

/// Data that has arrived on the connection.
fn so_far(connection: &TcpStream) -> String {
    let mut buffer = [0; 64];
    let length = connection.try_read(&mut buffer).unwrap_or(0);
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

#[tokio::test]
async fn client_that_sends_too_much_first_still_reads_413() {
    let server = start(config()).await;
    let mut connection = server.connect().await;
    let body = vec![b'x'; 4 * 1024 * 1024];
    let head = format!(
        "POST /question_answering HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(&body).await.unwrap();
    let response = soon("the refusal", read_to_end(connection)).await;
    assert!(
        response.starts_with("HTTP/1.1 413 Payload Too Large\r\n"),
        "{response}"
    );
}

#[tokio::test]
async fn client_that_asks_first_is_refused_before_it_sends_too_much() {
    let server = start(config()).await;
    let mut connection = server.connect().await;
    let head = "POST /question_answering HTTP/1.1\r\nHost: test\r\nContent-Length: 99999999\r\n\
                Expect: 100-continue\r\n\r\n";
    connection.write_all(head.as_bytes()).await.unwrap();
    let response = soon("the refusal", read_to_end(connection)).await;
    assert!(
        response.starts_with("HTTP/1.1 413 Payload Too Large\r\n"),
        "{response}"
    );
}

#[tokio::test]
async fn ready_follows_the_warm_up() {
    let server = start(config()).await;
    soon("the warm-up", async {
        loop {
            let mut probe = server.get("/ready").await;
            if read_response(&mut probe)
                .await
                .starts_with("HTTP/1.1 200 OK\r\n")
            {
                return;
            }
        }
    })
    .await;
}

/// Backend that fails or panics.
#[derive(Debug)]
struct Broken(fn() -> Result<Logits, BackendError>);

impl Backend for Broken {
    fn forward(&self, _: &Batch) -> Result<Logits, BackendError> {
        (self.0)()
    }
}

#[tokio::test]
async fn model_that_fails_the_warm_up_ends_the_server() {
    let run = async |broken| {
        let server = Server::bind("127.0.0.1", 0).await.unwrap();
        let config = config();
        let ended = server.run(&config, with_backend(broken), Signals::default());
        soon("the end", ended).await.unwrap_err()
    };
    let fails = Broken(|| Err("no such operator".into()));
    assert!(matches!(
        run(fails).await,
        ServeError::WarmUp(AnswerError::Backend(_))
    ));
    let panics = Broken(|| panic!("on purpose"));
    assert!(matches!(run(panics).await, ServeError::WarmUpPanicked));
}

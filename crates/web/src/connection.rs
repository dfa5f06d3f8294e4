//! Accepts the connections of a page and ends those whose clients are too slow.
//!
//! So many connections may be open at once. Where all places are taken, a new connection takes the place of the one that
//! has been open longest without a request, and waits for a place if every one has asked something. Connections that are
//! refused (no login, another site) are closed after the answer. So a client that holds connections without being let in
//! cannot keep others from the page.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::access::Guesses;

/// Time for which nothing is accepted after the system refused to, such as for want of open files.
const PAUSE: Duration = Duration::from_millis(500);

/// The largest head of a request, in bytes.
const MOST_HEAD_BYTES: usize = 32 * 1024;

/// Limits on what clients of a page may take.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Time for the head of a request, from the moment when the connection is open or the request before was answered.
    pub(crate) head: Duration,
    /// Time for the whole body of a request.
    pub(crate) body: Duration,
    /// Time in which a client must take some part of an answer.
    pub(crate) write: Duration,
    /// Time that open connections have to end when the page does.
    pub(crate) goodbye: Duration,
    /// Open connections at once.
    pub(crate) connections: usize,
    /// Wrong logins of one client.
    pub(crate) guesses: Guesses,
    /// Wrong logins of all addresses together.
    pub(crate) all_guesses: Guesses,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            body: Duration::from_mins(1),
            write: Duration::from_secs(30),
            goodbye: Duration::from_secs(1),
            connections: 256,
            guesses: Guesses::OF_A_CLIENT,
            all_guesses: Guesses::OF_ALL,
        }
    }
}

/// Answers with `app` until `stop` is cancelled; what is being answered then has `limits.goodbye` to end.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Router,
    limits: &Limits,
    stop: CancellationToken,
) {
    let mut open = JoinSet::new();
    let places = Places::new(limits.connections);
    for number in 0_u64.. {
        let next = places.next(&listener);
        let (stream, address, place) = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            next = next => next,
        };
        let connection = Connection {
            app: app.clone(),
            address,
            number,
            limits: limits.clone(),
            silent: Arc::clone(&places.silent),
        };
        let (stop, told_to_end) = (stop.clone(), places.silent.add(number));
        open.spawn(async move {
            connection.serve(stream, told_to_end, stop).await;
            drop(place);
        });
        while open.try_join_next().is_some() {}
    }
    drop(listener);
    let ended = async { while open.join_next().await.is_some() {} };
    // A visitor who keeps a connection open does not keep the program from ending: the rest are cut off.
    let _ = tokio::time::timeout(limits.goodbye, ended).await;
}

/// The places for open connections.
#[derive(Debug)]
struct Places {
    free: Arc<Semaphore>,
    silent: Arc<Silent>,
}

impl Places {
    fn new(places: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(places)),
            silent: Arc::default(),
        }
    }

    /// The next connection, once there is a place for it.
    async fn next(&self, listener: &TcpListener) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
        let (stream, address) = accept(listener).await;
        if self.free.available_permits() == 0 {
            self.silent.end_oldest();
        }
        let place = Arc::clone(&self.free).acquire_owned().await;
        (stream, address, place.expect("is never closed"))
    }
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_the_connection(&error) => {}
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// `true` if an error concerns only the connection that was about to be accepted.
fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

/// Connections that have not asked anything yet, the oldest first, and what tells each to end.
#[derive(Debug, Default)]
struct Silent(Mutex<BTreeMap<u64, CancellationToken>>);

impl Silent {
    fn add(&self, number: u64) -> CancellationToken {
        let told_to_end = CancellationToken::new();
        self.lock().insert(number, told_to_end.clone());
        told_to_end
    }

    fn remove(&self, number: u64) {
        self.lock().remove(&number);
    }

    fn end_oldest(&self) {
        if let Some((_, oldest)) = self.lock().pop_first() {
            oldest.cancel();
        }
    }

    /// No code panics while it holds the lock, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, CancellationToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection and what it needs.
#[derive(Debug)]
struct Connection {
    app: Router,
    address: SocketAddr,
    number: u64,
    limits: Limits,
    silent: Arc<Silent>,
}

impl Connection {
    /// Answers until either side closes the connection, a limit is over or it is told to end.
    async fn serve(
        &self,
        stream: TcpStream,
        told_to_end: CancellationToken,
        stop: CancellationToken,
    ) {
        // Answers are written at once: nothing is gained by waiting for more to send.
        let _ = stream.set_nodelay(true);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.limits.write));
        let service = service_fn(|request| self.answer(request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head)
            .max_header_size(MOST_HEAD_BYTES)
            .serve_connection(TokioIo::new(Box::pin(stream)), service);
        let mut connection = pin!(connection);
        tokio::select! {
            biased;
            () = told_to_end.cancelled() => return,
            // A connection that breaks concerns its client only.
            _ = connection.as_mut() => return,
            () = stop.cancelled() => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }

    async fn answer(&self, mut request: hyper::Request<Incoming>) -> Result<Response, Infallible> {
        self.silent.remove(self.number);
        request.extensions_mut().insert(ConnectInfo(self.address));
        let mut response = self.app.clone().oneshot(request.map(Body::new)).await?;
        if closes(response.status()) {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        Ok(response)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.silent.remove(self.number);
    }
}

/// `true` for answers to clients that were not let in or did not send their request in full.
fn closes(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST
            | StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::TOO_MANY_REQUESTS
    )
}

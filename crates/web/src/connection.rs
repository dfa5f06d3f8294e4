//! Connections of a page, with limits on their number and on slow clients.
//!
//! The number of open connections is limited. At the limit, a new connection replaces the one that has been open longest
//! without a request. If all have sent a request, the new one waits for a free place. A connection is closed after a
//! refusal (no login, another site), so that a client without access cannot lock out others.

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

/// Pause of accepting after an error of the system, such as too many open files.
const PAUSE: Duration = Duration::from_millis(500);

/// Largest head of a request, in bytes.
const MOST_HEAD_BYTES: usize = 32 * 1024;

/// Limits of the clients of a page.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Time limit for the head of a request, from the start of the connection or from the previous answer.
    pub(crate) head: Duration,
    /// Time limit for the whole body of a request.
    pub(crate) body: Duration,
    /// Time limit for a client to receive any part of an answer.
    pub(crate) write: Duration,
    /// Time limit for open connections at the end of the page.
    pub(crate) goodbye: Duration,
    /// Maximum number of open connections.
    pub(crate) connections: usize,
    /// Limit of wrong logins of one client.
    pub(crate) guesses: Guesses,
    /// Limit of wrong logins of all addresses together.
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

/// Serves `app` until `stop` is cancelled. Requests in flight then have `limits.goodbye` to end.
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
    // A client that keeps a connection open must not prevent the end of the program.
    let _ = tokio::time::timeout(limits.goodbye, ended).await;
}

/// Places for open connections.
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

    /// Accepts the next connection, and waits for a free place.
    async fn next(&self, listener: &TcpListener) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
        let (stream, address) = accept(listener).await;
        if self.free.available_permits() == 0 {
            self.silent.end_oldest();
        }
        let place = Arc::clone(&self.free).acquire_owned().await;
        (
            stream,
            address,
            place.expect("the semaphore is never closed"),
        )
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

/// `true` if an error concerns only the connection that would have been accepted.
fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

/// Connections without a request so far, oldest first, each with the token that ends it.
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

    /// Locks the map. No code panics with the lock, so a poisoned lock is usable.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, CancellationToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection and its settings.
#[derive(Debug)]
struct Connection {
    app: Router,
    address: SocketAddr,
    number: u64,
    limits: Limits,
    silent: Arc<Silent>,
}

impl Connection {
    /// Answers until a side closes the connection, a limit is reached, or a token ends it.
    async fn serve(
        &self,
        stream: TcpStream,
        told_to_end: CancellationToken,
        stop: CancellationToken,
    ) {
        // Without a delay, since an answer is written at once.
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
            // A broken connection concerns its client only.
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

/// `true` for answers to clients without access or with an incomplete request.
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

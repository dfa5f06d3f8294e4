//! Connection with its time limits.
//!
//! A client that shuts down its sending side counts as disconnected, and its request is removed from the queue. Most such clients
//! have ended, and an abandoned request must not use a worker.

mod stream;

use std::{
    convert::Infallible,
    future::{poll_fn, ready},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    http::{StatusCode, Version, header},
};
use hyper::{body::Incoming, server::conn::http1, service::Service};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    task,
    time::{Sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use self::stream::Watched;
use crate::{config::Limits, path};

/// End of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The server or the client closed the connection.
    Closed,
    /// The data was not HTTP, or the connection failed.
    Broken,
    /// The client exceeded a time limit.
    TooSlow,
}

/// Serves a connection with `app` until one side closes it. After `stopping` is cancelled, the connection closes when the requests
/// that have arrived are answered.
pub(super) async fn serve(
    stream: TcpStream,
    app: Router,
    limits: &Limits,
    stopping: CancellationToken,
) -> Ended {
    let activity = Arc::new(Activity::new(limits));
    let io = Watched::new(stream, Arc::clone(&activity));
    let mut waits = Waits {
        alarm: Box::pin(sleep_until(Instant::now().into())),
        gone: Box::pin(io.gone()),
    };
    let service = Watching {
        app,
        activity: Arc::clone(&activity),
    };
    // Hyper's own timeout is not used: it starts when a connection becomes idle, not when a head starts. Its limit of 100 header
    // lines applies.
    let mut connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_header_size(limits.max_header_bytes.get())
        .serve_connection(TokioIo::new(io), service);

    tokio::select! {
        biased;
        ended = drive(&mut connection, &activity, &mut waits) => return finish(ended, connection, &activity),
        () = stopping.cancelled() => {}
    }
    // Reads a request that the system has already received, before the connection shuts down.
    tokio::select! {
        biased;
        ended = drive(&mut connection, &activity, &mut waits) => return finish(ended, connection, &activity),
        () = task::yield_now() => {}
    }
    Pin::new(&mut connection).graceful_shutdown();
    let ended = drive(&mut connection, &activity, &mut waits).await;
    finish(ended, connection, &activity)
}

/// Events that can end a connection.
struct Waits {
    /// Timer of the current time limit.
    alarm: Pin<Box<Sleep>>,
    /// Ready when the client has closed its sending side, even if data from it is unread.
    gone: Pin<Box<dyn Future<Output = ()> + Send>>,
}

type Connection = http1::Connection<TokioIo<Watched>, Watching>;

/// Runs a connection until it ends, a time limit passes, or the client disconnects during a request.
async fn drive(connection: &mut Connection, activity: &Activity, waits: &mut Waits) -> Ended {
    poll_fn(|context| {
        if let Poll::Ready(ended) = Pin::new(&mut *connection).poll(context) {
            return Poll::Ready(ended.map_or(Ended::Broken, |()| Ended::Closed));
        }
        let Some(deadline) = activity.deadline() else {
            // Hyper does not notice the end of the stream if it has already read more than the request.
            return waits.gone.as_mut().poll(context).map(|()| Ended::Closed);
        };
        let alarm = &mut waits.alarm;
        if alarm.deadline() != deadline.into() {
            alarm.as_mut().reset(deadline.into());
        }
        alarm.as_mut().poll(context).map(|()| Ended::TooSlow)
    })
    .await
}

/// Sends status 408 if the connection ends during the head of a request.
fn finish(ended: Ended, connection: Connection, activity: &Activity) -> Ended {
    const LATE_HEAD: &[u8] =
        b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    if ended == Ended::TooSlow && activity.is_in_head() {
        // If the client does not read, the response is dropped.
        connection.into_parts().io.into_inner().try_write(LATE_HEAD);
    }
    ended
}

/// Current phase of a connection. The stream and the service update it.
#[derive(Debug)]
struct Activity {
    phase: Mutex<Phase>,
    read_timeout: Duration,
    idle_timeout: Duration,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// The connection is open, and no data has arrived.
    Opened(Instant),
    /// The head of a request is arriving.
    Head(Instant),
    /// A request is being answered. The time limits of the request apply.
    Answering,
    /// The connection is idle, since the last response or since the client last read a part of it.
    Idle(Instant),
}

impl Activity {
    fn new(limits: &Limits) -> Self {
        Self {
            phase: Mutex::new(Phase::Opened(Instant::now())),
            read_timeout: limits.read_timeout,
            idle_timeout: limits.idle_timeout,
        }
    }

    /// Time at which the current time limit passes.
    fn deadline(&self) -> Option<Instant> {
        match *self.phase() {
            Phase::Opened(since) | Phase::Head(since) => Some(since + self.read_timeout),
            Phase::Answering => None,
            Phase::Idle(since) => Some(since + self.idle_timeout),
        }
    }

    fn is_in_head(&self) -> bool {
        matches!(*self.phase(), Phase::Head(_))
    }

    fn has_read(&self) {
        let mut phase = self.phase();
        match *phase {
            // The time starts with the connection, so that a late first byte does not extend it.
            Phase::Opened(since) => *phase = Phase::Head(since),
            Phase::Idle(_) => *phase = Phase::Head(Instant::now()),
            Phase::Head(_) | Phase::Answering => {}
        }
    }

    fn has_written(&self) {
        let mut phase = self.phase();
        if let Phase::Idle(since) = &mut *phase {
            *since = Instant::now();
        }
    }

    /// Starts the phase of answering, until the value is dropped.
    fn answering(self: &Arc<Self>) -> Answering {
        *self.phase() = Phase::Answering;
        Answering(Arc::clone(self))
    }

    /// The data of a poisoned lock is valid, because no code panics while it holds the lock.
    fn phase(&self) -> std::sync::MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Answering(Arc<Activity>);

impl Drop for Answering {
    fn drop(&mut self) {
        *self.0.phase() = Phase::Idle(Instant::now());
    }
}

/// `true` if a request has one `Host` header, or none in HTTP/1.0. With two headers, a proxy and this server could use different
/// hosts.
fn names_one_host(request: &hyper::Request<Incoming>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(_), None) => true,
        (None, _) => request.version() < Version::HTTP_11,
        (Some(_), Some(_)) => false,
    }
}

/// Response 400 without a body, like hyper's response to invalid HTTP.
fn no_host() -> hyper::Response<Body> {
    let mut response = hyper::Response::new(Body::empty());
    *response.status_mut() = StatusCode::BAD_REQUEST;
    let close = header::HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

/// Routes as a service of hyper.
#[derive(Debug)]
struct Watching {
    app: Router,
    activity: Arc<Activity>,
}

impl Service<hyper::Request<Incoming>> for Watching {
    type Response = hyper::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, mut request: hyper::Request<Incoming>) -> Self::Future {
        // Before the router, which does not decode paths.
        if let Some(uri) = path::normalized(request.uri()) {
            *request.uri_mut() = uri;
        }
        if !names_one_host(&request) {
            return Box::pin(ready(Ok(no_host())));
        }
        let answering = self.activity.answering();
        let mut app = self.app.clone();
        // A router is always ready.
        let response = tower::Service::call(&mut app, request.map(Body::new));
        Box::pin(async move {
            let response = response.await;
            drop(answering);
            response
        })
    }
}

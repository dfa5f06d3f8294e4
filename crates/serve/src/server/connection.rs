//! One connection, from its first byte to its last, and the ways in which a client can be too slow for it.
//!
//! A client that shuts down its sending side counts as gone, and its request is withdrawn: most that do so have left,
//! and what nobody waits for must not hold a worker.

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

/// How one connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// As agreed, or the client left.
    Closed,
    /// What came was no HTTP, or the connection broke.
    Broken,
    /// The client took too long.
    TooSlow,
}

/// Answers the requests of a connection with `app` until either side closes it. Once `stopping` is cancelled, it closes
/// as soon as what has arrived is answered.
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
    // Without hyper's own timeout, which starts when a connection becomes idle and not when a head does. Its limit of
    // 100 lines of header is left as it is.
    let mut connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_header_size(limits.max_header_bytes.get())
        .serve_connection(TokioIo::new(io), service);

    tokio::select! {
        biased;
        ended = drive(&mut connection, &activity, &mut waits) => return finish(ended, connection, &activity),
        () = stopping.cancelled() => {}
    }
    // A request that the system has already received is read before the connection is told to end.
    tokio::select! {
        biased;
        ended = drive(&mut connection, &activity, &mut waits) => return finish(ended, connection, &activity),
        () = task::yield_now() => {}
    }
    Pin::new(&mut connection).graceful_shutdown();
    let ended = drive(&mut connection, &activity, &mut waits).await;
    finish(ended, connection, &activity)
}

/// Events that a connection is waited for beside its own work.
struct Waits {
    /// Rings when a time limit is over.
    alarm: Pin<Box<Sleep>>,
    /// Returns when the client has closed its side, whatever it has sent before that nobody has read yet.
    gone: Pin<Box<dyn Future<Output = ()> + Send>>,
}

type Connection = http1::Connection<TokioIo<Watched>, Watching>;

/// Runs a connection until it ends, a time limit does, or the client leaves while it is being answered.
async fn drive(connection: &mut Connection, activity: &Activity, waits: &mut Waits) -> Ended {
    poll_fn(|context| {
        if let Poll::Ready(ended) = Pin::new(&mut *connection).poll(context) {
            return Poll::Ready(ended.map_or(Ended::Broken, |()| Ended::Closed));
        }
        let Some(deadline) = activity.deadline() else {
            // Hyper does not look for the end of what comes when it has already read more than the request.
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

/// Tells a client whose request was on its way why the connection closes.
fn finish(ended: Ended, connection: Connection, activity: &Activity) -> Ended {
    const LATE_HEAD: &[u8] =
        b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    if ended == Ended::TooSlow && activity.is_in_head() {
        // Whoever takes no answer gets none.
        connection.into_parts().io.into_inner().try_write(LATE_HEAD);
    }
    ended
}

/// What a connection is doing, and since when. Told by its stream and its service.
#[derive(Debug)]
struct Activity {
    phase: Mutex<Phase>,
    read_timeout: Duration,
    idle_timeout: Duration,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Nothing has come since the connection was opened.
    Opened(Instant),
    /// The head of a request is on its way.
    Head(Instant),
    /// A request is being answered; its own time limits hold.
    Answering,
    /// Since a request was answered, or since the client last took a part of the answer.
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

    /// When the client is too slow, unless it does something before.
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
            // The time runs from the connection, which leaves nothing to gain by sending a first byte late.
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

    /// A request is being answered until the value is dropped.
    fn answering(self: &Arc<Self>) -> Answering {
        *self.phase() = Phase::Answering;
        Answering(Arc::clone(self))
    }

    /// No code panics while it holds the lock, so a poisoned one is as good as any.
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

/// `true` if the host is named as the version of HTTP wants it: once, but not at all in HTTP/1.0. Two names would let a proxy and this
/// server disagree.
fn names_one_host(request: &hyper::Request<Incoming>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(_), None) => true,
        (None, _) => request.version() < Version::HTTP_11,
        (Some(_), Some(_)) => false,
    }
}

/// Refuses a request, as hyper refuses one that is no HTTP.
fn no_host() -> hyper::Response<Body> {
    let mut response = hyper::Response::new(Body::empty());
    *response.status_mut() = StatusCode::BAD_REQUEST;
    let close = header::HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

/// The routes, as hyper calls them.
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
        // Before the router, which compares paths as they are written.
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

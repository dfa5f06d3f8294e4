//! Sends the requests of one user and checks the answers.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderMap};
use hyper::http::response::Parts;
use hyper::{Method, Request, Response};
use url::Url;

mod content_encoding;
mod timeout;

use self::content_encoding::decoded;
use self::timeout::Timeout;
use crate::cause::Cause;
use crate::check::Answer;
use crate::connection::cause::is_lost;
use crate::connection::no_answer::NoAnswer;
use crate::connection::{Body, Connection, NO_STREAM};
use crate::plan::{Plan, PlannedRequest};
use crate::redirect::{MOST_REDIRECTS, Redirect};
use crate::session::Session;
use crate::target::Target;

/// Longest body that checks look at, in bytes. No more than this is kept of a longer body.
const LONGEST_CHECKED_BODY: usize = 16 << 20;

/// Outcome of a request.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Moment of the last byte, or of the failure.
    pub(crate) done: Instant,
    pub(crate) body_bytes: u64,
    /// Cause of the failure; `None` for a success.
    pub(crate) failure: Option<Cause>,
    /// `true` if no connection could be opened.
    pub(crate) not_connected: bool,
}

/// Client of one user: its connection and its session. The connection is opened when it is needed.
#[derive(Debug)]
pub(crate) struct Client {
    timeout: Timeout,
    connection: ClientConnection,
    session: Session,
}

impl Client {
    /// A client of `target`. `opened` counts its connections. Generated values of its requests derive from `seed`.
    pub(crate) fn new(target: Arc<Target>, opened: Arc<AtomicU64>, seed: u64) -> Self {
        Self {
            timeout: Timeout::default(),
            session: Session::new(seed),
            connection: ClientConnection {
                target,
                opened,
                connection: None,
                answered: 0,
                body: Vec::new(),
            },
        }
    }

    /// Closes the connection, if there is one.
    pub(crate) fn disconnect(&mut self) {
        self.connection.connection = None;
    }

    /// Body of the last answer that a check or an extraction looked at.
    pub(crate) fn body(&self) -> &[u8] {
        &self.connection.body
    }

    /// Clears the values and cookies of the session: the next request is that of a new user.
    pub(crate) fn clear_session(&mut self) {
        self.session.clear();
    }

    /// Begins a new session, whose generated values derive from `seed`.
    pub(crate) fn become_user(&mut self, seed: u64) {
        self.session = Session::new(seed);
    }

    /// Sends `request` for `row` of its data, follows redirects, waits for the last answer until `limit`, checks it and
    /// extracts values from it.
    pub(crate) async fn send(
        &mut self,
        plan: &Plan,
        request: &PlannedRequest,
        row: usize,
        limit: Instant,
    ) -> Outcome {
        let sent = Instant::now();
        let chain = RedirectChain {
            request,
            row,
            origin: &plan.origin,
        };
        let exchange = chain.follow_to_end(&mut self.connection, &mut self.session);
        let exchanged = self.timeout.limit(limit, exchange).await;
        // Taken before the checks, whose time is not the server's.
        let done = Instant::now();
        let (failure, body_bytes) = match exchanged {
            Some(Ok((head, body_bytes))) => {
                let took = done.saturating_duration_since(sent);
                (self.judge(request, &head, body_bytes, took), body_bytes)
            }
            Some(Err(Failure::NotConnected(cause))) => {
                return Outcome {
                    done,
                    failure: Some(cause),
                    not_connected: true,
                    body_bytes: 0,
                };
            }
            Some(Err(Failure::NotSendable(cause))) => (Some(cause), 0),
            ended => {
                // An answer that still comes over this connection is not that to the next request.
                self.connection.connection = None;
                let cause = match ended {
                    Some(Err(Failure::NoAnswer(cause))) => cause,
                    _ => request.timed_out.clone(),
                };
                (Some(cause), 0)
            }
        };
        Outcome {
            done,
            body_bytes,
            failure,
            not_connected: false,
        }
    }

    /// Cause of the failure of an answer; `None` for a success, from which values are extracted.
    fn judge(
        &mut self,
        request: &PlannedRequest,
        head: &Parts,
        body_bytes: u64,
        took: Duration,
    ) -> Option<Cause> {
        if request.needs_body && body_bytes > LONGEST_CHECKED_BODY as u64 {
            return Some("check failed: the body is longer than 16 MiB".into());
        }
        if request.needs_body {
            match decoded(&head.headers, &self.connection.body, LONGEST_CHECKED_BODY) {
                Ok(Cow::Borrowed(_)) => (),
                Ok(Cow::Owned(body)) => self.connection.body = body,
                Err(cause) => return Some(cause),
            }
        }
        let failure = request.checks.failure(Answer {
            status: head.status,
            headers: &head.headers,
            body: &self.connection.body,
            body_bytes,
            took,
        });
        if failure.is_some() {
            return failure;
        }
        request.extracts.iter().find_map(|extract| {
            let value = extract.value(&head.headers, &self.connection.body);
            let taken = value.map(|value| self.session.store(&extract.name, value));
            taken.err()
        })
    }
}

/// A request and the chain of its redirects.
#[derive(Debug, Clone, Copy)]
struct RedirectChain<'a> {
    request: &'a PlannedRequest,
    row: usize,
    origin: &'a Url,
}

impl RedirectChain<'_> {
    /// Follows the chain to its end. Returns the head of the last answer and the length of its body.
    async fn follow_to_end(
        self,
        connection: &mut ClientConnection,
        session: &mut Session,
    ) -> Result<(Parts, u64), Failure> {
        let mut redirected: Option<Redirect> = None;
        for _ in 0..=MOST_REDIRECTS {
            let next = self.next(session, redirected.as_ref())?;
            let (method, url) = (next.method().clone(), self.url(&next));
            let (head, body_bytes) = connection.exchange(next, self.request.needs_body).await?;
            redirected = self.redirect(session, &method, &url, &head)?;
            if redirected.is_none() {
                return Ok((head, body_bytes));
            }
        }
        let cause = format!("more than {MOST_REDIRECTS} redirections");
        Err(Failure::NotSendable(cause.into()))
    }

    fn next(
        self,
        session: &Session,
        redirected: Option<&Redirect>,
    ) -> Result<Request<Full<Bytes>>, Failure> {
        let made = self.request.make(self.row, session);
        let mut next = made.map_err(Failure::NotSendable)?;
        if let Some(redirect) = redirected {
            *next.uri_mut() = redirect
                .uri()
                .ok_or_else(|| Failure::NotSendable("redirected to an invalid address".into()))?;
            if redirect.as_get {
                *next.method_mut() = Method::GET;
                *next.body_mut() = Full::default();
                next.headers_mut().remove(header::CONTENT_TYPE);
            }
        }
        if session.has_cookies()
            && !next.headers().contains_key(header::COOKIE)
            && let Some(cookies) = session.cookies_for(&self.url(&next))
        {
            next.headers_mut().insert(header::COOKIE, cookies);
        }
        Ok(next)
    }

    /// Stores the cookies that an answer sets. Returns the redirect, if the answer is one.
    fn redirect(
        self,
        session: &mut Session,
        method: &Method,
        url: &Url,
        head: &Parts,
    ) -> Result<Option<Redirect>, Failure> {
        let Parts {
            status, headers, ..
        } = head;
        if sets_cookies(headers) {
            session.store_cookies(headers, url);
        }
        if !self.request.follow_redirects || !status.is_redirection() {
            return Ok(None);
        }
        Redirect::of((method, url), self.origin, *status, headers).map_err(Failure::NotSendable)
    }

    /// Address of a request, with the host of the header `host`.
    fn url(self, request: &Request<Full<Bytes>>) -> Url {
        let mut url = self.origin.clone();
        url.set_path(request.uri().path());
        url.set_query(request.uri().query());
        let host = request.headers().get(header::HOST);
        if let Some(host) = host.and_then(|host| host.to_str().ok())
            && let Ok(named) = Url::parse(&format!("{}://{host}", url.scheme()))
        {
            // An address with a host can take another host and any port.
            let _ = url.set_host(named.host_str());
            let _ = url.set_port(named.port());
        }
        url
    }
}

fn sets_cookies(headers: &HeaderMap) -> bool {
    headers.contains_key(header::SET_COOKIE)
}

#[derive(Debug)]
struct ClientConnection {
    target: Arc<Target>,
    opened: Arc<AtomicU64>,
    connection: Option<Connection>,
    /// Number of requests that were answered over the connection.
    answered: u64,
    /// Body of the last answer, if a check needs it.
    body: Vec<u8>,
}

enum Failure {
    /// The request could not be made, or its redirect not followed. The connection can be used again.
    NotSendable(Cause),
    NotConnected(Cause),
    NoAnswer(Cause),
}

impl ClientConnection {
    /// Sends `request` over the open connection. If the server has closed it before the request was sent, the request is
    /// sent once more over a new connection.
    async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        keep_body: bool,
    ) -> Result<(Parts, u64), Failure> {
        let mut request = request;
        let kept = keep_body.then_some(&mut self.body);
        if let Some(connection) = &mut self.connection {
            match connection.send(request).await {
                Err(NoAnswer::Unsent(unsent)) => request = *unsent,
                Err(NoAnswer::Failed(cause)) if is_lost(&cause) => {
                    return Err(Failure::NoAnswer(after(&cause, self.answered)));
                }
                sent => {
                    let received = receive(connection, sent, kept).await?;
                    self.answered += 1;
                    return Ok(received);
                }
            }
        }
        let opened = Connection::open(&self.target)
            .await
            .map_err(Failure::NotConnected)?;
        self.opened.fetch_add(1, Ordering::Relaxed);
        self.answered = 0;
        let connection = self.connection.insert(opened);
        let sent = connection.send(request).await;
        let received = receive(connection, sent, kept).await?;
        self.answered = 1;
        Ok(received)
    }
}

/// Cause of the failure of a kept connection, with the number of answers that it had served. The number tells a server
/// that closes connections after some answers from one that crashes. Large numbers are rounded, so that there are few causes.
fn after(cause: &Cause, answered: u64) -> Cause {
    let answers = match answered {
        1 => "1 answer".to_owned(),
        2..10 => format!("{answered} answers"),
        10..100 => "10 to 99 answers".to_owned(),
        _ => "100 or more answers".to_owned(),
    };
    format!("{cause}, on a connection that had served {answers}").into()
}

/// Reads the body of an answer, into `kept` if given. Returns its head and the length of its body.
async fn receive(
    connection: &mut Connection,
    sent: Result<Response<Body>, NoAnswer>,
    kept: Option<&mut Vec<u8>>,
) -> Result<(Parts, u64), Failure> {
    let response = sent.map_err(|problem| match problem {
        NoAnswer::Unsent(_) => Failure::NoAnswer("connection closed before the request".into()),
        NoAnswer::Failed(cause) => Failure::NoAnswer(cause),
        NoAnswer::NoStream => Failure::NotConnected(NO_STREAM),
    })?;
    let (head, body) = response.into_parts();
    let read = match kept {
        None => connection.read(body, |_| ()).await,
        Some(kept) => {
            kept.clear();
            let keep = |piece: &[u8]| {
                let room = LONGEST_CHECKED_BODY - kept.len();
                kept.extend_from_slice(&piece[..piece.len().min(room)]);
            };
            connection.read(body, keep).await
        }
    };
    read.map(|length| (head, length)).map_err(Failure::NoAnswer)
}

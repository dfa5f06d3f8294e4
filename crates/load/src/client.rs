//! Sends the requests of one user and judges the answers.

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

use crate::check::{Answer, Cause};
use crate::connection::{Body, Connection, NO_STREAM, NoAnswer, is_lost};
use crate::content_encoding::decoded;
use crate::memory::Memory;
use crate::plan::{Plan, PlannedRequest};
use crate::redirect::{MOST_REDIRECTS, Redirect};
use crate::target::Target;
use crate::timeout::Timeout;

/// The longest body that checks look at; of a longer one no more than this is kept.
const LONGEST_CHECKED_BODY: usize = 16 << 20;

/// What came of a request.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// When the last byte was there, or the request had failed.
    pub(crate) done: Instant,
    pub(crate) body_bytes: u64,
    /// Why it failed, if it did.
    pub(crate) failure: Option<Cause>,
    /// Whether there was no connection to send it on.
    pub(crate) not_connected: bool,
}

/// One user's side of its connection, which is opened when first needed and again after the server closed it,
/// and what the user remembers.
#[derive(Debug)]
pub(crate) struct Client {
    timeout: Timeout,
    wire: Wire,
    memory: Memory,
}

impl Client {
    /// A client of `target`; `opened` counts its connections.
    /// Values that are made for its requests derive from `seed`.
    pub(crate) fn new(target: Arc<Target>, opened: Arc<AtomicU64>, seed: u64) -> Self {
        Self {
            timeout: Timeout::default(),
            memory: Memory::new(seed),
            wire: Wire {
                target,
                opened,
                connection: None,
                answered: 0,
                body: Vec::new(),
            },
        }
    }

    /// Closes its connection, if it has one.
    pub(crate) fn disconnect(&mut self) {
        self.wire.connection = None;
    }

    /// The body of the last answer that a check or an extraction looked at.
    pub(crate) fn body(&self) -> &[u8] {
        &self.wire.body
    }

    /// Forgets the values and cookies that answers have given: who sends next is somebody new.
    pub(crate) fn forget(&mut self) {
        self.memory.forget();
    }

    /// Forgets all, and makes the values of its requests from `seed` from now on.
    pub(crate) fn become_user(&mut self, seed: u64) {
        self.memory = Memory::new(seed);
    }

    /// Sends `request` for `row` of its data, goes where the answer redirects it, waits for the last answer until
    /// `limit`, checks it and remembers what is to be taken from it.
    pub(crate) async fn send(
        &mut self,
        plan: &Plan,
        request: &PlannedRequest,
        row: usize,
        limit: Instant,
    ) -> Outcome {
        let sent = Instant::now();
        let journey = Journey {
            request,
            row,
            origin: &plan.origin,
        };
        let exchange = journey.make(&mut self.wire, &mut self.memory);
        let exchanged = self.timeout.limit(limit, exchange).await;
        // Before the checks: their time is ours, not the server's.
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
            Some(Err(Failure::Astray(cause))) => (Some(cause), 0),
            ended => {
                // Whatever still comes over this connection is no answer to the next request.
                self.wire.connection = None;
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

    /// Why an answer is not right, if it is not; what is to be taken from one that is, is remembered.
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
            match decoded(&head.headers, &self.wire.body, LONGEST_CHECKED_BODY) {
                Ok(Cow::Borrowed(_)) => (),
                Ok(Cow::Owned(body)) => self.wire.body = body,
                Err(cause) => return Some(cause),
            }
        }
        let failure = request.checks.failure(Answer {
            status: head.status,
            headers: &head.headers,
            body: &self.wire.body,
            body_bytes,
            took,
        });
        if failure.is_some() {
            return failure;
        }
        request.extracts.iter().find_map(|extract| {
            let value = extract.value(&head.headers, &self.wire.body);
            let taken = value.map(|value| self.memory.take(&extract.name, value));
            taken.err()
        })
    }
}

/// A request on its way, over all redirections.
#[derive(Debug, Clone, Copy)]
struct Journey<'a> {
    request: &'a PlannedRequest,
    row: usize,
    origin: &'a Url,
}

impl Journey<'_> {
    /// Gives the head of the last answer and the length of its body.
    async fn make(self, wire: &mut Wire, memory: &mut Memory) -> Result<(Parts, u64), Failure> {
        let mut redirected: Option<Redirect> = None;
        for _ in 0..=MOST_REDIRECTS {
            let next = self.next(memory, redirected.as_ref())?;
            let (method, url) = (next.method().clone(), self.url(&next));
            let (head, body_bytes) = wire.exchange(next, self.request.needs_body).await?;
            redirected = self.follow(memory, &method, &url, &head)?;
            if redirected.is_none() {
                return Ok((head, body_bytes));
            }
        }
        let cause = format!("more than {MOST_REDIRECTS} redirections");
        Err(Failure::Astray(cause.into()))
    }

    fn next(
        self,
        memory: &Memory,
        redirected: Option<&Redirect>,
    ) -> Result<Request<Full<Bytes>>, Failure> {
        let made = self.request.make(self.row, memory);
        let mut next = made.map_err(Failure::Astray)?;
        if let Some(redirect) = redirected {
            *next.uri_mut() = redirect
                .uri()
                .ok_or_else(|| Failure::Astray("redirected to what is no address".into()))?;
            if redirect.as_get {
                *next.method_mut() = Method::GET;
                *next.body_mut() = Full::default();
                next.headers_mut().remove(header::CONTENT_TYPE);
            }
        }
        if memory.has_cookies()
            && !next.headers().contains_key(header::COOKIE)
            && let Some(cookies) = memory.cookies_for(&self.url(&next))
        {
            next.headers_mut().insert(header::COOKIE, cookies);
        }
        Ok(next)
    }

    /// Notes the cookies that an answer sets, and says where it sends the client.
    fn follow(
        self,
        memory: &mut Memory,
        method: &Method,
        url: &Url,
        head: &Parts,
    ) -> Result<Option<Redirect>, Failure> {
        let Parts {
            status, headers, ..
        } = head;
        if sets_cookies(headers) {
            memory.note_cookies(headers, url);
        }
        if !self.request.follow_redirects || !status.is_redirection() {
            return Ok(None);
        }
        Redirect::of((method, url), self.origin, *status, headers).map_err(Failure::Astray)
    }

    /// The address of a request as the server knows it: the host is the one that the header `host` names.
    fn url(self, request: &Request<Full<Bytes>>) -> Url {
        let url = self.origin.join(&request.uri().to_string());
        let mut url = url.unwrap_or_else(|_| self.origin.clone());
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
struct Wire {
    target: Arc<Target>,
    opened: Arc<AtomicU64>,
    connection: Option<Connection>,
    /// Requests that were answered over the connection.
    answered: u64,
    /// The body of the last answer, where a check needs it.
    body: Vec<u8>,
}

enum Failure {
    /// There was nothing to send, or nowhere to send it; the connection is as good as before.
    Astray(Cause),
    NotConnected(Cause),
    NoAnswer(Cause),
}

impl Wire {
    /// Sends `request` over the open connection. Where the server has closed that in the meantime,
    /// and so nothing was sent, it is sent once more over a new one.
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

/// The cause of failure of a kept connection, with the number of answers that it had served: it tells a server that closes
/// connections after some answers from one that crashes. Large numbers are rounded, so that causes can be counted.
fn after(cause: &Cause, answered: u64) -> Cause {
    let answers = match answered {
        1 => "1 answer".to_owned(),
        2..10 => format!("{answered} answers"),
        10..100 => "10 to 99 answers".to_owned(),
        _ => "100 or more answers".to_owned(),
    };
    format!("{cause}, on a connection that had served {answers}").into()
}

/// Reads the rest of an answer into `kept`, or past it. Gives its head and the length of its body.
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

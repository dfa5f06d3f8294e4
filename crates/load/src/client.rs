//! Sends the requests of one user and judges the answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::http::response::Parts;
use hyper::{Request, Response};

use crate::check::{Answer, Cause};
use crate::connection::{Body, Connection, NoAnswer};
use crate::plan::Plan;
use crate::sequence::Choice;
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

/// One user's side of its connection, which is opened when first needed and again after the server closed it.
#[derive(Debug)]
pub(crate) struct Client {
    timeout: Timeout,
    wire: Wire,
}

impl Client {
    /// A client of `target`; `opened` counts its connections.
    pub(crate) fn new(target: Arc<Target>, opened: Arc<AtomicU64>) -> Self {
        Self {
            timeout: Timeout::default(),
            wire: Wire {
                target,
                opened,
                connection: None,
                body: Vec::new(),
            },
        }
    }

    /// Closes its connection, if it has one.
    pub(crate) fn disconnect(&mut self) {
        self.wire.connection = None;
    }

    /// Sends the request for `choice`, waits for the answer until `limit`, and checks it.
    pub(crate) async fn send(&mut self, plan: &Plan, choice: Choice, limit: Instant) -> Outcome {
        let task = &plan.tasks[choice.task];
        let sent = Instant::now();
        let exchange = self
            .wire
            .exchange(plan.request(choice), task.checks.need_body());
        let exchanged = self.timeout.limit(limit, exchange).await;
        // Before the checks: their time is ours, not the server's.
        let done = Instant::now();
        let failure = match exchanged {
            Some(Ok((head, body_bytes))) => {
                let too_long = task.checks.need_body() && body_bytes > LONGEST_CHECKED_BODY as u64;
                let failure = if too_long {
                    Some("check failed: the body is longer than 16 MiB".into())
                } else {
                    task.checks.failure(Answer {
                        status: head.status,
                        headers: &head.headers,
                        body: &self.wire.body,
                        body_bytes,
                        took: done.saturating_duration_since(sent),
                    })
                };
                return Outcome {
                    done,
                    body_bytes,
                    failure,
                    not_connected: false,
                };
            }
            Some(Err(Failure::NotConnected(cause))) => {
                return Outcome {
                    done,
                    failure: Some(cause),
                    not_connected: true,
                    body_bytes: 0,
                };
            }
            Some(Err(Failure::NoAnswer(cause))) => cause,
            None => task.timed_out.clone(),
        };
        // Whatever still comes over this connection is no answer to the next request.
        self.wire.connection = None;
        Outcome {
            done,
            failure: Some(failure),
            not_connected: false,
            body_bytes: 0,
        }
    }
}

#[derive(Debug)]
struct Wire {
    target: Arc<Target>,
    opened: Arc<AtomicU64>,
    connection: Option<Connection>,
    /// The body of the last answer, where a check needs it.
    body: Vec<u8>,
}

enum Failure {
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
                sent => return receive(connection, sent, kept).await,
            }
        }
        let opened = Connection::open(&self.target)
            .await
            .map_err(Failure::NotConnected)?;
        self.opened.fetch_add(1, Ordering::Relaxed);
        let connection = self.connection.insert(opened);
        let sent = connection.send(request).await;
        receive(connection, sent, kept).await
    }
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

//! Connections over HTTP/2, with one stream at a time.
//!
//! The connections do not use the HTTP/2 client of hyper, which needs tasks of its own beside the user's.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::client::{self, SendRequest};
use h2::{Reason, RecvStream};
use http_body_util::{BodyExt, Full};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::uri::{Authority, Parts, Scheme};
use hyper::{Method, Request, Response, Uri, Version};

use super::cause;
use super::no_answer::{Awaited, NoAnswer};
use super::stream::Stream;
use crate::cause::Cause;

/// Bytes of a body that the server may send before the client has read them, as in hyper and browsers.
const STREAM_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 5 << 20;

/// Longest head of an answer, in bytes.
const LONGEST_HEAD: u32 = 256 << 10;

/// Headers of HTTP/1.1 about the connection, which HTTP/2 forbids.
const ABOUT_THE_CONNECTION: [HeaderName; 5] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

#[derive(Debug)]
pub(crate) struct Http2 {
    sender: SendRequest<Bytes>,
    /// Driver that moves bytes between the socket and the streams when it is polled.
    connection: Option<client::Connection<Stream, Bytes>>,
    /// Cause of the end of the connection, if one side gave it. Its streams do not know the cause.
    ended: Option<Cause>,
    used: bool,
    scheme: Scheme,
}

impl Http2 {
    pub(super) async fn open(stream: Stream, secure: bool) -> Result<Self, Cause> {
        let (sender, connection) = client::Builder::new()
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(LONGEST_HEAD)
            .handshake(stream)
            .await
            .map_err(|error| cause::of_http2(&error, Awaited::Head))?;
        Ok(Self {
            sender,
            connection: Some(connection),
            ended: None,
            used: false,
            scheme: if secure { Scheme::HTTPS } else { Scheme::HTTP },
        })
    }

    /// Sends `request` and waits for the head of the answer.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<RecvStream>, NoAnswer> {
        // The server may have sent GOAWAY since the last answer.
        let ready = poll_fn(|context| {
            self.drive(context);
            match self.sender.poll_ready(context) {
                Poll::Ready(Err(error)) => Poll::Ready(Some(Err(error))),
                // The library is ready also for a request that it could only keep in its queue.
                _ if self.allows_no_stream() => Poll::Ready(None),
                ready => ready.map(Some),
            }
        });
        let Some(ready) = ready.await else {
            return Err(NoAnswer::NoStream);
        };
        if ready.is_err() {
            return Err(match self.ended.take() {
                // Another connection would end like this one.
                Some(cause) if !self.used => NoAnswer::Failed(cause),
                _ => NoAnswer::Unsent(Box::new(request)),
            });
        }
        self.used = true;
        let exchanged = self.exchange(request.clone()).await;
        exchanged.map_err(|error| match error.reason() {
            // Open streams go on after GOAWAY. The server has not processed this one.
            Some(Reason::NO_ERROR) if error.is_go_away() && error.is_remote() => {
                NoAnswer::Unsent(Box::new(request))
            }
            _ => NoAnswer::Failed(
                self.ended
                    .take()
                    .unwrap_or_else(|| cause::of_http2(&error, Awaited::Head)),
            ),
        })
    }

    /// `true` if the settings of the server leave no room for any request (RFC 9113, section 6.5.2).
    fn allows_no_stream(&self) -> bool {
        let connection = self.connection.as_ref();
        connection.is_some_and(|connection| connection.max_concurrent_send_streams() == 0)
    }

    async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<RecvStream>, h2::Error> {
        let (mut head, mut body) = request.into_parts();
        let piece = body
            .frame()
            .await
            .and_then(|Ok(frame)| frame.into_data().ok());
        head.version = Version::HTTP_2;
        head.uri = absolute(head.uri, &mut head.headers, &self.scheme);
        adapt(&mut head.headers, &head.method, piece.as_ref());
        let request = Request::from_parts(head, ());
        let (mut response, mut stream) = self.sender.send_request(request, piece.is_none())?;
        if let Some(piece) = piece {
            stream.send_data(piece, true)?;
        }
        poll_fn(|context| {
            self.drive(context);
            Pin::new(&mut response).poll(context)
        })
        .await
    }

    pub(super) fn drive(&mut self, context: &mut Context<'_>) {
        if let Some(connection) = &mut self.connection
            && let Poll::Ready(end) = Pin::new(connection).poll(context)
        {
            self.connection = None;
            self.ended = end
                .err()
                .filter(h2::Error::is_go_away)
                .map(|error| cause::of_http2(&error, Awaited::Head));
        }
    }
}

/// The address with the authority of the `host` header.
fn absolute(uri: Uri, headers: &mut HeaderMap, scheme: &Scheme) -> Uri {
    let host = headers.remove(header::HOST);
    let authority = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let mut parts = Parts::default();
    parts.path_and_query = uri.path_and_query().cloned();
    parts.authority = authority;
    parts.scheme = Some(scheme.clone());
    Uri::from_parts(parts).unwrap_or(uri)
}

/// Adapts headers of HTTP/1.1 to HTTP/2.
fn adapt(headers: &mut HeaderMap, method: &Method, body: Option<&Bytes>) {
    for name in &ABOUT_THE_CONNECTION {
        headers.remove(name);
    }
    let length = body.map_or(0, Bytes::len);
    if length > 0 || matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
        headers
            .entry(header::CONTENT_LENGTH)
            .or_insert_with(|| HeaderValue::from(length));
    }
}

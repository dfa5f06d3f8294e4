//! Requests without an answer.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;

use crate::cause::Cause;

/// Reason why a request has no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// The connection was closed before the server received the request, which is given back.
    Unsent(Box<Request<Full<Bytes>>>),
    /// The connection failed after the request was sent.
    Failed(Cause),
    /// The server allows no requests over this connection.
    NoStream,
}

/// Part of the answer that was awaited at a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaited {
    Head,
    Body,
}

//! Requests without an answer.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;

use crate::cause::Cause;

/// Why a request has no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// The connection was closed before the server began with the request; here it is again.
    Unsent(Box<Request<Full<Bytes>>>),
    /// It went wrong on the way.
    Failed(Cause),
    /// The server takes no requests over this connection, whoever sends them.
    NoStream,
}

/// What was awaited when something went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Head,
    Body,
}

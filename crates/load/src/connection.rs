//! One keep-alive connection to the server, driven by the task that uses it.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use h2::RecvStream;
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::{Request, Response};

use self::http1::Http1;
use self::http2::Http2;
use self::stream::Stream;
use crate::check::Cause;
use crate::target::{HttpVersion, Target};

pub(crate) use self::cause::is_lost;

mod cause;
mod http1;
mod http2;
mod stream;

/// The server speaks HTTP/2 and lets nobody send a request.
pub(crate) const NO_STREAM: Cause =
    Cause::Borrowed("the server allows no requests (its SETTINGS_MAX_CONCURRENT_STREAMS is 0)");

/// A connection with at most one request in flight.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "most connections are of the large kind, and theirs is the hot path"
)]
pub(crate) enum Connection {
    Http1(Http1),
    Http2(Box<Http2>),
}

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

/// The body of an answer, still to be read.
#[derive(Debug)]
pub(crate) enum Body {
    Http1(Incoming),
    Http2(RecvStream),
}

/// What was awaited when something went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Head,
    Body,
}

impl Connection {
    /// Connects to the first address of `target` that accepts, as far as a request can be sent.
    pub(crate) async fn open(target: &Target) -> Result<Self, Cause> {
        let stream = Stream::open(target).await?;
        Ok(match target.http {
            HttpVersion::Http1 => Self::Http1(Http1::open(stream).await?),
            HttpVersion::Http2 => {
                Self::Http2(Box::new(Http2::open(stream, target.tls.is_some()).await?))
            }
        })
    }

    /// Sends `request` and waits for the head of the answer; [`Connection::read`] has the rest.
    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Body>, NoAnswer> {
        match self {
            Self::Http1(line) => Ok(line.send(request).await?.map(Body::Http1)),
            Self::Http2(line) => Ok(line.send(request).await?.map(Body::Http2)),
        }
    }

    /// Reads the body of an answer to its last byte, gives each piece to `take` and returns their length.
    pub(crate) async fn read(&mut self, body: Body, take: impl FnMut(&[u8])) -> Result<u64, Cause> {
        self.read_up_to(usize::MAX, body, take).await
    }

    /// As [`Connection::read`], but stops reading once more than `limit` bytes have come.
    pub(crate) async fn read_up_to(
        &mut self,
        limit: usize,
        mut body: Body,
        mut take: impl FnMut(&[u8]),
    ) -> Result<u64, Cause> {
        let mut length = 0;
        while !body.is_over() && length <= limit as u64 {
            let piece = poll_fn(|context| self.beside(context, |context| body.poll_piece(context)));
            match piece.await {
                Some(Ok(piece)) => {
                    length += piece.remaining() as u64;
                    take(&piece);
                }
                Some(Err(cause)) => return Err(cause),
                None => break,
            }
        }
        Ok(length)
    }

    fn drive(&mut self, context: &mut Context<'_>) {
        match self {
            Self::Http1(line) => line.driver.drive(context),
            Self::Http2(line) => line.drive(context),
        }
    }

    /// Polls, and where that is not ready, again after moving bytes: a wake-up less for each answer.
    fn beside<T>(
        &mut self,
        context: &mut Context<'_>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        match poll(context) {
            Poll::Ready(output) => Poll::Ready(output),
            Poll::Pending => {
                self.drive(context);
                poll(context)
            }
        }
    }
}

impl Body {
    fn is_over(&self) -> bool {
        match self {
            Self::Http1(body) => body.is_end_stream(),
            Self::Http2(body) => body.is_end_stream(),
        }
    }

    /// The next piece, which is empty where something else than data came.
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cause>>> {
        match self {
            Self::Http1(body) => Pin::new(body).poll_frame(context).map(|frame| {
                let piece = frame?.map(|frame| frame.into_data().unwrap_or_default());
                Some(piece.map_err(|error| cause::of_http1(&error, Stage::Body)))
            }),
            Self::Http2(body) => body.poll_data(context).map(|piece| {
                let piece = piece?.and_then(|piece| {
                    body.flow_control().release_capacity(piece.len())?;
                    Ok(piece)
                });
                Some(piece.map_err(|error| cause::of_http2(&error, Stage::Body)))
            }),
        }
    }
}

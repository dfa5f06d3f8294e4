//! One keep-alive connection to the server, driven by the task that uses it.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::check::Cause;

/// A connection with at most one request in flight.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: Driver,
}

/// Why a request has no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// The connection was closed before anything of the request was sent; here it is again.
    Unsent(Box<Request<Full<Bytes>>>),
    /// It went wrong on the way.
    Failed(Cause),
}

impl Connection {
    /// Connects to the first of `addresses` that accepts.
    pub(crate) async fn open(addresses: &[SocketAddr]) -> Result<Self, Cause> {
        let stream = TcpStream::connect(addresses)
            .await
            .map_err(|error| cause_of_io(&error))?;
        stream
            .set_nodelay(true)
            .map_err(|error| cause_of_io(&error))?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| cause_of(&error, Stage::Head))?;
        Ok(Self {
            sender,
            driver: Driver(Some(connection)),
        })
    }

    /// Sends `request` and waits for the head of the answer; [`Connection::read`] has the rest.
    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, NoAnswer> {
        let Self { sender, driver } = self;
        if !sender.is_ready()
            && poll_fn(|context| driver.beside(context, |context| sender.poll_ready(context)))
                .await
                .is_err()
        {
            return Err(NoAnswer::Unsent(Box::new(request)));
        }
        let mut response = pin!(sender.try_send_request(request));
        poll_fn(|context| {
            driver.drive(context);
            response.as_mut().poll(context)
        })
        .await
        .map_err(|mut error| match error.take_message() {
            Some(request) => NoAnswer::Unsent(Box::new(request)),
            None => NoAnswer::Failed(cause_of(&error.into_error(), Stage::Head)),
        })
    }

    /// Reads the body of an answer to its last byte, gives each piece to `take` and returns their length.
    pub(crate) async fn read(
        &mut self,
        mut body: Incoming,
        mut take: impl FnMut(&[u8]),
    ) -> Result<u64, Cause> {
        let mut length = 0;
        while !body.is_end_stream() {
            let frame = poll_fn(|context| {
                self.driver
                    .beside(context, |context| Pin::new(&mut body).poll_frame(context))
            });
            match frame.await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        length += data.remaining() as u64;
                        take(&data);
                    }
                }
                Some(Err(error)) => return Err(cause_of(&error, Stage::Body)),
                None => break,
            }
        }
        Ok(length)
    }
}

/// Moves bytes between the socket and the request in flight whenever it is polled.
#[derive(Debug)]
struct Driver(Option<http1::Connection<TokioIo<TcpStream>, Full<Bytes>>>);

impl Driver {
    fn drive(&mut self, context: &mut Context<'_>) {
        if let Some(connection) = &mut self.0
            && Pin::new(connection).poll(context).is_ready()
        {
            // Its error, if any, reaches the one who waits for the answer.
            self.0 = None;
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

/// What was awaited when something went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Head,
    Body,
}

fn cause_of(error: &hyper::Error, stage: Stage) -> Cause {
    let closed = match stage {
        Stage::Head => "connection closed before the answer",
        Stage::Body => "connection closed half-way through the answer",
    };
    if error.is_parse_too_large() {
        return "answer with too large a head".into();
    }
    if error.is_parse() {
        return "invalid HTTP answer".into();
    }
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return closed.into();
    }
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        match error.downcast_ref::<io::Error>() {
            Some(error) if error.kind() == io::ErrorKind::UnexpectedEof => return closed.into(),
            Some(error) => return cause_of_io(error),
            None => source = error.source(),
        }
    }
    match stage {
        Stage::Head => "no answer".into(),
        Stage::Body => closed.into(),
    }
}

fn cause_of_io(error: &io::Error) -> Cause {
    /// Linux's and macOS's number for too many open files in this process.
    const EMFILE: i32 = 24;
    match error.kind() {
        _ if error.raw_os_error() == Some(EMFILE) => {
            "too many open files on the machine that makes the load (see `ulimit -n`)".into()
        }
        io::ErrorKind::ConnectionRefused => "connection refused".into(),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionAborted => "connection reset".into(),
        io::ErrorKind::AddrNotAvailable => {
            "no free local port on the machine that makes the load".into()
        }
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => "invalid HTTP answer".into(),
        other => other.to_string().into(),
    }
}

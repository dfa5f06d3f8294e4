//! A connection that speaks HTTP/1.1.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Context;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use super::stream::Stream;
use super::{NoAnswer, Stage, cause};
use crate::check::Cause;

#[derive(Debug)]
pub(crate) struct Http1 {
    sender: SendRequest<Full<Bytes>>,
    pub(super) driver: Driver,
}

/// Moves bytes between the socket and the request in flight whenever it is polled.
#[derive(Debug)]
pub(super) struct Driver(Option<http1::Connection<TokioIo<Stream>, Full<Bytes>>>);

impl Http1 {
    pub(super) async fn open(stream: Stream) -> Result<Self, Cause> {
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| cause::of_http1(&error, Stage::Head))?;
        Ok(Self {
            sender,
            driver: Driver(Some(connection)),
        })
    }

    /// Sends `request` and waits for the head of the answer.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, NoAnswer> {
        let Self { sender, driver } = self;
        if !sender.is_ready() {
            let ready = poll_fn(|context| {
                let ready = sender.poll_ready(context);
                if ready.is_ready() {
                    return ready;
                }
                driver.drive(context);
                sender.poll_ready(context)
            });
            if ready.await.is_err() {
                return Err(NoAnswer::Unsent(Box::new(request)));
            }
        }
        let mut response = pin!(sender.try_send_request(request));
        poll_fn(|context| {
            driver.drive(context);
            response.as_mut().poll(context)
        })
        .await
        .map_err(|mut error| match error.take_message() {
            Some(request) => NoAnswer::Unsent(Box::new(request)),
            None => NoAnswer::Failed(cause::of_http1(&error.into_error(), Stage::Head)),
        })
    }
}

impl Driver {
    pub(super) fn drive(&mut self, context: &mut Context<'_>) {
        if let Some(connection) = &mut self.0
            && Pin::new(connection).poll(context).is_ready()
        {
            // Its error, if any, reaches the one who waits for the answer.
            self.0 = None;
        }
    }
}

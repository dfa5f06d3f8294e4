//! Connections over HTTP/1.1.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Context;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response, Version};
use hyper_util::rt::TokioIo;

use super::cause;
use super::no_answer::{Awaited, NoAnswer};
use super::stream::Stream;
use crate::cause::Cause;

/// Largest number of headers of an answer.
const MOST_HEADERS: usize = 512;

#[derive(Debug)]
pub(crate) struct Http1 {
    sender: SendRequest<Full<Bytes>>,
    pub(super) driver: Driver,
    /// Version of the last answer.
    answered_in: Version,
}

/// Driver that moves bytes between the socket and the request in flight when it is polled.
#[derive(Debug)]
pub(super) struct Driver(Option<http1::Connection<TokioIo<Stream>, Full<Bytes>>>);

impl Http1 {
    pub(super) async fn open(stream: Stream) -> Result<Self, Cause> {
        Self::over(TokioIo::new(stream)).await
    }

    async fn over(stream: TokioIo<Stream>) -> Result<Self, Cause> {
        let (sender, connection) = http1::Builder::new()
            .max_headers(MOST_HEADERS)
            .handshake(stream)
            .await
            .map_err(|error| cause::of_http1(&error, Awaited::Head))?;
        Ok(Self {
            sender,
            driver: Driver(Some(connection)),
            answered_in: Version::HTTP_11,
        })
    }

    /// Sends `request` and waits for the head of the answer.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, NoAnswer> {
        self.forget_old_version().await;
        let Self { sender, driver, .. } = self;
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
        let response = poll_fn(|context| {
            driver.drive(context);
            response.as_mut().poll(context)
        });
        let response = response
            .await
            .map_err(|mut error| match error.take_message() {
                Some(request) => NoAnswer::Unsent(Box::new(request)),
                None => NoAnswer::Failed(cause::of_http1(&error.into_error(), Awaited::Head)),
            })?;
        self.answered_in = response.version();
        Ok(response)
    }

    /// Replaces the connection's state after an answer in HTTP/1.0, so that the next request is HTTP/1.1 again, as with
    /// other clients. Hyper alone would send it in HTTP/1.0.
    async fn forget_old_version(&mut self) {
        if self.answered_in != Version::HTTP_10 {
            return;
        }
        // Only now is the end of the last answer read, and known that the server keeps the connection.
        let ready = poll_fn(|context| {
            self.driver.drive(context);
            self.sender.poll_ready(context)
        });
        if ready.await.is_ok()
            && let Some(connection) = self.driver.0.take()
            && let Ok(anew) = Self::over(connection.into_parts().io).await
        {
            *self = anew;
        }
    }
}

impl Driver {
    pub(super) fn drive(&mut self, context: &mut Context<'_>) {
        if let Some(connection) = &mut self.0
            && Pin::new(connection).poll(context).is_ready()
        {
            // An error reaches the caller who waits for the answer.
            self.0 = None;
        }
    }
}

//! Deadlines of requests and their bodies.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep_until};

/// Extension of a request: the time by which it must have a response.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(pub(crate) Instant);

/// Time limit that a body has exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Late {
    /// The time limit of the body.
    #[error("the body took too long")]
    Body,
    /// The time limit of the whole request.
    #[error("the request took too long")]
    Request,
}

/// Body with a deadline. A client that sends slowly but steadily does not extend it.
#[derive(Debug)]
pub(super) struct TimedBody {
    body: Body,
    due: Instant,
    late: Late,
    /// Created when the body is not complete at the first read.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl TimedBody {
    /// Body with the time limit `read_timeout`, but not beyond `deadline`.
    pub(super) fn wrap(body: Body, read_timeout: Duration, deadline: Instant) -> Body {
        if body.is_end_stream() {
            return body;
        }
        let read_by = Instant::now() + read_timeout;
        let (due, late) = if read_by < deadline {
            (read_by, Late::Body)
        } else {
            (deadline, Late::Request)
        };
        Body::new(Self {
            body,
            due,
            late,
            alarm: None,
        })
    }

    fn is_late(&mut self, context: &mut Context<'_>) -> bool {
        let due = self.due.into();
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(due)));
        alarm.as_mut().poll(context).is_ready()
    }
}

impl HttpBody for TimedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(_))) if Instant::now() > self.due => {
                Poll::Ready(Some(Err(axum::Error::new(self.late))))
            }
            Poll::Pending if self.is_late(context) => {
                Poll::Ready(Some(Err(axum::Error::new(self.late))))
            }
            polled => polled,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

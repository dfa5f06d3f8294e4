//! Until when a request may arrive and be answered.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep_until};

/// When a request's answer is due; an extension of the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(pub(crate) Instant);

/// Why a body that comes too slowly is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Late {
    /// It took longer than a body may.
    #[error("the body took too long")]
    Body,
    /// The time for the whole request is over.
    #[error("the request took too long")]
    Request,
}

/// A body that must have come by a point in time, however steadily it trickles.
#[derive(Debug)]
pub(super) struct TimedBody {
    body: Body,
    due: Instant,
    late: Late,
    /// Made once the body lets wait, which most do not.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl TimedBody {
    /// A body that may take `read_timeout`, but not beyond `deadline`.
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

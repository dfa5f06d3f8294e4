//! Requests in flight. A request that nobody waits for any more is still recorded.

use std::time::Duration;

use super::shared::Shared;
use super::worker::Worker;
use crate::stats::recorder::Finished;

/// A request in flight. If it is dropped before the answer, because the wait was given up, it is recorded as a failure
/// without an answer.
pub(super) struct InFlight<'a> {
    worker: &'a Worker,
    request: usize,
    /// `true` if the request was counted among those begun in the measured period.
    measured: bool,
    planned: Duration,
    counted_at: Duration,
    is_over: bool,
}

impl<'a> InFlight<'a> {
    pub(super) fn new(
        worker: &'a Worker,
        (request, measured): (usize, bool),
        (planned, counted_at): (Duration, Duration),
    ) -> Self {
        worker.request_began();
        Self {
            worker,
            request,
            measured,
            planned,
            counted_at,
            is_over: false,
        }
    }

    pub(super) fn answered(mut self) {
        self.is_over = true;
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        // A thread that panics reports nothing more.
        if std::thread::panicking() {
            return;
        }
        self.worker.request_ended();
        let Shared { clock, .. } = &*self.worker.shared;
        let something_was_measured = clock.from() < clock.end();
        if self.is_over || !something_was_measured {
            return;
        }
        let is_counted = self.measured && self.counted_at >= clock.from();
        if !is_counted {
            // The request began before the measured period and had no answer in all of it.
            self.worker.record_begun();
        }
        let now = clock.now();
        self.worker.record(Finished {
            request: self.request,
            planned: self.planned,
            sent: self.planned,
            done: now,
            measured: true,
            in_period: false,
            body_bytes: 0,
            failure: Some(self.worker.shared.no_answer()),
            unanswered: true,
        });
    }
}

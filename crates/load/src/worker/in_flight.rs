//! Requests on their way, which are counted also where nobody waits for them any more.

use std::time::Duration;

use super::{Shared, Worker};
use crate::recorder::Finished;

/// A request on its way. Where it is dropped before it is answered, since waiting for it was given up, it is counted as
/// a failure without an answer.
pub(super) struct InFlight<'a> {
    worker: &'a Worker,
    request: usize,
    /// `true` if it was counted among those begun in the measured period.
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
        worker.state.borrow_mut().in_flight += 1;
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
        self.worker.state.borrow_mut().in_flight -= 1;
        let Shared { clock, .. } = &*self.worker.shared;
        let something_was_measured = clock.from() < clock.end();
        if self.is_over || !something_was_measured {
            return;
        }
        let is_counted = self.measured && self.counted_at >= clock.from();
        if !is_counted {
            // Begun before the measured period, and without an answer in all of it.
            self.worker.recorder(|recorder| recorder.begun += 1);
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

//! Sends the requests of a task and records them.

use std::time::Duration;

use super::in_flight::InFlight;
use super::shared::Shared;
use super::worker::Worker;
use crate::client::Client;
use crate::plan::PlannedTask;
use crate::stats::recorder::Finished;

/// The shortest time that the clock can tell.
const CLOCK_TICK: Duration = Duration::from_nanos(1);

/// Start of a request, since the start of the load.
#[derive(Debug, Clone, Copy)]
pub(super) struct StartTimes {
    pub(super) planned: Duration,
    pub(super) sent: Duration,
}

impl StartTimes {
    /// The start of a request that follows at once on one that ended at `now`.
    pub(super) fn at(now: Duration) -> Self {
        Self {
            planned: now,
            sent: now,
        }
    }
}

impl Worker {
    /// Sends the requests of `task`, for `row` of its data, and records them. The first one starts at `start`, each other
    /// one after the answer to the one before. Either all requests of a task belong to the measured period, or none.
    ///
    /// Returns `true` if no connection could be opened; nothing more is sent then.
    pub(super) async fn run_task(
        &self,
        client: &mut Client,
        task: &PlannedTask,
        row: usize,
        start: StartTimes,
    ) -> bool {
        let clock = &self.shared.clock;
        // `on_stop` tasks at the very end still count.
        let counted_at = start.planned.min(clock.end().saturating_sub(CLOCK_TICK));
        let mut start = start;
        for request in task.requests.clone() {
            if self
                .send_request(client, (request, row), start, counted_at)
                .await
            {
                return true;
            }
            start = StartTimes::at(clock.now());
        }
        false
    }

    /// Sends one request of the plan, waits for its answer and records it.
    ///
    /// Returns `true` if no connection could be opened.
    async fn send_request(
        &self,
        client: &mut Client,
        (index, row): (usize, usize),
        StartTimes { planned, sent }: StartTimes,
        counted_at: Duration,
    ) -> bool {
        let Shared { plan, clock, .. } = &*self.shared;
        let request = &plan.requests[index];
        let measured = clock.measures(counted_at);
        if measured {
            self.record_begun();
        }
        plan.requests[index].sent_rows.insert(row);
        let in_flight = InFlight::new(self, (index, measured), (planned, counted_at));
        let limit = clock.at(sent.saturating_add(request.timeout));
        let outcome = client.send(plan, request, row, limit).await;
        in_flight.answered();
        let done = clock.since_start(outcome.done);
        // The statistics may have been reset in the meantime.
        let begun = measured && counted_at >= clock.from();
        // A request of the warm-up that fails in the measured period, or after it, counts as one of the period.
        let fails_late =
            outcome.failure.is_some() && !begun && self.outlives_warm_up(counted_at, done);
        if fails_late {
            self.record_begun();
        }
        self.record(Finished {
            request: index,
            planned,
            sent,
            done,
            measured: begun || fails_late,
            in_period: clock.measures(done),
            body_bytes: outcome.body_bytes,
            failure: outcome.failure,
            unanswered: false,
        });
        outcome.not_connected
    }

    /// `true` if a request that counts at `counted_at` began before the measured period and ended after the beginning of it.
    fn outlives_warm_up(&self, counted_at: Duration, done: Duration) -> bool {
        let Shared { clock, .. } = &*self.shared;
        clock.from() < clock.end() && counted_at < clock.from() && done >= clock.from()
    }
}

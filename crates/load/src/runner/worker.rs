//! The recorder of one thread, and the reports that it sends to the collector.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::shared::{ActiveCount, Shared};
use crate::clock::FAR;
use crate::share::Share;
use crate::stats::recorder::{Finished, Recorder};
use crate::stats::report::{ReportPart, StatsReport};
use crate::stats::threads::ReportChannels;

/// One thread of the load generator: the shared state and the recorder of the thread.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) thread: usize,
    channels: ReportChannels,
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    recorder: Recorder,
    /// Active users of the thread.
    users: u32,
    /// Requests that have begun and have not ended.
    in_flight: u64,
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>, thread: usize, channels: ReportChannels) -> Self {
        let state = State {
            recorder: Recorder(StatsReport::new(shared.plan.requests.len())),
            users: 0,
            in_flight: 0,
        };
        Self {
            shared,
            thread,
            channels,
            state: RefCell::new(state),
        }
    }

    /// Share of the load that this thread runs.
    pub(crate) fn share(&self) -> Share {
        let config = &self.shared.config;
        config.share.part(self.thread, config.threads.get())
    }

    /// Requests of this thread that have begun and have not ended.
    pub(crate) fn in_flight(&self) -> u64 {
        self.state.borrow().in_flight
    }

    pub(super) fn request_began(&self) {
        self.state.borrow_mut().in_flight += 1;
    }

    pub(super) fn request_ended(&self) {
        self.state.borrow_mut().in_flight -= 1;
    }

    /// Records the delay of a wake-up of the thread.
    pub(super) fn record_wake_up(&self, planned: std::time::Instant) {
        let clock = &self.shared.clock;
        if clock.measures(clock.since_start(planned)) {
            self.change(|report| report.wake_up_delays.record(planned.elapsed()));
        }
    }

    /// Records a request of the measured period that has begun.
    pub(super) fn record_begun(&self) {
        self.change(|report| report.begun += 1);
    }

    /// Records the time from the planned start of a user's task to that of its next one, if it belongs to the measured period.
    ///
    /// For a task from before the period that goes on beyond its end, the time after the beginning of the period counts.
    /// Without it, a user who waited for one answer during all of the period would seem not to have been active.
    pub(super) fn record_user_time(&self, planned: Duration, next: Duration) {
        let clock = &self.shared.clock;
        let begins = if clock.measures(planned) {
            planned
        } else if planned < clock.from() && next >= clock.end() {
            clock.from()
        } else {
            return;
        };
        self.add_user_time(next.saturating_sub(begins));
    }

    /// Adds time that a user took for requests that count as those of the measured period.
    pub(super) fn add_user_time(&self, time: Duration) {
        self.change(|report| report.user_time = report.user_time.saturating_add(time));
    }

    /// Records an arrival of an open model.
    pub(super) fn record_arrival(&self, planned: Duration) {
        let measured = self.shared.clock.measures(planned);
        self.change(|report| report.arrived += u64::from(measured));
    }

    /// Records an arrival that is not sent because too many requests are in flight.
    pub(super) fn record_not_sent(&self, planned: Duration) {
        let measured = self.shared.clock.measures(planned);
        self.change(|report| report.not_sent += u64::from(measured));
    }

    /// Records a request that has ended.
    pub(super) fn record(&self, finished: Finished) {
        if finished.done.as_secs() > self.second() {
            self.report_before(finished.done);
        }
        self.begin_epoch();
        self.state.borrow_mut().recorder.record(finished);
    }

    fn second(&self) -> u64 {
        self.state.borrow().recorder.0.second
    }

    fn change(&self, change: impl FnOnce(&mut StatsReport)) {
        self.begin_epoch();
        change(&mut self.state.borrow_mut().recorder.0);
    }

    /// After a reset of the statistics, reports what was recorded before.
    fn begin_epoch(&self) {
        let epoch = self.shared.epoch.load(Ordering::Relaxed);
        if self.state.borrow().recorder.0.epoch != epoch {
            self.report_now(ReportPart::BeforeReset);
            self.state.borrow_mut().recorder.0.epoch = epoch;
        }
    }

    /// Reports the second of the recorder, if `now` is no longer in it.
    ///
    /// A thread does not wait for a collector that is seconds behind. It goes on with the same recorder: nothing is lost
    /// but the distribution of the requests over those seconds.
    pub(super) fn report_before(&self, now: Duration) {
        if now.as_secs() > self.second() {
            self.report_now(ReportPart::Rest);
            self.state.borrow_mut().recorder.0.second = now.as_secs();
        }
    }

    fn report_now(&self, part: ReportPart) {
        if self.channels.is_full() {
            return;
        }
        let State {
            recorder: Recorder(report),
            users,
            ..
        } = &mut *self.state.borrow_mut();
        let mut next = self
            .channels
            .cleared()
            .unwrap_or_else(|| StatsReport::new(self.shared.plan.requests.len()));
        (next.second, next.epoch) = (report.second, report.epoch);
        let mut full = std::mem::replace(report, next);
        (full.worker, full.users, full.part) = (self.thread, *users, part);
        if let Some(rejected) = self.channels.try_send(full) {
            *report = rejected;
        }
    }

    /// Reports the rest, after waiting for room.
    pub(super) fn report_last(&self) {
        let State {
            recorder: Recorder(report),
            users,
            ..
        } = &mut *self.state.borrow_mut();
        let mut last = std::mem::replace(report, StatsReport::new(0));
        (last.worker, last.users, last.part) = (self.thread, *users, ReportPart::Last);
        self.channels.send(last);
    }

    /// Returns at the end of the load, from which on nothing begins.
    pub(super) async fn over(&self) {
        let Shared { clock, stop, .. } = &*self.shared;
        tokio::select! {
            () = sleep_until(Instant::from_std(clock.at(clock.until().unwrap_or(FAR)))) => (),
            () = stop.cancelled() => clock.end_now(),
        }
    }

    /// Returns when the wait for requests in flight is over.
    pub(super) async fn given_up(&self) {
        self.over().await;
        let Shared {
            clock,
            config,
            give_up,
            ..
        } = &*self.shared;
        let limit = clock.at(clock.end().saturating_add(config.stop_timeout));
        tokio::select! {
            () = sleep_until(Instant::from_std(limit)) => (),
            () = give_up.cancelled() => (),
        }
    }
}

/// Guard that counts a user, or a request of an open model, as active until it is dropped.
#[derive(Debug)]
pub(crate) struct ActiveGuard(Rc<Worker>);

impl ActiveGuard {
    pub(super) fn new(worker: &Rc<Worker>) -> Self {
        let ActiveCount { now, most } = &worker.shared.active;
        let before = now.fetch_add(1, Ordering::Relaxed);
        most.fetch_max(before + 1, Ordering::Relaxed);
        Self::counted(worker)
    }

    /// A guard that counts one more; `None` if `limit` are active.
    pub(super) fn within(worker: &Rc<Worker>, limit: u32) -> Option<Self> {
        let ActiveCount { now, most } = &worker.shared.active;
        let one_more = |active: u32| (active < limit).then(|| active + 1);
        let before = now.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        most.fetch_max(before.ok()? + 1, Ordering::Relaxed);
        Some(Self::counted(worker))
    }

    fn counted(worker: &Rc<Worker>) -> Self {
        worker.state.borrow_mut().users += 1;
        Self(Rc::clone(worker))
    }
}

impl Drop for ActiveGuard {
    fn drop(&mut self) {
        self.0.state.borrow_mut().users -= 1;
        self.0.shared.active.now.fetch_sub(1, Ordering::Relaxed);
    }
}

//! Reports of workers. A report is a plain value: the collector does not ask where it was recorded.

use std::collections::HashMap;
use std::time::Duration;

use bakeoff_record::{RequestTimes, Times};

use crate::cause::Cause;

/// Stats of one worker in one second, or in a part of one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StatsReport {
    /// Number of resets of the statistics before.
    pub(crate) epoch: u32,
    /// Number of the second, from the start of the load.
    pub(crate) second: u64,
    /// Index of the worker.
    pub(crate) worker: usize,
    /// Active users of the worker at the end of the second.
    pub(crate) users: u32,
    pub(crate) part: ReportPart,
    /// Arrivals of an open model in the measured period.
    pub(crate) arrived: u64,
    /// Arrivals of the measured period that were not sent.
    pub(crate) not_sent: u64,
    /// Requests of the measured period that have begun.
    pub(crate) begun: u64,
    /// Delays from the planned starts of requests of the measured period to their sending.
    pub(crate) lag: Times,
    /// Delays of the worker's wake-ups in the measured period.
    pub(crate) wake_up_delays: Times,
    /// Time that users spent in tasks of the measured period and in waits for their next ones.
    pub(crate) user_time: Duration,
    /// Stats of each request of the plan, in the order of the plan.
    pub(crate) requests: Vec<RequestReport>,
}

/// Part of its second that a report covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReportPart {
    /// All of the second, or what is left of it.
    Rest,
    /// The second up to a reset of the statistics; the rest follows in another report.
    BeforeReset,
    /// The rest of the last second of the worker.
    Last,
}

/// Stats of one request of the plan.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct RequestReport {
    /// Requests that ended in this second, planned in the measured period or not.
    pub(crate) requests: u64,
    /// Requests that failed in this second, planned in the measured period or not.
    pub(crate) failures: u64,
    /// Times of the requests that were planned in the measured period, by kind.
    pub(crate) times: RequestTimes,
    /// Response times of the successes that were planned before or after the measured period.
    pub(crate) unmeasured_times: Times,
    /// Requests that ended in the measured period.
    pub(crate) completed_in_period: u64,
    /// Requests that failed in the measured period.
    pub(crate) failed_in_period: u64,
    /// Length of the bodies of answers to requests of the measured period, in bytes.
    pub(crate) body_bytes: u64,
    pub(crate) causes: HashMap<Cause, Occurrences>,
}

/// Number of occurrences of a cause, with the times of the first and the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Occurrences {
    pub(crate) count: u64,
    pub(crate) first: Duration,
    pub(crate) last: Duration,
}

impl StatsReport {
    /// An empty report for a plan with so many requests.
    pub(crate) fn new(requests: usize) -> Self {
        Self {
            epoch: 0,
            second: 0,
            worker: 0,
            users: 0,
            part: ReportPart::Rest,
            arrived: 0,
            not_sent: 0,
            begun: 0,
            lag: Times::new(),
            wake_up_delays: Times::new(),
            user_time: Duration::ZERO,
            requests: (0..requests).map(|_| RequestReport::default()).collect(),
        }
    }

    /// Clears all stats and keeps the memory.
    pub(crate) fn clear(&mut self) {
        (self.begun, self.arrived, self.not_sent) = (0, 0, 0);
        self.part = ReportPart::Rest;
        self.lag.clear();
        self.wake_up_delays.clear();
        self.user_time = Duration::ZERO;
        self.requests.iter_mut().for_each(RequestReport::clear);
    }
}

impl RequestReport {
    fn clear(&mut self) {
        (self.requests, self.failures, self.body_bytes) = (0, 0, 0);
        (self.completed_in_period, self.failed_in_period) = (0, 0);
        self.times.clear();
        self.unmeasured_times.clear();
        self.causes.clear();
    }
}

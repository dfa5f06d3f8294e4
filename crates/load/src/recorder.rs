//! What the users of one thread saw in one second.

use std::collections::HashMap;
use std::time::Duration;

use bakeoff_record::{RequestTimes, TimeKind, Times};

use crate::check::Cause;

/// Causes told apart per kind of request and second; failures with further ones are counted together.
pub(crate) const MOST_CAUSES: usize = 100;

/// The cause of failures beyond the ones told apart.
pub(crate) const OTHER_CAUSES: Cause = Cause::Borrowed("other causes");

/// A request that is over.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) request: usize,
    /// When it was to start, when it did and when it was over.
    pub(crate) planned: Duration,
    pub(crate) sent: Duration,
    pub(crate) done: Duration,
    /// Whether it was planned in the measured period.
    pub(crate) measured: bool,
    /// Whether it was over in the measured period.
    pub(crate) in_period: bool,
    pub(crate) body_bytes: u64,
    pub(crate) failure: Option<Cause>,
    /// `true` if waiting for the answer was given up at the end of the load.
    pub(crate) unanswered: bool,
}

/// Counts requests as they end; its size does not depend on how many.
#[derive(Debug)]
pub(crate) struct Recorder {
    /// How often the figures had begun anew.
    pub(crate) epoch: u32,
    /// The second, from the start of the load.
    pub(crate) second: u64,
    /// The thread whose users these are.
    pub(crate) thread: usize,
    /// Users of the thread that were active at the end of the second.
    pub(crate) users: u32,
    pub(crate) part: Part,
    /// Arrivals of an open model in the measured period, and those of them that were not sent.
    pub(crate) arrived: u64,
    pub(crate) not_sent: u64,
    /// Requests begun that were planned in the measured period.
    pub(crate) begun: u64,
    /// How late requests of the measured period were sent.
    pub(crate) lag: Times,
    /// Delays of the thread's planned wake-ups in the measured period.
    pub(crate) wake_up_delays: Times,
    /// Time that the thread's users spent in tasks of the measured period and in waiting for the next ones.
    pub(crate) user_time: Duration,
    pub(crate) requests: Vec<RequestRecord>,
}

/// Which part of its second a recorder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it, or what is left of it.
    Rest,
    /// What there was until the figures began anew within it; the rest follows.
    Beginning,
    /// The rest of the thread's last second.
    Last,
}

/// The requests of one kind.
#[derive(Debug, Default)]
pub(crate) struct RequestRecord {
    /// Requests over in this second, planned in the measured period or not.
    pub(crate) requests: u64,
    pub(crate) failures: u64,
    /// Times of the requests that were planned in the measured period, by kind.
    pub(crate) times: RequestTimes,
    /// Response times of the successes that were planned before or after the measured period.
    pub(crate) unmeasured_times: Times,
    pub(crate) completed_in_period: u64,
    pub(crate) failed_in_period: u64,
    pub(crate) body_bytes: u64,
    pub(crate) causes: HashMap<Cause, Occurrences>,
}

/// How often something happened, first and last when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Occurrences {
    pub(crate) count: u64,
    pub(crate) first: Duration,
    pub(crate) last: Duration,
}

impl Recorder {
    pub(crate) fn new(requests: usize) -> Self {
        Self {
            epoch: 0,
            second: 0,
            thread: 0,
            users: 0,
            part: Part::Rest,
            arrived: 0,
            not_sent: 0,
            begun: 0,
            lag: Times::new(),
            wake_up_delays: Times::new(),
            user_time: Duration::ZERO,
            requests: (0..requests).map(|_| RequestRecord::default()).collect(),
        }
    }

    /// Counts a request that is over.
    pub(crate) fn record(&mut self, finished: Finished) {
        let time = finished.done.saturating_sub(finished.planned);
        let record = &mut self.requests[finished.request];
        let failed = u64::from(finished.failure.is_some());
        record.requests += 1;
        record.failures += failed;
        if finished.in_period {
            record.completed_in_period += 1;
            record.failed_in_period += failed;
        }
        if !finished.measured {
            if finished.failure.is_none() {
                record.unmeasured_times.record(time);
            }
            return;
        }
        self.lag
            .record(finished.sent.saturating_sub(finished.planned));
        record.body_bytes += finished.body_bytes;
        match finished.failure {
            None => {
                record.times[TimeKind::Response].record(time);
                record.times[TimeKind::Service].record(finished.done.saturating_sub(finished.sent));
            }
            Some(cause) => {
                let kind = if finished.unanswered {
                    TimeKind::Unanswered
                } else {
                    TimeKind::Failure
                };
                record.times[kind].record(time);
                record.count(cause, finished.done);
            }
        }
    }

    /// Forgets everything and keeps the memory.
    pub(crate) fn clear(&mut self) {
        (self.begun, self.arrived, self.not_sent) = (0, 0, 0);
        self.part = Part::Rest;
        self.lag.clear();
        self.wake_up_delays.clear();
        self.user_time = Duration::ZERO;
        self.requests.iter_mut().for_each(RequestRecord::clear);
    }
}

impl RequestRecord {
    fn clear(&mut self) {
        (self.requests, self.failures, self.body_bytes) = (0, 0, 0);
        (self.completed_in_period, self.failed_in_period) = (0, 0);
        self.times.clear();
        self.unmeasured_times.clear();
        self.causes.clear();
    }

    fn count(&mut self, cause: Cause, at: Duration) {
        let known = self.causes.len() < MOST_CAUSES || self.causes.contains_key(&cause);
        let cause = if known { cause } else { OTHER_CAUSES };
        let seen = self.causes.entry(cause).or_insert(Occurrences {
            count: 0,
            first: at,
            last: at,
        });
        seen.count += 1;
        seen.last = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(cause: String) -> Finished {
        let planned = Duration::from_millis(5);
        Finished {
            request: 0,
            planned,
            sent: planned,
            done: 2 * planned,
            measured: true,
            in_period: true,
            body_bytes: 1,
            failure: Some(cause.into()),
            unanswered: false,
        }
    }

    #[test]
    fn causes_are_bounded_and_none_is_lost() {
        let mut recorder = Recorder::new(1);
        for index in 0..10_000 {
            recorder.record(failed(format!("status {index}")));
        }
        recorder.record(failed("status 0".to_owned()));
        let causes = &recorder.requests[0].causes;
        assert_eq!(causes.len(), MOST_CAUSES + 1);
        assert_eq!(causes[&OTHER_CAUSES].count, 10_000 - MOST_CAUSES as u64);
        assert_eq!(causes[&Cause::from("status 0")].count, 2);
        assert_eq!(causes.values().map(|seen| seen.count).sum::<u64>(), 10_001);
    }

    #[test]
    fn a_request_from_before_the_period_that_ends_in_it_counts_for_the_rate_alone() {
        let mut recorder = Recorder::new(1);
        recorder.record(Finished {
            measured: false,
            failure: None,
            ..failed(String::new())
        });
        recorder.record(Finished {
            measured: false,
            ..failed("status 500".to_owned())
        });
        let task = &recorder.requests[0];
        assert_eq!((task.completed_in_period, task.failed_in_period), (2, 1));
        assert_eq!(
            (
                task.times[TimeKind::Response].count(),
                task.times[TimeKind::Failure].count(),
                recorder.lag.count()
            ),
            (0, 0, 0)
        );
        assert_eq!(
            (task.requests, task.failures, task.unmeasured_times.count()),
            (2, 1, 1)
        );
        assert!(task.causes.is_empty());
    }

    #[test]
    fn service_time_runs_from_the_sent_request_and_response_time_from_the_planned_one() {
        let mut recorder = Recorder::new(1);
        recorder.record(Finished {
            sent: Duration::from_millis(8),
            failure: None,
            ..failed(String::new())
        });
        let task = &recorder.requests[0];
        assert_eq!(
            task.times[TimeKind::Response].max(),
            Some(Duration::from_millis(5))
        );
        assert_eq!(
            task.times[TimeKind::Service].max(),
            Some(Duration::from_millis(2))
        );
        assert_eq!(recorder.lag.max(), Some(Duration::from_millis(3)));
    }

    #[test]
    fn the_age_of_a_request_without_an_answer_is_no_time_to_failure() {
        let mut recorder = Recorder::new(1);
        recorder.record(Finished {
            unanswered: true,
            ..failed("no answer".to_owned())
        });
        let task = &recorder.requests[0];
        assert_eq!(
            (task.failures, task.times[TimeKind::Failure].count()),
            (1, 0)
        );
        assert_eq!(
            task.times[TimeKind::Unanswered].max(),
            Some(Duration::from_millis(5))
        );
        assert_eq!(task.causes[&Cause::from("no answer")].count, 1);
    }

    #[test]
    fn a_cleared_recorder_is_like_a_new_one() {
        let mut recorder = Recorder::new(1);
        recorder.record(failed("status 500".to_owned()));
        recorder.clear();
        assert_eq!(
            recorder.begun
                + recorder.requests[0].requests
                + recorder.requests[0].failures
                + recorder.requests[0].body_bytes,
            0
        );
        assert_eq!(
            recorder.requests[0].times[TimeKind::Failure].count() + recorder.lag.count(),
            0
        );
        assert!(recorder.requests[0].causes.is_empty());
    }
}

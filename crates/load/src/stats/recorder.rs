//! Records requests as they end.

use std::time::Duration;

use bakeoff_record::TimeKind;

use super::report::{Occurrences, RequestReport, StatsReport};
use crate::cause::Cause;

/// Number of causes told apart per request of the plan and second. Failures with further causes are counted together.
pub(crate) const MOST_CAUSES: usize = 100;

/// Cause of the failures beyond [`MOST_CAUSES`].
pub(crate) const OTHER_CAUSES: Cause = Cause::Borrowed("other causes");

/// A request that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Index of the request in the plan.
    pub(crate) request: usize,
    /// Planned start, since the start of the load.
    pub(crate) planned: Duration,
    /// Real start, since the start of the load.
    pub(crate) sent: Duration,
    /// End, since the start of the load.
    pub(crate) done: Duration,
    /// `true` if the request was planned in the measured period.
    pub(crate) measured: bool,
    /// `true` if the request ended in the measured period.
    pub(crate) in_period: bool,
    pub(crate) body_bytes: u64,
    pub(crate) failure: Option<Cause>,
    /// `true` if the wait for the answer was given up at the end of the load.
    pub(crate) unanswered: bool,
}

/// Recorder of the requests of one worker. Its size does not depend on the number of requests.
#[derive(Debug)]
pub(crate) struct Recorder(pub(crate) StatsReport);

impl Recorder {
    /// Records a request that has ended.
    pub(crate) fn record(&mut self, finished: Finished) {
        let time = finished.done.saturating_sub(finished.planned);
        let Self(report) = self;
        let record = &mut report.requests[finished.request];
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
        report
            .lag
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
}

impl RequestReport {
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

    fn recorder() -> Recorder {
        Recorder(StatsReport::new(1))
    }

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
        let mut recorder = recorder();
        for index in 0..10_000 {
            recorder.record(failed(format!("status {index}")));
        }
        recorder.record(failed("status 0".to_owned()));
        let causes = &recorder.0.requests[0].causes;
        assert_eq!(causes.len(), MOST_CAUSES + 1);
        assert_eq!(causes[&OTHER_CAUSES].count, 10_000 - MOST_CAUSES as u64);
        assert_eq!(causes[&Cause::from("status 0")].count, 2);
        assert_eq!(causes.values().map(|seen| seen.count).sum::<u64>(), 10_001);
    }

    #[test]
    fn a_request_from_before_the_period_that_ends_in_it_counts_for_the_rate_alone() {
        let mut recorder = recorder();
        recorder.record(Finished {
            measured: false,
            failure: None,
            ..failed(String::new())
        });
        recorder.record(Finished {
            measured: false,
            ..failed("status 500".to_owned())
        });
        let task = &recorder.0.requests[0];
        assert_eq!((task.completed_in_period, task.failed_in_period), (2, 1));
        assert_eq!(
            (
                task.times[TimeKind::Response].count(),
                task.times[TimeKind::Failure].count(),
                recorder.0.lag.count()
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
        let mut recorder = recorder();
        recorder.record(Finished {
            sent: Duration::from_millis(8),
            failure: None,
            ..failed(String::new())
        });
        let task = &recorder.0.requests[0];
        assert_eq!(
            task.times[TimeKind::Response].max(),
            Some(Duration::from_millis(5))
        );
        assert_eq!(
            task.times[TimeKind::Service].max(),
            Some(Duration::from_millis(2))
        );
        assert_eq!(recorder.0.lag.max(), Some(Duration::from_millis(3)));
    }

    #[test]
    fn the_age_of_a_request_without_an_answer_is_no_time_to_failure() {
        let mut recorder = recorder();
        recorder.record(Finished {
            unanswered: true,
            ..failed("no answer".to_owned())
        });
        let task = &recorder.0.requests[0];
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
        let mut recorder = recorder();
        recorder.record(failed("status 500".to_owned()));
        recorder.0.clear();
        assert_eq!(
            recorder.0.begun
                + recorder.0.requests[0].requests
                + recorder.0.requests[0].failures
                + recorder.0.requests[0].body_bytes,
            0
        );
        assert_eq!(
            recorder.0.requests[0].times[TimeKind::Failure].count() + recorder.0.lag.count(),
            0
        );
        assert!(recorder.0.requests[0].causes.is_empty());
    }
}

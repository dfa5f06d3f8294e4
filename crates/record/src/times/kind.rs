//! Kinds of times, with everything that tables, thresholds and records need to know of a kind.

use super::statistic::Statistic;
use crate::metric::role::Role;

/// Kind of time of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeKind {
    /// Time from the planned start to the last byte, of requests that succeeded.
    Response,
    /// Time from the sent request to the last byte, of requests that succeeded: without the lag of the generator.
    Service,
    /// Time from the planned start to the failure, of requests that failed with an answer, an error or a time limit.
    Failure,
    /// Age of requests that had no answer when the load ended and the stop timeout was over: time from the planned start to
    /// that moment. These requests are failures, and their ages are lower bounds of their response times.
    Unanswered,
}

impl TimeKind {
    /// All kinds, in the order of the records.
    pub const ALL: [Self; 4] = [
        Self::Response,
        Self::Service,
        Self::Failure,
        Self::Unanswered,
    ];

    const fn description(self) -> Description {
        match self {
            Self::Response => Description {
                name: "response_times",
                key: Some("response_time"),
                noun: "response time",
                label: "response",
                is_in_every_record: true,
                in_experiments: &[
                    (Statistic::Percentile(50.0), Role::Primary),
                    (Statistic::MeanOfSuccesses, Role::Shown),
                    (Statistic::Percentile(95.0), Role::Primary),
                    (Statistic::Percentile(99.0), Role::Primary),
                    (Statistic::MaxOfSuccesses, Role::Shown),
                ],
            },
            Self::Service => Description {
                name: "service_times",
                key: Some("service_time"),
                noun: "service time",
                label: "service",
                is_in_every_record: true,
                in_experiments: &[],
            },
            Self::Failure => Description {
                name: "failure_times",
                key: None,
                noun: "time to failure",
                label: "failure",
                is_in_every_record: true,
                in_experiments: &[],
            },
            Self::Unanswered => Description {
                name: "unanswered_times",
                key: None,
                noun: "age without an answer",
                label: "unanswered",
                is_in_every_record: false,
                in_experiments: &[],
            },
        }
    }

    /// Name in records: `response_times`.
    pub const fn name(self) -> &'static str {
        self.description().name
    }

    /// Name in metrics: `response_time`; `None` for a kind that no metric is about.
    pub const fn key(self) -> Option<&'static str> {
        self.description().key
    }

    /// Time in words: `response time`.
    pub const fn noun(self) -> &'static str {
        self.description().noun
    }

    /// Time in the headers of columns: `service`.
    pub const fn label(self) -> &'static str {
        self.description().label
    }

    /// `false` if older records do not have times of this kind.
    pub const fn is_in_every_record(self) -> bool {
        self.description().is_in_every_record
    }

    /// Statistics that are metrics of experiments, in the order of the reports, each with its role.
    pub const fn in_experiments(self) -> &'static [(Statistic, Role)] {
        self.description().in_experiments
    }
}

/// Names of a kind, explained at the methods of [`TimeKind`].
struct Description {
    name: &'static str,
    key: Option<&'static str>,
    noun: &'static str,
    label: &'static str,
    is_in_every_record: bool,
    in_experiments: &'static [(Statistic, Role)],
}

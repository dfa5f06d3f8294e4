//! Times of the requests of one name, by kind.

use std::ops::{Index, IndexMut};

use super::Times;

/// Kind of time of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeKind {
    /// From the planned start to the last byte, of the requests that succeeded.
    Response,
    /// From the sent request to the last byte, of the same requests: without the lag of the generator.
    Service,
    /// From the planned start to the failure, of the requests that failed with an answer, an error or a time limit.
    Failure,
    /// Ages of the requests that had no answer when the load ended and waiting for them was given up: from the planned
    /// start to that moment. They are failures, and their response times are at least these.
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

    /// Name in records: `response_times`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Response => "response_times",
            Self::Service => "service_times",
            Self::Failure => "failure_times",
            Self::Unanswered => "unanswered_times",
        }
    }
}

/// Times of the requests of one name, one distribution for each [`TimeKind`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RequestTimes {
    by_kind: [Times; TimeKind::ALL.len()],
}

impl RequestTimes {
    /// Adds every time of `other` to those of its kind.
    pub fn merge(&mut self, other: &Self) {
        for (times, others) in self.by_kind.iter_mut().zip(&other.by_kind) {
            times.merge(others);
        }
    }

    /// Forgets every time and keeps the memory.
    pub fn clear(&mut self) {
        self.by_kind.iter_mut().for_each(Times::clear);
    }

    /// Finished requests, successful or not.
    pub fn requests(&self) -> u64 {
        self[TimeKind::Response]
            .count()
            .saturating_add(self.failures())
    }

    /// Requests that failed, those without an answer among them.
    pub fn failures(&self) -> u64 {
        self[TimeKind::Failure].count() + self[TimeKind::Unanswered].count()
    }
}

impl Index<TimeKind> for RequestTimes {
    type Output = Times;

    fn index(&self, kind: TimeKind) -> &Times {
        &self.by_kind[kind as usize]
    }
}

impl IndexMut<TimeKind> for RequestTimes {
    fn index_mut(&mut self, kind: TimeKind) -> &mut Times {
        &mut self.by_kind[kind as usize]
    }
}

//! Times of the requests of one name, one distribution for each kind.

use std::borrow::Cow;
use std::ops::{Index, IndexMut};
use std::time::Duration;

use super::Times;
use super::kind::TimeKind;
use super::statistic::Statistic;

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

    /// Times of `kind` and the ages of the requests without an answer, which are lower bounds of their times.
    pub fn with_unanswered(&self, kind: TimeKind) -> Cow<'_, Times> {
        let unanswered = &self[TimeKind::Unanswered];
        if unanswered.count() == 0 {
            return Cow::Borrowed(&self[kind]);
        }
        let mut times = self[kind].clone();
        times.merge(unanswered);
        Cow::Owned(times)
    }

    /// Statistic of the times of `kind`; `None` without times.
    ///
    /// Requests without an answer count with their age, which is a lower bound, unless the statistic is of successes.
    pub fn statistic(&self, kind: TimeKind, statistic: Statistic) -> Option<Duration> {
        match statistic {
            Statistic::Min => self.with_unanswered(kind).min(),
            Statistic::Mean => self.with_unanswered(kind).mean(),
            Statistic::Max => self.with_unanswered(kind).max(),
            Statistic::Percentile(percent) => self.with_unanswered(kind).quantile(percent / 100.0),
            Statistic::MeanOfSuccesses => self[kind].mean(),
            Statistic::MaxOfSuccesses => self[kind].max(),
        }
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

//! Says when requests arrive in an open model. Pure: it plans and never sleeps.

use std::num::NonZeroU32;
use std::time::Duration;

/// An open model: requests arrive whatever became of those before.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrivals {
    /// The rate, one part after another; the last part's final rate goes on. At least one.
    pub rates: Vec<Rate>,
    /// How arrivals are spread at that rate.
    pub spacing: Spacing,
    /// Requests in flight at which further arrivals are counted and not sent.
    pub max_in_flight: NonZeroU32,
}

/// A rate that changes evenly from one value to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Arrivals per second at the beginning; at least 0.
    pub from: f64,
    /// Arrivals per second at the end; at least 0.
    pub to: f64,
    /// How long the change takes.
    pub over: Duration,
}

/// How arrivals are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spacing {
    /// At random, as independent visitors come.
    #[default]
    Poisson,
    /// At equal distances.
    Even,
}

impl Rate {
    /// The same rate all the time.
    pub fn constant(rate: f64) -> Self {
        Self {
            from: rate,
            to: rate,
            over: Duration::ZERO,
        }
    }

    /// Arrivals expected over all of it.
    pub(super) fn expected(self) -> f64 {
        self.over.as_secs_f64() * (self.from + self.to) / 2.0
    }

    /// After how many seconds so many arrivals are expected, if the change went on like this.
    ///
    /// The solution of `from t + (to - from) t² / (2 over) = expected`, in the form that is exact for a flat rate.
    pub(super) fn seconds_until(self, expected: f64) -> f64 {
        let slope = match self.over.as_secs_f64() {
            over if over > 0.0 => (self.to - self.from) / over,
            _ => 0.0,
        };
        if self.from + self.to <= 0.0 {
            return f64::INFINITY;
        }
        if expected <= 0.0 {
            return 0.0;
        }
        let root = (self.from * self.from + 2.0 * slope * expected).max(0.0);
        2.0 * expected / (self.from + root.sqrt())
    }
}

//! Open models: arrivals at a rate. Pure.

use std::num::NonZeroU32;
use std::time::Duration;

/// Open model: arrivals send their requests however long the answers before take.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenModel {
    /// Rates, one after another; at least one. The final rate of the last one goes on.
    pub rates: Vec<ArrivalRate>,
    /// Spacing of the arrivals.
    pub spacing: Spacing,
    /// Requests in flight, in all shares together, at which further arrivals are counted and not sent.
    pub max_in_flight: NonZeroU32,
}

/// Arrival rate that changes linearly from one value to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArrivalRate {
    /// Arrivals per second at the beginning; at least 0.
    pub from: f64,
    /// Arrivals per second at the end; at least 0.
    pub to: f64,
    /// Duration of the change.
    pub over: Duration,
}

/// Spacing of arrivals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spacing {
    /// Poisson process: random distances, as of independent clients.
    #[default]
    Poisson,
    /// Equal distances.
    Even,
}

impl ArrivalRate {
    /// A constant rate.
    pub fn constant(rate: f64) -> Self {
        Self {
            from: rate,
            to: rate,
            over: Duration::ZERO,
        }
    }

    /// Expected number of arrivals over the whole duration.
    pub(super) fn expected(self) -> f64 {
        self.over.as_secs_f64() * (self.from + self.to) / 2.0
    }

    /// Seconds after which so many arrivals are expected, if the change went on.
    ///
    /// Solution of `from t + (to - from) t² / (2 over) = expected`, in the form that is exact for a constant rate.
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

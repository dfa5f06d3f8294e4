//! Ends a contender's warm-up once its rate has settled, and its measured period once it is long enough.

use std::time::Duration;

use bakeoff_load::{Control, Phase, Progress};
use bakeoff_report::statistics::has_settled;

use crate::file::WarmUp;

/// Follows a load until it is measured.
#[derive(Debug)]
pub(crate) struct Watch {
    warm_up: WarmUp,
    /// The least measured period, where it goes on until every user has finished enough rounds.
    measure: Option<Duration>,
    /// When the measured period began.
    measured_since: Option<Duration>,
    /// When all users had started.
    since: Option<Duration>,
    has_settled: bool,
}

impl Watch {
    /// A watch that ends the measured period after `measure`, as soon as every user has finished enough rounds; without it,
    /// the period is as long as the load was asked to measure.
    pub(crate) fn new(warm_up: WarmUp, measure: Option<Duration>) -> Self {
        Self {
            warm_up,
            measure,
            measured_since: None,
            since: None,
            has_settled: !warm_up.is_detected(),
        }
    }

    /// Lets the measured period begin where the contender has settled, and end where it is long enough.
    pub(crate) fn follow(&mut self, progress: &Progress<'_>, control: &Control) {
        if progress.phase == Phase::Measuring {
            let since = *self.measured_since.get_or_insert(progress.elapsed);
            let measured = progress.elapsed.saturating_sub(since);
            let long_enough = self.measure.is_some_and(|measure| measured >= measure);
            if long_enough && progress.rounds_done {
                control.finish_measuring();
            }
        }
        if progress.phase != Phase::WarmUp || self.has_settled {
            return;
        }
        let since = *self.since.get_or_insert(progress.elapsed);
        let with_all_users = progress.so_far.timeline.iter();
        let rates: Vec<f64> = with_all_users
            .filter(|second| second.since_start >= since)
            .map(|second| second.requests as f64)
            .collect();
        let long_enough = progress.elapsed.saturating_sub(since) >= self.warm_up.at_least;
        if long_enough && has_settled(&rates) {
            self.has_settled = true;
            control.begin_measuring();
        }
    }

    /// Whether the rate had settled when measuring began; true where that was not looked at.
    pub(crate) fn has_settled(&self) -> bool {
        self.has_settled
    }
}

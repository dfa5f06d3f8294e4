//! End of a contender's warm-up: once its rate has settled.

use std::time::Duration;

use bakeoff_analysis::statistics::has_settled;
use bakeoff_load::{Control, Phase, Progress};

use crate::file::WarmUp;

/// Watch over the rate of a load until its measured period begins.
#[derive(Debug)]
pub(crate) struct WarmUpWatch {
    warm_up: WarmUp,
    /// Time from the start of the load until all users had started.
    since: Option<Duration>,
    has_settled: bool,
}

impl WarmUpWatch {
    pub(crate) fn new(warm_up: WarmUp) -> Self {
        Self {
            warm_up,
            since: None,
            has_settled: !warm_up.is_detected(),
        }
    }

    /// Begins the measured period once the rate has settled.
    pub(crate) fn follow(&mut self, progress: &Progress<'_>, control: &Control) {
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

    /// `true` if the rate had settled when the measured period began, or if the warm-up has a fixed length.
    pub(crate) fn has_settled(&self) -> bool {
        self.has_settled
    }
}

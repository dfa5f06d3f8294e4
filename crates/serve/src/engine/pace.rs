//! How fast the workers get through what waits. Pure arithmetic on times that are passed in.

use std::{num::NonZeroUsize, time::Duration};

/// The tokens per second that all workers together get through while there is work.
///
/// A mean over about the last [`MEMORY`] batches of all workers, each weighted by its time, so that many short batches
/// count no more than a long one. While few workers are busy it is what all of them could do.
#[derive(Debug)]
pub(crate) struct Pace {
    workers: NonZeroUsize,
    tokens: f64,
    busy_seconds: f64,
}

/// Batches that are remembered: about a second's worth on two cores, so that a noisy moment does not decide, and a
/// change shows soon.
const MEMORY: f64 = 64.0;

impl Pace {
    pub(crate) fn new(workers: NonZeroUsize) -> Self {
        Self {
            workers,
            tokens: 0.0,
            busy_seconds: 0.0,
        }
    }

    /// Counts a batch that kept one worker busy for so long, all that comes with a batch included.
    pub(crate) fn record(&mut self, tokens: usize, busy: Duration) {
        const KEPT: f64 = 1.0 - 1.0 / MEMORY;
        self.tokens = self.tokens * KEPT + tokens as f64;
        self.busy_seconds = self.busy_seconds * KEPT + busy.as_secs_f64();
    }

    /// `None` before anything was measured; never 0, never infinite.
    pub(crate) fn tokens_per_second(&self) -> Option<f64> {
        let one_worker = self.tokens / self.busy_seconds;
        let measured = self.tokens > 0.0 && self.busy_seconds > 0.0;
        measured.then(|| one_worker * self.workers.get() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(workers: usize) -> Pace {
        Pace::new(NonZeroUsize::new(workers).unwrap())
    }

    fn assert_near(pace: &Pace, expected: f64) {
        let rate = pace.tokens_per_second().unwrap();
        assert!(
            (rate / expected - 1.0).abs() < 0.01,
            "{rate} is not {expected}"
        );
    }

    #[test]
    fn nothing_is_known_before_the_first_batch() {
        let mut pace = pace(1);
        assert_eq!(pace.tokens_per_second(), None);
        pace.record(0, Duration::from_secs(1));
        assert_eq!(pace.tokens_per_second(), None);
    }

    #[test]
    fn one_batch_is_enough_and_workers_add_up() {
        let mut pace = pace(3);
        pace.record(50, Duration::from_millis(100));
        assert_near(&pace, 1500.0);
    }

    #[test]
    fn batches_count_by_their_time() {
        let mut pace = pace(1);
        for _ in 0..1000 {
            pace.record(100, Duration::from_millis(100));
            pace.record(100, Duration::from_millis(900));
        }
        assert_near(&pace, 200.0);
    }

    #[test]
    fn a_change_shows_within_some_hundred_batches() {
        let mut pace = pace(1);
        for _ in 0..1000 {
            pace.record(100, Duration::from_millis(100));
        }
        for _ in 0..500 {
            pace.record(100, Duration::from_millis(200));
        }
        assert_near(&pace, 500.0);
    }
}

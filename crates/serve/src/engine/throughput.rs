//! Throughput of the workers. Pure arithmetic on measured times.

use std::{num::NonZeroUsize, time::Duration};

/// Throughput of all workers together while they are busy, in tokens per second.
///
/// It is a mean over about the last [`MEMORY`] batches, weighted by their time, so that many short batches count no more than a
/// long one. If only some workers are busy, it is the throughput that all workers would have.
#[derive(Debug)]
pub(crate) struct Throughput {
    workers: NonZeroUsize,
    tokens: f64,
    busy_seconds: f64,
}

/// Number of batches in the mean: about one second on two cores. This reduces noise and still follows changes.
const MEMORY: f64 = 64.0;

impl Throughput {
    pub(crate) fn new(workers: NonZeroUsize) -> Self {
        Self {
            workers,
            tokens: 0.0,
            busy_seconds: 0.0,
        }
    }

    /// Adds a batch that kept one worker busy for `busy`, including all work around the batch.
    pub(crate) fn record(&mut self, tokens: usize, busy: Duration) {
        const KEPT: f64 = 1.0 - 1.0 / MEMORY;
        self.tokens = self.tokens * KEPT + tokens as f64;
        self.busy_seconds = self.busy_seconds * KEPT + busy.as_secs_f64();
    }

    /// Throughput in tokens per second, finite and above 0. `None` before the first batch.
    pub(crate) fn tokens_per_second(&self) -> Option<f64> {
        let one_worker = self.tokens / self.busy_seconds;
        let measured = self.tokens > 0.0 && self.busy_seconds > 0.0;
        measured.then(|| one_worker * self.workers.get() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throughput(workers: usize) -> Throughput {
        Throughput::new(NonZeroUsize::new(workers).unwrap())
    }

    fn assert_near(throughput: &Throughput, expected: f64) {
        let rate = throughput.tokens_per_second().unwrap();
        assert!(
            (rate / expected - 1.0).abs() < 0.01,
            "{rate} is not {expected}"
        );
    }

    #[test]
    fn nothing_is_known_before_the_first_batch() {
        let mut throughput = throughput(1);
        assert_eq!(throughput.tokens_per_second(), None);
        throughput.record(0, Duration::from_secs(1));
        assert_eq!(throughput.tokens_per_second(), None);
    }

    #[test]
    fn one_batch_is_enough_and_workers_add_up() {
        let mut throughput = throughput(3);
        throughput.record(50, Duration::from_millis(100));
        assert_near(&throughput, 1500.0);
    }

    #[test]
    fn batches_count_by_their_time() {
        let mut throughput = throughput(1);
        for _ in 0..1000 {
            throughput.record(100, Duration::from_millis(100));
            throughput.record(100, Duration::from_millis(900));
        }
        assert_near(&throughput, 200.0);
    }

    #[test]
    fn a_change_shows_within_some_hundred_batches() {
        let mut throughput = throughput(1);
        for _ in 0..1000 {
            throughput.record(100, Duration::from_millis(100));
        }
        for _ in 0..500 {
            throughput.record(100, Duration::from_millis(200));
        }
        assert_near(&throughput, 500.0);
    }
}

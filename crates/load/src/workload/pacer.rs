//! Planned starts of the tasks of a user. Pure: it reads no clock and never sleeps.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::wait_time::WaitTime;
use crate::clock::FAR;

/// Planned starts of the tasks of one user.
#[derive(Debug)]
pub(crate) struct Pacer {
    wait_time: WaitTime,
    random: StdRng,
}

impl Pacer {
    pub(crate) fn new(wait_time: WaitTime, seed: u64) -> Self {
        Self {
            wait_time,
            random: StdRng::seed_from_u64(seed),
        }
    }

    /// Planned start of the next task, after one that was planned at `planned` and ended at `done`; never before `done`.
    ///
    /// With constant pacing, a timer that wakes a user late does not delay the following tasks: they follow the plan, not the
    /// clock. An answer that takes longer than the pacing begins a new grid, as in Locust.
    pub(crate) fn next(&mut self, planned: Duration, done: Duration) -> Duration {
        let wait = |time: Duration| done.saturating_add(time).min(FAR);
        match self.wait_time {
            WaitTime::Constant(time) => wait(time),
            WaitTime::Between(shortest, longest) => {
                wait(self.random.random_range(shortest..=longest))
            }
            WaitTime::Poisson(mean) => {
                let share: f64 = self.random.random();
                // 1 - share is above zero, where the logarithm is finite.
                wait(mean.mul_f64(-(1.0 - share).ln()))
            }
            WaitTime::ConstantPacing(pacing) => planned.saturating_add(pacing).max(done).min(FAR),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn without_waiting_the_next_request_is_planned_when_the_last_is_done() {
        let mut pacer = Pacer::new(WaitTime::Constant(Duration::ZERO), 1);
        assert_eq!(pacer.next(millis(10), millis(17)), millis(17));
    }

    #[test]
    fn exponential_waits_have_the_mean_that_was_asked_for() {
        let mut pacer = Pacer::new(WaitTime::Poisson(millis(100)), 1);
        let waits: Duration = (0..10_000).map(|_| pacer.next(millis(0), millis(0))).sum();
        // Four standard deviations of the mean, which are 1 ms each.
        assert!(
            (waits.as_secs_f64() / 10.0 - 100.0).abs() < 4.0,
            "{waits:?}"
        );
    }

    proptest! {
        #[test]
        fn constant_pacing_stays_on_the_grid_however_late_the_clock(
            pacing in 1_u64..10_000,
            shares in prop::collection::vec(0.0..=1.0, 1..100),
        ) {
            let mut pacer = Pacer::new(WaitTime::ConstantPacing(millis(pacing)), 1);
            let mut planned = millis(3);
            for (index, share) in (1_u32..).zip(shares) {
                planned = pacer.next(planned, planned + millis(pacing).mul_f64(share));
                prop_assert_eq!(planned, millis(3) + index * millis(pacing));
            }
        }

        #[test]
        fn nothing_is_planned_before_the_last_answer_or_sooner_than_the_wait_time(
            between in (0_u64..5_000, 0_u64..5_000),
            took in prop::collection::vec(0_u64..20_000, 1..50),
            seed: u64,
        ) {
            let (shortest, longest) = (millis(between.0), millis(between.0 + between.1));
            let mut pacer = Pacer::new(WaitTime::Between(shortest, longest), seed);
            let mut paced = Pacer::new(WaitTime::ConstantPacing(longest), seed);
            let (mut planned, mut on_grid) = (Duration::ZERO, Duration::ZERO);
            for took in took {
                let done = planned + millis(took);
                planned = pacer.next(planned, done);
                prop_assert!(planned >= done + shortest && planned <= done + longest);
                let (before, done) = (on_grid, on_grid + millis(took));
                on_grid = paced.next(on_grid, done);
                prop_assert_eq!(on_grid, done.max(before + longest));
            }
        }
    }
}

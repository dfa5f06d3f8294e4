//! Planned times of the arrivals of an open model. Pure: it reads no clock and never sleeps.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::open_model::{ArrivalRate, OpenModel, Spacing};
use crate::clock::FAR;

/// Planned times of all arrivals, in order; without end.
///
/// Arrivals at a rate of one a second are drawn first, and then moved to where as many are expected at the real rate.
/// For Poisson arrivals that is exact also where the rate changes.
#[derive(Debug)]
pub(crate) struct ArrivalTimes {
    /// Rates that are not over, the current one last.
    rates: Vec<ArrivalRate>,
    spacing: Spacing,
    random: StdRng,
    /// The next arrival at a rate of one a second, since `passed`.
    next: f64,
    /// Duration of the rates that are over.
    passed: Duration,
}

impl ArrivalTimes {
    pub(crate) fn new(arrivals: &OpenModel, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let next = match arrivals.spacing {
            Spacing::Even => 0.0,
            Spacing::Poisson => exponential(&mut random),
        };
        Self {
            rates: arrivals.rates.iter().rev().copied().collect(),
            spacing: arrivals.spacing,
            random,
            next,
            passed: Duration::ZERO,
        }
    }

    /// Time of the next arrival, since the start of the load; [`FAR`] if there is none.
    pub(crate) fn next(&mut self) -> Duration {
        self.pass_rates();
        let seconds = self
            .rates
            .last()
            .map_or(f64::INFINITY, |rate| rate.seconds_until(self.next));
        self.step();
        let since = Duration::try_from_secs_f64(seconds).unwrap_or(FAR);
        self.passed.saturating_add(since).min(FAR)
    }

    /// Skips the next arrival. The times after it are the same as after [`Self::next`].
    pub(crate) fn skip(&mut self) {
        self.pass_rates();
        self.step();
    }

    /// Drops the rates that are over before the next arrival.
    fn pass_rates(&mut self) {
        while let [.., rate] = self.rates.as_slice()
            && self.next >= rate.expected()
        {
            let rate = *rate;
            self.next -= rate.expected();
            self.passed = self.passed.saturating_add(rate.over).min(FAR);
            self.rates.pop();
            if self.rates.is_empty() {
                // The last rate goes on for ever.
                self.rates.push(ArrivalRate {
                    from: rate.to,
                    to: rate.to,
                    over: FAR,
                });
                break;
            }
        }
    }

    fn step(&mut self) {
        self.next += match self.spacing {
            Spacing::Even => 1.0,
            Spacing::Poisson => exponential(&mut self.random),
        };
    }
}

/// Random distance between two arrivals at a rate of one a second.
fn exponential(random: &mut StdRng) -> f64 {
    let share: f64 = random.random();
    // Above zero, where the logarithm is finite.
    -(1.0 - share).ln()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;

    fn arrivals(rates: &[ArrivalRate], spacing: Spacing) -> OpenModel {
        OpenModel {
            rates: rates.to_vec(),
            spacing,
            max_in_flight: NonZeroU32::MIN,
        }
    }

    /// The arrivals before `end`.
    fn until(arrivals: &OpenModel, end: Duration) -> Vec<Duration> {
        let mut times = ArrivalTimes::new(arrivals, 7);
        std::iter::from_fn(|| Some(times.next()))
            .take_while(|time| *time < end)
            .collect()
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn even_arrivals_are_equally_far_apart() {
        let arrivals = arrivals(&[ArrivalRate::constant(8.0)], Spacing::Even);
        let times = until(&arrivals, seconds(2));
        let expected: Vec<_> = (0..16)
            .map(|index| Duration::from_millis(125 * index))
            .collect();
        assert_eq!(times, expected);
    }

    #[test]
    fn a_rising_rate_brings_as_many_as_its_area() {
        let ramp = [
            ArrivalRate {
                from: 0.0,
                to: 100.0,
                over: seconds(10),
            },
            ArrivalRate {
                from: 100.0,
                to: 100.0,
                over: seconds(5),
            },
            ArrivalRate {
                from: 100.0,
                to: 0.0,
                over: seconds(10),
            },
        ];
        let times = until(&arrivals(&ramp, Spacing::Even), seconds(60));
        let before = |end: u64| times.iter().filter(|time| **time < seconds(end)).count();
        assert_eq!(
            [before(5), before(10), before(15), before(20), before(60)],
            [125, 500, 1000, 1375, 1500]
        );
    }

    #[test]
    fn random_arrivals_have_the_mean_and_the_variance_of_poissons() {
        let times = until(
            &arrivals(&[ArrivalRate::constant(50.0)], Spacing::Poisson),
            seconds(1000),
        );
        let mut counts = vec![0_f64; 1000];
        for time in &times {
            counts[usize::try_from(time.as_secs()).unwrap()] += 1.0;
        }
        let mean = times.len() as f64 / 1000.0;
        let variance = counts
            .iter()
            .map(|count| (count - mean).powi(2))
            .sum::<f64>()
            / 999.0;
        // Four standard deviations: sqrt(50/1000) of the mean, 50 sqrt(2/1000) of the variance.
        assert!((mean - 50.0).abs() < 0.9, "{mean}");
        assert!((variance - 50.0).abs() < 9.0, "{variance}");
    }

    #[test]
    fn at_a_rate_of_zero_nothing_arrives() {
        assert_eq!(
            until(
                &arrivals(&[ArrivalRate::constant(0.0)], Spacing::Even),
                seconds(1000)
            )
            .len(),
            0
        );
        assert_eq!(
            until(
                &arrivals(&[ArrivalRate::constant(0.0)], Spacing::Poisson),
                seconds(1000)
            )
            .len(),
            0
        );
    }

    proptest! {
        #[test]
        fn arrivals_are_in_order_and_the_same_for_the_same_seed_with_some_skipped(
            rates in prop::collection::vec((0.0..200.0, 0.0..200.0, 0_u64..4), 1..4),
            poisson: bool,
            skipped in prop::collection::hash_set(0_usize..10, 0..5),
        ) {
            let rates: Vec<_> = rates.into_iter()
                .map(|(from, to, over)| ArrivalRate { from, to, over: seconds(over) })
                .collect();
            let arrivals = arrivals(&rates, if poisson { Spacing::Poisson } else { Spacing::Even });
            let mut all = ArrivalTimes::new(&arrivals, 7);
            let times: Vec<_> = (0..500).map(|_| all.next()).collect();
            prop_assert!(times.is_sorted());
            let mut again = ArrivalTimes::new(&arrivals, 7);
            for (index, time) in times.iter().enumerate() {
                if skipped.contains(&(index % 10)) {
                    again.skip();
                } else {
                    prop_assert_eq!(*time, again.next());
                }
            }
        }
    }
}

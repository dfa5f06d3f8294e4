//! Says when requests arrive in an open model. Pure: it plans and never sleeps.

use std::num::NonZeroU32;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::clock::FAR;

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
    fn expected(self) -> f64 {
        self.over.as_secs_f64() * (self.from + self.to) / 2.0
    }

    /// After how many seconds so many arrivals are expected, if the change went on like this.
    ///
    /// The solution of `from t + (to - from) t² / (2 over) = expected`, in the form that is exact for a flat rate.
    fn seconds_until(self, expected: f64) -> f64 {
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

/// The arrivals that one of several threads takes care of, in the order of time; without end.
///
/// Arrivals at a rate of one a second are drawn first, and then moved to where as many are expected at the real rate:
/// for Poisson's arrivals that is exact also where the rate changes, and the threads' parts together are the whole.
#[derive(Debug)]
pub(crate) struct Schedule {
    /// What is left of the rates, the next first.
    rates: Vec<Rate>,
    spacing: Spacing,
    random: StdRng,
    threads: f64,
    /// The next arrival at a rate of one a second, since `passed`.
    next: f64,
    /// The time of the rates that are over.
    passed: Duration,
}

impl Schedule {
    /// The share of `thread`, of so many.
    pub(crate) fn new(arrivals: &Arrivals, thread: usize, threads: usize, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let threads = threads as f64;
        let next = match arrivals.spacing {
            Spacing::Even => thread as f64,
            Spacing::Poisson => exponential(&mut random) * threads,
        };
        Self {
            rates: arrivals.rates.iter().rev().copied().collect(),
            spacing: arrivals.spacing,
            random,
            threads,
            next,
            passed: Duration::ZERO,
        }
    }

    /// When the next arrival is planned; [`FAR`] if never.
    pub(crate) fn next(&mut self) -> Duration {
        while let [.., rate] = self.rates.as_slice()
            && self.next >= rate.expected()
        {
            let rate = *rate;
            self.next -= rate.expected();
            self.passed = self.passed.saturating_add(rate.over).min(FAR);
            self.rates.pop();
            if self.rates.is_empty() {
                // The last rate goes on for ever.
                self.rates.push(Rate {
                    from: rate.to,
                    to: rate.to,
                    over: FAR,
                });
                break;
            }
        }
        let seconds = self
            .rates
            .last()
            .map_or(f64::INFINITY, |rate| rate.seconds_until(self.next));
        self.next += match self.spacing {
            Spacing::Even => self.threads,
            Spacing::Poisson => exponential(&mut self.random) * self.threads,
        };
        let since = Duration::try_from_secs_f64(seconds).unwrap_or(FAR);
        self.passed.saturating_add(since).min(FAR)
    }
}

/// A random distance between arrivals at a rate of one a second.
fn exponential(random: &mut StdRng) -> f64 {
    let share: f64 = random.random();
    // Above zero, where the logarithm is finite.
    -(1.0 - share).ln()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn arrivals(rates: &[Rate], spacing: Spacing) -> Arrivals {
        Arrivals {
            rates: rates.to_vec(),
            spacing,
            max_in_flight: NonZeroU32::MIN,
        }
    }

    /// The arrivals of all threads before `end`, in the order of time.
    fn until(arrivals: &Arrivals, threads: usize, end: Duration) -> Vec<Duration> {
        let mut all: Vec<_> = (0..threads)
            .flat_map(|thread| {
                let mut schedule = Schedule::new(arrivals, thread, threads, thread as u64);
                std::iter::from_fn(move || Some(schedule.next()))
                    .take_while(move |time| *time < end)
            })
            .collect();
        all.sort_unstable();
        all
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn even_arrivals_are_equally_far_apart_over_all_threads() {
        let arrivals = arrivals(&[Rate::constant(8.0)], Spacing::Even);
        let times = until(&arrivals, 3, seconds(2));
        let expected: Vec<_> = (0..16)
            .map(|index| Duration::from_millis(125 * index))
            .collect();
        assert_eq!(times, expected);
    }

    #[test]
    fn a_rising_rate_brings_as_many_as_its_area() {
        let ramp = [
            Rate {
                from: 0.0,
                to: 100.0,
                over: seconds(10),
            },
            Rate {
                from: 100.0,
                to: 100.0,
                over: seconds(5),
            },
            Rate {
                from: 100.0,
                to: 0.0,
                over: seconds(10),
            },
        ];
        let times = until(&arrivals(&ramp, Spacing::Even), 2, seconds(60));
        let before = |end: u64| times.iter().filter(|time| **time < seconds(end)).count();
        assert_eq!(
            [before(5), before(10), before(15), before(20), before(60)],
            [125, 500, 1000, 1375, 1500]
        );
    }

    #[test]
    fn random_arrivals_have_the_mean_and_the_variance_of_poissons() {
        let times = until(
            &arrivals(&[Rate::constant(50.0)], Spacing::Poisson),
            2,
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
                &arrivals(&[Rate::constant(0.0)], Spacing::Even),
                1,
                seconds(1000)
            )
            .len(),
            0
        );
        assert_eq!(
            until(
                &arrivals(&[Rate::constant(0.0)], Spacing::Poisson),
                1,
                seconds(1000)
            )
            .len(),
            0
        );
    }

    proptest! {
        #[test]
        fn arrivals_are_in_order_and_the_same_for_the_same_seed(
            rates in prop::collection::vec((0.0..200.0, 0.0..200.0, 0_u64..4), 1..4),
            poisson: bool,
        ) {
            let rates: Vec<_> = rates.into_iter()
                .map(|(from, to, over)| Rate { from, to, over: seconds(over) })
                .collect();
            let arrivals = arrivals(&rates, if poisson { Spacing::Poisson } else { Spacing::Even });
            let mut schedule = Schedule::new(&arrivals, 0, 2, 7);
            let times: Vec<_> = (0..500).map(|_| schedule.next()).collect();
            prop_assert!(times.is_sorted());
            let mut again = Schedule::new(&arrivals, 0, 2, 7);
            prop_assert!(times.iter().all(|time| *time == again.next()));
        }
    }
}

//! Bootstrap interval of the mean over blocks. Pure: the same numbers and the same seed give the same interval.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use super::distribution::{Distribution, Resample};
use super::{ConfidenceInterval, mean};

/// Blocks up to which every resample is computed.
///
/// The order of draws does not change a mean, so that ten blocks have C(19, 10) = 92,378 different resamples:
/// fewer than [`DRAWS`], and without chance.
const MOST_EXACT: usize = 10;

/// Random resamples beyond [`MOST_EXACT`] blocks.
const DRAWS: usize = 100_000;

/// Interval of the mean of `sample`, which is not empty, from bootstrap resamples, bias-corrected and accelerated.
///
/// Exact up to 10 values: over all n^n resamples, as multisets with multinomial weights (Fisher and Hall,
/// "Bootstrap Algorithms for Small Samples", Journal of Statistical Planning and Inference 27, 1991).
/// Beyond that, over 100,000 resamples drawn with `seed`.
pub(super) fn bootstrap_interval(sample: &[f64], confidence: f64, seed: u64) -> ConfidenceInterval {
    // Every resample is the same.
    if sample
        .iter()
        .all(|value| value.total_cmp(&sample[0]).is_eq())
    {
        return ConfidenceInterval {
            low: sample[0],
            high: sample[0],
        };
    }
    let resamples = if sample.len() <= MOST_EXACT {
        every_resample(sample)
    } else {
        drawn_resamples(sample, DRAWS, seed)
    };
    bca_interval(sample, &Distribution::of(resamples), confidence)
}

/// Confidence to ask the bootstrap for, so that an interval over few blocks covers the truth as often as `wanted`.
///
/// A bootstrap interval over n values is too narrow in the way in which a normal interval is narrower than Student's t.
/// The "expanded" interval puts that right (Hesterberg, "What Teachers Should Know About the Bootstrap",
/// The American Statistician 69:4, 2015, section 5.3): the tail becomes Φ(√(n/(n−1)) · t(α/2, n−1)).
/// Without it, an interval that says 95 % covers 86 % of six normal blocks; with it, 93 %.
pub(super) fn small_sample_confidence(wanted: f64, n: usize) -> f64 {
    if n < 2 {
        return wanted;
    }
    let freedom = (n - 1) as f64;
    let student = StudentsT::new(0.0, 1.0, freedom)
        .expect("one or more degrees of freedom and a scale of 1 are valid");
    let tail = student.inverse_cdf((1.0 - wanted) / 2.0) * (n as f64 / freedom).sqrt();
    1.0 - 2.0 * Normal::standard().cdf(tail)
}

/// Every multiset of as many values as `sample` has, with the number of ways to draw it.
fn every_resample(sample: &[f64]) -> Vec<Resample> {
    let mut resamples = Vec::with_capacity(DRAWS);
    let nothing = Partial {
        drawn: 0,
        last: 0,
        repeats: 0.0,
        sum: 0.0,
        ways: (1..=sample.len()).map(|factor| factor as f64).product(),
    };
    nothing.complete(sample, &mut resamples);
    resamples
}

/// Beginning of a multiset, its values in the order of the sample.
#[derive(Debug, Clone, Copy)]
struct Partial {
    /// Values so far.
    drawn: usize,
    /// Index of the last value.
    last: usize,
    /// Times that the last value was taken.
    repeats: f64,
    sum: f64,
    /// n! for n values in all, divided by the factorial of each value's repeats; never leaves a remainder.
    ways: f64,
}

impl Partial {
    fn complete(self, sample: &[f64], resamples: &mut Vec<Resample>) {
        for (index, value) in sample.iter().enumerate().skip(self.last) {
            let longer = self.with(index, *value);
            if longer.drawn < sample.len() {
                longer.complete(sample, resamples);
            } else {
                resamples.push(Resample {
                    mean: longer.sum / sample.len() as f64,
                    ways: longer.ways,
                });
            }
        }
    }

    fn with(self, index: usize, value: f64) -> Self {
        let repeats = if index == self.last {
            self.repeats + 1.0
        } else {
            1.0
        };
        Self {
            drawn: self.drawn + 1,
            last: index,
            repeats,
            sum: self.sum + value,
            ways: self.ways / repeats,
        }
    }
}

/// Random resamples, each with one way to draw it.
fn drawn_resamples(sample: &[f64], draws: usize, seed: u64) -> Vec<Resample> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let n = sample.len() as u64;
    // Multiplied and shifted, 32 random bits are an index (Lemire, "Fast Random Integer Generation in an Interval",
    // ACM Transactions on Modeling and Computer Simulation 29:1, 2019). Without rejection the chances of two
    // indexes differ by at most 2^-32.
    let chosen = |bits: u64| sample[((bits * n) >> 32) as usize];
    let mut resample = || {
        let mut sum = 0.0;
        for _ in 0..sample.len() / 2 {
            let bits = random.next_u64();
            sum += chosen(bits >> 32) + chosen(bits & u64::from(u32::MAX));
        }
        if sample.len() % 2 == 1 {
            sum += chosen(random.next_u64() >> 32);
        }
        Resample {
            mean: sum / n as f64,
            ways: 1.0,
        }
    };
    (0..draws).map(|_| resample()).collect()
}

/// `BCa` interval of the mean (Efron, "Better Bootstrap Confidence Intervals", JASA 82, 1987), from the means of
/// resamples; the percentile interval where `BCa` is undefined, as for equal values.
fn bca_interval(sample: &[f64], means: &Distribution, confidence: f64) -> ConfidenceInterval {
    let normal = Normal::standard();
    let tail = (1.0 - confidence) / 2.0;
    let bias = normal.inverse_cdf(means.share_below_mean_of(sample));
    let acceleration = acceleration_of_mean(sample);
    let adjusted = |probability: f64| {
        let shifted = bias + normal.inverse_cdf(probability);
        normal.cdf(bias + shifted / (1.0 - acceleration * shifted))
    };
    let (low, high) = (adjusted(tail), adjusted(1.0 - tail));
    let defined = bias.is_finite() && low.is_finite() && high.is_finite() && low <= high;
    let (low, high) = if defined {
        (low, high)
    } else {
        (tail, 1.0 - tail)
    };
    ConfidenceInterval {
        low: means.quantile(low),
        high: means.quantile(high),
    }
}

/// Sixth of the skewness of the mean's jackknife values; not a number where they are all equal.
fn acceleration_of_mean(sample: &[f64]) -> f64 {
    // Leaving one value out moves the mean by (mean − value)/(n − 1), so the factor n − 1 cancels.
    let n = sample.len() as f64;
    let centre = mean(sample);
    let cubes: f64 = sample.iter().map(|value| (value - centre).powi(3)).sum();
    let squares: f64 = sample.iter().map(|value| (value - centre).powi(2)).sum();
    cubes / n.powi(3) / (squares / n.powi(2)).powf(1.5) / 6.0
}

#[cfg(test)]
mod tests {
    use super::*;

    include!("../../tests/fixtures/statistics.rs");

    fn close(actual: f64, expected: f64, tolerance: f64) {
        assert!(
            (actual - expected).abs() <= tolerance,
            "{actual} is not within {tolerance} of {expected}"
        );
    }

    /// All n^n resamples, each by itself.
    fn every_ordered_resample(sample: &[f64]) -> Vec<Resample> {
        let mut sums = vec![0.0];
        for _ in sample {
            sums = sums
                .iter()
                .flat_map(|sum| sample.iter().map(move |value| sum + value))
                .collect();
        }
        let resample = |sum: f64| Resample {
            mean: sum / sample.len() as f64,
            ways: 1.0,
        };
        sums.into_iter().map(resample).collect()
    }

    fn ways(resamples: &[Resample]) -> f64 {
        resamples.iter().map(|resample| resample.ways).sum()
    }

    #[test]
    fn exact_intervals_are_scipys() {
        for (sample, confidence, low, high) in EXACT_BCA {
            let interval = bootstrap_interval(sample, *confidence, 1);
            close(interval.low, *low, 1e-9);
            close(interval.high, *high, 1e-9);
        }
    }

    #[test]
    fn intervals_are_near_those_that_scipy_draws() {
        for (sample, confidence, low, high) in SAMPLED_BCA {
            let interval = bootstrap_interval(sample, *confidence, 1);
            let tolerance = 0.02 * (high - low);
            close(interval.low, *low, tolerance);
            close(interval.high, *high, tolerance);
        }
    }

    #[test]
    fn equal_means_count_as_equal_whatever_the_order_of_summing() {
        for (sample, confidence, low, high) in RATIONAL_BCA {
            let interval = bootstrap_interval(sample, *confidence, 1);
            close(interval.low, *low, 1e-9);
            close(interval.high, *high, 1e-9);
        }
    }

    #[test]
    fn multisets_stand_for_all_ordered_resamples() {
        for (sample, confidence, ..) in EXACT_BCA {
            let ordered = every_ordered_resample(sample);
            close(ways(&every_resample(sample)), ordered.len() as f64, 0.0);
            let expected = bca_interval(sample, &Distribution::of(ordered), *confidence);
            let interval = bootstrap_interval(sample, *confidence, 0);
            close(interval.low, expected.low, 1e-12);
            close(interval.high, expected.high, 1e-12);
        }
    }

    #[test]
    fn ten_blocks_have_fewer_multisets_than_draws() {
        let resamples = every_resample(&[1.0; MOST_EXACT]);
        assert_eq!(resamples.len(), 92_378);
        assert!(resamples.len() < DRAWS);
        close(ways(&resamples), 1e10, 0.0);
    }

    #[test]
    fn drawn_intervals_are_near_exact_ones() {
        let sample = [1.7, 1.75, 1.68, 1.9, 1.72, 1.81, 1.77, 1.79, 1.66, 2.1];
        let exact = bootstrap_interval(&sample, 0.98, 0);
        let tolerance = 0.02 * (exact.high - exact.low);
        for seed in 0..10 {
            let means = Distribution::of(drawn_resamples(&sample, DRAWS, seed));
            let drawn = bca_interval(&sample, &means, 0.98);
            close(drawn.low, exact.low, tolerance);
            close(drawn.high, exact.high, tolerance);
        }
    }

    #[test]
    fn small_samples_ask_for_a_wider_interval() {
        for (n, confidence) in EXPANDED_CONFIDENCE {
            close(small_sample_confidence(0.95, *n), *confidence, 1e-9);
        }
    }
}

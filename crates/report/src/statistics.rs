//! Statistics over blocks. Pure: the same numbers and the same seed give the same interval.

mod quantile;
mod significance;
mod steady;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

pub(crate) use self::quantile::{effective_count, quantile_ranks};
pub(crate) use self::significance::{holm_adjusted, sign_flip_p};
pub use self::steady::{Steadiness, has_settled, steady_from};

/// The confidence of every interval.
pub const CONFIDENCE: f64 = 0.95;

/// The fewest blocks that can carry a claim at [`CONFIDENCE`].
///
/// The smallest two-sided p of an exact paired sign-flip test over n blocks is 2/2^n:
/// 0.0625 with five blocks, which can never reach 0.05, and 0.031 with six.
pub const FEWEST_BLOCKS: usize = 6;

/// The fewest blocks that can carry a claim about any of so many contenders against one baseline: the smallest p of
/// the sign-flip test, times their number as Holm's procedure has it, must be able to reach 0.05.
pub fn fewest_blocks(comparisons: usize) -> usize {
    let can_show = |blocks: &usize| {
        let smallest_p = 0.5_f64.powi(i32::try_from(*blocks).unwrap_or(i32::MAX) - 1);
        smallest_p * comparisons as f64 <= 1.0 - CONFIDENCE
    };
    (FEWEST_BLOCKS..64).find(can_show).unwrap_or(64)
}

const RESAMPLES: usize = 10_000;

/// How resamples are made, for a report.
pub(crate) const RESAMPLING: &str = "10,000 resamples";

/// A ratio and how well it is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The geometric mean of the blocks' ratios.
    pub point_estimate: f64,
    /// Where the ratio lies with [`Estimate::confidence`]; `None` below [`FEWEST_BLOCKS`].
    pub confidence_interval: Option<ConfidenceInterval>,
    /// The confidence of the interval, 0.95.
    pub confidence: f64,
}

/// An interval, both ends included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConfidenceInterval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// Estimates the ratio behind one ratio per block; `None` without blocks or where a ratio is not positive and finite.
///
/// The mean of the logarithms, because ratios multiply: twice as fast and half as fast cancel
/// (Hoefler and Belli, "Scientific Benchmarking of Parallel Computing Systems", SC '15, rule 4).
/// The blocks are resampled, not the requests: requests of one run depend on each other
/// (Kalibera and Jones, "Rigorous Benchmarking in Reasonable Time", ISMM 2013).
pub fn estimate_ratio(ratios: &[f64], seed: u64) -> Option<Estimate> {
    if ratios.is_empty()
        || ratios
            .iter()
            .any(|ratio| !ratio.is_finite() || *ratio <= 0.0)
    {
        return None;
    }
    let logs: Vec<f64> = ratios.iter().map(|ratio| ratio.ln()).collect();
    let confidence_interval = (ratios.len() >= FEWEST_BLOCKS).then(|| {
        let interval =
            bootstrap_interval(&logs, small_sample_confidence(CONFIDENCE, logs.len()), seed);
        ConfidenceInterval {
            low: interval.low.exp(),
            high: interval.high.exp(),
        }
    });
    Some(Estimate {
        point_estimate: mean(&logs).exp(),
        confidence_interval,
        confidence: CONFIDENCE,
    })
}

/// The interval of the mean of `sample` from 10,000 bootstrap resamples, bias-corrected and accelerated.
fn bootstrap_interval(sample: &[f64], confidence: f64, seed: u64) -> ConfidenceInterval {
    let mut random = StdRng::seed_from_u64(seed);
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let sum: f64 = (0..sample.len())
                .map(|_| sample[random.random_range(0..sample.len())])
                .sum();
            sum / sample.len() as f64
        })
        .collect();
    means.sort_by(f64::total_cmp);
    bca_interval(sample, &means, confidence)
}

/// The confidence to ask the bootstrap for, so that an interval over few blocks covers the truth as often as `wanted`.
///
/// A bootstrap interval over n values is too narrow in the way in which a normal interval is narrower than Student's t.
/// The "expanded" interval puts that right (Hesterberg, "What Teachers Should Know About the Bootstrap",
/// The American Statistician 69:4, 2015, section 5.3): the tail becomes Φ(√(n/(n−1)) · t(α/2, n−1)).
/// Without it, an interval that says 95 % covers 86 % of six normal blocks; with it, 93 %.
fn small_sample_confidence(wanted: f64, n: usize) -> f64 {
    if n < 2 {
        return wanted;
    }
    let freedom = (n - 1) as f64;
    let student = StudentsT::new(0.0, 1.0, freedom)
        .expect("one or more degrees of freedom and a scale of 1 are valid");
    let tail = student.inverse_cdf((1.0 - wanted) / 2.0) * (n as f64 / freedom).sqrt();
    1.0 - 2.0 * Normal::standard().cdf(tail)
}

/// The `BCa` interval of the mean (Efron, "Better Bootstrap Confidence Intervals", JASA 82, 1987),
/// from the sorted means of resamples; the percentile interval where `BCa` is undefined, as for equal values.
fn bca_interval(sample: &[f64], sorted_means: &[f64], confidence: f64) -> ConfidenceInterval {
    let normal = Normal::standard();
    let tail = (1.0 - confidence) / 2.0;
    let bias = normal.inverse_cdf(share_below(sorted_means, mean(sample)));
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
        low: sorted_quantile(sorted_means, low),
        high: sorted_quantile(sorted_means, high),
    }
}

/// The share of values below `value`, equal ones counted half.
fn share_below(sorted: &[f64], value: f64) -> f64 {
    let below = sorted.partition_point(|other| *other < value);
    let not_above = sorted.partition_point(|other| *other <= value);
    (below + not_above) as f64 / (2 * sorted.len()) as f64
}

/// A sixth of the skewness of the mean's jackknife values; not a number where they are all equal.
fn acceleration_of_mean(sample: &[f64]) -> f64 {
    // Leaving one value out moves the mean by (mean − value)/(n − 1), so the factor n − 1 cancels.
    let n = sample.len() as f64;
    let centre = mean(sample);
    let cubes: f64 = sample.iter().map(|value| (value - centre).powi(3)).sum();
    let squares: f64 = sample.iter().map(|value| (value - centre).powi(2)).sum();
    cubes / n.powi(3) / (squares / n.powi(2)).powf(1.5) / 6.0
}

/// The quantile with linear interpolation between neighbours, type 7 of Hyndman and Fan.
fn sorted_quantile(sorted: &[f64], quantile: f64) -> f64 {
    let last = sorted.len() - 1;
    let position = quantile.clamp(0.0, 1.0) * last as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the last index"
    )]
    let below = (position.floor() as usize).min(last);
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * (position - below as f64)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    include!("../tests/fixtures/statistics.rs");

    fn close(actual: f64, expected: f64, tolerance: f64) {
        assert!(
            (actual - expected).abs() <= tolerance,
            "{actual} is not within {tolerance} of {expected}"
        );
    }

    /// The means of all n^n resamples: the bootstrap distribution itself, without chance.
    fn every_resample(sample: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0];
        for _ in sample {
            sums = sums
                .iter()
                .flat_map(|sum| sample.iter().map(move |value| sum + value))
                .collect();
        }
        let mut means: Vec<f64> = sums.iter().map(|sum| sum / sample.len() as f64).collect();
        means.sort_by(f64::total_cmp);
        means
    }

    #[test]
    fn exact_bca_intervals_are_scipys() {
        for (sample, confidence, low, high) in EXACT_BCA {
            let interval = bca_interval(sample, &every_resample(sample), *confidence);
            close(interval.low, *low, 1e-9);
            close(interval.high, *high, 1e-9);
        }
    }

    #[test]
    fn resampled_bca_intervals_are_near_scipys() {
        for (sample, confidence, low, high) in SAMPLED_BCA {
            let interval = bootstrap_interval(sample, *confidence, 1);
            let tolerance = 0.05 * (high - low);
            close(interval.low, *low, tolerance);
            close(interval.high, *high, tolerance);
        }
    }

    #[test]
    fn small_samples_ask_for_a_wider_interval() {
        for (n, confidence) in EXPANDED_CONFIDENCE {
            close(small_sample_confidence(0.95, *n), *confidence, 1e-9);
        }
    }

    #[test]
    fn equal_blocks_fall_back_to_percentiles() {
        let estimate = estimate_ratio(&[2.0; 6], 0).unwrap();
        let interval = estimate.confidence_interval.unwrap();
        close(interval.low, 2.0, 1e-12);
        close(interval.high, 2.0, 1e-12);
    }

    #[test]
    fn halves_and_doubles_cancel() {
        let estimate = estimate_ratio(&[0.5, 2.0, 0.5, 2.0, 0.5, 2.0], 7).unwrap();
        close(estimate.point_estimate, 1.0, 1e-12);
        let interval = estimate.confidence_interval.unwrap();
        assert!(interval.low < 1.0 && interval.high > 1.0);
    }

    #[test]
    fn more_contenders_need_more_blocks() {
        let fewest = [0, 1, 2, 3, 4, 6, 7].map(fewest_blocks);
        assert_eq!(fewest, [6, 6, 7, 7, 8, 8, 9]);
    }

    #[test]
    fn five_blocks_have_no_interval() {
        assert_eq!(
            estimate_ratio(&[1.1; 5], 0).unwrap().confidence_interval,
            None
        );
    }

    #[test]
    fn impossible_ratios_have_no_estimate() {
        for ratios in [&[][..], &[0.0], &[-1.0], &[f64::NAN, 1.0], &[f64::INFINITY]] {
            assert_eq!(estimate_ratio(ratios, 0), None, "{ratios:?}");
        }
    }

    #[test]
    fn one_seed_gives_one_interval() {
        let ratios = [1.1, 1.3, 1.2, 0.9, 1.0, 1.4, 1.15];
        assert_eq!(estimate_ratio(&ratios, 5), estimate_ratio(&ratios, 5));
        assert_ne!(estimate_ratio(&ratios, 5), estimate_ratio(&ratios, 6));
    }

    #[test]
    fn an_interval_covers_the_truth_about_as_often_as_it_says() {
        let mut random = StdRng::seed_from_u64(42);
        let normal = Normal::standard();
        let trials = 200;
        let covered = (0..trials)
            .filter(|seed| {
                let ratios: Vec<f64> = (0..8)
                    .map(|_| (0.1 * normal.inverse_cdf(random.random_range(1e-9..1.0))).exp())
                    .collect();
                let interval = estimate_ratio(&ratios, *seed)
                    .unwrap()
                    .confidence_interval
                    .unwrap();
                interval.low <= 1.0 && 1.0 <= interval.high
            })
            .count();
        let share = covered as f64 / trials as f64;
        assert!((0.90..=0.98).contains(&share), "{share}");
    }
}

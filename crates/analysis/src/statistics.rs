//! Statistics over blocks. Pure: the same numbers and the same seed give the same interval.

mod bootstrap;
#[cfg(test)]
mod coverage;
mod distribution;
mod drift;
mod quantile;
mod seed;
mod significance;
mod steady;

use self::bootstrap::{bootstrap_interval, small_sample_confidence};
pub(crate) use self::drift::{Drift, TurnFigure};
pub(crate) use self::quantile::{effective_count, quantile_ranks};
pub(crate) use self::seed::seed_of;
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

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(actual: f64, expected: f64, tolerance: f64) {
        assert!(
            (actual - expected).abs() <= tolerance,
            "{actual} is not within {tolerance} of {expected}"
        );
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
        let ratios = [
            1.1, 1.3, 1.2, 0.9, 1.0, 1.4, 1.15, 1.05, 0.95, 1.25, 1.08, 1.12,
        ];
        assert_eq!(estimate_ratio(&ratios, 5), estimate_ratio(&ratios, 5));
        assert_ne!(estimate_ratio(&ratios, 5), estimate_ratio(&ratios, 6));
    }

    #[test]
    fn up_to_ten_blocks_no_interval_depends_on_the_seed() {
        let ratios = [1.1, 1.3, 1.2, 0.9, 1.0, 1.4, 1.15, 1.05, 0.95, 1.25];
        for blocks in FEWEST_BLOCKS..=10 {
            let ratios = &ratios[..blocks];
            assert_eq!(estimate_ratio(ratios, 5), estimate_ratio(ratios, 6));
        }
    }
}

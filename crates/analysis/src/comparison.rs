//! One contender against the baseline by one metric, block by block.

use crate::measured::{Measured, whole_runs};
use crate::statistics::{Estimate, estimate_ratio, seed_of, sign_flip_p};
use bakeoff_record::experiment::Run;
use bakeoff_record::metric::Metric;

/// The ratio of a contender's figures to the baseline's.
///
/// All metrics but the primary one are exploratory: their intervals are not corrected for there being several,
/// so that about one in twenty misses the truth, and no verdict is drawn from them.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// What is compared.
    pub metric: Metric,
    /// One ratio for each block in which both were measured to the end.
    pub blocks: Vec<BlockRatio>,
    /// The ratio behind them; `None` without such a block.
    pub estimate: Option<Estimate>,
    /// How likely chance alone would make a difference as large, by an exact paired sign-flip test over the blocks,
    /// not corrected for there being several comparisons; `None` without a block.
    pub p_value: Option<f64>,
}

/// The ratio within one block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BlockRatio {
    /// The block, from 1.
    pub block: u32,
    /// The contender's figure over the baseline's.
    pub ratio: f64,
}

impl Comparison {
    /// Compares within each block in which both were measured, so that what changed between blocks touches both.
    pub(crate) fn of(
        contender: &Measured,
        baseline: &Measured,
        metric: Metric,
        runs: &[&Run],
        seed: u64,
    ) -> Self {
        let figure =
            |result: &Measured, block| metric.of_runs(&whole_runs(runs, result.name(), block));
        let blocks: Vec<BlockRatio> = contender
            .blocks
            .iter()
            .filter_map(|&block| {
                let ratio = figure(contender, block)? / figure(baseline, block)?;
                (ratio.is_finite() && ratio > 0.0).then_some(BlockRatio { block, ratio })
            })
            .collect();
        let ratios: Vec<f64> = blocks.iter().map(|block| block.ratio).collect();
        let seed = seed_of(seed, contender.name(), &metric.name());
        let logs: Vec<f64> = ratios.iter().map(|ratio| ratio.ln()).collect();
        Self {
            metric,
            blocks,
            estimate: estimate_ratio(&ratios, seed),
            p_value: (!logs.is_empty()).then(|| sign_flip_p(&logs, seed)),
        }
    }

    /// Whether there are enough blocks for an interval.
    pub(crate) fn has_interval(&self) -> bool {
        self.estimate
            .is_some_and(|estimate| estimate.confidence_interval.is_some())
    }

    /// The lowest and highest ratio of any block; `None` without blocks.
    pub fn range(&self) -> Option<(f64, f64)> {
        let ratios = || self.blocks.iter().map(|block| block.ratio);
        Some((
            ratios().min_by(f64::total_cmp)?,
            ratios().max_by(f64::total_cmp)?,
        ))
    }
}

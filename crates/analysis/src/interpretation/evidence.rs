//! Figures with what is known of them, as parts of sentences.

use crate::comparison::Comparison;
use crate::judged::Judged;
use crate::statistics::{CONFIDENCE, ConfidenceInterval, Estimate, FEWEST_BLOCKS};
use crate::verdict::Verdict;
use crate::words;

/// A ratio with its interval, or why it has none.
pub(super) fn ratio(comparison: &Comparison, baseline: &str) -> String {
    let Some(estimate) = comparison.estimate else {
        return "no block has a ratio".to_owned();
    };
    let (point, metric) = (
        words::figure(estimate.point_estimate),
        comparison.metric.name(),
    );
    let blocks = words::several(comparison.blocks.len(), "block");
    format!(
        "{point} times the {metric} of {baseline} ({} over {blocks})",
        certainty(comparison)
    )
}

/// The interval, or without one the range of the blocks.
pub(super) fn certainty(comparison: &Comparison) -> String {
    let interval = comparison
        .estimate
        .and_then(|estimate| estimate.confidence_interval);
    match (interval, comparison.range()) {
        (Some(interval), _) => bounds(interval),
        (None, Some((low, high))) if comparison.blocks.len() > 1 => {
            format!(
                "{}; range {} to {}",
                too_few_blocks(),
                words::figure(low),
                words::figure(high)
            )
        }
        (None, _) => too_few_blocks(),
    }
}

/// The interval of an estimate over blocks, or that there is none.
pub(super) fn interval(estimate: &Estimate) -> String {
    estimate
        .confidence_interval
        .map_or_else(too_few_blocks, bounds)
}

/// The same with the number of blocks behind it.
pub(super) fn interval_over(estimate: Option<&Estimate>, blocks: usize) -> String {
    let interval = estimate.map_or_else(too_few_blocks, interval);
    format!("{interval} over {}", words::several(blocks, "block"))
}

/// Where a percentile of all requests lies; `index` is that of the percentile in `precision::QUANTILES`.
pub(super) fn percentile_interval(result: &Judged, index: usize) -> String {
    let interval = result
        .measured()
        .precision
        .intervals
        .get(index)
        .copied()
        .flatten();
    interval.map_or_else(
        || "no confidence interval: too few requests".to_owned(),
        |(low, high)| {
            let confidence = words::percent(CONFIDENCE);
            format!(
                "{confidence} confidence interval {} to {}",
                words::ms(low),
                words::ms(high)
            )
        },
    )
}

/// A ratio of 0 to 1 as a percentage of at most three digits, rounded.
pub(super) fn about_percent(ratio: f64) -> String {
    words::percent((ratio * 1000.0).round() / 1000.0)
}

fn bounds(interval: ConfidenceInterval) -> String {
    format!(
        "{} confidence interval {} to {}",
        words::percent(CONFIDENCE),
        words::figure(interval.low),
        words::figure(interval.high)
    )
}

/// Why there is no interval over blocks.
fn too_few_blocks() -> String {
    format!("no confidence interval with fewer than {FEWEST_BLOCKS} blocks")
}

/// Whether speeds may be compared at all.
pub(super) fn comparable(result: &Judged) -> bool {
    !matches!(
        result.verdict,
        Verdict::NotMeasurable(_) | Verdict::Failed { .. }
    )
}

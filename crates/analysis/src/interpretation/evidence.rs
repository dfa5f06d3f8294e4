//! Figures with what is known of them, as parts of sentences.

use crate::comparison::Comparison;
use crate::judged::Judged;
use crate::statistics::{CONFIDENCE, ConfidenceInterval, Estimate, FEWEST_BLOCKS};
use crate::verdict::Verdict;
use crate::words;

/// Ratio with its interval, or the reason why it has none.
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

/// Interval over blocks; the range of the blocks if there is no interval.
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

/// Interval of an estimate over blocks, or the reason why there is none.
pub(super) fn interval(estimate: &Estimate) -> String {
    estimate
        .confidence_interval
        .map_or_else(too_few_blocks, bounds)
}

/// Interval of an estimate with the number of its blocks.
pub(super) fn interval_over(estimate: Option<&Estimate>, blocks: usize) -> String {
    let interval = estimate.map_or_else(too_few_blocks, interval);
    format!("{interval} over {}", words::several(blocks, "block"))
}

/// Confidence interval of a percentile of all requests; `index` is that of the percentile in `precision::QUANTILES`.
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

/// Ratio of 0 to 1 as a percentage of at most three digits, rounded.
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

/// Reason why there is no interval over blocks.
fn too_few_blocks() -> String {
    format!("no confidence interval with fewer than {FEWEST_BLOCKS} blocks")
}

/// `true` if the contender's speed may be compared.
pub(super) fn comparable(result: &Judged) -> bool {
    !matches!(
        result.verdict,
        Verdict::NotMeasurable(_) | Verdict::Failed { .. }
    )
}

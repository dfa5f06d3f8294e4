//! Figures with what is known of them, as parts of sentences.

use crate::analysis::ContenderResult;
use crate::comparison::Comparison;
use crate::statistics::Estimate;
use crate::verdict::Verdict;
use crate::words;

/// A ratio with its interval, or why it has none.
pub(super) fn ratio(comparison: &Comparison, baseline: &str) -> String {
    let Some(estimate) = comparison.estimate else {
        return "no block gave a ratio".to_owned();
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
        .and_then(|estimate| Some((estimate.confidence, estimate.confidence_interval?)));
    match (interval, comparison.range()) {
        (Some((confidence, interval)), _) => format!(
            "{} interval {} to {}",
            words::percent(confidence),
            words::figure(interval.low),
            words::figure(interval.high)
        ),
        (None, Some((low, high))) if comparison.blocks.len() > 1 => {
            format!(
                "no interval, {} to {}",
                words::figure(low),
                words::figure(high)
            )
        }
        (None, _) => "no interval".to_owned(),
    }
}

/// The interval of an estimate over blocks, or that there is none.
pub(super) fn interval(estimate: &Estimate) -> String {
    estimate.confidence_interval.map_or_else(
        || "no interval".to_owned(),
        |interval| {
            format!(
                "{} interval {} to {}",
                words::percent(estimate.confidence),
                words::figure(interval.low),
                words::figure(interval.high)
            )
        },
    )
}

/// Whether speeds may be compared at all.
pub(super) fn comparable(result: &ContenderResult) -> bool {
    !matches!(result.verdict, Verdict::NotMeasurable(_))
}

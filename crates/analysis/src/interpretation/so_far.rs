//! An experiment that is still running, in a line per contender.

use crate::analysis::UnderLoad;
use crate::comparison::Comparison;
use crate::verdict::Verdict;
use crate::words;
use bakeoff_record::experiment::{Experiment, RunLoad};

/// What each contender's primary metric has come to against the baseline's, block by block so far.
pub fn render_so_far(experiment: &Experiment) -> Vec<String> {
    let metric = experiment.plan.primary;
    let under_users = UnderLoad::of(experiment, RunLoad::Users, experiment.plan.primary);
    let compared = under_users
        .results
        .iter()
        .filter(|result| result.verdict != Verdict::Baseline);
    let lines = compared.filter_map(|result| {
        let comparison = result.comparison(metric)?;
        Some(format!(
            "after {}: {} {} times the {} of {}",
            words::several(comparison.blocks.len(), "block"),
            result.name(),
            ratio(comparison)?,
            metric.name(),
            experiment.plan.baseline,
        ))
    });
    lines.collect()
}

fn ratio(comparison: &Comparison) -> Option<String> {
    let estimate = comparison.estimate?;
    let range = comparison.range().filter(|_| comparison.blocks.len() > 1);
    Some(match (estimate.confidence_interval, range) {
        (None, Some((low, high))) => format!(
            "{} (blocks {} to {})",
            words::figure(estimate.point_estimate),
            words::figure(low),
            words::figure(high)
        ),
        _ => words::with_interval(estimate),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bakeoff_record::fixture;

    #[test]
    fn ratios_are_told_with_what_is_known_of_them() {
        let rates: [(&str, &[u64]); 2] = [("new", &[200, 210]), ("old", &[100, 100])];
        let lines = render_so_far(&fixture::experiment(&rates, "old"));
        assert_eq!(
            lines,
            [
                "after 2 blocks: new 2.05 (blocks 2.00 to 2.10) times the successful requests per second of old"
            ]
        );
        let rates: [(&str, &[u64]); 2] = [("new", &[200; 6]), ("old", &[100; 6])];
        let lines = render_so_far(&fixture::experiment(&rates, "old"));
        assert_eq!(
            lines,
            [
                "after 6 blocks: new 2.00 (2.00 to 2.00) times the successful requests per second of old"
            ]
        );
    }

    #[test]
    fn before_the_first_block_there_is_nothing_to_tell() {
        let experiment = fixture::empty_experiment(&["new", "old"], "old");
        assert!(render_so_far(&experiment).is_empty());
    }
}

//! How a contender's response times lie against the baseline's, percentile by percentile.

use bakeoff_record::times::TimeKind;
use std::time::Duration;

use crate::measured::{Measured, whole_runs};
use crate::statistics::{Estimate, estimate_ratio, seed_of};
use bakeoff_record::experiment::Run;
use bakeoff_record::summary::Summary;
use bakeoff_record::times::Times;

/// The quantiles that are compared.
pub const QUANTILES: [f64; 12] = [
    0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999,
];

/// One point of the shift function: a contender's quantile against the baseline's.
///
/// All of them together show whether a contender is faster throughout, or for some requests only (Doksum and Sievers,
/// "Plotting with Confidence", Biometrika 63:3, 1976). As ratios in place of differences, block by block like every other
/// comparison, and not corrected for there being several.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// The quantile, 0.95 for the 95th percentile.
    pub quantile: f64,
    /// The baseline's, of all runs together.
    pub baseline: Duration,
    /// The contender's, of all runs together.
    pub contender: Duration,
    /// The contender's over the baseline's; `None` where a block has too few requests to have that quantile.
    pub ratio: Option<Estimate>,
}

impl Shift {
    /// The points at [`QUANTILES`] where both have any response times.
    pub(crate) fn all(
        contender: &Measured,
        baseline: &Measured,
        runs: &[&Run],
        seed: u64,
    ) -> Vec<Self> {
        let times = |result: &Measured, block| {
            let runs = whole_runs(runs, result.name(), block);
            let measurements = runs.iter().map(|run| &run.measurement);
            (!runs.is_empty())
                .then(|| Summary::of(measurements).total.times[TimeKind::Response].clone())
        };
        let pairs: Vec<(Times, Times)> = contender
            .blocks
            .iter()
            .filter_map(|&block| Some((times(contender, block)?, times(baseline, block)?)))
            .collect();
        let point = |quantile| {
            let ratios: Option<Vec<f64>> = pairs
                .iter()
                .map(|(contender, baseline)| {
                    let known =
                        has_quantile(contender, quantile) && has_quantile(baseline, quantile);
                    let over = contender.quantile(quantile)?.as_secs_f64();
                    let under = baseline.quantile(quantile)?.as_secs_f64();
                    (known && under > 0.0).then_some(over / under)
                })
                .collect();
            let what = format!("shift at {quantile}");
            let seed = seed_of(seed, contender.name(), &what);
            Some(Self {
                quantile,
                baseline: baseline.summary.total.times[TimeKind::Response].quantile(quantile)?,
                contender: contender.summary.total.times[TimeKind::Response].quantile(quantile)?,
                ratio: ratios.and_then(|ratios| estimate_ratio(&ratios, seed)),
            })
        };
        QUANTILES.into_iter().filter_map(point).collect()
    }
}

/// Whether there are enough values for one of them to lie beyond the quantile.
pub(crate) fn has_quantile(times: &Times, quantile: f64) -> bool {
    times.count() as f64 * (1.0 - quantile) >= 1.0 - 1e-9
}

#[cfg(test)]
mod tests {
    use super::*;
    use bakeoff_record::experiment::RunLoad;
    use bakeoff_record::fixture;

    /// Shift function of the first contender of `rates` against the second.
    fn shift(rates: &[(&str, &[u64])]) -> Vec<Shift> {
        let experiment = fixture::experiment(rates, rates[1].0);
        let runs: Vec<&Run> = experiment.runs.iter().collect();
        let measured = |index: usize| {
            let contender = &experiment.contenders[index];
            Measured::of(&experiment, contender, RunLoad::Users, &runs)
        };
        Shift::all(&measured(0), &measured(1), &runs, experiment.plan.seed)
    }

    #[test]
    fn a_contender_twice_as_slow_throughout_is_shifted_throughout() {
        let shift = shift(&[("new", &[500; 6]), ("old", &[1000; 6])]);
        assert_eq!(shift.len(), QUANTILES.len());
        for point in shift.iter().filter(|point| point.quantile < 0.999) {
            let ratio = point.ratio.unwrap();
            assert!((ratio.point_estimate - 2.0).abs() < 0.01, "{point:?}");
            assert!(ratio.confidence_interval.is_some());
        }
    }

    #[test]
    fn what_a_block_has_too_few_requests_for_has_no_ratio() {
        // 500 requests in a block: none is beyond the 99.9th percentile.
        let shift = shift(&[("new", &[500; 6]), ("old", &[1000; 6])]);
        let with_ratio = |quantile: f64| {
            let point = shift.iter().find(|point| point.quantile >= quantile);
            point.unwrap().ratio.is_some()
        };
        assert!(with_ratio(0.99));
        assert!(!with_ratio(0.999));
    }
}

//! Precision of the percentiles of the response time.

use std::time::Duration;

use crate::statistics::{effective_count, quantile_ranks};
use bakeoff_record::run::Measurement;
use bakeoff_record::times::Times;

/// Percentiles that intervals are given for.
pub const QUANTILES: [f64; 4] = [0.5, 0.95, 0.99, 0.999];

/// Precision of a contender's percentiles, all blocks taken as one sample.
///
/// This says how precise the figures are, not how much they would differ in other blocks: that is in the comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Precision {
    /// Independent requests that would tell as much as all of them do: requests close in time depend on each other.
    pub effective_requests: u64,
    /// For each of [`QUANTILES`]: where it lies with 95 % confidence; `None` where there are too few requests to tell.
    pub intervals: [Option<(Duration, Duration)>; 4],
}

impl Precision {
    /// Of the successful requests in `measurements`, whose response times together are `times`.
    pub fn of(measurements: &[&Measurement], times: &Times) -> Self {
        let means: Vec<f64> = measurements
            .iter()
            .flat_map(|measurement| second_means(measurement))
            .collect();
        let effective_requests = effective_count(times.count(), &means, times.variance());
        let intervals = QUANTILES.map(|quantile| {
            let (low, high) = quantile_ranks(effective_requests, quantile)?;
            let at = |rank: u64| times.quantile(rank as f64 / effective_requests as f64);
            Some((at(low)?, at(high)?))
        });
        Self {
            effective_requests,
            intervals,
        }
    }
}

/// Mean response time of each whole second of the measured period, in seconds.
fn second_means(measurement: &Measurement) -> impl Iterator<Item = f64> {
    let seconds = measurement.measured_seconds();
    seconds.filter_map(|second| {
        let successes = second.requests.saturating_sub(second.failures);
        let sum = Duration::from_micros(second.response_times.sum_us);
        (successes > 0).then(|| sum.as_secs_f64() / successes as f64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bakeoff_record::fixture;
    use bakeoff_record::times::TimeKind;

    #[test]
    fn percentiles_lie_in_their_intervals() {
        let experiment = fixture::plausible_experiment();
        let runs = experiment
            .runs
            .iter()
            .filter(|run| run.contender == "bakeoff");
        let measurements: Vec<&Measurement> = runs.map(|run| &run.measurement).collect();
        let mut times = Times::new();
        for measurement in &measurements {
            times.merge(&measurement.requests[0].times[TimeKind::Response]);
        }
        let precision = Precision::of(&measurements, &times);
        assert!(precision.effective_requests <= times.count());
        for (quantile, interval) in QUANTILES.into_iter().zip(precision.intervals) {
            let (low, high) = interval.unwrap();
            let value = times.quantile(quantile).unwrap();
            assert!(low <= value && value <= high, "{low:?} {value:?} {high:?}");
        }
    }

    #[test]
    fn few_requests_have_no_tail() {
        let measurement = fixture::measurement("/", &[10; 100], &[], 1);
        let times = measurement.requests[0].times[TimeKind::Response].clone();
        let intervals = Precision::of(&[&measurement], &times).intervals;
        assert!(intervals[1].is_some());
        assert_eq!(intervals[2..], [None, None]);
    }
}

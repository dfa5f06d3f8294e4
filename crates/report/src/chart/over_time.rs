//! Timelines as lines of a chart, in steps wide enough for a screen.

use std::time::Duration;

use super::{milliseconds, rounded};
use bakeoff_record::run::{Measurement, Second};
use bakeoff_record::timeline::{Step, StepFigures, Steps, round_length};

/// Most points of a line: more cannot be told apart on a screen, and make the page of a long test heavy.
const MOST_POINTS: u64 = 300;

const SECOND: Duration = Duration::from_secs(1);
/// Time by which a second's end may lie after that of the measured period.
const CLOCK_TOLERANCE: Duration = Duration::from_millis(10);

/// A quantity over time: its value in one step, for all requests or for one entry of them.
pub(super) type Value = fn(&Step, &StepFigures) -> Option<f64>;

/// Length of a step in seconds, for charts of these runs.
pub(super) fn step_length<'a>(runs: impl IntoIterator<Item = &'a Measurement>) -> u64 {
    let seconds = runs.into_iter().flat_map(|run| &run.timeline);
    let last = seconds.map(|second| second.since_start.as_secs()).max();
    round_length(last.unwrap_or(0), MOST_POINTS)
}

/// The runs in steps of `length` seconds, laid over each other.
pub(super) fn steps<'a>(length: u64, runs: impl IntoIterator<Item = &'a Measurement>) -> Steps {
    Steps::of(length, runs.into_iter().flat_map(whole_seconds))
}

/// A line with a value for the step at each of `seconds`, of all requests or of one entry.
pub(super) fn line(
    steps: &Steps,
    entry: Option<usize>,
    seconds: &[u64],
    value: Value,
) -> Vec<Option<f64>> {
    let at = |second: &u64| {
        let step = steps.at(*second)?;
        let figures = match entry {
            None => step.of_all(),
            Some(entry) => step.of_entry(entry)?,
        };
        value(step, figures)
    };
    seconds.iter().map(at).collect()
}

/// Mean of the active users.
#[expect(clippy::unnecessary_wraps, reason = "a `Value` may be missing")]
pub(super) fn users(step: &Step, _: &StepFigures) -> Option<f64> {
    Some(rounded(step.mean_users()))
}

/// Requests per second.
#[expect(clippy::unnecessary_wraps, reason = "a `Value` may be missing")]
pub(super) fn requests(_: &Step, figures: &StepFigures) -> Option<f64> {
    Some(rounded(figures.requests_per_second()))
}

/// Failures per second.
#[expect(clippy::unnecessary_wraps, reason = "a `Value` may be missing")]
pub(super) fn failures(_: &Step, figures: &StepFigures) -> Option<f64> {
    Some(rounded(figures.failures_per_second()))
}

/// Quantile `INDEX` of [`bakeoff_record::timeline::QUANTILES`], in milliseconds.
pub(super) fn quantile<const INDEX: usize>(_: &Step, figures: &StepFigures) -> Option<f64> {
    figures.quantiles[INDEX].map(milliseconds)
}

/// The whole seconds of a load; all seconds where none is whole.
///
/// The end of a load cuts off its last second, and no request starts while the last answers are waited for. Fewer requests
/// there are no lower rate.
fn whole_seconds(measurement: &Measurement) -> impl Iterator<Item = &Second> {
    let end = measurement.warm_up + measurement.period + CLOCK_TOLERANCE;
    let is_whole = move |second: &Second| second.since_start + SECOND <= end;
    let has_whole = measurement.timeline.iter().any(is_whole);
    let seconds = measurement.timeline.iter();
    seconds.filter(move |second| !has_whole || is_whole(second))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bakeoff_record::fixture;

    fn seconds(steps: &Steps) -> Vec<u64> {
        steps.iter().map(|(second, _)| second).collect()
    }

    #[test]
    fn a_long_test_has_no_more_points_than_a_screen() {
        let mut measurement = fixture::measurement("/a", &[1], &[], 1);
        for (seconds, expected) in [(300, 1), (301, 2), (90_001, 600)] {
            measurement.timeline[0].since_start = Duration::from_secs(seconds - 1);
            assert_eq!(step_length([&measurement]), expected, "{seconds}");
        }
    }

    #[test]
    fn a_second_that_the_end_of_a_load_cuts_off_is_no_fall_to_zero() {
        let mut measurement = fixture::load_test(&["/a"], 5).measurement;
        assert_eq!(seconds(&steps(1, [&measurement])), [0, 1, 2, 3, 4]);
        measurement.period -= Duration::from_millis(700);
        assert_eq!(seconds(&steps(1, [&measurement])), [0, 1, 2, 3]);
        // A load of less than a second has nothing else to show.
        (measurement.warm_up, measurement.period) = (Duration::ZERO, Duration::from_millis(300));
        measurement.timeline.truncate(1);
        assert_eq!(seconds(&steps(1, [&measurement])), [0]);
    }

    #[test]
    fn a_step_has_the_rate_of_its_seconds_and_the_times_of_all() {
        let measurement = fixture::load_test(&["/a", "/b"], 5).measurement;
        let steps = steps(2, [&measurement]);
        let seconds = seconds(&steps);
        assert_eq!(seconds, [0, 2, 4]);
        assert_eq!(
            line(&steps, None, &seconds, requests),
            [Some(20.0), Some(40.0), Some(40.0)]
        );
        assert_eq!(line(&steps, Some(1), &seconds, failures)[1], Some(0.5));
        assert!(line(&steps, Some(1), &seconds, quantile::<0>)[2].is_some());
    }
}

//! What happened over time, several runs laid over each other, in steps wide enough for a chart.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{milliseconds, rounded};
use bakeoff_record::run::{Measurement, Second, SecondFigures};
use bakeoff_record::times::Times;

/// More points than this say no more on a screen, and make a page of a long test heavy.
const MOST_POINTS: u64 = 300;

const SECOND: Duration = Duration::from_secs(1);
/// The time by which a second's end may lie after that of the measured period.
const CLOCK_TOLERANCE: Duration = Duration::from_millis(10);

/// A figure of one step.
pub(super) type Value = fn(&Moment) -> Option<f64>;

/// By the second that a step begins with.
#[derive(Default)]
pub(super) struct History(BTreeMap<u64, Moment>);

/// The seconds of one step, of all runs.
#[derive(Default)]
pub(super) struct Moment {
    /// Seconds that were added.
    seconds: u64,
    users: u64,
    requests: u64,
    failures: u64,
    times: Times,
}

/// How many seconds to put together into a point.
pub(super) fn step<'a>(measurements: impl IntoIterator<Item = &'a Measurement>) -> u64 {
    const STEPS: [u64; 9] = [1, 2, 5, 10, 30, 60, 300, 600, 3600];
    let last = measurements
        .into_iter()
        .flat_map(|measurement| &measurement.timeline)
        .map(|second| second.since_start.as_secs())
        .max()
        .unwrap_or(0);
    STEPS
        .into_iter()
        .find(|step| last / step < MOST_POINTS)
        .unwrap_or(last / MOST_POINTS + 1)
}

impl History {
    /// All requests of these runs.
    pub(super) fn of_all<'a>(
        step: u64,
        measurements: impl IntoIterator<Item = &'a Measurement>,
    ) -> Self {
        let mut history = Self::default();
        for second in measurements.into_iter().flat_map(whole_seconds) {
            let moment = history.moment(step, second.since_start.as_secs());
            moment.add(second.users, second.of_all());
        }
        history
    }

    /// One entry of the measurement's `requests`.
    pub(super) fn of_entry(step: u64, measurement: &Measurement, entry: usize) -> Self {
        let mut history = Self::default();
        for second in whole_seconds(measurement) {
            let moment = history.moment(step, second.since_start.as_secs());
            if let Some(figures) = second.of_entry(entry) {
                moment.add(second.users, figures);
            }
        }
        history
    }

    pub(super) fn seconds(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.keys().copied()
    }

    pub(super) fn line(&self, seconds: &[u64], value: Value) -> Vec<Option<f64>> {
        seconds
            .iter()
            .map(|second| value(self.0.get(second)?))
            .collect()
    }

    fn moment(&mut self, step: u64, second: u64) -> &mut Moment {
        self.0.entry(second / step * step).or_default()
    }
}

/// The seconds of a load, without those that its end cuts off: fewer requests in the rest of a second, and in the time in
/// which the last answers are waited for, are no lower rate. All of them where none is whole.
fn whole_seconds(measurement: &Measurement) -> impl Iterator<Item = &Second> {
    let end = measurement.warm_up + measurement.period + CLOCK_TOLERANCE;
    let is_whole = move |second: &Second| second.since_start + SECOND <= end;
    let has_whole = measurement.timeline.iter().any(is_whole);
    let seconds = measurement.timeline.iter();
    seconds.filter(move |second| !has_whole || is_whole(second))
}

impl Moment {
    pub(super) fn users(&self) -> Option<f64> {
        self.per_second(self.users)
    }

    pub(super) fn requests(&self) -> Option<f64> {
        self.per_second(self.requests)
    }

    pub(super) fn failures(&self) -> Option<f64> {
        self.per_second(self.failures)
    }

    pub(super) fn quantile_ms(&self, quantile: f64) -> Option<f64> {
        self.times.quantile(quantile).map(milliseconds)
    }

    fn add(&mut self, users: u32, figures: SecondFigures) {
        self.seconds += 1;
        self.users += u64::from(users);
        self.requests = self.requests.saturating_add(figures.requests);
        self.failures = self.failures.saturating_add(figures.failures);
        if let Some(times) = figures.response_times.decode() {
            self.times.merge(&times);
        }
    }

    fn per_second(&self, sum: u64) -> Option<f64> {
        (self.seconds > 0).then(|| rounded(sum as f64 / self.seconds as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bakeoff_record::fixture;

    #[test]
    fn a_long_test_has_no_more_points_than_a_screen() {
        let mut measurement = fixture::measurement("/a", &[1], &[], 1);
        for (seconds, expected) in [
            (1, 1),
            (300, 1),
            (301, 2),
            (600, 2),
            (601, 5),
            (90_001, 600),
        ] {
            measurement.timeline[0].since_start = Duration::from_secs(seconds - 1);
            assert_eq!(step([&measurement]), expected, "{seconds}");
        }
    }

    #[test]
    fn a_second_that_the_end_of_a_load_cuts_off_is_no_fall_to_zero() {
        let mut measurement = fixture::load_test(&["/a"], 5).measurement;
        let seconds = |measurement: &Measurement| {
            let history = History::of_all(1, [measurement]);
            history.seconds().collect::<Vec<_>>()
        };
        assert_eq!(seconds(&measurement), [0, 1, 2, 3, 4]);
        measurement.period -= Duration::from_millis(700);
        assert_eq!(seconds(&measurement), [0, 1, 2, 3]);
        // A load of less than a second has nothing else to show.
        (measurement.warm_up, measurement.period) = (Duration::ZERO, Duration::from_millis(300));
        measurement.timeline.truncate(1);
        assert_eq!(seconds(&measurement), [0]);
    }

    #[test]
    fn a_step_has_the_rate_of_its_seconds_and_the_times_of_all() {
        let measurement = fixture::load_test(&["/a", "/b"], 5).measurement;
        let history = History::of_all(2, [&measurement]);
        let seconds: Vec<u64> = history.seconds().collect();
        assert_eq!(seconds, [0, 2, 4]);
        assert_eq!(
            history.line(&seconds, Moment::requests),
            [Some(20.0), Some(40.0), Some(40.0)]
        );
        let one = History::of_entry(2, &measurement, 1);
        assert_eq!(one.line(&seconds, Moment::failures)[1], Some(0.5));
        assert!(one.line(&seconds, |moment| moment.quantile_ms(0.5))[2].is_some());
    }
}

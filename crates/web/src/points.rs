//! The points of the page's charts: one for every second of a run, or, in a long run, one for every few seconds.

use std::time::Duration;

use bakeoff_record::{Second, Step, Steps};

/// Most points of a run, however long it is.
pub(crate) const MOST: usize = 600;

/// A timeline in steps that become longer as it grows.
#[derive(Debug, Default)]
pub(crate) struct Points {
    steps: Steps,
    /// Seconds in all steps.
    seconds: usize,
}

/// Values that a chart draws at one place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub(crate) since_start: Duration,
    pub(crate) users: u32,
    pub(crate) requests_per_second: f64,
    pub(crate) failures_per_second: f64,
    /// p50, p95 and p99 of the response time; `None` without a success.
    pub(crate) quantiles: [Option<Duration>; 3],
}

impl Points {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Points of a whole timeline.
    pub(crate) fn of(timeline: &[Second]) -> Self {
        let mut points = Self::new();
        for second in timeline {
            points.push(second);
        }
        points
    }

    /// Number of seconds in the points.
    pub(crate) fn seconds(&self) -> usize {
        self.seconds
    }

    pub(crate) fn push(&mut self, second: &Second) {
        self.seconds += 1;
        self.steps.push(second, MOST);
    }

    /// Points of all requests, or of the entry `name` of the measurement's requests.
    pub(crate) fn points(&self, name: Option<usize>) -> Vec<Point> {
        let steps = self.steps.iter();
        steps
            .map(|(second, step)| Point::of(Duration::from_secs(second), step, name))
            .collect()
    }
}

impl Point {
    /// The point of a single second.
    pub(crate) fn of_second(second: &Second, name: Option<usize>) -> Self {
        Self::of(second.since_start, &Step::of(second), name)
    }

    fn of(since_start: Duration, step: &Step, name: Option<usize>) -> Self {
        let figures = name.and_then(|name| step.of_entry(name));
        let figures = figures.unwrap_or(step.of_all());
        Self {
            since_start,
            users: step.users,
            requests_per_second: figures.requests_per_second(),
            failures_per_second: figures.failures_per_second(),
            quantiles: figures.quantiles,
        }
    }
}

#[cfg(test)]
mod tests {
    use bakeoff_record::Times;

    use super::*;

    fn second(index: u64, ms: u64) -> Second {
        let mut times = Times::new();
        times.record(Duration::from_millis(ms));
        Second {
            since_start: Duration::from_secs(index),
            users: 3,
            requests: 4,
            failures: 1,
            response_times: times.encode(),
            by_name: Vec::new(),
        }
    }

    #[test]
    fn a_short_run_has_a_point_for_every_second() {
        let timeline: Vec<Second> = (0..20).map(|index| second(index, 10)).collect();
        let points = Points::of(&timeline).points(None);
        let expected: Vec<Point> = timeline
            .iter()
            .map(|second| Point::of_second(second, None))
            .collect();
        assert_eq!(points, expected);
    }

    #[test]
    fn hours_of_seconds_stay_few_points_and_keep_rates_and_percentiles() {
        let timeline: Vec<Second> = (0..4000)
            .map(|index| second(index, 10 + 90 * (index % 2)))
            .collect();
        let thinned = Points::of(&timeline);
        let points = thinned.points(Some(0));
        assert!(
            (MOST / 2..=MOST).contains(&points.len()),
            "{}",
            points.len()
        );
        assert_eq!(thinned.seconds(), 4000);
        for point in &points {
            assert!((point.requests_per_second - 4.0).abs() < 1e-9);
            assert!((point.failures_per_second - 1.0).abs() < 1e-9);
            assert_eq!(point.quantiles[2], Some(Duration::from_millis(100)));
        }
    }
}

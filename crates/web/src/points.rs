//! Points of the charts: one per second of a run, or one per several seconds of a long run.
//!
//! A run has at most [`MOST`] points. Their percentiles come from merged histograms.

use std::time::Duration;

use bakeoff_record::{EncodedTimes, Second, Times};

/// Maximum number of points of a run.
pub(crate) const MOST: usize = 600;

/// Percentiles of a point, as ratios.
const QUANTILES: [f64; 3] = [0.5, 0.95, 0.99];

/// Timeline with a bounded number of points.
#[derive(Debug)]
pub(crate) struct Points {
    /// Seconds in each span.
    stride: usize,
    spans: Vec<Span>,
    /// Last span, with fewer seconds than `stride`.
    open: Option<Span>,
    /// Number of seconds in all spans.
    seconds: usize,
}

/// One second, or several merged ones.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    since_start: Duration,
    seconds: usize,
    users: u32,
    /// First the tally of all requests, then one per request name.
    tallies: Vec<Tally>,
}

#[derive(Debug, Clone)]
struct Tally {
    requests: u64,
    failures: u64,
    response_times: EncodedTimes,
    quantiles: [Option<Duration>; 3],
}

/// Values of a point in the charts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub(crate) since_start: Duration,
    pub(crate) users: u32,
    pub(crate) requests_per_second: f64,
    pub(crate) failures_per_second: f64,
    /// p50, p95 and p99.
    pub(crate) quantiles: [Option<Duration>; 3],
}

impl Points {
    pub(crate) fn new() -> Self {
        Self {
            stride: 1,
            spans: Vec::new(),
            open: None,
            seconds: 0,
        }
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
        let span = Span::of(second);
        let open = match self.open.take() {
            Some(open) => open.merge(&span),
            None => span,
        };
        if open.seconds < self.stride {
            self.open = Some(open);
            return;
        }
        self.spans.push(open);
        if self.spans.len() == MOST {
            self.stride *= 2;
            let pairs = self.spans.chunks(2);
            self.spans = pairs.map(|pair| pair[0].merge(&pair[1])).collect();
        }
    }

    /// Points of all requests, or of the requests with the index `name`.
    pub(crate) fn points(&self, name: Option<usize>) -> Vec<Point> {
        let spans = self.spans.iter().chain(&self.open);
        spans.map(|span| span.point(name)).collect()
    }
}

impl Span {
    pub(crate) fn of(second: &Second) -> Self {
        let total = Tally::new(
            second.requests,
            second.failures,
            second.response_times.clone(),
        );
        let names = second
            .by_name
            .iter()
            .map(|name| Tally::new(name.requests, name.failures, name.response_times.clone()));
        Self {
            since_start: second.since_start,
            seconds: 1,
            users: second.users,
            tallies: std::iter::once(total).chain(names).collect(),
        }
    }

    pub(crate) fn point(&self, name: Option<usize>) -> Point {
        // A run with one request name has only the tally of all requests.
        let index = name.map_or(0, |name| name + 1);
        let tally = self.tallies.get(index).unwrap_or(&self.tallies[0]);
        let per_second = |count: u64| count as f64 / self.seconds as f64;
        Point {
            since_start: self.since_start,
            users: self.users,
            requests_per_second: per_second(tally.requests),
            failures_per_second: per_second(tally.failures),
            quantiles: tally.quantiles,
        }
    }

    fn merge(&self, later: &Self) -> Self {
        let tallies = self.tallies.iter().zip(&later.tallies);
        Self {
            since_start: self.since_start,
            seconds: self.seconds + later.seconds,
            users: later.users,
            tallies: tallies.map(|(one, other)| one.merge(other)).collect(),
        }
    }
}

impl Tally {
    fn new(requests: u64, failures: u64, response_times: EncodedTimes) -> Self {
        let times = decoded(&response_times);
        Self::with(requests, failures, response_times, &times)
    }

    fn merge(&self, other: &Self) -> Self {
        let mut times = decoded(&self.response_times);
        times.merge(&decoded(&other.response_times));
        let (requests, failures) = (
            self.requests + other.requests,
            self.failures + other.failures,
        );
        Self::with(requests, failures, times.encode(), &times)
    }

    fn with(requests: u64, failures: u64, response_times: EncodedTimes, times: &Times) -> Self {
        Self {
            requests,
            failures,
            response_times,
            quantiles: QUANTILES.map(|quantile| times.quantile(quantile)),
        }
    }
}

/// Times of a measurement, which were checked when it was read.
pub(crate) fn decoded(times: &EncodedTimes) -> Times {
    times.decode().expect("a measurement has valid times")
}

#[cfg(test)]
mod tests {
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
            .map(|second| Span::of(second).point(None))
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

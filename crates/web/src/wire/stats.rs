//! Answer to `GET /stats/requests`.

use bakeoff_record::times::TimeKind;
use std::time::{Duration, SystemTime};

use bakeoff_record::summary::{Summary, SummaryRow};
use bakeoff_record::{EncodedTimes, Measurement, Second, Times};
use serde::Serialize;

use super::{ms, unix_seconds};
use crate::swarm::{Live, State};

/// Seconds over which "current" figures are computed, as in Locust.
const CURRENT_SECONDS: usize = 10;

/// Requests per second from which a second without requests counts as a stall.
const USUAL_RATE: f64 = 5.0;

/// Maximum number of rows and of failures, as in Locust. The row of all requests comes in addition.
const MOST_ROWS: usize = 500;

/// Statistics of a load.
#[derive(Debug, Serialize)]
pub(crate) struct Stats {
    #[serde(rename = "stats")]
    rows: Vec<Row>,
    errors: Vec<Failure>,
    current_rps: f64,
    current_fail_per_sec: f64,
    total_rps: f64,
    total_fail_per_sec: f64,
    fail_ratio: f64,
    current_response_time_percentiles: CurrentPercentiles,
    total_avg_response_time: f64,
    state: &'static str,
    user_count: u32,
    host: String,
    error: Option<String>,
}

/// Statistics of a request name. As in Locust, unknown times are zero.
#[derive(Debug, Serialize)]
struct Row {
    method: String,
    name: String,
    num_requests: u64,
    num_failures: u64,
    min_response_time: f64,
    max_response_time: f64,
    current_rps: f64,
    current_fail_per_sec: f64,
    avg_response_time: f64,
    median_response_time: f64,
    total_rps: f64,
    total_fail_per_sec: f64,
    #[serde(rename = "response_time_percentile_0.95")]
    p95: f64,
    #[serde(rename = "response_time_percentile_0.99")]
    p99: f64,
    avg_content_length: f64,
}

#[derive(Debug, Serialize)]
struct Failure {
    method: String,
    name: String,
    error: String,
    occurrences: u64,
    first_seen: f64,
    last_seen: f64,
}

#[derive(Debug, Serialize)]
struct CurrentPercentiles {
    #[serde(rename = "response_time_percentile_0.5")]
    p50: f64,
    #[serde(rename = "response_time_percentile_0.95")]
    p95: f64,
}

impl Stats {
    pub(crate) fn of(live: &Live) -> Self {
        let stats = Self::of_measurement(live.measurement.as_ref());
        Self {
            state: state_name(live.state),
            user_count: live.users,
            host: live.host.clone(),
            error: live.error.clone(),
            ..stats
        }
    }

    /// Statistics of an ended load.
    pub(crate) fn of_measurement(measurement: Option<&Measurement>) -> Self {
        let summary = Summary::of(measurement);
        let timeline = measurement.map_or(&[][..], |measurement| &measurement.timeline);
        let last = &timeline[timeline.len().saturating_sub(CURRENT_SECONDS)..];
        let current = Current::of_all(last);
        // The timeline has the names of the summary, in its order.
        let mut rows: Vec<Row> = summary
            .rows
            .iter()
            .enumerate()
            .map(|(name, row)| Row::of(row, &Current::of_name(last, name)))
            .take(MOST_ROWS)
            .collect();
        rows.push(Row::of(&summary.total, &current));
        let times = times(last.iter().map(|second| &second.response_times));
        let started_at = measurement.map_or(SystemTime::UNIX_EPOCH, |known| known.started_at);
        Self {
            errors: failures(&summary, started_at),
            rows,
            current_rps: current.requests_per_second,
            current_fail_per_sec: current.failures_per_second,
            total_rps: summary.total.requests_per_second().unwrap_or(0.0),
            total_fail_per_sec: summary.total.failures_per_second().unwrap_or(0.0),
            fail_ratio: summary.total.fail_ratio(),
            current_response_time_percentiles: CurrentPercentiles {
                p50: times.quantile(0.5).map_or(0.0, ms),
                p95: times.quantile(0.95).map_or(0.0, ms),
            },
            total_avg_response_time: summary.total.times[TimeKind::Response]
                .mean()
                .map_or(0.0, ms),
            state: "stopped",
            user_count: 0,
            host: String::new(),
            error: None,
        }
    }
}

fn failures(summary: &Summary, started_at: SystemTime) -> Vec<Failure> {
    let seen = |since: Duration| unix_seconds(started_at + since);
    let failures = summary.failures.iter().take(MOST_ROWS);
    failures
        .map(|failure| Failure {
            method: failure.method.clone(),
            name: failure.name.clone(),
            error: failure.cause.clone(),
            occurrences: failure.occurrences,
            first_seen: seen(failure.first_seen),
            last_seen: seen(failure.last_seen),
        })
        .collect()
}

fn times<'a>(encoded: impl Iterator<Item = &'a EncodedTimes>) -> Times {
    let mut sum = Times::new();
    for times in encoded {
        sum.merge(&decoded(times));
    }
    sum
}

/// Rates over the last seconds of the clock. Unlike in Locust, the rate of a stalled server becomes zero after the first
/// whole second without an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Current {
    requests_per_second: f64,
    failures_per_second: f64,
}

impl Current {
    fn of_all(last: &[Second]) -> Self {
        Self::of(last.iter().map(|second| (second.requests, second.failures)))
    }

    fn of_name(last: &[Second], name: usize) -> Self {
        Self::of(last.iter().map(|second| match second.by_name.get(name) {
            Some(of_name) => (of_name.requests, of_name.failures),
            None => (second.requests, second.failures),
        }))
    }

    fn of(seconds: impl Iterator<Item = (u64, u64)>) -> Self {
        let seconds: Vec<(u64, u64)> = seconds.collect();
        let per_second = |sum: u64| sum as f64 / seconds.len().max(1) as f64;
        let requests = per_second(seconds.iter().map(|second| second.0).sum());
        if requests >= USUAL_RATE && seconds.last().is_some_and(|last| last.0 == 0) {
            return Self {
                requests_per_second: 0.0,
                failures_per_second: 0.0,
            };
        }
        Self {
            requests_per_second: requests,
            failures_per_second: per_second(seconds.iter().map(|second| second.1).sum()),
        }
    }
}

impl Row {
    fn of(row: &SummaryRow, current: &Current) -> Self {
        Self {
            method: row.method.clone(),
            name: row.name.clone(),
            num_requests: row.requests(),
            num_failures: row.failures(),
            min_response_time: row.times[TimeKind::Response].min().map_or(0.0, ms),
            max_response_time: row.times[TimeKind::Response].max().map_or(0.0, ms),
            current_rps: current.requests_per_second,
            current_fail_per_sec: current.failures_per_second,
            avg_response_time: row.times[TimeKind::Response].mean().map_or(0.0, ms),
            median_response_time: row.median().map_or(0.0, |median| ms(median.time)),
            total_rps: row.requests_per_second().unwrap_or(0.0),
            total_fail_per_sec: row.failures_per_second().unwrap_or(0.0),
            p95: row.percentile(0.95).map_or(0.0, |p95| ms(p95.time)),
            p99: row.percentile(0.99).map_or(0.0, |p99| ms(p99.time)),
            avg_content_length: row.average_body_bytes().unwrap_or(0.0),
        }
    }
}

/// Locust's name of the state.
pub(crate) fn state_name(state: State) -> &'static str {
    match state {
        State::Ready => "ready",
        State::Spawning => "spawning",
        State::Running => "running",
        State::Stopping => "stopping",
        State::Stopped => "stopped",
    }
}

/// Times of a measurement, which were checked when it was read.
fn decoded(times: &EncodedTimes) -> Times {
    times.decode().expect("a measurement has valid times")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(requests: &[u64]) -> f64 {
        Current::of(requests.iter().map(|requests| (*requests, 0))).requests_per_second
    }

    #[test]
    fn a_stall_shows_as_zero_after_one_second_and_a_slow_load_does_not_flicker() {
        for (requests, expected) in [
            (&[100, 100, 100, 0][..], 0.0),
            (&[100, 100, 0, 100], 75.0),
            (&[1, 0, 1, 0], 0.5),
            (&[], 0.0),
        ] {
            assert!((rate(requests) - expected).abs() < 1e-9, "{requests:?}");
        }
    }
}

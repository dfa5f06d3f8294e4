//! The JSON that the page and scripts written for Locust read. The keys are Locust's.

use std::time::{Duration, SystemTime};

use bakeoff_report::summary::{Summary, SummaryRow};
use bakeoff_report::{Measurement, Times};
use serde::{Deserialize, Serialize};

use crate::swarm::{State, Status};

/// Seconds that "current" figures are taken over, as in Locust.
const CURRENT_SECONDS: usize = 10;

/// The form of `POST /swarm`.
#[derive(Debug, Deserialize)]
pub(crate) struct SwarmForm {
    pub(crate) user_count: Option<u32>,
    pub(crate) spawn_rate: Option<f64>,
    pub(crate) host: Option<String>,
    pub(crate) run_time: Option<String>,
}

/// The answer to `POST /swarm` and `POST /stop`.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    pub(crate) success: bool,
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<String>,
}

/// The answer to `GET /stats/requests`.
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

#[derive(Debug, Serialize)]
struct Row {
    method: String,
    name: String,
    num_requests: u64,
    num_failures: u64,
    min_response_time: Option<f64>,
    max_response_time: Option<f64>,
    current_rps: f64,
    current_fail_per_sec: f64,
    avg_response_time: Option<f64>,
    median_response_time: Option<f64>,
    total_rps: f64,
    total_fail_per_sec: f64,
    #[serde(rename = "response_time_percentile_0.95")]
    p95: Option<f64>,
    #[serde(rename = "response_time_percentile_0.99")]
    p99: Option<f64>,
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
    p50: Option<f64>,
    #[serde(rename = "response_time_percentile_0.95")]
    p95: Option<f64>,
}

impl Stats {
    pub(crate) fn of(status: Status) -> Self {
        let measurement = status.measurement.as_ref();
        let summary = Summary::of(measurement);
        let current = Current::of(measurement);
        let mut rows: Vec<Row> = summary.rows.iter().map(|row| Row::of(row, None)).collect();
        rows.push(Row::of(&summary.total, Some(&current)));
        let started_at =
            measurement.map_or(SystemTime::UNIX_EPOCH, |measurement| measurement.started_at);
        let seen = |since: Duration| unix_seconds(started_at + since);
        let errors = summary.failures.into_iter().map(|failure| Failure {
            method: failure.method,
            name: failure.name,
            error: failure.cause,
            occurrences: failure.occurrences,
            first_seen: seen(failure.first_seen),
            last_seen: seen(failure.last_seen),
        });
        Self {
            errors: errors.collect(),
            rows,
            current_rps: current.requests_per_second,
            current_fail_per_sec: current.failures_per_second,
            total_rps: summary.total.requests_per_second().unwrap_or(0.0),
            total_fail_per_sec: summary.total.failures_per_second().unwrap_or(0.0),
            fail_ratio: summary.total.fail_ratio(),
            current_response_time_percentiles: CurrentPercentiles {
                p50: current.response_times.quantile(0.5).map(ms),
                p95: current.response_times.quantile(0.95).map(ms),
            },
            total_avg_response_time: summary.total.response_times.mean().map_or(0.0, ms),
            state: match status.state {
                State::Ready => "ready",
                State::Spawning => "spawning",
                State::Running => "running",
                State::Stopping => "stopping",
                State::Stopped => "stopped",
            },
            user_count: status.users,
            host: status.host,
            error: status.error,
        }
    }
}

/// The last seconds of a load. Unlike Locust's, they are of the clock: a server that stalls shows as zero.
struct Current {
    requests_per_second: f64,
    failures_per_second: f64,
    response_times: Times,
}

impl Current {
    fn of(measurement: Option<&Measurement>) -> Self {
        let timeline = measurement.map_or(&[][..], |measurement| &measurement.timeline);
        let last = &timeline[timeline.len().saturating_sub(CURRENT_SECONDS)..];
        let per_second = |sum: u64| sum as f64 / last.len().max(1) as f64;
        let mut response_times = Times::new();
        for times in last
            .iter()
            .filter_map(|second| second.response_times.decode())
        {
            response_times.merge(&times);
        }
        Self {
            requests_per_second: per_second(last.iter().map(|second| second.requests).sum()),
            failures_per_second: per_second(last.iter().map(|second| second.failures).sum()),
            response_times,
        }
    }
}

impl Row {
    /// The timeline is kept over all names together, so only the total row has current rates of its own.
    fn of(row: &SummaryRow, current: Option<&Current>) -> Self {
        let rate = row.requests_per_second().unwrap_or(0.0);
        let failure_rate = row.failures_per_second().unwrap_or(0.0);
        Self {
            method: row.method.clone(),
            name: row.name.clone(),
            num_requests: row.requests(),
            num_failures: row.failures(),
            min_response_time: row.response_times.min().map(ms),
            max_response_time: row.response_times.max().map(ms),
            current_rps: current.map_or(rate, |current| current.requests_per_second),
            current_fail_per_sec: current
                .map_or(failure_rate, |current| current.failures_per_second),
            avg_response_time: row.response_times.mean().map(ms),
            median_response_time: row.median().map(ms),
            total_rps: rate,
            total_fail_per_sec: failure_rate,
            p95: row.response_times.quantile(0.95).map(ms),
            p99: row.response_times.quantile(0.99).map(ms),
            avg_content_length: row.average_body_bytes().unwrap_or(0.0),
        }
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn unix_seconds(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

//! Measurements at rest.

use serde::{Deserialize, Serialize};

use super::at_rest::{AtRest, at_rest};
use super::request::{FailureCauseRecord, RequestStatsRecord};
use super::times::TimesRecord;
use super::unit;
use crate::run::{Arrivals, Mark, Measurement, Second, SecondOfName, Usage};

/// [`Measurement`] at rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are those of `Measurement` and their documentation is there"
)]
pub struct MeasurementRecord {
    pub started_at: String,
    pub warm_up_ms: f64,
    pub period_ms: f64,
    pub users: u32,
    pub interrupted: bool,
    pub unfinished: u64,
    #[serde(default)]
    pub user_time_ms: Option<f64>,
    #[serde(default)]
    pub fewest_rounds: Option<u32>,
    #[serde(default)]
    pub distinct_requests: Option<u64>,
    pub arrivals: Option<ArrivalsRecord>,
    pub connections_opened: u64,
    pub requests: Vec<RequestStatsRecord>,
    pub failures: Vec<FailureCauseRecord>,
    pub lag: TimesRecord,
    #[serde(default)]
    pub wake_up_delays: TimesRecord,
    pub timeline: Vec<SecondRecord>,
    pub marks: Vec<MarkRecord>,
}

/// [`Arrivals`] at rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArrivalsRecord {
    pub planned: u64,
    pub not_sent: u64,
}

/// [`Mark`] at rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarkRecord {
    pub at_ms: f64,
    pub what: String,
}

/// [`Second`] at rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are those of `Second` and their documentation is there"
)]
pub struct SecondRecord {
    pub since_start_ms: f64,
    pub users: u32,
    pub requests: u64,
    pub failures: u64,
    pub response_times: TimesRecord,
    pub by_name: Vec<SecondOfNameRecord>,
}

/// [`SecondOfName`] at rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecondOfNameRecord {
    pub requests: u64,
    pub failures: u64,
    pub response_times: TimesRecord,
}

/// [`Usage`] at rest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are those of `Usage` and their documentation is there"
)]
pub struct UsageRecord {
    pub cpu_ms: f64,
    pub peak_memory_bytes: u64,
}

impl MeasurementRecord {
    /// Record with an empty timeline.
    pub fn without_timeline(measurement: &Measurement) -> Self {
        Self {
            started_at: measurement.started_at.to_record(),
            warm_up_ms: unit::ms(measurement.warm_up),
            period_ms: unit::ms(measurement.period),
            users: measurement.users,
            interrupted: measurement.interrupted,
            unfinished: measurement.unfinished,
            user_time_ms: measurement.user_time.to_record(),
            fewest_rounds: measurement.fewest_rounds,
            distinct_requests: measurement.distinct_requests,
            arrivals: measurement.arrivals.to_record(),
            connections_opened: measurement.connections_opened,
            requests: measurement.requests.to_record(),
            failures: measurement.failures.to_record(),
            lag: measurement.lag.to_record(),
            wake_up_delays: measurement.wake_up_delays.to_record(),
            timeline: Vec::new(),
            marks: measurement.marks.to_record(),
        }
    }
}

at_rest!(
    Measurement,
    MeasurementRecord {
        started_at,
        users,
        requests,
        failures,
        timeline,
        marks,
        lag,
        wake_up_delays,
        unfinished,
        fewest_rounds,
        distinct_requests,
        arrivals,
        connections_opened,
        interrupted,
    }
    { warm_up => warm_up_ms, period => period_ms, user_time => user_time_ms }
);
at_rest!(Arrivals, ArrivalsRecord { planned, not_sent });
at_rest!(Mark, MarkRecord { what } { at => at_ms });
at_rest!(
    Second,
    SecondRecord { users, requests, failures, response_times, by_name }
    { since_start => since_start_ms }
);
at_rest!(
    SecondOfName,
    SecondOfNameRecord {
        requests,
        failures,
        response_times
    }
);
at_rest!(Usage, UsageRecord { peak_memory_bytes } { cpu => cpu_ms });

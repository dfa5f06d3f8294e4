//! A measurement at rest.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::{RecordError, unit};
use crate::run::{
    Arrivals, FailureCause, Mark, Measurement, RequestStats, Second, SecondOfName, Usage,
};
use crate::times::{EncodedTimes, RequestTimes, TimeKind, Times};

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

/// [`RequestStats`] at rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are those of `RequestStats` and their documentation is there"
)]
pub struct RequestStatsRecord {
    pub method: String,
    pub name: String,
    pub completed_in_period: u64,
    pub failed_in_period: u64,
    pub body_bytes: u64,
    pub response_times: TimesRecord,
    pub service_times: TimesRecord,
    pub failure_times: TimesRecord,
    #[serde(default)]
    pub unanswered_times: TimesRecord,
}

/// [`FailureCause`] at rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are those of `FailureCause` and their documentation is there"
)]
pub struct FailureCauseRecord {
    pub method: String,
    pub name: String,
    pub cause: String,
    pub occurrences: u64,
    pub first_seen_ms: f64,
    pub last_seen_ms: f64,
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

/// [`EncodedTimes`] at rest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimesRecord {
    /// The exact sum, in microseconds.
    pub sum_us: u64,
    /// The exact shortest time, in microseconds.
    pub min_us: Option<u64>,
    /// The exact longest time, in microseconds.
    pub max_us: Option<u64>,
    /// HdrHistogram's V2 encoding of the times in microseconds, in base64; empty where there are none.
    pub hdr_v2_base64: String,
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
    /// The record but for its timeline, which is empty.
    pub fn without_timeline(measurement: &Measurement) -> Self {
        Self {
            started_at: crate::moment::exact_moment(measurement.started_at),
            warm_up_ms: unit::ms(measurement.warm_up),
            period_ms: unit::ms(measurement.period),
            users: measurement.users,
            interrupted: measurement.interrupted,
            unfinished: measurement.unfinished,
            user_time_ms: measurement.user_time.map(unit::ms),
            fewest_rounds: measurement.fewest_rounds,
            distinct_requests: measurement.distinct_requests,
            arrivals: measurement.arrivals.map(Into::into),
            connections_opened: measurement.connections_opened,
            requests: measurement.requests.iter().map(Into::into).collect(),
            failures: measurement.failures.iter().map(Into::into).collect(),
            lag: (&measurement.lag.encode()).into(),
            wake_up_delays: (&measurement.wake_up_delays.encode()).into(),
            timeline: Vec::new(),
            marks: measurement.marks.iter().map(Into::into).collect(),
        }
    }
}

impl From<&Measurement> for MeasurementRecord {
    fn from(measurement: &Measurement) -> Self {
        Self {
            timeline: measurement.timeline.iter().map(Into::into).collect(),
            ..Self::without_timeline(measurement)
        }
    }
}

impl TryFrom<MeasurementRecord> for Measurement {
    type Error = RecordError;

    fn try_from(record: MeasurementRecord) -> Result<Self, RecordError> {
        Ok(Self {
            started_at: unit::moment("started_at", &record.started_at)?,
            warm_up: unit::duration("warm_up_ms", record.warm_up_ms)?,
            period: unit::duration("period_ms", record.period_ms)?,
            users: record.users,
            requests: record
                .requests
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, _>>()?,
            failures: record
                .failures
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, _>>()?,
            timeline: record
                .timeline
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, _>>()?,
            lag: decoded("lag", &record.lag)?.1,
            wake_up_delays: decoded("wake_up_delays", &record.wake_up_delays)?.1,
            marks: record
                .marks
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, _>>()?,
            unfinished: record.unfinished,
            user_time: record
                .user_time_ms
                .map(|ms| unit::duration("user_time_ms", ms))
                .transpose()?,
            fewest_rounds: record.fewest_rounds,
            distinct_requests: record.distinct_requests,
            arrivals: record.arrivals.map(Into::into),
            connections_opened: record.connections_opened,
            interrupted: record.interrupted,
        })
    }
}

impl From<Arrivals> for ArrivalsRecord {
    fn from(arrivals: Arrivals) -> Self {
        Self {
            planned: arrivals.planned,
            not_sent: arrivals.not_sent,
        }
    }
}

impl From<ArrivalsRecord> for Arrivals {
    fn from(record: ArrivalsRecord) -> Self {
        Self {
            planned: record.planned,
            not_sent: record.not_sent,
        }
    }
}

impl From<&Mark> for MarkRecord {
    fn from(mark: &Mark) -> Self {
        Self {
            at_ms: unit::ms(mark.at),
            what: mark.what.clone(),
        }
    }
}

impl TryFrom<MarkRecord> for Mark {
    type Error = RecordError;

    fn try_from(record: MarkRecord) -> Result<Self, RecordError> {
        Ok(Self {
            at: unit::duration("at_ms", record.at_ms)?,
            what: record.what,
        })
    }
}

impl From<&RequestStats> for RequestStatsRecord {
    fn from(stats: &RequestStats) -> Self {
        let encoded = |kind| (&stats.times[kind].encode()).into();
        Self {
            method: stats.method.clone(),
            name: stats.name.clone(),
            completed_in_period: stats.completed_in_period,
            failed_in_period: stats.failed_in_period,
            body_bytes: stats.body_bytes,
            response_times: encoded(TimeKind::Response),
            service_times: encoded(TimeKind::Service),
            failure_times: encoded(TimeKind::Failure),
            unanswered_times: encoded(TimeKind::Unanswered),
        }
    }
}

impl TryFrom<RequestStatsRecord> for RequestStats {
    type Error = RecordError;

    fn try_from(record: RequestStatsRecord) -> Result<Self, RecordError> {
        let mut times = RequestTimes::default();
        for kind in TimeKind::ALL {
            times[kind] = decoded(kind.name(), record.times(kind))?.1;
        }
        Ok(Self {
            times,
            method: record.method,
            name: record.name,
            completed_in_period: record.completed_in_period,
            failed_in_period: record.failed_in_period,
            body_bytes: record.body_bytes,
        })
    }
}

impl RequestStatsRecord {
    fn times(&self, kind: TimeKind) -> &TimesRecord {
        match kind {
            TimeKind::Response => &self.response_times,
            TimeKind::Service => &self.service_times,
            TimeKind::Failure => &self.failure_times,
            TimeKind::Unanswered => &self.unanswered_times,
        }
    }
}

impl From<&FailureCause> for FailureCauseRecord {
    fn from(cause: &FailureCause) -> Self {
        Self {
            method: cause.method.clone(),
            name: cause.name.clone(),
            cause: cause.cause.clone(),
            occurrences: cause.occurrences,
            first_seen_ms: unit::ms(cause.first_seen),
            last_seen_ms: unit::ms(cause.last_seen),
        }
    }
}

impl TryFrom<FailureCauseRecord> for FailureCause {
    type Error = RecordError;

    fn try_from(record: FailureCauseRecord) -> Result<Self, RecordError> {
        Ok(Self {
            method: record.method,
            name: record.name,
            cause: record.cause,
            occurrences: record.occurrences,
            first_seen: unit::duration("first_seen_ms", record.first_seen_ms)?,
            last_seen: unit::duration("last_seen_ms", record.last_seen_ms)?,
        })
    }
}

impl From<&Second> for SecondRecord {
    fn from(second: &Second) -> Self {
        Self {
            since_start_ms: unit::ms(second.since_start),
            users: second.users,
            requests: second.requests,
            failures: second.failures,
            response_times: (&second.response_times).into(),
            by_name: second.by_name.iter().map(Into::into).collect(),
        }
    }
}

impl From<&SecondOfName> for SecondOfNameRecord {
    fn from(second: &SecondOfName) -> Self {
        Self {
            requests: second.requests,
            failures: second.failures,
            response_times: (&second.response_times).into(),
        }
    }
}

impl TryFrom<SecondOfNameRecord> for SecondOfName {
    type Error = RecordError;

    fn try_from(record: SecondOfNameRecord) -> Result<Self, RecordError> {
        Ok(Self {
            requests: record.requests,
            failures: record.failures,
            response_times: decoded("response_times", &record.response_times)?.0,
        })
    }
}

impl TryFrom<SecondRecord> for Second {
    type Error = RecordError;

    fn try_from(record: SecondRecord) -> Result<Self, RecordError> {
        Ok(Self {
            since_start: unit::duration("since_start_ms", record.since_start_ms)?,
            users: record.users,
            requests: record.requests,
            failures: record.failures,
            response_times: decoded("response_times", &record.response_times)?.0,
            by_name: record
                .by_name
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl From<&EncodedTimes> for TimesRecord {
    fn from(times: &EncodedTimes) -> Self {
        let known = |us| (!times.histogram.is_empty()).then_some(us);
        Self {
            sum_us: times.sum_us,
            min_us: known(times.min_us),
            max_us: known(times.max_us),
            hdr_v2_base64: STANDARD.encode(&times.histogram),
        }
    }
}

/// The times as they were encoded and as they are used; an error where the second cannot be had.
pub(super) fn decoded(
    field: &'static str,
    record: &TimesRecord,
) -> Result<(EncodedTimes, Times), RecordError> {
    let error = |expected| RecordError::Value {
        field,
        found: "something else".to_owned(),
        expected,
    };
    let empty = EncodedTimes::default();
    let encoded = EncodedTimes {
        histogram: STANDARD
            .decode(&record.hdr_v2_base64)
            .map_err(|_| error("base64"))?,
        sum_us: record.sum_us,
        min_us: record.min_us.unwrap_or(empty.min_us),
        max_us: record.max_us.unwrap_or(empty.max_us),
    };
    let times = encoded
        .decode()
        .ok_or_else(|| error("a histogram that agrees with its sum and extremes"))?;
    Ok((encoded, times))
}

impl From<Usage> for UsageRecord {
    fn from(usage: Usage) -> Self {
        Self {
            cpu_ms: unit::ms(usage.cpu),
            peak_memory_bytes: usage.peak_memory_bytes,
        }
    }
}

impl TryFrom<UsageRecord> for Usage {
    type Error = RecordError;

    fn try_from(record: UsageRecord) -> Result<Self, RecordError> {
        Ok(Self {
            cpu: unit::duration("cpu_ms", record.cpu_ms)?,
            peak_memory_bytes: record.peak_memory_bytes,
        })
    }
}

//! Summaries at rest.

use crate::times::TimeKind;
use serde::{Deserialize, Serialize};

use super::request::FailureCauseRecord;
use super::unit;
use crate::summary::{Percentile, Summary, SummaryRow};

/// The statistics of one or several measurements.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are those of `Summary` and their documentation is there"
)]
pub struct SummaryRecord {
    pub period_ms: f64,
    pub lag_p99_ms: Option<f64>,
    pub unfinished: u64,
    pub connections_opened: u64,
    pub total: SummaryRowRecord,
    pub requests: Vec<SummaryRowRecord>,
    pub failures: Vec<FailureCauseRecord>,
}

/// One line of the statistics; times are of the requests that succeeded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are those of `SummaryRow` and their documentation is there"
)]
pub struct SummaryRowRecord {
    pub method: String,
    pub name: String,
    pub requests: u64,
    pub failures: u64,
    pub fail_ratio: f64,
    pub median_ms: Option<f64>,
    pub average_ms: Option<f64>,
    pub min_ms: Option<f64>,
    pub max_ms: Option<f64>,
    pub requests_per_second: Option<f64>,
    pub failures_per_second: Option<f64>,
    pub average_body_bytes: Option<f64>,
    pub percentiles: Option<PercentilesRecord>,
    /// Times to failure of the requests that failed.
    pub failed_median_ms: Option<f64>,
    /// The longest time to failure of the requests that failed.
    pub failed_max_ms: Option<f64>,
}

/// The percentiles of the response time, in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "each name says its percentile; 99_99 is 99.99 %"
)]
pub struct PercentilesRecord {
    pub p50_ms: f64,
    pub p66_ms: f64,
    pub p75_ms: f64,
    pub p80_ms: f64,
    pub p90_ms: f64,
    pub p95_ms: f64,
    pub p98_ms: f64,
    pub p99_ms: f64,
    pub p99_9_ms: f64,
    pub p99_99_ms: f64,
    pub p100_ms: f64,
}

impl From<&Summary> for SummaryRecord {
    fn from(summary: &Summary) -> Self {
        Self {
            period_ms: unit::ms(summary.period),
            lag_p99_ms: summary.lag_p99().map(unit::ms),
            unfinished: summary.unanswered(),
            connections_opened: summary.connections_opened,
            total: (&summary.total).into(),
            requests: summary.rows.iter().map(Into::into).collect(),
            failures: summary.failures.iter().map(Into::into).collect(),
        }
    }
}

impl From<&SummaryRow> for SummaryRowRecord {
    fn from(row: &SummaryRow) -> Self {
        let times = &row.times[TimeKind::Response];
        Self {
            method: row.method.clone(),
            name: row.name.clone(),
            requests: row.requests(),
            failures: row.failures(),
            fail_ratio: row.fail_ratio(),
            median_ms: row.median().map(|median| unit::ms(median.time)),
            average_ms: times.mean().map(unit::ms),
            min_ms: times.min().map(unit::ms),
            max_ms: times.max().map(unit::ms),
            requests_per_second: row.requests_per_second(),
            failures_per_second: row.failures_per_second(),
            average_body_bytes: row.average_body_bytes(),
            percentiles: row.percentiles().map(PercentilesRecord::from),
            failed_median_ms: row.times[TimeKind::Failure].quantile(0.5).map(unit::ms),
            failed_max_ms: row.times[TimeKind::Failure].max().map(unit::ms),
        }
    }
}

impl From<[Percentile; 11]> for PercentilesRecord {
    /// In the order of [`crate::summary::PERCENTILES`]; lower bounds where requests had no answer.
    fn from(percentiles: [Percentile; 11]) -> Self {
        let ms = percentiles.map(|percentile| unit::ms(percentile.time));
        Self {
            p50_ms: ms[0],
            p66_ms: ms[1],
            p75_ms: ms[2],
            p80_ms: ms[3],
            p90_ms: ms[4],
            p95_ms: ms[5],
            p98_ms: ms[6],
            p99_ms: ms[7],
            p99_9_ms: ms[8],
            p99_99_ms: ms[9],
            p100_ms: ms[10],
        }
    }
}

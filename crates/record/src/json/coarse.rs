//! A run of another program at rest, as the history keeps it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::measurement::decoded;
use super::{RecordError, TimesRecord, unit};
use crate::coarse::{
    CoarseCause, CoarseRow, CoarseRun, CoarseTimes, Percentiles, Point, Source, Timed,
};

/// [`CoarseRun`] at rest, but for its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoarseRecord {
    source: SourceRecord,
    host: Option<String>,
    started_at: Option<String>,
    period_ms: Option<f64>,
    users: Option<u32>,
    times_include_failures: bool,
    rows: Vec<CoarseRowRecord>,
    total: CoarseRowRecord,
    causes: Vec<CoarseCauseRecord>,
}

/// [`Source`] at rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "the variants are those of `Source` and their documentation is there"
)]
pub enum SourceRecord {
    LocustCsv,
    LocustJson,
    K6Summary,
    WrkText,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CoarseRowRecord {
    method: String,
    name: String,
    requests: u64,
    failures: Option<u64>,
    requests_per_second: Option<f64>,
    mean_ms: Option<f64>,
    min_ms: Option<f64>,
    max_ms: Option<f64>,
    /// Known percentiles and their times in milliseconds.
    points_ms: Vec<(f64, f64)>,
    /// All times as they were rounded, in place of points.
    rounded: Option<TimesRecord>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CoarseCauseRecord {
    method: String,
    name: String,
    cause: String,
    occurrences: u64,
}

impl SourceRecord {
    /// As a column holds it.
    pub fn word(self) -> &'static str {
        match self {
            Self::LocustCsv => "locust_csv",
            Self::LocustJson => "locust_json",
            Self::K6Summary => "k6_summary",
            Self::WrkText => "wrk_text",
        }
    }

    /// Source of a column's text; `None` for a text of no source.
    pub fn of_word(word: &str) -> Option<Self> {
        let all = Source::ALL.into_iter().map(Self::from);
        all.into_iter().find(|source| source.word() == word)
    }
}

same_fields!(
    Source,
    SourceRecord[LocustCsv, LocustJson, K6Summary, WrkText]
);
same_fields!(
    CoarseCause,
    CoarseCauseRecord {
        method,
        name,
        cause,
        occurrences
    }
);

impl From<&CoarseRun> for CoarseRecord {
    fn from(run: &CoarseRun) -> Self {
        Self {
            source: run.source.into(),
            host: run.host.clone(),
            started_at: run.started_at.map(crate::moment::exact_moment),
            period_ms: run.period.map(unit::ms),
            users: run.users,
            times_include_failures: run.timed == Timed::AllRequests,
            rows: run.rows.iter().map(Into::into).collect(),
            total: (&run.total).into(),
            causes: run.causes.iter().map(Into::into).collect(),
        }
    }
}

impl CoarseRecord {
    /// The run again, under its name.
    pub fn into_run(self, name: String) -> Result<CoarseRun, RecordError> {
        let started_at = self.started_at.as_deref();
        let rows = self.rows.into_iter().map(TryInto::try_into);
        Ok(CoarseRun {
            source: self.source.into(),
            name,
            host: self.host,
            started_at: started_at
                .map(|moment| unit::moment("started_at", moment))
                .transpose()?,
            period: duration("period_ms", self.period_ms)?,
            users: self.users,
            timed: if self.times_include_failures {
                Timed::AllRequests
            } else {
                Timed::Successes
            },
            rows: rows.collect::<Result<_, _>>()?,
            total: self.total.try_into()?,
            causes: self.causes.into_iter().map(Into::into).collect(),
        })
    }
}

impl From<&CoarseRow> for CoarseRowRecord {
    fn from(row: &CoarseRow) -> Self {
        let (points, rounded) = match &row.times.percentiles {
            Percentiles::Points(points) => (points.as_slice(), None),
            Percentiles::Rounded(times) => (&[][..], Some((&times.encode()).into())),
        };
        let points = points
            .iter()
            .map(|point| (point.percentile, unit::ms(point.time)));
        Self {
            method: row.method.clone(),
            name: row.name.clone(),
            requests: row.requests,
            failures: row.failures,
            requests_per_second: row.requests_per_second,
            mean_ms: row.times.mean.map(unit::ms),
            min_ms: row.times.min.map(unit::ms),
            max_ms: row.times.max.map(unit::ms),
            points_ms: points.collect(),
            rounded,
        }
    }
}

impl TryFrom<CoarseRowRecord> for CoarseRow {
    type Error = RecordError;

    fn try_from(record: CoarseRowRecord) -> Result<Self, RecordError> {
        let percentiles = match &record.rounded {
            Some(rounded) => Percentiles::Rounded(decoded("rounded", rounded)?.1),
            None => Percentiles::Points(
                record
                    .points_ms
                    .into_iter()
                    .map(|(percentile, ms)| {
                        let time = unit::duration("points_ms", ms)?;
                        Ok(Point { percentile, time })
                    })
                    .collect::<Result<_, _>>()?,
            ),
        };
        Ok(Self {
            method: record.method,
            name: record.name,
            requests: record.requests,
            failures: record.failures,
            requests_per_second: record.requests_per_second,
            times: CoarseTimes {
                mean: duration("mean_ms", record.mean_ms)?,
                min: duration("min_ms", record.min_ms)?,
                max: duration("max_ms", record.max_ms)?,
                percentiles,
            },
        })
    }
}

fn duration(field: &'static str, ms: Option<f64>) -> Result<Option<Duration>, RecordError> {
    ms.map(|ms| unit::duration(field, ms)).transpose()
}

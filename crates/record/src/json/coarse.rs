//! Runs of other programs at rest, as the history keeps them.

use serde::{Deserialize, Serialize};

use super::at_rest::{AtRest, at_rest};
use super::error::RecordError;
use super::times::TimesRecord;
use super::unit;
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
pub(super) struct CoarseCauseRecord {
    method: String,
    name: String,
    cause: String,
    occurrences: u64,
}

impl SourceRecord {
    /// Word for the source in a column of the history.
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
        let mut all = Source::ALL.into_iter().map(|source| source.to_record());
        all.find(|source| source.word() == word)
    }
}

at_rest!(Source, SourceRecord [LocustCsv, LocustJson, K6Summary, WrkText]);
at_rest!(
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
            source: run.source.to_record(),
            host: run.host.clone(),
            started_at: run.started_at.to_record(),
            period_ms: run.period.to_record(),
            users: run.users,
            times_include_failures: run.timed == Timed::AllRequests,
            rows: run.rows.iter().map(Into::into).collect(),
            total: (&run.total).into(),
            causes: run.causes.to_record(),
        }
    }
}

impl CoarseRecord {
    /// Run under `name`.
    pub fn into_run(self, name: String) -> Result<CoarseRun, RecordError> {
        let rows = self.rows.into_iter().map(TryInto::try_into);
        Ok(CoarseRun {
            source: self.source.try_into()?,
            name,
            host: self.host,
            started_at: AtRest::from_record("started_at", self.started_at)?,
            period: AtRest::from_record("period_ms", self.period_ms)?,
            users: self.users,
            timed: if self.times_include_failures {
                Timed::AllRequests
            } else {
                Timed::Successes
            },
            rows: rows.collect::<Result<_, _>>()?,
            total: self.total.try_into()?,
            causes: AtRest::from_record("causes", self.causes)?,
        })
    }
}

impl From<&CoarseRow> for CoarseRowRecord {
    fn from(row: &CoarseRow) -> Self {
        let (points, rounded) = match &row.times.percentiles {
            Percentiles::Points(points) => (points.as_slice(), None),
            Percentiles::Rounded(times) => (&[][..], Some(times.to_record())),
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
            mean_ms: row.times.mean.to_record(),
            min_ms: row.times.min.to_record(),
            max_ms: row.times.max.to_record(),
            points_ms: points.collect(),
            rounded,
        }
    }
}

impl TryFrom<CoarseRowRecord> for CoarseRow {
    type Error = RecordError;

    fn try_from(record: CoarseRowRecord) -> Result<Self, RecordError> {
        let percentiles = match record.rounded {
            Some(rounded) => Percentiles::Rounded(AtRest::from_record("rounded", rounded)?),
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
                mean: AtRest::from_record("mean_ms", record.mean_ms)?,
                min: AtRest::from_record("min_ms", record.min_ms)?,
                max: AtRest::from_record("max_ms", record.max_ms)?,
                percentiles,
            },
        })
    }
}

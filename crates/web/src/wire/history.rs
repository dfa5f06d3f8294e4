//! Runs of the history.

use bakeoff_record::coarse::Percentiles;
use bakeoff_record::{
    CoarseRun, Detail, LoadTest, PERCENTILES, RunState, Source, StoredRun, Summary,
};
use serde::{Deserialize, Serialize};

use super::{Columns, MarkOut, Stats, ms, names, position};
use crate::points::Points;

/// A run in the list.
#[derive(Debug, Serialize)]
pub(crate) struct RunOut {
    id: i64,
    name: String,
    host: String,
    config: String,
    started_at: Option<String>,
    state: &'static str,
    /// Sentence about the missing detail of an imported run; `None` for a run of Bakeoff.
    coarse: Option<String>,
    notes: String,
    tags: Vec<String>,
    users: Option<u32>,
    period_seconds: Option<f64>,
    requests: u64,
    failures: Option<u64>,
    requests_per_second: Option<f64>,
    median_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
}

/// A run with the data of its page.
#[derive(Debug, Serialize)]
pub(crate) struct RunDetail {
    run: RunOut,
    names: Vec<String>,
    points: Columns,
    marks: Vec<MarkOut>,
    /// Pairs of a percentile, 0 to 100, and its response time in milliseconds; empty without a successful request.
    percentiles: Vec<(f64, f64)>,
    /// `None` for a coarse run.
    statistics: Option<Stats>,
}

/// Body of `PATCH /history/{id}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Changes {
    pub(crate) notes: Option<String>,
    pub(crate) tags: Option<Vec<String>>,
}

impl RunDetail {
    /// The run with the points and percentiles of the request name `name`, or of all requests.
    pub(crate) fn of(run: StoredRun, detail: &Detail, name: &str) -> Self {
        match detail {
            Detail::Full(test) => Self::of_ours(run, test, name),
            Detail::Coarse(coarse) => Self::of_coarse(run, coarse),
        }
    }

    /// Imported run, with its known percentiles and without points over time.
    fn of_coarse(run: StoredRun, coarse: &CoarseRun) -> Self {
        let times = &coarse.total.times;
        let mut percentiles = PERCENTILES.to_vec();
        if let Percentiles::Points(points) = &times.percentiles {
            percentiles.extend(points.iter().map(|point| point.percentile));
        }
        percentiles.sort_by(f64::total_cmp);
        percentiles.dedup();
        let known = percentiles
            .into_iter()
            .filter_map(|percentile| Some((percentile, ms(times.percentile(percentile)?))));
        Self {
            run: run.into(),
            names: Vec::new(),
            points: std::iter::empty().collect(),
            marks: Vec::new(),
            percentiles: known.collect(),
            statistics: None,
        }
    }

    fn of_ours(run: StoredRun, test: &LoadTest, name: &str) -> Self {
        let measurement = &test.measurement;
        let position = position(measurement, name);
        let summary = Summary::of([measurement]);
        let row = position.and_then(|position| summary.rows.get(position));
        let row = row.unwrap_or(&summary.total);
        let times = row.percentiles().into_iter().flatten();
        Self {
            run: run.into(),
            names: names(measurement),
            points: Points::of(&measurement.timeline)
                .points(position)
                .into_iter()
                .collect(),
            marks: measurement.marks.iter().map(Into::into).collect(),
            percentiles: PERCENTILES
                .into_iter()
                .zip(times.map(|percentile| ms(percentile.time)))
                .collect(),
            statistics: Some(Stats::of_measurement(Some(measurement))),
        }
    }
}

impl From<StoredRun> for RunOut {
    fn from(run: StoredRun) -> Self {
        let figures = run.figures;
        Self {
            id: run.id.0,
            name: run.name,
            host: run.host,
            config: run.config,
            started_at: run
                .started_at
                .map(|moment| humantime::format_rfc3339_seconds(moment).to_string()),
            coarse: run.source.map(Source::caveat),
            state: match run.state {
                RunState::Running => "running",
                RunState::Finished => "finished",
                RunState::CutShort => "cut short",
            },
            notes: run.notes,
            tags: run.tags,
            users: figures.users,
            period_seconds: figures.period.map(|period| period.as_secs_f64()),
            requests: figures.requests,
            failures: figures.failures,
            requests_per_second: figures.requests_per_second,
            median_ms: figures.median.map(ms),
            p95_ms: figures.p95.map(ms),
            p99_ms: figures.p99.map(ms),
        }
    }
}

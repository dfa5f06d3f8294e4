//! Runs of the history.

use bakeoff_report::{LoadTest, PERCENTILES, RunState, StoredRun, Summary};
use serde::{Deserialize, Serialize};

use super::{Columns, MarkOut, Stats, ms, names, position};
use crate::points::Points;

/// A run as a list shows it.
#[derive(Debug, Serialize)]
pub(crate) struct RunOut {
    id: i64,
    name: String,
    host: String,
    config: String,
    started_at: String,
    state: &'static str,
    notes: String,
    tags: Vec<String>,
    users: u32,
    period_seconds: f64,
    requests: u64,
    failures: u64,
    requests_per_second: Option<f64>,
    median_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
}

/// A run with everything that the page shows of it.
#[derive(Debug, Serialize)]
pub(crate) struct RunDetail {
    run: RunOut,
    names: Vec<String>,
    points: Columns,
    marks: Vec<MarkOut>,
    /// Percentiles of the response times with their time in milliseconds; empty without a success.
    percentiles: Vec<(f64, f64)>,
    statistics: Stats,
}

/// What `PATCH /history/{id}` changes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Changes {
    pub(crate) notes: Option<String>,
    pub(crate) tags: Option<Vec<String>>,
}

impl RunDetail {
    /// The run with the points and percentiles of the requests `name`, else of all.
    pub(crate) fn of(run: StoredRun, test: &LoadTest, name: &str) -> Self {
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
            percentiles: PERCENTILES.into_iter().zip(times.map(ms)).collect(),
            statistics: Stats::of_measurement(Some(measurement)),
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
            started_at: humantime::format_rfc3339_seconds(run.started_at).to_string(),
            state: match run.state {
                RunState::Running => "running",
                RunState::Finished => "finished",
                RunState::CutShort => "cut short",
            },
            notes: run.notes,
            tags: run.tags,
            users: figures.users,
            period_seconds: figures.period.as_secs_f64(),
            requests: figures.requests,
            failures: figures.failures,
            requests_per_second: figures.requests_per_second,
            median_ms: figures.median.map(ms),
            p95_ms: figures.p95.map(ms),
            p99_ms: figures.p99.map(ms),
        }
    }
}

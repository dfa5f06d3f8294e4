//! Runs as the history keeps them: their numbers, states and main figures.

use std::time::{Duration, SystemTime};

use crate::coarse::{CoarseRun, Source};
use crate::run::{LoadTest, Measurement};
use crate::summary::Summary;

/// Number of a run in its history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub i64);

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// State of a run in the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// The process of the run is alive.
    Running,
    /// Run ended, by itself or because it was stopped.
    Finished,
    /// Process of the run died before the run ended.
    CutShort,
}

/// Run as a list shows it.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    missing_docs,
    reason = "what is not explained is in `LoadTest` and `Measurement`"
)]
pub struct StoredRun {
    pub id: RunId,
    pub name: String,
    pub host: String,
    pub config: String,
    /// `None` where an imported file does not tell it.
    pub started_at: Option<SystemTime>,
    pub state: RunState,
    /// File that a coarse run was imported from; `None` where Bakeoff made the run.
    pub source: Option<Source>,
    /// Free text of the user.
    pub notes: String,
    /// Words of the user, for finding runs again.
    pub tags: Vec<String>,
    pub figures: Figures,
}

/// Everything known about a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Detail {
    /// Run of Bakeoff.
    Full(Box<LoadTest>),
    /// Run of another program.
    Coarse(Box<CoarseRun>),
}

/// Run's main figures, over all of its requests. What a coarse run does not tell is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[expect(
    missing_docs,
    reason = "the fields are those of `Measurement` and `SummaryRow`"
)]
pub struct Figures {
    pub users: Option<u32>,
    pub period: Option<Duration>,
    pub requests: u64,
    pub failures: Option<u64>,
    pub requests_per_second: Option<f64>,
    pub median: Option<Duration>,
    pub p95: Option<Duration>,
    pub p99: Option<Duration>,
}

impl Figures {
    /// Main figures of a run of ours.
    pub fn of(measurement: &Measurement) -> Self {
        let total = Summary::of([measurement]).total;
        Self {
            users: Some(measurement.users),
            period: Some(measurement.period),
            requests: total.requests(),
            failures: Some(total.failures()),
            requests_per_second: total.requests_per_second(),
            median: total.median().map(|median| median.time),
            p95: total.percentile(0.95).map(|p95| p95.time),
            p99: total.percentile(0.99).map(|p99| p99.time),
        }
    }
}

impl From<&CoarseRun> for Figures {
    fn from(run: &CoarseRun) -> Self {
        let total = &run.total;
        Self {
            users: run.users,
            period: run.period,
            requests: total.requests,
            failures: total.failures,
            requests_per_second: total.requests_per_second,
            median: total.times.percentile(50.0),
            p95: total.times.percentile(95.0),
            p99: total.times.percentile(99.0),
        }
    }
}

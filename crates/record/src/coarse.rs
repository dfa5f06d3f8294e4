//! A run that another program made, as far as its files tell of it.
//!
//! Such a file holds less than our own record: a few percentiles, or rounded times. What it does not hold is `None` here
//! and is never worked out from what it does hold; nothing of it is merged with a run of ours.

use std::time::{Duration, SystemTime};

use crate::times::Times;

/// Run of another program.
#[derive(Debug, Clone, PartialEq)]
pub struct CoarseRun {
    /// Kind of file that the run was read from.
    pub source: Source,
    /// Name of the run in the history.
    pub name: String,
    /// Address of the server.
    pub host: Option<String>,
    /// Start of the run.
    pub started_at: Option<SystemTime>,
    /// Time that its rates refer to.
    pub period: Option<Duration>,
    /// Most users, or connections, active at once.
    pub users: Option<u32>,
    /// Which requests the times are of.
    pub timed: Timed,
    /// One row per method and request name, in the order of the file; empty where it tells of all requests only.
    pub rows: Vec<CoarseRow>,
    /// All requests together.
    pub total: CoarseRow,
    /// Failures by cause, in the order of the file.
    pub causes: Vec<CoarseCause>,
}

/// Kinds of files that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// `PREFIX_stats.csv` of Locust, with the files beside it.
    LocustCsv,
    /// Output of Locust with `--json`.
    LocustJson,
    /// Summary of k6, from `--summary-export` or `handleSummary`.
    K6Summary,
    /// Output of wrk.
    WrkText,
}

/// Which requests a program's response times are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timed {
    /// Successful requests, as in Bakeoff.
    Successes,
    /// All of them, the failed ones among them.
    AllRequests,
}

/// Requests of one method and name, or all of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CoarseRow {
    /// HTTP method; empty where there is none.
    pub method: String,
    /// Name that requests are grouped under; empty in the row over all of them.
    pub name: String,
    /// Finished requests, successful or not.
    pub requests: u64,
    /// Failed requests.
    pub failures: Option<u64>,
    /// Requests per second of the period.
    pub requests_per_second: Option<f64>,
    /// Response times, as far as they are known.
    pub times: CoarseTimes,
}

/// Distribution of response times, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CoarseTimes {
    /// Mean.
    pub mean: Option<Duration>,
    /// Shortest.
    pub min: Option<Duration>,
    /// Longest.
    pub max: Option<Duration>,
    /// Percentiles between the extremes.
    pub percentiles: Percentiles,
}

/// Known times between the shortest and the longest.
#[derive(Debug, Clone, PartialEq)]
pub enum Percentiles {
    /// Times at some percentiles, ascending.
    Points(Vec<Point>),
    /// Every time, rounded by the program that took it.
    Rounded(Times),
}

/// One known percentile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Percentile, 0 to 100.
    pub percentile: f64,
    /// Time that so many percent of the times do not exceed.
    pub time: Duration,
}

/// Failures with one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoarseCause {
    /// HTTP method; empty where it is not known.
    pub method: String,
    /// Name that requests are grouped under; empty where it is not known.
    pub name: String,
    /// Cause of the failure.
    pub cause: String,
    /// Number of occurrences.
    pub occurrences: u64,
}

impl Source {
    /// All values.
    pub const ALL: [Self; 4] = [
        Self::LocustCsv,
        Self::LocustJson,
        Self::K6Summary,
        Self::WrkText,
    ];

    /// As a reader sees it, after "imported from".
    pub fn title(self) -> &'static str {
        match self {
            Self::LocustCsv => "Locust CSV",
            Self::LocustJson => "Locust JSON",
            Self::K6Summary => "k6 summary",
            Self::WrkText => "wrk text",
        }
    }

    /// Sentence about the facts that are missing in a run of this source.
    pub fn caveat(self) -> String {
        let unknown = match self {
            Self::LocustJson => "its times were rounded to two significant digits by Locust",
            _ => "percentiles between the known ones are not known",
        };
        format!("coarse: imported from {}; {unknown}", self.title())
    }
}

impl Default for Percentiles {
    fn default() -> Self {
        Self::Points(Vec::new())
    }
}

impl CoarseTimes {
    /// Time at a percentile, 0 to 100; `None` where the file does not tell it.
    pub fn percentile(&self, percentile: f64) -> Option<Duration> {
        if percentile >= 100.0 {
            return self.max;
        }
        match &self.percentiles {
            Percentiles::Rounded(times) => times.quantile(percentile / 100.0),
            Percentiles::Points(points) => points
                .iter()
                .find(|point| (point.percentile - percentile).abs() < 1e-9)
                .map(|point| point.time),
        }
    }
}

impl CoarseRow {
    /// Failures over requests, 0 to 1; `None` where they were not counted.
    pub fn fail_ratio(&self) -> Option<f64> {
        let failures = self.failures?;
        Some(failures as f64 / self.requests.max(1) as f64)
    }
}

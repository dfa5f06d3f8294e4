//! A run that another program made, as far as its files tell of it.
//!
//! Such a file holds less than our own record: a few percentiles, or rounded times. What it does not hold is `None` here
//! and is never worked out from what it does hold; nothing of it is merged with a run of ours.

use std::time::{Duration, SystemTime};

use crate::times::Times;

/// A run of another program.
#[derive(Debug, Clone, PartialEq)]
pub struct CoarseRun {
    /// What kind of file it was read from.
    pub source: Source,
    /// What the run is called here.
    pub name: String,
    /// The address of the server.
    pub host: Option<String>,
    /// When it began.
    pub started_at: Option<SystemTime>,
    /// The time that its rates refer to.
    pub period: Option<Duration>,
    /// The most users, or connections, active at once.
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

/// The kinds of files that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// `PREFIX_stats.csv` of Locust, with the files beside it.
    LocustCsv,
    /// What Locust prints with `--json`.
    LocustJson,
    /// What k6 writes with `--summary-export`, or hands to `handleSummary`.
    K6Summary,
    /// What wrk prints.
    WrkText,
}

/// Which requests a program's response times are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timed {
    /// Those that succeeded, as with us.
    Successes,
    /// All of them, the failed ones among them.
    AllRequests,
}

/// The requests of one method and name, or all of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CoarseRow {
    /// The HTTP method; empty where there is none.
    pub method: String,
    /// The name that requests are grouped under; empty in the row over all of them.
    pub name: String,
    /// Finished requests, successful or not.
    pub requests: u64,
    /// Those that failed.
    pub failures: Option<u64>,
    /// Requests per second of the period.
    pub requests_per_second: Option<f64>,
    /// What is known of the response times.
    pub times: CoarseTimes,
}

/// What is known of a distribution of response times.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CoarseTimes {
    /// The mean.
    pub mean: Option<Duration>,
    /// The shortest.
    pub min: Option<Duration>,
    /// The longest.
    pub max: Option<Duration>,
    /// What lies between.
    pub percentiles: Percentiles,
}

/// How much is known between the shortest and the longest time.
#[derive(Debug, Clone, PartialEq)]
pub enum Percentiles {
    /// The times at some percentiles, ascending.
    Points(Vec<Point>),
    /// Every time, rounded by the program that took it.
    Rounded(Times),
}

/// One known percentile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// From 0 to 100.
    pub percentile: f64,
    /// What so many percent of the times do not exceed.
    pub time: Duration,
}

/// Failures with one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoarseCause {
    /// The HTTP method; empty where it is not known.
    pub method: String,
    /// The name that requests are grouped under; empty where it is not known.
    pub name: String,
    /// What went wrong.
    pub cause: String,
    /// How often.
    pub occurrences: u64,
}

impl Source {
    /// All of them.
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

    /// What a run of this source does not tell, as a sentence.
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
    /// The time at a percentile, 0 to 100; `None` where the file does not tell it.
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

//! Metrics: one descriptor for each figure that a threshold, a verdict, a table or a file can be about.
//!
//! This crate holds them since the generator's thresholds and the experiments' conclusions read the same descriptors.
//! A new kind of time is a row in `times/kind.rs`; any other figure is a variant of [`Metric`].

pub mod role;

use std::fmt;
use std::time::Duration;

use crate::experiment::Run;
use crate::summary::{Summary, SummaryRow};
use crate::times::{Statistic, TimeKind};
use role::Role;

/// Figure of a load, of a run or of several runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Metric {
    /// Statistic of the times of one kind.
    Time(TimeKind, Statistic),
    /// Finished requests, successful or not.
    Requests,
    /// Failed requests.
    Failures,
    /// Failed requests over finished ones, 0 to 1.
    FailRatio,
    /// Requests completed per second, successful or not.
    RequestsPerSecond,
    /// Requests failed per second.
    FailuresPerSecond,
    /// Successful requests completed per second.
    SuccessesPerSecond,
    /// CPU time of the contender per 1,000 completed requests.
    CpuSecondsPer1000Requests,
    /// Requests that one core of the contender completes per second.
    RequestsPerCoreSecond,
    /// Largest memory use of the contender in any run.
    PeakMemory,
    /// Time from the start of the contender to its first correct answer, median over the runs.
    ColdStart,
}

/// Unit in which [`Metric::value`] gives a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Number of things.
    Count,
    /// Share of a whole, 0 to 1; reports show percent.
    Ratio,
    /// Number per second.
    PerSecond,
    /// Duration in seconds; reports show milliseconds.
    Time,
    /// CPU time in seconds.
    CpuSeconds,
    /// Size in bytes; reports show megabytes.
    Bytes,
}

/// Everything but the value of a metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// Metric in words, as in "6.2 times the …".
    pub name: String,
    /// Name in scenario and experiment files: `response_time.p95`.
    pub key: String,
    /// Name in the JSON of an experiment: `p95_response_time`.
    pub json_name: String,
    /// Name of the column in a CSV file: `p95_ms`.
    pub csv_name: String,
    /// Header of a column with the figure: `95 % (ms)`.
    pub header: String,
    /// Header of a column with the ratio to the baseline: `95 %`.
    pub ratio_header: String,
    /// Unit of the value.
    pub unit: Unit,
    /// `true` if a higher value is the better one.
    pub more_is_better: bool,
}

/// Metrics of experiments apart from those of times, in the order of the reports, each with its role.
///
/// The first is followed by those of times, see [`TimeKind::in_experiments`].
const IN_EXPERIMENTS: [(Metric, Role); 6] = [
    (Metric::SuccessesPerSecond, Role::Primary),
    (Metric::FailRatio, Role::Shown),
    (Metric::CpuSecondsPer1000Requests, Role::Compared),
    (Metric::RequestsPerCoreSecond, Role::Shown),
    (Metric::PeakMemory, Role::Shown),
    (Metric::ColdStart, Role::Shown),
];

/// Metrics of thresholds that are not statistics of times.
const COUNTED: [Metric; 5] = [
    Metric::Requests,
    Metric::Failures,
    Metric::FailRatio,
    Metric::RequestsPerSecond,
    Metric::FailuresPerSecond,
];

const fn response(statistic: Statistic) -> Metric {
    Metric::Time(TimeKind::Response, statistic)
}

impl Metric {
    /// Median response time.
    pub const MEDIAN_RESPONSE_TIME: Self = response(Statistic::Percentile(50.0));
    /// 95th percentile of the response time.
    pub const P95_RESPONSE_TIME: Self = response(Statistic::Percentile(95.0));
    /// 99th percentile of the response time.
    pub const P99_RESPONSE_TIME: Self = response(Statistic::Percentile(99.0));

    /// Metrics that contenders are compared by, in the order of the reports.
    pub fn compared() -> impl Iterator<Item = Self> {
        Self::with_role(Role::Compared)
    }

    /// Metrics that can be the primary one, in the order of the reports.
    pub fn primary() -> impl Iterator<Item = Self> {
        Self::with_role(Role::Primary)
    }

    /// Metrics that reports show side by side, in their order.
    pub fn shown() -> impl Iterator<Item = Self> {
        Self::with_role(Role::Shown)
    }

    fn with_role(role: Role) -> impl Iterator<Item = Self> {
        let of_times = TimeKind::ALL.into_iter().flat_map(|kind| {
            let statistics = kind.in_experiments().iter();
            statistics.map(move |(statistic, role)| (Self::Time(kind, *statistic), *role))
        });
        let (first, others) = IN_EXPERIMENTS.split_at(1);
        let rows = first
            .iter()
            .copied()
            .chain(of_times)
            .chain(others.iter().copied());
        rows.filter(move |(_, its)| *its <= role)
            .map(|(metric, _)| metric)
    }

    /// Metric of a threshold, from its name in a scenario file.
    ///
    /// # Errors
    /// The names that there are.
    pub fn of_threshold(text: &str) -> Result<Self, String> {
        let of_kind = |kind: TimeKind| {
            let statistic = text.strip_prefix(kind.key()?)?.strip_prefix('.')?;
            Some(Self::Time(kind, Statistic::of_key(statistic)?))
        };
        let counted = || COUNTED.into_iter().find(|metric| metric.key() == text);
        let found = TimeKind::ALL.into_iter().find_map(of_kind).or_else(counted);
        found.ok_or_else(|| format!("must be {}, not {text:?}", threshold_names()))
    }

    /// Primary metric, from its name in an experiment file: `response_time.p95`.
    pub fn primary_of_key(text: &str) -> Option<Self> {
        Self::primary().find(|metric| metric.key() == text)
    }

    /// Primary metric, from its name in the JSON of an experiment: `p95_response_time`.
    pub fn primary_of_json(text: &str) -> Option<Self> {
        Self::primary().find(|metric| metric.descriptor().json_name == text)
    }

    /// Metric in words, as in "6.2 times the …".
    pub fn name(self) -> String {
        self.descriptor().name
    }

    /// Name in scenario and experiment files: `response_time.p95`.
    pub fn key(self) -> String {
        self.descriptor().key
    }

    /// `true` if a higher value is the better one.
    pub fn more_is_better(self) -> bool {
        self.descriptor().more_is_better
    }

    /// Unit of the value.
    pub fn unit(self) -> Unit {
        self.descriptor().unit
    }

    /// Everything but the value.
    pub fn descriptor(self) -> Descriptor {
        let text = str::to_owned;
        let count = |key, header| of(key, key, header, Unit::Count);
        let rate = |name, key, header| of(name, key, header, Unit::PerSecond);
        match self {
            Self::Time(kind, statistic) => of_time(kind, statistic),
            Self::Requests => more(count("requests", "Requests")),
            Self::Failures => count("failures", "Failures"),
            Self::FailRatio => Descriptor {
                ratio_header: text("Failed"),
                ..of(
                    "failed share of the requests",
                    "fail_ratio",
                    "Failed (%)",
                    Unit::Ratio,
                )
            },
            Self::RequestsPerSecond => Descriptor {
                json_name: text("completed_per_second"),
                csv_name: text("requests_rps"),
                ..more(rate(
                    "requests per second",
                    "requests_per_second",
                    "Completed/s",
                ))
            },
            Self::FailuresPerSecond => Descriptor {
                csv_name: text("failures_rps"),
                ..rate("failures per second", "failures_per_second", "Failures/s")
            },
            Self::SuccessesPerSecond => Descriptor {
                csv_name: text("successes_rps"),
                ..more(rate(
                    "successful requests per second",
                    "requests_per_second",
                    "Requests/s",
                ))
            },
            Self::CpuSecondsPer1000Requests => Descriptor {
                csv_name: text("cpu_seconds_per_1000_requests"),
                ratio_header: text("CPU per request"),
                ..of(
                    "processor time per request",
                    "cpu_per_request",
                    "CPU s per 1,000 requests",
                    Unit::CpuSeconds,
                )
            },
            Self::RequestsPerCoreSecond => more(rate(
                "requests per second of one core",
                "requests_per_core_second",
                "Requests/s per core",
            )),
            Self::PeakMemory => Descriptor {
                ratio_header: text("Memory"),
                ..of(
                    "peak memory",
                    "peak_memory_bytes",
                    "Peak memory (MB)",
                    Unit::Bytes,
                )
            },
            Self::ColdStart => Descriptor {
                ratio_header: text("First answer"),
                ..of(
                    "time to the first answer",
                    "cold_start_ms",
                    "First answer (ms)",
                    Unit::Time,
                )
            },
        }
    }

    /// Value in [`Metric::unit`]: of `row`, which sums up `runs`, or of `runs` for what a row does not hold.
    ///
    /// `None` if it was not measured. Thresholds have a row only, and no runs.
    pub fn value(self, row: &SummaryRow, runs: &[&Run]) -> Option<f64> {
        match self {
            Self::Time(kind, statistic) => {
                Some(row.times.statistic(kind, statistic)?.as_secs_f64())
            }
            Self::Requests => Some(row.requests() as f64),
            Self::Failures => Some(row.failures() as f64),
            Self::FailRatio => (row.requests() > 0).then(|| row.fail_ratio()),
            Self::RequestsPerSecond => row.requests_per_second(),
            Self::FailuresPerSecond => row.failures_per_second(),
            Self::SuccessesPerSecond => row.successes_per_second(),
            Self::CpuSecondsPer1000Requests => cpu_seconds_per_1000_requests(runs),
            Self::RequestsPerCoreSecond => {
                let seconds = cpu_seconds_per_1000_requests(runs)?;
                (seconds > 0.0).then(|| 1000.0 / seconds)
            }
            Self::PeakMemory => {
                let usages = runs.iter().filter_map(|run| run.usage);
                Some(usages.map(|usage| usage.peak_memory_bytes).max()? as f64)
            }
            Self::ColdStart => {
                let starts = runs.iter().filter_map(|run| run.cold_start);
                Some(median(starts.collect())?.as_secs_f64())
            }
        }
    }

    /// Value of runs of one contender in the unit of the reports, such as milliseconds; `None` if it was not measured.
    pub fn of_runs(self, runs: &[&Run]) -> Option<f64> {
        let summary = Summary::of_runs(runs.iter().copied());
        self.figure(&summary.total, runs)
    }

    /// Value in the unit of the reports, such as milliseconds; `None` if it was not measured.
    pub fn figure(self, row: &SummaryRow, runs: &[&Run]) -> Option<f64> {
        Some(self.unit().in_reports(self.value(row, runs)?))
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key())
    }
}

impl Unit {
    /// A value as reports show it.
    pub fn in_reports(self, value: f64) -> f64 {
        match self {
            Self::Ratio => value * 100.0,
            Self::Time => value * 1e3,
            Self::Bytes => value / 1e6,
            Self::Count | Self::PerSecond | Self::CpuSeconds => value,
        }
    }
}

/// Descriptor of a metric of which less is better, with `key` in every file and `header` for figures and ratios.
fn of(name: &str, key: &str, header: &str, unit: Unit) -> Descriptor {
    Descriptor {
        name: name.to_owned(),
        key: key.to_owned(),
        json_name: key.to_owned(),
        csv_name: key.to_owned(),
        header: header.to_owned(),
        ratio_header: header.to_owned(),
        unit,
        more_is_better: false,
    }
}

/// Descriptor of a metric of which more is better.
fn more(descriptor: Descriptor) -> Descriptor {
    Descriptor {
        more_is_better: true,
        ..descriptor
    }
}

fn of_time(kind: TimeKind, statistic: Statistic) -> Descriptor {
    let noun = kind.noun();
    let key = kind.key().unwrap_or_else(|| kind.name());
    // Response times are meant where a header or a column names no time.
    let (title, prefix) = match kind {
        TimeKind::Response => (statistic.title(), String::new()),
        _ => (
            format!("{} {}", capitalised(kind.label()), statistic.title()),
            format!("{key}_"),
        ),
    };
    let word = statistic.word();
    Descriptor {
        name: statistic.of_noun(noun),
        key: format!("{key}.{statistic}"),
        json_name: format!("{word}_{key}"),
        csv_name: format!("{prefix}{word}_ms"),
        header: format!("{title} (ms)"),
        ratio_header: title,
        unit: Unit::Time,
        more_is_better: false,
    }
}

/// Names of the metrics of thresholds, as a sentence has them.
fn threshold_names() -> String {
    let keys: Vec<&str> = TimeKind::ALL
        .into_iter()
        .filter_map(TimeKind::key)
        .collect();
    let [counted @ .., last] = COUNTED.map(Metric::key);
    format!(
        "{}.p95 (or another percentile, .min, .mean, .median, .max), the same of {}, {} or {last}",
        keys[0],
        keys[1..].join(" and "),
        counted.join(", "),
    )
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

/// CPU time of `runs` over the requests completed in the same measured periods.
fn cpu_seconds_per_1000_requests(runs: &[&Run]) -> Option<f64> {
    let seen = || {
        runs.iter()
            .filter_map(|run| Some((run.usage?, &run.measurement)))
    };
    let cpu: f64 = seen().map(|(usage, _)| usage.cpu.as_secs_f64()).sum();
    let completed = Summary::of(seen().map(|(_, measurement)| measurement))
        .total
        .completed_in_period;
    (completed > 0).then(|| cpu / completed as f64 * 1000.0)
}

/// Middle value, the lower of the two for an even number.
fn median(mut values: Vec<Duration>) -> Option<Duration> {
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_files_are_read_again() {
        for metric in Metric::primary() {
            let descriptor = metric.descriptor();
            assert_eq!(Metric::primary_of_key(&descriptor.key), Some(metric));
            assert_eq!(Metric::primary_of_json(&descriptor.json_name), Some(metric));
        }
        for key in [
            "response_time.p99.9",
            "service_time.mean",
            "fail_ratio",
            "requests_per_second",
        ] {
            assert_eq!(
                Metric::of_threshold(key).map(Metric::key).as_deref(),
                Ok(key)
            );
        }
        assert_eq!(Metric::primary_of_key("cpu_per_request"), None);
        let error = Metric::of_threshold("failure_times.p95").unwrap_err();
        assert_eq!(
            error,
            "must be response_time.p95 (or another percentile, .min, .mean, .median, .max), the same of service_time, requests, \
             failures, fail_ratio, requests_per_second or failures_per_second, not \"failure_times.p95\""
        );
    }

    #[test]
    fn each_metric_has_names_of_its_own() {
        let of = |name: fn(Descriptor) -> String| {
            let mut names: Vec<String> = Metric::shown()
                .map(|metric| name(metric.descriptor()))
                .collect();
            names.sort();
            let all = names.len();
            names.dedup();
            assert_eq!(names.len(), all, "{names:?}");
        };
        of(|descriptor| descriptor.name);
        of(|descriptor| descriptor.header);
        of(|descriptor| descriptor.json_name);
        of(|descriptor| descriptor.csv_name);
    }

    #[test]
    fn names_of_response_times_are_those_of_the_files() {
        let descriptor = Metric::P95_RESPONSE_TIME.descriptor();
        assert_eq!(descriptor.name, "95th percentile of the response time");
        assert_eq!(descriptor.key, "response_time.p95");
        assert_eq!(descriptor.json_name, "p95_response_time");
        assert_eq!(descriptor.csv_name, "p95_ms");
        assert_eq!(
            (&*descriptor.header, &*descriptor.ratio_header),
            ("p95 (ms)", "p95")
        );
        let median = Metric::MEDIAN_RESPONSE_TIME.descriptor();
        assert_eq!(
            (&*median.json_name, &*median.csv_name),
            ("median_response_time", "median_ms")
        );
    }
}

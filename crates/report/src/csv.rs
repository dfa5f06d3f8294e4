//! Runs of an experiment as one CSV file, for a spreadsheet or a notebook: a row for each contender, load and block.
//!
//! A field without a figure is empty. Response times are those of successful requests.

use std::time::Duration;

use crate::cell::harmless;
use bakeoff_analysis::words;
use bakeoff_record::experiment::{Experiment, Run, RunLoad};
use bakeoff_record::metric::{Metric, Unit};
use bakeoff_record::summary::Summary;
use bakeoff_record::times::{Statistic, TimeKind};

/// Columns before those of [`METRICS`].
const BEFORE: [&str; 12] = [
    "contender",
    "block",
    "load",
    "load_users",
    "load_arrivals_rps",
    "warm_up_seconds",
    "measured_seconds",
    "requests",
    "failures",
    "unanswered",
    "arrivals_planned",
    "arrivals_not_sent",
];

/// Metrics that have a column.
const METRICS: [Metric; 10] = [
    Metric::SuccessesPerSecond,
    Metric::FailuresPerSecond,
    Metric::Time(TimeKind::Response, Statistic::MeanOfSuccesses),
    Metric::MEDIAN_RESPONSE_TIME,
    Metric::P95_RESPONSE_TIME,
    Metric::P99_RESPONSE_TIME,
    Metric::Time(TimeKind::Response, Statistic::MaxOfSuccesses),
    Metric::CpuSecondsPer1000Requests,
    Metric::PeakMemory,
    Metric::ColdStart,
];

/// Columns after those of [`METRICS`].
const AFTER: [&str; 4] = [
    "lag_p99_ms",
    "generator_cpu_ratio",
    "steal_ratio",
    "settled",
];

/// A row for each run, in the order of measurement. Interrupted runs are left out.
pub fn render_experiment(experiment: &Experiment) -> String {
    let whole = experiment
        .runs
        .iter()
        .filter(|run| !run.measurement.interrupted);
    let rows = whole.map(|run| row(run, experiment.plan.users));
    written([header()].into_iter().chain(rows))
}

fn header() -> Vec<String> {
    let mut header = BEFORE.map(str::to_owned).to_vec();
    header.extend(METRICS.map(|metric| metric.descriptor().csv_name));
    header.extend(AFTER.map(str::to_owned));
    header
}

fn written(rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer
            .write_record(row.iter().map(|text| harmless(text)))
            .expect("writing to memory cannot fail, and all rows are equally long");
    }
    let bytes = writer.into_inner().expect("writing to memory cannot fail");
    String::from_utf8(bytes).expect("all fields are text")
}

fn row(run: &Run, plan_users: u32) -> Vec<String> {
    let measurement = &run.measurement;
    let summary = Summary::of([measurement]);
    let total = &summary.total;
    let (load, users, arrivals) = match run.load {
        RunLoad::Users => ("users", plan_users.to_string(), String::new()),
        RunLoad::Sweep { users } => ("sweep", users.to_string(), String::new()),
        RunLoad::Arrivals { per_second } => ("arrivals", String::new(), per_second.to_string()),
    };
    let planned = summary.arrivals;
    let before: [String; BEFORE.len()] = [
        run.contender.clone(),
        run.block.to_string(),
        load.to_owned(),
        users,
        arrivals,
        measurement.warm_up.as_secs_f64().to_string(),
        measurement.period.as_secs_f64().to_string(),
        total.requests().to_string(),
        total.failures().to_string(),
        summary.unanswered().to_string(),
        text(planned.map(|arrivals| arrivals.planned)),
        text(planned.map(|arrivals| arrivals.not_sent)),
    ];
    let after: [String; AFTER.len()] = [
        text(summary.lag_p99().map(words::exact_ms)),
        text(run.generator.map(|used| used.cpu_ratio)),
        text(run.generator.map(|used| used.steal_ratio)),
        run.settled.to_string(),
    ];
    let metrics = METRICS.map(|metric| {
        let value = metric.value(total, &[run]);
        text(value.map(|value| match metric.unit() {
            Unit::Time => words::exact_ms(Duration::from_secs_f64(value)),
            _ => value,
        }))
    });
    before.into_iter().chain(metrics).chain(after).collect()
}

fn text<T: ToString>(figure: Option<T>) -> String {
    figure.map_or_else(String::new, |figure| figure.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bakeoff_record::fixture;

    #[test]
    fn a_row_for_every_run_and_a_field_for_every_column() {
        let experiment = fixture::plausible_experiment();
        let csv = render_experiment(&experiment);
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        assert_eq!(reader.headers().unwrap(), header());
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), experiment.runs.len());
        let loads = ["users", "arrivals", "sweep"];
        let of_load = loads.map(|load| rows.iter().filter(|row| &row[2] == load).count());
        assert_eq!(of_load, [49, 70, 192]);
    }

    #[test]
    fn the_first_rows_of_an_experiment() {
        let mut experiment = fixture::experiment(&[("new, \"x\"", &[20]), ("old", &[10])], "old");
        experiment.runs[1].measurement = fixture::measurement("/", &[10, 20], &[5], 2);
        insta::assert_snapshot!(render_experiment(&experiment));
    }
}
